"""Sharing calls out among the endpoints in use, each as much at once as it takes.

What one of them refuses is asked of another; one that fails is left out, and its work is done by the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from defirisk.chain import multicall
from defirisk.chain.asking import Asker, Place
from defirisk.chain.calls import Answer, Call
from defirisk.chain.pool import UNUSABLE, Pool
from defirisk.chain.transport import Endpoint, TooBig
from defirisk.chain.usage import Usage
from defirisk.errors import CallRefused, DefiriskError, EndpointRefused, EndpointUnreachable
from defirisk.model import Warning as Notice

_ENOUGH: Final = 2
"""So many full requests, over the life of a chain, are one endpoint's work; more are shared."""


@dataclass(frozen=True, slots=True)
class Run:
    """The calls from ``start`` to ``stop`` of a job; who refuses it as a single call, and what the last one said."""

    start: int
    stop: int
    refused: frozenset[Endpoint] = frozenset()
    refusal: str = ""


_MOST_REFUSED: Final = 20
"""An endpoint that refuses more than so many single calls of a job refuses all."""


class Crew:
    """The endpoints of a pool at work. ``place`` is where and at which block they are asked."""

    def __init__(self, pool: Pool, batch_size: int, warnings: list[Notice]) -> None:
        self.place = Place()
        self.batch_size = max(1, batch_size)
        self.pool = pool
        self._askers = {one: Asker(one, self.place, batch_size, warnings) for one in pool.all}
        self._asked = 0
        self._changed: asyncio.Future[None] | None = None
        self._widening: asyncio.Task[None] | None = None

    def asker(self, endpoint: Endpoint) -> Asker:
        """Return the one who asks an endpoint."""
        return self._askers[endpoint]

    @property
    def askers(self) -> list[Asker]:
        """Who can be given work."""
        return [self._askers[endpoint] for endpoint in self.pool.using]

    @property
    def usage(self) -> tuple[Usage, ...]:
        """What each endpoint was asked so far, in the order given."""
        return tuple(
            Usage(
                host=endpoint.host,
                requests=endpoint.requests,
                posts=endpoint.posts,
                retries=endpoint.retries,
                complaints=endpoint.complaints,
                seconds=endpoint.seconds,
                batch_size=asker.size.size,
                in_flight=endpoint.throttle.window,
                rate=endpoint.throttle.rate,
                left_out=self.pool.why_left_out(endpoint),
            )
            for endpoint, asker in self._askers.items()
        )

    async def ask(self, calls: Sequence[Call]) -> list[Answer]:
        """Ask in as few requests as the limits allow, all at once.

        Raises:
            ReadError: no endpoint can answer all of them.

        """
        self._asked += len(calls)
        if self._asked > _ENOUGH * self.batch_size:
            self._widen()
        return await Job(self, calls).done()

    def _widen(self) -> None:
        """Let others join while the work goes on; nothing waits for them."""
        if self.pool.can_widen and (self._widening is None or self._widening.done()):
            self._widening = asyncio.ensure_future(self._join())

    async def _join(self) -> None:
        await self.pool.widen()
        self.wake()

    @property
    def change(self) -> asyncio.Future[None]:
        """What is done as soon as there may be somebody free."""
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    def wake(self) -> None:
        """Wake every job: there may be somebody free."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
        self._changed = None

    async def close(self) -> None:
        """End what goes on in the background."""
        if self._widening is not None:
            self._widening.cancel()
            await asyncio.gather(self._widening, return_exceptions=True)
        await self.pool.close()


class Job:
    """One list of calls on its way. Answers come into their places in any order."""

    def __init__(self, crew: Crew, calls: Sequence[Call]) -> None:
        self._crew = crew
        self._calls = calls
        self._answers: list[Answer | None] = [None] * len(calls)
        self._waiting = deque([Run(0, len(calls))] if calls else [])
        self._refused: list[Run] = []
        self._under_way: dict[asyncio.Task[list[Answer] | None], tuple[Asker, Run]] = {}

    async def done(self) -> list[Answer]:
        """Do it all; the first failure that nobody can make good ends it.

        Raises:
            CallRefused: all but these calls were answered.
            ReadError: no endpoint is left.

        """
        try:
            while self._hand_out():
                await self._settle(await self._next())
        finally:
            await self._stop()
        if self._refused:
            refused = [self._calls[run.start] for run in self._refused]
            missing = tuple((call.to, "0x" + call.data.hex()) for call in refused)
            raise CallRefused(self._refused[0].refusal, missing=missing)
        return [answer for answer in self._answers if answer is not None]

    @property
    def _alone(self) -> bool:
        """Whether there is nobody to take over."""
        return len(self._crew.askers) == 1

    # --- handing out ---

    def _hand_out(self) -> bool:
        """Give work to whoever is free; whether there is anything left to wait for."""
        while self._waiting:
            run = self._waiting[0]
            willing = [one for one in self._crew.askers if one.endpoint not in run.refused]
            if not willing:
                self._give_up(self._waiting.popleft())
                continue
            free = [one for one in willing if one.free]
            if not free:
                break
            self._start(min(free, key=lambda one: one.load), self._waiting.popleft())
        return bool(self._waiting or self._under_way)

    def _give_up(self, run: Run) -> None:
        self._refused.append(run)
        if len(self._refused) > _MOST_REFUSED:
            raise EndpointRefused(run.refusal)

    def _start(self, asker: Asker, run: Run) -> None:
        stop = multicall.first_stop(self._calls, run.start, run.stop, asker.limit)
        if stop < run.stop:
            self._waiting.appendleft(replace(run, start=stop))
        count = stop - run.start
        asker.busy += 1
        asker.size.sent(count)
        task = asyncio.ensure_future(asker.ask(self._calls[run.start : stop], alone=self._alone))
        self._under_way[task] = (asker, replace(run, stop=stop))

    async def _next(self) -> list[asyncio.Task[list[Answer] | None]]:
        """Wait until something of ours is finished, or somebody may be free."""
        awaited: list[asyncio.Future[Any]] = [*self._under_way, self._crew.change]
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        return [task for task in self._under_way if task.done()]

    async def _stop(self) -> None:
        for task, (asker, _) in self._under_way.items():
            task.cancel()
            asker.busy -= 1
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._crew.wake()

    # --- what came of it ---

    async def _settle(self, finished: Sequence[asyncio.Task[list[Answer] | None]]) -> None:
        for task in finished:
            asker, run = self._under_way.pop(task)
            asker.busy -= 1
            await self._judge(task, asker, run)
        if finished:
            self._crew.wake()

    async def _judge(self, task: asyncio.Task[list[Answer] | None], asker: Asker, run: Run) -> None:
        count = run.stop - run.start
        try:
            answers = task.result()
        except TooBig as reason:
            await self._make_smaller(asker, run, reason)
        except UNUSABLE as failure:
            asker.size.failed(count)
            await self._leave_to_others(asker, run, failure)
        else:
            if answers is None:
                self._waiting.appendleft(run)
                return
            asker.went_well(count)
            self._answers[run.start : run.stop] = answers

    async def _make_smaller(self, asker: Asker, run: Run, reason: TooBig) -> None:
        count = run.stop - run.start
        if count == 1:
            # A single call that is too much for one endpoint may not be for another; it says nothing of either.
            asker.size.excuse()
            to = self._calls[run.start].to
            refusal = f"{asker.endpoint.host} refuses a single call to {to}: {reason}"
            self._waiting.append(replace(run, refused=run.refused | {asker.endpoint}, refusal=refusal))
            return
        try:
            asker.too_big(count, reason, alone=self._alone)
        except EndpointUnreachable as failure:
            await self._leave_to_others(asker, run, failure)
        else:
            self._waiting.appendleft(run)

    async def _leave_to_others(self, asker: Asker, run: Run, failure: DefiriskError) -> None:
        await self._crew.pool.replace(asker.endpoint, failure)
        self._waiting.appendleft(run)
