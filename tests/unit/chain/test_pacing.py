"""How hard an endpoint is asked: sizes and windows that halve on a complaint and grow while it goes well."""

from __future__ import annotations

import asyncio

import pytest

from defirisk.chain.calls import Call
from defirisk.chain.multicall import chunks
from defirisk.chain.pacing import Limits
from defirisk.chain.sizing import BatchSize
from defirisk.chain.throttle import Throttle


def limits(**more: float | None) -> Limits:
    return Limits(**more)  # type: ignore[arg-type]


# --- sizes ---


def search(size: BatchSize, takes: int) -> list[int]:
    """Ask until one goes well; what was asked."""
    asked = []
    while True:
        asked.append(size.next)
        size.sent(asked[-1])
        if asked[-1] <= takes:
            size.went_well(asked[-1])
            return asked
        size.too_big(asked[-1])


def test_a_refusal_halves_until_it_is_taken() -> None:
    size = BatchSize(1500)
    assert search(size, 200) == [1500, 750, 375, 187]
    assert (size.size, size.searching) == (187, False)


def test_what_was_under_way_when_it_was_halved_halves_it_no_further() -> None:
    size = BatchSize(100)
    for _ in range(3):
        size.too_big(100)
    assert size.size == 50


def test_after_many_successes_more_is_tried_once_at_a_time() -> None:
    size = BatchSize(1500)
    search(size, 200)
    for _ in range(31):
        size.went_well(187)
    trial = size.next
    assert trial == 374
    size.sent(trial)
    assert size.next == 187, "one trial at a time"
    size.too_big(trial)
    assert size.size == 187
    for _ in range(63):
        size.went_well(187)
    assert size.next == 187, "a trial that failed makes the next one wait twice as long"
    size.went_well(187)
    assert size.next == 374


def test_trials_that_succeed_come_quicker_and_end_at_the_most() -> None:
    size, asked = BatchSize(1500), 0
    search(size, 1)
    while size.size < 1500:
        count = size.next
        size.sent(count)
        size.went_well(count)
        asked += 1
    assert asked < 110
    for _ in range(100):
        size.went_well(1500)
    assert size.next == 1500


def test_a_call_that_is_too_much_by_itself_shrinks_nothing() -> None:
    size = BatchSize(64)
    size.went_well(40)
    search(size, 1)
    assert size.size == 1
    size.excuse()
    assert (size.size, size.searching) == (40, False)


def test_a_trial_that_is_lost_is_made_again() -> None:
    size = BatchSize(8)
    search(size, 2)
    for _ in range(32):
        size.went_well(2)
    size.sent(4)
    assert size.next == 2
    size.failed(4)
    assert size.next == 4


@pytest.mark.parametrize(("count", "limit", "runs"), [(0, 5, []), (1, 5, [1]), (11, 5, [4, 4, 3]), (10, 5, [5, 5])])
def test_runs_are_as_even_as_they_can_be(count: int, limit: int, runs: list[int]) -> None:
    calls = [Call("0x" + "00" * 20, bytes(4))] * count
    assert [len(run) for run in chunks(calls, limit)] == runs


def test_a_run_holds_half_a_mebibyte() -> None:
    calls = [Call("0x" + "00" * 20, bytes(200_000))] * 5
    assert [len(run) for run in chunks(calls, 100)] == [2, 2, 1]


# --- windows and rates ---


async def test_a_window_grows_while_it_is_full_and_never_past_the_limit() -> None:
    throttle = Throttle(limits(concurrency=12, rate_limit=None))
    assert throttle.window == 8
    for _ in range(200):
        async with throttle.slot(1):
            throttle.went_well(1)
    assert throttle.window == 8, "nothing says that more would go well"

    async def one() -> None:
        async with throttle.slot(1):
            await asyncio.sleep(0)
            throttle.went_well(1)

    await asyncio.gather(*(one() for _ in range(600)))
    assert throttle.window == 12


async def test_a_complaint_halves_once_for_all_that_was_under_way() -> None:
    throttle = Throttle(limits(concurrency=32, rate_limit=40.0))
    loop = asyncio.get_running_loop()
    before = loop.time()
    for _ in range(5):
        throttle.ease(before)
    assert (throttle.window, throttle.rate) == (4, 20.0)
    throttle.ease(loop.time() + 1)
    assert (throttle.window, throttle.rate) == (2, 10.0)
    for _ in range(20):
        throttle.ease(loop.time() + 1)
    assert (throttle.window, throttle.rate) == (1, 1.0)


async def test_all_rest_when_one_is_told_to() -> None:
    throttle = Throttle(limits(rate_limit=None))
    loop = asyncio.get_running_loop()
    began = loop.time()
    throttle.ease(began, 0.05)
    async with throttle.slot(1) as sent_at:
        assert sent_at >= began + 0.05
    throttle.ease(began, 3600.0)
    async with throttle.slot(1) as sent_at:
        assert sent_at < began + 60, "an hour is not waited for"


async def test_a_rate_grows_back_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("defirisk.chain.throttle._now", lambda: 1000.0)  # all at the same moment
    throttle = Throttle(limits(rate_limit=2000.0))
    assert throttle.rate == 50.0
    async with throttle.slot(50):
        throttle.went_well(50)
    assert throttle.rate == 50.0, "a second's worth at once shows nothing of a rate"
    async with throttle.slot(4):
        throttle.went_well(4)
    assert throttle.rate == 50.0 + 5.0 * 4 / 50.0


async def test_one_that_is_cancelled_leaves_its_slot() -> None:
    throttle = Throttle(limits(concurrency=1, rate_limit=None))
    async with throttle.slot(1):
        waiting = asyncio.ensure_future(throttle.slot(1).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with throttle.slot(1):
        assert throttle.in_flight == 1
    assert throttle.in_flight == 0
