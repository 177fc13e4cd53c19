"""One round trip for many readers: each sees a chain of its own, what they ask at the same time travels together."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from defirisk.chain.calls import Answer, Call, Chain
from defirisk.chain.wrapping import Wrapping
from defirisk.errors import CallRefused, DefiriskError, MissingCall

T = TypeVar("T")
_Waiting = tuple[list[Call], "asyncio.Future[list[Answer]]"]


class Rendezvous(Wrapping):
    """A chain that waits until all its parties have asked, then asks once, each call only once.

    N readers of k stages cost k round trips instead of N times k. A party that finishes early, or fails, is waited
    for no longer.
    """

    def __init__(self, chain: Chain) -> None:
        super().__init__(chain)
        self._parties = 0
        self._waiting: list[_Waiting] = []
        self._trip: asyncio.Task[None] | None = None

    async def gather(self, parties: Sequence[Coroutine[Any, Any, T]]) -> list[T | DefiriskError]:
        """Run the parties side by side; one that fails leaves its error in its place.

        An error that is not ours is a bug, and is raised.
        """
        self._parties += len(parties)
        tasks = [asyncio.ensure_future(self._party(party)) for party in parties]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in (*tasks, self._trip):
                if task is not None and not task.done():
                    task.cancel()
            for party in parties:
                if inspect.getcoroutinestate(party) == inspect.CORO_CREATED:
                    party.close()  # cancelled before it began: Python would warn on stderr that it never did

    async def _party(self, party: Coroutine[Any, Any, T]) -> T | DefiriskError:
        try:
            return await party
        except DefiriskError as problem:
            return problem
        finally:
            self._parties -= 1
            self._set_out()

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer ``calls`` in order, together with what the other parties ask."""
        if not calls:
            return []
        place: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append((list(calls), place))
        self._set_out()
        return await place

    async def verify(self) -> None:
        """Check the wrapped chain's block."""
        await self._chain.verify()

    def _set_out(self) -> None:
        if self._waiting and len(self._waiting) >= self._parties:
            waiting, self._waiting = self._waiting, []
            self._trip = asyncio.ensure_future(self._travel(waiting))

    async def _travel(self, waiting: list[_Waiting]) -> None:
        together = list(dict.fromkeys(call for calls, _ in waiting for call in calls))
        try:
            answers = dict(zip(together, await self._chain.calls(together), strict=True))
        except (MissingCall, CallRefused):
            await self._travel_apart(waiting)  # only who asks too much is refused
        except Exception as problem:  # noqa: BLE001 - handed to whoever waits, which raises it
            for _, place in waiting:
                _fail(place, problem)
        else:
            for calls, place in waiting:
                _settle(place, [answers[call] for call in calls])

    async def _travel_apart(self, waiting: list[_Waiting]) -> None:
        for calls, place in waiting:
            try:
                _settle(place, await self._chain.calls(calls))
            except Exception as problem:  # noqa: BLE001 - as above
                _fail(place, problem)


def _settle(place: asyncio.Future[list[Answer]], answers: list[Answer]) -> None:
    if not place.done():
        place.set_result(answers)


def _fail(place: asyncio.Future[list[Answer]], problem: Exception) -> None:
    if not place.done():
        place.set_exception(problem)
