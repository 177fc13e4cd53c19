"""Asking many calls at one block: by Multicall3 where it answers, in smaller batches where it must, else singly."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from defirisk.chain import multicall
from defirisk.chain.calls import Answer, Call, Returned, Reverted
from defirisk.chain.jsonrpc import Ask, Kind, Reply, Result, RpcError, kind_of, revert_data
from defirisk.chain.pacing import together
from defirisk.chain.pool import Pool
from defirisk.chain.redact import described
from defirisk.chain.transport import TooBig
from defirisk.chain.words import BadWords
from defirisk.errors import EndpointRefused, EndpointUnreachable, MalformedAnswer
from defirisk.model import Warning as Notice

_PLAIN_BATCH: Final = 100
_MAX_STALLS: Final = 3
_MAX_DOUBTS: Final = 200


class Asker:
    """Asks a pool of endpoints at the block ``tag``.

    ``multicall`` is the contract's address, ``None`` once it is known to be missing; ``seen``: it has answered.
    """

    def __init__(self, pool: Pool, batch_size: int, warnings: list[Notice]) -> None:
        self.tag = "latest"
        self.multicall: str | None = multicall.MULTICALL3
        self._seen = False
        self._pool = pool
        self._batch_size = max(1, batch_size)
        self._warnings = warnings
        self._stalls = 0
        self._halving = asyncio.Lock()

    @property
    def batch_size(self) -> int:
        """How many calls are put into one request at most."""
        return self._batch_size

    async def ask(self, calls: Sequence[Call]) -> list[Answer]:
        """Ask in as few requests as the limits allow, all at once."""
        if self.multicall is None or len(calls) <= 1:
            return await self._ask_plain(calls)
        runs = list(multicall.chunks(calls, self._batch_size))
        return _flat(await together(self._ask_run(run) for run in runs))

    async def _ask_run(self, calls: Sequence[Call]) -> list[Answer]:
        try:
            return await self._ask_once(calls)
        except TooBig as reason:
            return await self._ask_smaller(calls, reason)

    async def _ask_once(self, calls: Sequence[Call]) -> list[Answer]:
        """Ask as one batch, or singly where there is no batching; :class:`TooBig` if that is refused."""
        if self.multicall is None or len(calls) == 1:
            return await self._ask_plain(calls)
        (reply,) = await self._pool.send([self.aggregate_ask(calls, self.tag)], heavy=True)
        answers = self.read_aggregate(reply, len(calls))
        if answers is None:
            return await self._ask_plain(calls)
        own, witnesses = answers[: len(calls)], answers[len(calls) :]
        return await self._ask_doubtful(calls, own, multicall.starved(own, witnesses))

    async def _ask_smaller(self, calls: Sequence[Call], reason: TooBig) -> list[Answer]:
        """Find a size that is taken, with a first part of ``calls``; then ask the rest at that size.

        Only one run searches at a time; what fails meanwhile uses the size that it found.
        """
        done: list[Answer] = []
        async with self._halving:
            if self._batch_size >= len(calls):
                done = await self._first_part(calls, reason)
        return done + await self.ask(calls[len(done) :])

    async def _first_part(self, calls: Sequence[Call], reason: TooBig) -> list[Answer]:
        size = len(calls)
        while size > 1:
            self._stalls += reason.timed_out
            if self._stalls > _MAX_STALLS:
                raise EndpointUnreachable(f"{self._pool.host} does not answer in time, however small the batch")
            size //= 2
            self._batch_size = size
            self._warn_once(
                "batch-halved", f"{self._pool.host} refuses large batches: smaller ones are asked ({reason})"
            )
            try:
                return await self._ask_once(calls[:size])
            except TooBig as another:
                reason = another
        raise EndpointRefused(f"{self._pool.host} refuses a single call to {calls[0].to}: {reason}")

    async def _ask_doubtful(self, calls: Sequence[Call], answers: list[Answer], doubts: list[int]) -> list[Answer]:
        """Ask empty failures once more by themselves, where want of gas may have been their cause."""
        if len(doubts) > _MAX_DOUBTS:
            raise TooBig(f"{len(doubts)} calls of a batch may have run out of gas")
        again = await self._ask_plain([calls[index] for index in doubts])
        for index, answer in zip(doubts, again, strict=True):
            answers[index] = answer
        return answers

    # --- single calls ---

    async def _ask_plain(self, calls: Sequence[Call]) -> list[Answer]:
        """Ask single ``eth_call``s, in JSON-RPC batches where they are taken."""
        runs = list(multicall.chunks(calls, min(_PLAIN_BATCH, self._batch_size)))
        return _flat(await together(self._ask_singles(run) for run in runs))

    async def _ask_singles(self, calls: Sequence[Call]) -> list[Answer]:
        try:
            replies = await self._pool.send([call_ask(call, self.tag) for call in calls])
            return [self._answer(reply) for reply in replies]
        except TooBig as reason:
            if len(calls) == 1:
                raise EndpointRefused(f"{self._pool.host} refuses a single call to {calls[0].to}: {reason}") from None
        half = len(calls) // 2
        return _flat(await together(self._ask_singles(run) for run in (calls[:half], calls[half:])))

    def _answer(self, reply: Reply) -> Answer:
        if isinstance(reply, Result):
            return Returned(self._bytes(reply))
        if kind_of(reply) is Kind.TOO_BIG:
            raise TooBig(reply.message)
        return Reverted(revert_data(reply))

    # --- Multicall3 ---

    def aggregate_ask(self, calls: Sequence[Call], tag: str) -> Ask:
        """Return the request for a batch of ``calls``, the witnesses behind them."""
        data = multicall.encode([*calls, *multicall.WITNESSES])
        return call_ask(Call(self.multicall or multicall.MULTICALL3, data), tag)

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
            raise MalformedAnswer(f"{self._pool.host}: Multicall3 answered {problem}") from problem
        self._seen, self._stalls = True, 0
        return answers

    def _lose_multicall(self, reason: str) -> None:
        self.multicall = None
        text = (
            f"Multicall3 does not answer on {self._pool.host} at this block: single calls are used, slower ({reason})"
        )
        self._warn_once("no-multicall", text)

    def _bytes(self, reply: Result) -> bytes:
        value = reply.value
        try:
            data = bytes.fromhex(value[2:])
            sound = value.startswith("0x") and 2 * len(data) + 2 == len(value)  # fromhex skips blanks: the length tells
        except (TypeError, ValueError, AttributeError):
            sound = False
        if not sound:
            raise MalformedAnswer(f"{self._pool.host} answered eth_call with {described(value)}, not bytes in hex")
        return data

    def _warn_once(self, code: str, text: str) -> None:
        if all(notice.code != code for notice in self._warnings):
            self._warnings.append(Notice(code, text))


def call_ask(call: Call, tag: str) -> Ask:
    """Return the JSON-RPC request of one call."""
    return Ask("eth_call", ({"to": call.to, "data": "0x" + call.data.hex()}, tag))


def _flat(runs: Sequence[Sequence[Answer]]) -> list[Answer]:
    return [answer for run in runs for answer in run]
