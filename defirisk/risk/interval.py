"""Integers known to lie between two bounds, so that a rule's own code can be run on a whole range of prices.

Running a rule set on an :class:`Interval` gives either one course of action for every price in the range (each
comparison comes out the same) with bounds on every amount, or :class:`Undecided`. Nothing of a rule is written
twice to prove a threshold: the code that is compared with the contract is the code that is bounded here.

Bounds are sound, not tight: an operand used twice is taken as two independent ones.
"""

from __future__ import annotations

from typing import Union

Number = Union[int, "Interval"]


class Undecided(Exception):
    """A comparison that holds for some numbers of a range and not for others."""


class Interval:
    """An integer in [lo, hi]. Division is floor division by a positive divisor, as the EVM's."""

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

    def __lt__(self, other: Number) -> bool:
        low, high = (other.lo, other.hi) if isinstance(other, Interval) else (other, other)
        if self.hi < low:
            return True
        if self.lo >= high:
            return False
        raise Undecided

    def __ge__(self, other: Number) -> bool:
        return not self < other

    def __gt__(self, other: Number) -> bool:
        low, high = (other.lo, other.hi) if isinstance(other, Interval) else (other, other)
        if self.lo > high:
            return True
        if self.hi <= low:
            return False
        raise Undecided

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
        raise Undecided

    def __bool__(self) -> bool:
        return self != 0

    __hash__ = None  # type: ignore[assignment]


def _floor_quotient(lo: int, hi: int, low: int, high: int) -> Interval:
    if low <= 0:
        if high <= 0 or low < 0:
            raise ZeroDivisionError("the divisor of a rule is never 0 or negative")
        raise Undecided
    return Interval(lo // (high if lo >= 0 else low), hi // (low if hi >= 0 else high))
