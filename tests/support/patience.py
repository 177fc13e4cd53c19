"""A client that waits as long as it takes, and gives up on a request as soon as its server says that it never answers.

So a time-out is for the requests that a test means and for no other, however slow the machine is. It takes no time, nor
does a retry.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from defirisk.chain import transport
from tests.support.faulty_server import NUMBER, FaultyServer


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    real, numbers = aiohttp.ClientSession.post, itertools.count()
    waiting: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Timeout]] = {}

    @asynccontextmanager
    async def post(session: aiohttp.ClientSession, url: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        number, never = str(next(numbers)), aiohttp.ClientTimeout(total=None)
        async with asyncio.timeout(None) as limit:
            waiting[number] = asyncio.get_running_loop(), limit
            try:
                async with real(session, url, headers={NUMBER: number}, timeout=never, **more) as response:
                    yield response
            finally:
                del waiting[number]

    def give_up(number: str) -> None:
        if number in waiting:
            waiting[number][1].reschedule(0)

    def stalled(number: str | None) -> None:
        assert number is not None, "the client of this test is another process: it would wait for ever"
        loop, _ = waiting[number]
        loop.call_soon_threadsafe(give_up, number)

    monkeypatch.setattr(aiohttp.ClientSession, "post", post)
    monkeypatch.setattr(FaultyServer, "stalled", staticmethod(stalled))
    monkeypatch.setattr(transport, "_LONGEST_BACKOFF", 0.01)
