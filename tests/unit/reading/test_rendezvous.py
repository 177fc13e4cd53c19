"""Many readers, one round trip a stage."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any

import pytest

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Answer, Block, Call, Returned
from defirisk.chain.rendezvous import Rendezvous
from defirisk.errors import EndpointUnreachable, MalformedAnswer, MissingCall


def call(number: int) -> Call:
    return Call("0x" + "11" * 20, number.to_bytes(4))


class Echo:
    """Answers every call with its own data; lacks some, as a recording may; may be dead."""

    chain_id, block, source = 1, Block(1, 1, None), "echo"

    def __init__(self, lacks: Sequence[int] = (), dead: bool = False) -> None:
        self.warnings: list[Any] = []
        self.lacks = {call(number) for number in lacks}
        self.dead = dead
        self.trips: list[list[Call]] = []

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        self.trips.append(list(calls))
        await asyncio.sleep(0)
        if self.dead:
            raise EndpointUnreachable("gone")
        missing = tuple((one.to, "0x" + one.data.hex()) for one in calls if one in self.lacks)
        if missing:
            raise MissingCall("lacking", missing=missing)
        return [Returned(one.data) for one in calls]

    async def verify(self) -> None:
        self.trips.append([])


async def staged(chain: Any, *stages: Sequence[int]) -> list[int]:
    seen = []
    for numbers in stages:
        answers = await chain.calls([call(number) for number in numbers])
        seen += [int.from_bytes(answer.data) for answer in answers]
    return seen


async def test_stages_of_all_parties_travel_together_and_no_call_twice() -> None:
    chain = Echo()
    meeting = Rendezvous(chain)
    found = await meeting.gather([staged(meeting, [1, 2], [3]), staged(meeting, [2, 4], [5], [6]), staged(meeting)])
    assert found == [[1, 2, 3], [2, 4, 5, 6], []]
    assert chain.trips == [[call(1), call(2), call(4)], [call(3), call(5)], [call(6)]]


async def test_twenty_readers_of_four_stages_take_four_trips() -> None:
    chain = Echo()
    meeting = Rendezvous(chain)
    await meeting.gather([staged(meeting, *[[100 * place + stage] for stage in range(4)]) for place in range(20)])
    assert [len(trip) for trip in chain.trips] == [20] * 4


async def test_a_party_that_fails_is_waited_for_no_longer() -> None:
    chain = Echo()
    meeting = Rendezvous(chain)

    async def failing() -> list[int]:
        await meeting.calls([call(9)])
        raise MalformedAnswer("nonsense")

    error, found = await meeting.gather([failing(), staged(meeting, [1], [2], [3])])
    assert isinstance(error, MalformedAnswer)
    assert found == [1, 2, 3]
    assert len(chain.trips) == 3


async def test_asking_for_nothing_costs_nothing() -> None:
    chain = Echo()
    meeting = Rendezvous(chain)
    assert await meeting.gather([staged(meeting, [], [])]) == [[]]
    assert chain.trips == []


async def test_a_dead_chain_fails_everybody() -> None:
    meeting = Rendezvous(Echo(dead=True))
    found = await meeting.gather([staged(meeting, [1]), staged(meeting, [2])])
    assert all(isinstance(one, EndpointUnreachable) for one in found)


async def test_who_asks_what_a_recording_lacks_fails_alone() -> None:
    meeting = Rendezvous(Echo(lacks=[1]))
    error, found = await meeting.gather([staged(meeting, [1, 2]), staged(meeting, [2], [3])])
    assert isinstance(error, MissingCall)
    assert found == [2, 3]


class Slow(Echo):
    """Answers when everybody has gone home."""

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        await asyncio.sleep(60)
        return await super().calls(calls)


async def settled() -> None:
    """Until all that can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_bug_is_raised_and_leaves_nobody_behind() -> None:
    meeting = Rendezvous(Slow())

    async def buggy() -> list[int]:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await meeting.gather([buggy(), staged(meeting, [1], [2])])
    await settled()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_cancelled_reading_leaves_nobody_behind() -> None:
    meeting = Rendezvous(Echo())

    async def forever() -> list[int]:
        await asyncio.sleep(60)
        return []

    task = asyncio.ensure_future(meeting.gather([forever(), staged(meeting, [1])]))
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settled()
    assert [one for one in asyncio.all_tasks() if one is not asyncio.current_task()] == []


async def test_a_party_that_never_began_is_closed() -> None:
    meeting = Rendezvous(Echo())
    party = staged(meeting, [1])
    task = asyncio.ensure_future(meeting.gather([party]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inspect.getcoroutinestate(party) == inspect.CORO_CLOSED


async def test_a_party_may_meet_inside_another_meeting() -> None:
    chain = Echo()
    outer = Rendezvous(chain)

    async def nested() -> list[Any]:
        inner = Rendezvous(outer)
        return await inner.gather([staged(inner, [1], [2]), staged(inner, [3])])

    assert await outer.gather([nested(), staged(outer, [4], [5])]) == [[[1, 2], [3]], [4, 5]]
    assert len(chain.trips) == 2


async def test_a_meeting_looks_like_the_chain_that_it_wraps() -> None:
    chain = Echo()
    meeting = Rendezvous(chain)
    assert (meeting.chain_id, meeting.block, meeting.source) == (1, chain.block, "echo")
    assert meeting.warnings is chain.warnings
    await meeting.verify()
    assert chain.trips == [[]]


# --- answers ------------------------------------------------------------------------------------------------------


async def test_answers_are_asked_once() -> None:
    chain = Echo()
    answers = Answers(chain)
    await answers.ask([call(1), call(1), call(2)])
    await answers.ask([call(2), call(1)])
    await answers.ask([call(2), call(3)])
    assert chain.trips == [[call(1), call(2)], [call(3)]]
    assert answers.answer(call(3)) == Returned(call(3).data)


async def test_what_a_recording_lacks_is_an_error_for_its_reader_only() -> None:
    answers = Answers(Echo(lacks=[2]))
    await answers.ask([call(1), call(2)])
    assert answers.answer(call(1)) == Returned(call(1).data)
    with pytest.raises(MissingCall):
        answers.answer(call(2))


async def test_a_missing_call_that_names_none_of_ours_is_passed_on() -> None:
    class Odd(Echo):
        async def calls(self, calls: Sequence[Call]) -> list[Answer]:
            raise MissingCall("something else")

    with pytest.raises(MissingCall, match="something else"):
        await Answers(Odd()).ask([call(1)])
