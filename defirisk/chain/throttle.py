"""How hard one endpoint is asked: as hard as goes well, half of it after it complains (AIMD), nothing while it rests.

A window bounds the requests in flight, a token bucket the requests a second. Both start modestly, grow by a step while
they are what limits, and never pass the settings of :class:`defirisk.chain.pacing.Limits`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from defirisk.chain.pacing import Limits

_START_WINDOW: Final = 8
_START_RATE: Final = 50.0
_RATE_STEP: Final = 5.0
"""Requests a second that are added after a second at full rate."""


class Throttle:
    """Use :meth:`slot` around a request, then tell how it went. ``in_flight`` counts those that are under way."""

    def __init__(self, limits: Limits) -> None:
        self.in_flight = 0
        self._limits = limits
        self._window = float(min(_START_WINDOW, limits.concurrency))
        self._rate = limits.rate_limit if limits.rate_limit is None else min(_START_RATE, limits.rate_limit)
        self._waiting: list[asyncio.Future[None]] = []
        self._free_at = 0.0
        self._rests_until = 0.0
        self._halved_at = -1.0
        self._full = self._paced = False

    @property
    def window(self) -> int:
        """How many requests may be in flight now."""
        return max(1, int(self._window))

    @property
    def rate(self) -> float | None:
        """How many requests a second may be sent now, an item of a JSON-RPC batch as one; ``None`` for no limit."""
        return self._rate

    @asynccontextmanager
    async def slot(self, count: int) -> AsyncIterator[float]:
        """Wait until ``count`` requests may be sent as one; gives the time at which they were, for :meth:`ease`."""
        while self.in_flight >= self.window:
            self._full = True
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self.in_flight += 1
        try:
            await self._take(count)
            yield _now()
        finally:
            self.in_flight -= 1
            self._wake()

    async def _take(self, count: int) -> None:
        if self._rate is not None:
            now = _now()
            self._free_at = max(self._free_at, now - 1.0) + count / self._rate
            self._paced = self._free_at > now
            await asyncio.sleep(max(0.0, self._free_at - now))
        while (rest := self._rests_until - _now()) > 0:  # noqa: ASYNC110 - the end may move while it is waited for
            await asyncio.sleep(rest)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for place in waiting:
            if not place.done():
                place.set_result(None)

    def went_well(self, count: int) -> None:
        """Grow by a step, where the window or the rate is what limits."""
        if self._full or self.in_flight >= self.window:
            self._window = min(float(self._limits.concurrency), self._window + 1.0 / self._window)
            self._full = False
        if self._rate is not None and self._limits.rate_limit is not None and self._paced:
            self._rate = min(self._limits.rate_limit, self._rate + _RATE_STEP * count / self._rate)

    def ease(self, sent_at: float, rest: float = 0.0) -> None:
        """Halve both after a complaint (too fast, no answer in time) and rest for so many seconds if it asks for it.

        What was already under way when they were last halved says nothing about the new pace.
        """
        if rest <= self._limits.patience:
            self._rests_until = max(self._rests_until, _now() + rest)
        if sent_at < self._halved_at:
            return
        self._halved_at = _now()
        self._window = max(1.0, self._window / 2)
        if self._rate is not None:
            self._rate = max(1.0, self._rate / 2)


def _now() -> float:
    return asyncio.get_running_loop().time()
