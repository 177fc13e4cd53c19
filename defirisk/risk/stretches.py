"""The nearest distance on a road at which something holds, everything nearer proved not to: stretch by stretch.

A stretch of many prices is decided at once by running the rules on whole ranges of them, one of a single price by
running them on that. How long a stretch can be is tried out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from defirisk.fixedpoint import div_down, div_up, mul_div_up
from defirisk.risk.interval import Interval, Undecided, unanimous
from defirisk.risk.losing import Losing
from defirisk.risk.paths import Road

MOST_STRETCHES: Final = 1_000
MOST_STEPS: Final = 12_000
"""How many liquidation calls a search for bad debt may replay, about: where a close factor halves a debt thirty times
over, which grain goes first decides little and costs much."""
TRIED: Final = 5_000
"""After so many it is asked whether the rest is within reach. Sooner would give up proofs that are nearly done."""
OUT_OF_REACH: Final = 4
"""A pace often quickens: so many times the calls that are left are no promise, more are hopeless."""
LATELY: Final = 8
"""From how many stretches that is reckoned."""
_WHOLE: Final = 1 << 20
_NATURAL: Final = 693
"""Thousandths of a natural logarithm to each bit: a way of b bits ends after about 0.693 b / share stretches."""
GALLOP: Final = 8
GROWTH: Final = 2
"""How much longer the stretch after a proved one may be: where two courses of action meet, only short ones are decided,
and trying the whole rest again after each would use up the stretches.
"""
FAR: Final = 8
DEAR: Final = 6
"""A stretch that was decided in more ways than this was too long: it costs more than its halves."""
PATIENCE: Final = 2
"""How many stretches near the target are decided before a longer one is tried: to try in vain costs the most."""

Prices = tuple[int, ...] | tuple[int | Interval, ...]
"""Prices by slot; an :class:`Interval` stands in for the ``int`` that it is a range of."""


class Found(NamedTuple):
    """A distance, or ``None`` for nowhere; ``proved`` unless the search gave up before it could tell for certain."""

    distance: int | None
    proved: bool = True


def first_of(
    way: Road,
    stretch: tuple[int, int],
    guess: int,
    holds: Callable[[Prices], bool],
    effort: Losing | None = None,
) -> Found:
    """The nearest distance in a stretch at which something holds, everything nearer proved not to.

    Where it probably is steers the search only: stretches grow shorter as they come near it, down to those in which
    no price changes.
    """
    near, last = stretch
    target = probable(way, stretch, guess, holds)
    pace = _Pace(target - near)
    outlook = _Outlook()
    for _ in range(MOST_STRETCHES):
        if near > last:
            return Found(None)
        if effort is not None and outlook.hopeless(target - near, effort.steps):
            break
        changes = way.same_until(near)
        same = min(last, changes[0])
        far = max(same, min(last, near + pace.length - 1))
        before = _asked(effort)
        try:
            found = holds(way.prices(near)) if far == same else _throughout(holds, way.price_ranges(near, far))
        except Undecided:
            pace.failed(near, far, changes, _asked(effort) - before)
            continue
        if found:
            return Found(near)
        pace.proved(far - near + 1, target - far - 1, _asked(effort) - before)
        outlook.proved(far - near + 1, target - far - 1, 0 if effort is None else effort.steps)
        near = far + 1
    return Found(target if target <= last else None, proved=False)


def _asked(effort: Losing | None) -> int:
    return 0 if effort is None else effort.asked


def _throughout(holds: Callable[[Prices], bool], prices: Prices) -> bool:
    """Whether something holds at no price of a stretch; that it holds at all of them would not say where it begins."""
    return unanimous(partial(holds, prices), expected=False)


class _Pace:
    """How long the next stretch is.

    Far from the target twice the last one that was decided. Near it the same part of what is left of the way, since
    what can be decided shrinks with the distance; now and then a larger part.
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self._streak = 0

    def failed(self, near: int, far: int, changes: tuple[int, ...], ways: int) -> None:
        """Try a shorter one: much shorter where it took many ways to see that it was too long."""
        self._streak = 0
        self.length = _shorter(near, far, changes)
        if ways > DEAR:
            self.length = div_up(self.length, FAR)

    def proved(self, length: int, rest: int, ways: int) -> None:
        """Go on after a stretch that was decided in so many ways, ``rest`` before the target."""
        if rest < 0:  # the target was not it
            self.length = length * 2
            return
        self._streak += 1
        if ways > DEAR:
            length = div_up(length, GROWTH)
        elif length < div_down(rest, FAR) or self._streak % PATIENCE == 0:
            length *= GROWTH
        self.length = mul_div_up(rest, length, length + rest)


class _Outlook:
    """Whether a search will come to its end: each stretch leaves a part of the way, and takes some calls."""

    def __init__(self) -> None:
        self._parts: deque[tuple[int, int]] = deque(maxlen=LATELY)
        self._steps = 0

    def proved(self, length: int, rest: int, steps: int) -> None:
        """Note a stretch, ``rest`` before the target, after ``steps`` calls in all."""
        self._parts.append((div_down(length * _WHOLE, length + max(0, rest)), steps - self._steps))
        self._steps = steps

    def hopeless(self, rest: int, steps: int) -> bool:
        """Whether ``rest``, at the pace of the last stretches, takes many times the calls that are left."""
        if steps < TRIED or len(self._parts) < LATELY:
            return steps > MOST_STEPS
        shares, calls = (sum(column) for column in zip(*self._parts, strict=True))
        needed = div_down(max(0, rest).bit_length() * _NATURAL * calls * _WHOLE, 1000 * max(1, shares))
        return steps > MOST_STEPS or needed > OUT_OF_REACH * (MOST_STEPS - steps)


def _shorter(near: int, far: int, changes: tuple[int, ...]) -> int:
    """The next length to try: up to where a price steps if that is near the middle: steps often decide."""
    middle = div_down(far - near + 1, 2)
    steps = [end - near + 1 for end in changes if middle <= 4 * (end - near + 1) and end < far]
    return max(steps, default=middle)


def probable(way: Road, stretch: tuple[int, int], guess: int, holds: Callable[[Prices], bool]) -> int:
    """Where something begins to hold if it does so once and for all; past the end where it does not hold there.

    Gallops from a guess in both directions, then bisects what lies between; where no price changes it looks once.
    """
    near, last = stretch
    low, high = near - 1, last + 1
    there: tuple[int, ...] | None = None
    at = min(max(guess, near), last)
    step = way.same_until(at)[0] - at + 1
    while low < at < high:
        prices = way.prices(at)
        if holds(prices):
            high, there, at = at, prices, at - step
        else:
            low = way.same_until(at)[0]
            at = low + step
        step *= GALLOP
    while high - low > 1:
        at = div_down(low + high, 2)
        prices = way.prices(at)
        if prices == there or holds(prices):
            high, there = at, prices
        else:
            low = way.same_until(at)[0]
    return high
