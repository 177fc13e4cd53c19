"""A recorded chain served as a live JSON-RPC endpoint on this machine, with switches for misbehaving.

    with RpcServer.of_fixture(path) as server:
        ...                       # server.url, then server.requests, server.posts, server.round_trips

``script`` holds one fault, or ``None``, for each of the next POSTs; the other switches last until they are changed. What
the recording does not hold is answered as a chain would: nothing where no contract is known, an empty revert where one is,
and ``unknown`` lists it. Encodes and decodes Multicall3 with ``eth_abi``, independently of the code under test.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_abi import decode, encode

from defirisk.chain import Answer, Block, Call, Returned, Reverted
from defirisk.chain.recording import load_fixture
from tests.support.faulty_server import Fault, FaultyServer, Raw

MULTICALL3 = "0xca11bde05977b3631167028862be2a173976ca11"
PAIRING = "0x" + "00" * 19 + "08"
PARENT = "0x" + "aa" * 32


class RpcError(Exception):
    """A JSON-RPC error object."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message} | ({} if data is None else {"data": data})


class RpcServer(FaultyServer):
    """See the module. ``round_trips`` counts the POSTs that arrived while no other waited for its answer."""

    def __init__(self, answers: Mapping[Call, Answer], *, chain_id: int = 31337, block: Block | None = None) -> None:
        super().__init__()
        self.answers = dict(answers)
        self.contracts = {call.to for call in self.answers}
        self.chain_id: Any = chain_id
        self.block = block or Block(100, 1_700_000_000, "0x" + "bb" * 32)
        self.multicall: str | None = MULTICALL3
        self.script: deque[Fault | None] = deque()
        self.fault = lambda *_: self.script.popleft() if self.script else None
        self.header: dict[str, Any] = {}  # overrides members of the block's header
        self.no_header = False
        self.latest_number = self.block.number  # what block.number is for an eth_call at "latest"
        self.batches: str | int = "taken"  # "error", "status", "short", "object", "shuffled", or the most items
        self.max_aggregate: int | None = None  # more inner calls run out of gas
        self.too_big: Raw | RpcError = RpcError(-32000, "out of gas")
        self.starve_after: int | None = None  # inner calls beyond this fail with nothing, witnesses too
        self.pairing_works = True
        self.call_error: RpcError | None = None  # to every eth_call
        self.call_errors_left = -1  # how often, -1: always
        self.errors_by_method: dict[str, RpcError] = {}
        self.requests = self.round_trips = 0
        self.methods: list[str] = []
        self.tags: set[str] = set()
        self.batch_sizes: list[int] = []  # of aggregate3
        self.unknown: list[Call] = []

    @classmethod
    def of_fixture(cls, source: str | Path | bytes) -> RpcServer:
        """Serve a recording."""
        fixture = load_fixture(source).fixture
        return cls(fixture.answers, chain_id=fixture.chain_id, block=fixture.block)

    # --- JSON-RPC ---

    def arrived(self, asked: Any) -> Fault | None:
        asks = asked if isinstance(asked, list) else [asked]
        self.requests += len(asks)
        self.round_trips += self.under_way == 0
        self.methods += [ask["method"] for ask in asks]
        return super().arrived(asked)

    def reply(self, body: bytes) -> Raw:
        payload = json.loads(body)
        if isinstance(payload, list) and self.batches == "status":
            return Raw(400, b"bad request")
        try:
            return Raw(200, json.dumps(self.answer(payload)).encode())
        except _AnswerRaw as other:
            return other.raw

    def answer(self, payload: Any) -> Any:
        if not isinstance(payload, list):
            return self._one(payload)
        if self.batches == "error":
            return self._refusal("batch requests are not supported")
        if isinstance(self.batches, int) and len(payload) > self.batches:
            return self._refusal(f"batch size exceeds limit of {self.batches}")
        answers = [self._one(ask) for ask in payload]
        if self.batches == "short":
            return answers[:-1]
        if self.batches == "object":
            return answers[0]
        return answers[::-1] if self.batches == "shuffled" else answers

    def _refusal(self, message: str) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": message}}

    def _one(self, ask: dict[str, Any]) -> dict[str, Any]:
        envelope = {"jsonrpc": "2.0", "id": ask["id"]}
        try:
            return envelope | {"result": self._result(ask["method"], ask["params"])}
        except RpcError as error:
            return envelope | {"error": error.body}

    def _result(self, method: str, params: list[Any]) -> Any:
        if method in self.errors_by_method:
            raise self.errors_by_method[method]
        if method == "eth_chainId":
            return self.chain_id if isinstance(self.chain_id, str) else hex(self.chain_id)
        if method == "eth_blockNumber":
            return hex(self.block.number)
        if method == "eth_getBlockByNumber":
            return self._header(params[0])
        if method == "eth_getCode":
            return "0x60" if params[0].lower() in self.contracts | {self.multicall} else "0x"
        if method == "eth_call":
            return self._eth_call(params[0], params[1])
        raise RpcError(-32601, f"the method {method} does not exist")

    def _header(self, tag: str) -> Any:
        if self.no_header or (tag != "latest" and int(tag, 16) > self.block.number):
            return None
        number = self.block.number if tag == "latest" else int(tag, 16)
        same = number == self.block.number
        return {
            "number": hex(number),
            "timestamp": hex(self.block.timestamp),
            "hash": (self.block.hash or "0x" + "bb" * 32) if same else "0x" + f"{number:064x}",
            "parentHash": PARENT,
        } | self.header

    def _eth_call(self, request: dict[str, str], tag: str) -> str:
        self.tags.add(tag)
        if self.call_error is not None and self.call_errors_left != 0:
            self.call_errors_left -= 1
            raise self.call_error
        call = Call(request["to"].lower(), bytes.fromhex(request["data"][2:]))
        if call.to == self.multicall and call.data.startswith(bytes.fromhex("82ad56cb")):
            return "0x" + self._aggregate(call.data, tag).hex()
        answer = self._inner(call, tag)
        if isinstance(answer, Reverted):
            raise RpcError(3, "execution reverted", "0x" + answer.data.hex())
        return "0x" + answer.data.hex()

    def _aggregate(self, data: bytes, tag: str) -> bytes:
        (entries,) = decode(["(address,bool,bytes)[]"], data[4:])
        assert all(allowed for _, allowed, _ in entries)
        calls = [Call(to, inner) for to, _, inner in entries]
        size = sum(call.to != PAIRING for call in calls)
        self.batch_sizes.append(size)
        if self.max_aggregate is not None and size > self.max_aggregate:
            if isinstance(self.too_big, RpcError):
                raise self.too_big
            raise _AnswerRaw(self.too_big)
        answers = [self._inner(call, tag) for call in calls]
        if self.starve_after is not None:
            answers[self.starve_after :] = [Reverted(b"")] * len(answers[self.starve_after :])
        return encode(["(bool,bytes)[]"], [[(isinstance(one, Returned), one.data) for one in answers]])

    def _inner(self, call: Call, tag: str) -> Answer:
        if call in self.answers:
            return self.answers[call]
        if call.to == PAIRING and self.pairing_works:
            return Returned((1).to_bytes(32))
        if call.to == self.multicall and (word := self._place(call.data.hex(), tag)) is not None:
            return Returned(word.to_bytes(32))
        with self.lock:
            self.unknown.append(call)
        return Reverted(b"") if call.to in self.contracts else Returned(b"")

    def _place(self, selector: str, tag: str) -> int | None:
        number = self.latest_number if tag == "latest" else int(tag, 16)
        return {"42cbb15c": number, "0f28c97d": self.block.timestamp, "27e86d6e": int(PARENT, 16)}.get(selector)


class _AnswerRaw(Exception):
    def __init__(self, raw: Raw) -> None:
        super().__init__()
        self.raw = raw
