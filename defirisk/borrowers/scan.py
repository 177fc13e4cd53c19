"""The scan: ranges of blocks asked side by side, handed on in order, so that what is finished is always a beginning."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from defirisk.borrowers.decoding import Debts, Sighting
from defirisk.borrowers.spans import Span
from defirisk.chain.calls import Block
from defirisk.chain.logs import LogFilter, LogRange, TooManyLogs
from defirisk.chain.transport import TooBig
from defirisk.errors import BlockReorganised, BlockUnavailable, EndpointRefused, EndpointUnreachable

IN_FLIGHT: Final = 4
MAX_STALLS: Final = 4
"""How often in a row smaller ranges are tried because nothing came in time."""
_LAGS: Final = (0.25, 1.0, 2.0, 4.0)
"""Seconds to wait for a replica that has not got the range's last block yet."""


class Logs(Protocol):
    """What a scan needs of a chain."""

    @property
    def source(self) -> str:
        """The host that answers."""

    async def logs(self, wanted: LogFilter, first: int, last: int) -> LogRange:
        """The logs of a range of blocks (:meth:`defirisk.chain.client.LiveChain.logs`)."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Blocks that are done, up to and with ``last``, and whom they name."""

    last: Block
    found: tuple[Sighting, ...]


class Scan:
    """A scan of the blocks ``first`` to ``last`` for a market's debts."""

    def __init__(self, chain: Logs, debts: Debts, first: int, last: int, *, span: Span | None = None) -> None:
        self._chain = chain
        self._debts = debts
        self._wanted = debts.wanted
        self._next = first
        self._last = last
        self._span = span or Span()
        self._stalls = 0

    async def stretches(self) -> AsyncIterator[Stretch]:
        """Yield what was found, stretch after stretch in the chain's order.

        Raises:
            ReadError: a range cannot be read.

        """
        flying: deque[asyncio.Task[list[Stretch]]] = deque()
        try:
            while flying or self._next <= self._last:
                while self._next <= self._last and len(flying) < IN_FLIGHT:
                    end = min(self._next + self._span.size - 1, self._last)
                    flying.append(asyncio.ensure_future(self._take(self._next, end)))
                    self._next = end + 1
                for stretch in await flying[0]:
                    yield stretch
                flying.popleft()
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    async def _take(self, first: int, last: int) -> list[Stretch]:
        """Read a range, in as many pieces as it takes."""
        done: list[Stretch] = []
        while first <= last:
            end = min(first + self._span.size - 1, last)
            try:
                found = await self._ask(first, end)
            except TooBig as reason:
                self._shrink(first, end, reason)
                continue
            self._stalls = 0
            self._span.taken(end - first + 1)
            done.append(Stretch(found.last, tuple(self._debts.sightings(found.logs))))
            first = end + 1
        return done

    async def _ask(self, first: int, last: int) -> LogRange:
        """Ask once; a replica that lags behind is given time."""
        for lag in _LAGS:
            try:
                return await self._chain.logs(self._wanted, first, last)
            except BlockReorganised:
                raise
            except BlockUnavailable:
                await asyncio.sleep(lag)
        return await self._chain.logs(self._wanted, first, last)

    def _shrink(self, first: int, last: int, reason: TooBig) -> None:
        size = last - first + 1
        self._stalls += reason.timed_out
        if self._stalls > MAX_STALLS:
            raise EndpointUnreachable(f"{self._chain.source} does not answer in time, however few blocks are asked for")
        if size == 1:
            raise EndpointRefused(f"{self._chain.source} refuses the logs of the single block {first}: {reason}")
        suggested = reason.suggested if isinstance(reason, TooManyLogs) else None
        self._span.refused(size, None if suggested is None else suggested - first + 1)
