"""Integers known to lie between two bounds, so that a rule's own code can be run on a whole range of prices.

Running a rule set on an :class:`Interval` gives either one course of action for every price in the range (each
comparison comes out the same) with bounds on every amount, or :class:`Undecided`. Nothing of a rule is written
twice to prove a threshold: the code that is compared with the contract is the code that is bounded here.

:func:`unanimous` goes one step further: a comparison that holds for some numbers only is followed both ways, and
the range is decided if every way leads to the same answer. Whether a last grain of collateral is left or not is such
a question that seldom matters.

Bounds are sound, not tight: an operand used twice is taken as two independent ones.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, Union

Number = Union[int, "Interval"]


MOST_WAYS: Final = 24
MOST_TURNS: Final = 12


class Undecided(Exception):
    """A comparison that holds for some numbers of a range and not for others."""


class _Ways:
    """The turns taken at undecided comparisons, in order: every run follows them, then takes new ones."""

    def __init__(self) -> None:
        self.turns: list[bool] = []
        self.at = 0

    def turn(self) -> bool:
        if self.at == len(self.turns):
            if self.at == MOST_TURNS:
                raise Undecided
            self.turns.append(True)
        self.at += 1
        return self.turns[self.at - 1]

    def next(self) -> bool:
        """Go back to the last turn not taken both ways; False if there is none."""
        self.at = 0
        while self.turns and not self.turns[-1]:
            self.turns.pop()
        if self.turns:
            self.turns[-1] = False
        return bool(self.turns)


_ways: ContextVar[_Ways | None] = ContextVar("ways", default=None)


def unanimous(answer: Callable[[], bool]) -> bool:
    """The answer that every way through the undecided comparisons of a run leads to.

    Sound: for every number in the ranges, the way that it really takes is among those followed.

    Raises:
        Undecided: the answers differ, or there are too many ways.
    """
    ways = _Ways()
    token = _ways.set(ways)
    try:
        first = answer()
        for _ in range(MOST_WAYS):
            if not ways.next():
                return first
            if answer() is not first:
                raise Undecided
    except ZeroDivisionError:  # a way that no number of the range takes, followed into nonsense
        raise Undecided from None
    finally:
        _ways.reset(token)
    raise Undecided


def _undecided() -> bool:
    ways = _ways.get()
    if ways is None:
        raise Undecided
    return ways.turn()


class Interval:
    """An integer in [lo, hi]. Division is floor division by a positive divisor, as the EVM's; a remainder is of a
    number that is not negative.
    """

    __slots__ = ("hi", "lo")

    def __init__(self, lo: int, hi: int) -> None:
        self.lo = lo
        self.hi = hi

    def __repr__(self) -> str:
        return f"Interval({self.lo}, {self.hi})"

    def __add__(self, other: Number) -> Interval:
        if isinstance(other, Interval):
            return Interval(self.lo + other.lo, self.hi + other.hi)
        return Interval(self.lo + other, self.hi + other)

    __radd__ = __add__

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo)

    def __sub__(self, other: Number) -> Interval:
        if isinstance(other, Interval):
            return Interval(self.lo - other.hi, self.hi - other.lo)
        return Interval(self.lo - other, self.hi - other)

    def __rsub__(self, other: int) -> Interval:
        return Interval(other - self.hi, other - self.lo)

    def __mul__(self, other: Number) -> Interval:
        low, high = (other.lo, other.hi) if isinstance(other, Interval) else (other, other)
        if self.lo >= 0 <= low:
            return Interval(self.lo * low, self.hi * high)
        corners = (self.lo * low, self.lo * high, self.hi * low, self.hi * high)
        return Interval(min(corners), max(corners))

    __rmul__ = __mul__

    def __floordiv__(self, other: Number) -> Interval:
        low, high = (other.lo, other.hi) if isinstance(other, Interval) else (other, other)
        return _floor_quotient(self.lo, self.hi, low, high)

    def __rfloordiv__(self, other: int) -> Interval:
        return _floor_quotient(other, other, self.lo, self.hi)

    def __mod__(self, other: Number) -> Interval:
        high = other.hi if isinstance(other, Interval) else other
        return Interval(0, min(self.hi, high - 1))

    def __rmod__(self, other: int) -> Interval:
        return Interval(0, min(other, self.hi - 1))

    def __lt__(self, other: Number) -> bool:
        low, high = (other.lo, other.hi) if isinstance(other, Interval) else (other, other)
        if self.hi < low:
            return True
        if self.lo >= high:
            return False
        return _undecided()

    def __ge__(self, other: Number) -> bool:
        return not self < other

    def __gt__(self, other: Number) -> bool:
        low, high = (other.lo, other.hi) if isinstance(other, Interval) else (other, other)
        if self.lo > high:
            return True
        if self.hi <= low:
            return False
        return _undecided()

    def __le__(self, other: Number) -> bool:
        return not self > other

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Interval):
            low, high = other.lo, other.hi
        elif isinstance(other, int):
            low = high = other
        else:
            return NotImplemented
        if self.hi < low or self.lo > high:
            return False
        if self.lo == self.hi == low == high:
            return True
        return _undecided()

    def __bool__(self) -> bool:
        return self != 0

    def if_positive(self, then: Number, otherwise: Number) -> Number:
        """:func:`defirisk.fixedpoint.if_positive` on a range: one of the two, or all that lies between them."""
        if self.lo > 0:
            return then
        if self.hi <= 0:
            return otherwise
        ends = [end for x in (then, otherwise) for end in ((x.lo, x.hi) if isinstance(x, Interval) else (x, x))]
        return Interval(min(ends), max(ends))

    def clipped(self, bound: int) -> Interval:
        """The same range, none of whose numbers is above ``bound``."""
        return Interval(min(self.lo, bound), min(self.hi, bound))

    def meet(self, other: Number) -> Interval:
        """What two ranges of the same number have in common."""
        low, high = (other.lo, other.hi) if isinstance(other, Interval) else (other, other)
        return Interval(max(self.lo, low), min(self.hi, high))

    __hash__ = None  # type: ignore[assignment]


def _floor_quotient(lo: int, hi: int, low: int, high: int) -> Interval:
    if low <= 0:
        if high <= 0:
            raise ZeroDivisionError("the divisor of a rule is never 0 or negative")
        raise Undecided
    return Interval(lo // (high if lo >= 0 else low), hi // (low if hi >= 0 else high))
