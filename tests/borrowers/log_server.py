"""A recorded market with a long past: a JSON-RPC endpoint that has its `Borrow` events, and gives them badly if told to."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from eth_utils import keccak

from defirisk.chain.calls import Block
from tests.support.rpc_server import RpcError, RpcServer

RECORDING = "tests/recorded/data/aave-v3-3.5.json.gz"
BORROW = "0x" + keccak(text="Borrow(address,address,address,uint256,uint8,uint256,uint16)").hex()
GET_POOL = "026b1d5f"
LAST = 30_000
RESERVE = "0x" + "7e" * 20
Log = dict[str, Any]


def word(value: str | int) -> str:
    return f"{value:064x}" if isinstance(value, int) else value[2:].lower().rjust(64, "0")


def block_hash(number: int) -> str:
    return "0x" + f"{number:064x}"


class LogServer(RpcServer):
    """See the module. ``limit`` turns (first, last, logs) into an error or ``None``; ``lie`` rewrites an answer."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.block = Block(LAST, 1_700_000_000, block_hash(LAST))
        self.latest_number = LAST
        ((self.entry, answer),) = [
            (call.to, answer) for call, answer in self.answers.items() if call.data.hex() == GET_POOL
        ]
        self.pool = "0x" + answer.data.hex()[-40:]
        self.logs: list[Log] = []
        self.ranges: list[tuple[int, int]] = []
        self.answered_ranges: list[tuple[int, int]] = []
        self.limit: Callable[[int, int, list[Log]], RpcError | None] = lambda first, last, logs: None
        self.lie: Callable[[list[Log]], Any] = list
        self.behind = 0  # answers given by a replica that has not got the last blocks yet
        self.forked: set[int] = set()  # blocks that were replaced

    @property
    def market(self) -> str:
        return f"aave-v3@{self.entry}"

    def populate(self, count: int, seed: int = 1, wallets: int = 300) -> LogServer:
        """Borrows all over the past, more of them at some times; many by the same wallets."""
        luck = random.Random(seed)
        blocks = sorted(min(LAST, int(LAST * luck.random() ** luck.choice((1, 3)))) for _ in range(count))
        for index, number in enumerate(blocks):
            self.borrow(number, index, f"0x{luck.randrange(1, wallets + 1) * 0x1F3D5B79 << 96:040x}")
        return self

    def borrow(self, block: int, index: int, owner: str, user: str = "0x" + "11" * 20) -> Log:
        data = "0x" + word(user) + word(10**18) + word(2) + word(10**25)
        log = {
            "address": self.pool,
            "topics": [BORROW, "0x" + word(RESERVE), "0x" + word(owner), "0x" + word(0)],
            "data": data,
            "blockNumber": hex(block),
            "blockHash": block_hash(block),
            "transactionHash": "0x" + "cc" * 32,
            "transactionIndex": "0x0",
            "logIndex": hex(index),
            "removed": False,
        }
        self.logs.append(log)
        return log

    def expected(self, first: int = 0, last: int = LAST) -> dict[str, int]:
        """Owner (lower-case) to the block of its first log, in that order: by hand, from the logs themselves."""
        found: dict[str, int] = {}
        for log in sorted(self.logs, key=lambda one: (int(one["blockNumber"], 16), int(one["logIndex"], 16))):
            number = int(log["blockNumber"], 16)
            if first <= number <= last:
                found.setdefault("0x" + log["topics"][2][-40:], number)
        return found

    def _result(self, method: str, params: list[Any]) -> Any:
        if method == "eth_getLogs":
            return self._logs(params[0])
        return super()._result(method, params)

    def _header(self, tag: str) -> Any:
        header = super()._header(tag)
        if tag != "latest" and self.behind and int(tag, 16) > LAST - 50:
            self.behind -= 1
            return None
        if header is not None and int(header["number"], 16) in self.forked:
            header["hash"] = "0x" + "f0" * 32
        return header

    def _logs(self, query: dict[str, Any]) -> Any:
        first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
        assert [one.lower() for one in query["address"]] == [self.pool]
        assert query["topics"] == [[BORROW]]
        self.ranges.append((first, last))
        seen = LAST - 50 if self.behind else LAST
        logs = [dict(log) for log in self.logs if first <= int(log["blockNumber"], 16) <= min(last, seen)]
        refusal = self.limit(first, last, logs)
        if refusal is not None:
            raise refusal
        self.answered_ranges.append((first, last))
        return self.lie(logs)


def most_blocks(count: int, message: str = "exceed maximum block range: 5000", code: int = -32000) -> Any:
    return lambda first, last, logs: RpcError(code, message) if last - first + 1 > count else None


def most_results(count: int, message: str = "query returned more than 10000 results", data: Any = None) -> Any:
    return lambda first, last, logs: RpcError(-32005, message, data) if len(logs) > count else None
