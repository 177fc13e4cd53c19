"""Asking one endpoint many calls at one block: by Multicall3 where it answers, else singly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from defirisk.chain import multicall
from defirisk.chain.calls import Answer, Call, Returned, Reverted
from defirisk.chain.jsonrpc import Ask, Kind, Reply, Result, RpcError, kind_of, revert_data
from defirisk.chain.jsontext import hex_bytes
from defirisk.chain.pacing import together
from defirisk.chain.pool import ask_checked
from defirisk.chain.redact import described
from defirisk.chain.sizing import BatchSize
from defirisk.chain.transport import Endpoint, TooBig
from defirisk.chain.words import BadWords
from defirisk.errors import EndpointUnreachable, MalformedAnswer
from defirisk.model import Warning as Notice

_PLAIN_BATCH: Final = 100
_MAX_STALLS: Final = 3
_MAX_DOUBTS: Final = 200


@dataclass(slots=True)
class Place:
    """At which block to ask, as a JSON-RPC ``tag``, and where Multicall3 is on this chain."""

    tag: str = "latest"
    multicall: str = multicall.MULTICALL3


class Asker:
    """Asks one endpoint. ``size`` is how many calls it takes at once, ``busy`` how many runs of calls it is at."""

    def __init__(self, endpoint: Endpoint, place: Place, batch_size: int, warnings: list[Notice]) -> None:
        self.endpoint = endpoint
        self.busy = 0
        self.size = BatchSize(max(1, batch_size))
        self._place = place
        self._warnings = warnings
        self._warned: set[str] = set()
        self._lost = self._seen = False
        self._stalls = 0

    @property
    def limit(self) -> int:
        """How many calls the next run may have."""
        return min(_PLAIN_BATCH, self.size.next) if self._lost else self.size.next

    @property
    def free(self) -> bool:
        """Whether it can take another run; while it searches for a size, one at a time."""
        return self.busy < (1 if self.size.searching else self.endpoint.throttle.window)

    @property
    def load(self) -> float:
        """How much of what it can take at once it is at."""
        return self.busy / self.endpoint.throttle.window

    async def ask(self, calls: Sequence[Call], *, alone: bool) -> list[Answer] | None:
        """Ask a run of calls as one request; ``None``: there is no Multicall3, which takes smaller runs.

        A time-out is waited for once more if it is ``alone``.

        Raises:
            TooBig: that is too much at once.
            ReadError: the endpoint cannot answer.

        """
        if self._lost or len(calls) == 1:
            return await self._ask_singles(calls)
        (reply,) = await ask_checked(self.endpoint, [self.aggregate_ask(calls)], heavy=True, stalls=int(alone))
        answers = self.read_aggregate(reply, len(calls))
        if answers is None:
            return None
        own, witnesses = answers[: len(calls)], answers[len(calls) :]
        return await self._ask_doubtful(calls, own, multicall.starved(own, witnesses))

    def went_well(self, count: int) -> None:
        """A run of so many calls was answered."""
        self._stalls = 0
        self.size.went_well(count)

    def too_big(self, count: int, reason: TooBig, *, alone: bool) -> None:
        """A run of so many calls was refused for its size: the next ones are smaller.

        Raises:
            EndpointUnreachable: it did not say so but never answered, too often; less is waited for if not ``alone``.

        """
        self._stalls += reason.timed_out
        if self._stalls > (_MAX_STALLS if alone else 1):
            raise EndpointUnreachable(f"{self.endpoint.host} does not answer in time, however small the batch")
        self.size.too_big(count)
        if self.size.searching and not self._lost:
            text = f"{self.endpoint.host} refuses large batches: smaller ones are asked ({reason})"
            self._warn_once("batch-halved", text)

    async def _ask_doubtful(self, calls: Sequence[Call], answers: list[Answer], doubts: list[int]) -> list[Answer]:
        """Ask empty failures once more by themselves, where want of gas may have been their cause."""
        if len(doubts) > _MAX_DOUBTS:
            raise TooBig(f"{len(doubts)} calls of a batch may have run out of gas")
        doubtful = [calls[index] for index in doubts]
        runs = await together(self._ask_halving(run) for run in multicall.chunks(doubtful, _PLAIN_BATCH))
        again = (answer for run in runs for answer in run)
        for index, answer in zip(doubts, again, strict=True):
            answers[index] = answer
        return answers

    # --- single calls ---

    async def _ask_singles(self, calls: Sequence[Call]) -> list[Answer]:
        """Ask single ``eth_call``s, in one JSON-RPC batch where that is taken."""
        replies = await ask_checked(self.endpoint, [call_ask(call, self._place.tag) for call in calls])
        return [self._answer(reply) for reply in replies]

    async def _ask_halving(self, calls: Sequence[Call]) -> list[Answer]:
        try:
            return await self._ask_singles(calls)
        except TooBig:
            if len(calls) == 1:
                raise
        half = len(calls) // 2
        runs = await together(self._ask_halving(run) for run in (calls[:half], calls[half:]))
        return [answer for run in runs for answer in run]

    def _answer(self, reply: Reply) -> Answer:
        if isinstance(reply, Result):
            return Returned(self._bytes(reply))
        if kind_of(reply) is Kind.TOO_BIG:
            raise TooBig(reply.message)
        return Reverted(revert_data(reply))

    # --- Multicall3 ---

    def aggregate_ask(self, calls: Sequence[Call], tag: str | None = None) -> Ask:
        """Return the request for a batch of ``calls``, the witnesses behind them."""
        data = multicall.encode([*calls, *multicall.WITNESSES])
        return call_ask(Call(self._place.multicall, data), tag or self._place.tag)

    def read_aggregate(self, reply: Reply, count: int) -> list[Answer] | None:
        """Return the answers to ``count`` calls and the witnesses'; ``None`` if there is no Multicall3 after all.

        Raises:
            TooBig: the batch ran out of gas, size or time.
            MalformedAnswer: Multicall3 answered what it cannot.

        """
        if isinstance(reply, RpcError):
            if self._seen or kind_of(reply) is Kind.TOO_BIG:
                raise TooBig(reply.message)
            self._lose_multicall(reply.message)
            return None
        data = self._bytes(reply)
        if not data:
            self._lose_multicall("there is no such contract")
            return None
        try:
            answers = multicall.decode(data, count + len(multicall.WITNESSES))
        except BadWords as problem:
            raise MalformedAnswer(f"{self.endpoint.host}: Multicall3 answered {problem}") from problem
        self._seen = True
        return answers

    def _lose_multicall(self, reason: str) -> None:
        self._lost = True
        host = self.endpoint.host
        text = f"Multicall3 does not answer on {host} at this block: single calls are used, slower ({reason})"
        self._warn_once("no-multicall", text)

    def _bytes(self, reply: Result) -> bytes:
        data = hex_bytes(reply.value)
        if data is None:
            what = described(reply.value)
            raise MalformedAnswer(f"{self.endpoint.host} answered eth_call with {what}, not bytes in hex")
        return data

    def _warn_once(self, code: str, text: str) -> None:
        if code not in self._warned:
            self._warned.add(code)
            self._warnings.append(Notice(code, text))


def call_ask(call: Call, tag: str) -> Ask:
    """Return the JSON-RPC request of one call."""
    return Ask("eth_call", ({"to": call.to, "data": "0x" + call.data.hex()}, tag))
