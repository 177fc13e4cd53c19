"""When a search for bad debt gives up: after so many calls, or where its pace would take many times what is left."""

from __future__ import annotations

from defirisk.risk.stretches import LATELY, MOST_STEPS, OUT_OF_REACH, TRIED, _Outlook


def after(*, length: int, rest: int, calls: int) -> _Outlook:
    """What is reckoned after stretches of one length at one cost."""
    outlook = _Outlook()
    for number in range(LATELY):
        outlook.proved(length, rest, (number + 1) * calls)
    return outlook


def test_a_search_that_has_just_begun_goes_on_whatever_its_pace() -> None:
    slow = after(length=1, rest=10**18, calls=100)
    assert not slow.hopeless(10**18, TRIED - 1)
    assert not _Outlook().hopeless(10**18, TRIED)


def test_a_search_ends_with_its_calls() -> None:
    quick = after(length=10**18, rest=1, calls=1)
    assert not quick.hopeless(1, MOST_STEPS - 1)
    assert quick.hopeless(1, MOST_STEPS + 1)
    assert _Outlook().hopeless(10**18, MOST_STEPS + 1)


def test_a_pace_that_halves_the_way_goes_on_and_one_that_crawls_does_not() -> None:
    assert not after(length=10**9, rest=10**9, calls=100).hopeless(10**9, TRIED)
    assert after(length=10**5, rest=10**9, calls=100).hopeless(10**9, TRIED)


def test_out_of_reach_is_so_many_times_what_is_left() -> None:
    """A way of 30 bits at half of it a stretch takes 0.693 * 30 / 0.5 stretches, 41 of them whole."""
    left = 100 * 41 // OUT_OF_REACH
    halving = after(length=10**9, rest=10**9, calls=100)
    assert not halving.hopeless(2**29, MOST_STEPS - left - 30)
    assert halving.hopeless(2**29, MOST_STEPS - left + 30)
