"""Integers known to lie between two bounds, so that a rule's own code can be run on a whole range of prices.

Running a rule set on an :class:`Interval` gives either one course of action for every price in the range (each
comparison comes out the same) with bounds on every amount, or :class:`Undecided`. Nothing of a rule is written
twice to prove a threshold: the code that is compared with the contract is the code that is bounded here.

:func:`unanimous` goes one step further: a comparison that holds for some numbers only is followed both ways, and
the range is decided if every way leads to the same answer. Whether a last grain of collateral is left or not is such
a question that seldom matters.

Prices move together along a road, so what they make up moves with them: beside its bounds each interval carries the
line that it follows along the stretch, and how far it may be off it. Differences and quotients of such numbers keep
what they have in common, and a stretch is decided long before it is a point. All is integers, and bounds are sound.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, Union

Number = Union[int, "Interval"]


MOST_WAYS: Final = 12
MOST_TURNS: Final = 8
"""Deeper than this a shorter stretch is cheaper than more ways."""


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


def unanimous(answer: Callable[[], bool], expected: bool | None = None) -> bool:
    """The answer that every way through the undecided comparisons of a run leads to.

    Sound: for every number in the ranges, the way that it really takes is among those followed. Where another answer
    than the ``expected`` one would help nobody, the first way to it ends the search.

    Raises:
        Undecided: the answers differ, or there are too many ways.
    """
    ways = _Ways()
    token = _ways.set(ways)
    try:
        first = answer()
        for _ in range(MOST_WAYS):
            if expected is not None and first is not expected:
                raise Undecided
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


_SCALE_BITS: Final = 64
_SCALE: Final = 1 << _SCALE_BITS
_HALF: Final = _SCALE >> 1


class Interval:
    """An integer that depends on where in a stretch one is. Division is floor division by a positive divisor.

    ``lo`` and ``hi`` bound it everywhere. With u from -1 at the near end of the stretch to 1 at the far one, it is
    within ``off`` of ``mid + slope * u``; these three are scaled by 2**64. A result with equal bounds is an ``int``.
    """

    __slots__ = ("hi", "lo", "mid", "off", "slope")

    def __init__(self, lo: int, hi: int) -> None:
        """Any integer from ``lo`` to ``hi``, depending on nothing else."""
        self.lo = lo
        self.hi = hi
        self.mid = (lo + hi) * _HALF
        self.slope = 0
        self.off = (hi - lo) * _HALF

    def __repr__(self) -> str:
        return f"Interval({self.lo}, {self.hi})"

    def __add__(self, other: Number) -> Number:
        if isinstance(other, Interval):
            low, high = self.lo + other.lo, self.hi + other.hi
            return _made(low, high, self.mid + other.mid, self.slope + other.slope, self.off + other.off)
        return _made(self.lo + other, self.hi + other, self.mid + other * _SCALE, self.slope, self.off)

    __radd__ = __add__

    def __neg__(self) -> Interval:
        return _raw(-self.hi, -self.lo, -self.mid, -self.slope, self.off)

    def __sub__(self, other: Number) -> Number:
        if isinstance(other, Interval):
            low, high = self.lo - other.hi, self.hi - other.lo
            return _made(low, high, self.mid - other.mid, self.slope - other.slope, self.off + other.off)
        return _made(self.lo - other, self.hi - other, self.mid - other * _SCALE, self.slope, self.off)

    def __rsub__(self, other: int) -> Number:
        return _made(other - self.hi, other - self.lo, other * _SCALE - self.mid, -self.slope, self.off)

    def __mul__(self, other: Number) -> Number:
        if isinstance(other, Interval):
            return _product(self, other)
        if other >= 0:
            return _made(self.lo * other, self.hi * other, self.mid * other, self.slope * other, self.off * other)
        return _made(self.hi * other, self.lo * other, self.mid * other, self.slope * other, -self.off * other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Number) -> Number:
        if isinstance(other, Interval):
            return _quotient(self, other)
        if other <= 0:
            raise ZeroDivisionError("the divisor of a rule is never 0 or negative")
        mid, slope, off = self.mid // other - _HALF, self.slope // other, self.off // other + _HALF + 3
        return _made(self.lo // other, self.hi // other, mid, slope, off)

    def __rfloordiv__(self, other: int) -> Number:
        return _quotient(_raw(other, other, other * _SCALE, 0, 0), self)

    def __mod__(self, other: Number) -> Number:
        """What a number that is not negative leaves: only its size is known."""
        most = min(self.hi, (other.hi if isinstance(other, Interval) else other) - 1)
        return Interval(0, most) if most > 0 else 0

    def __rmod__(self, other: int) -> Number:
        return _ranged(other) % self

    def __lt__(self, other: Number) -> bool:
        return _is_positive(other - self)

    def __gt__(self, other: Number) -> bool:
        return _is_positive(self - other)

    def __ge__(self, other: Number) -> bool:
        return not self < other

    def __le__(self, other: Number) -> bool:
        return not self > other

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int | Interval):
            return NotImplemented
        difference = self - other
        if isinstance(difference, int):
            return difference == 0
        return False if difference.lo > 0 or difference.hi < 0 else _undecided()

    def __bool__(self) -> bool:
        return self != 0

    def if_positive(self, then: Number, otherwise: Number) -> Number:
        """:func:`defirisk.fixedpoint.if_positive` on a range: one of the two, or all that lies between them."""
        if self.lo > 0:
            return then
        if self.hi <= 0:
            return otherwise
        return _hull(_ranged(then), _ranged(otherwise))

    def clipped(self, bound: int) -> Number:
        """The same number, which is known not to be above ``bound``."""
        return _made(self.lo, min(self.hi, bound), self.mid, self.slope, self.off)

    def meet(self, other: Number) -> Number:
        """One number of which this and the other both hold true."""
        if isinstance(other, int):
            return other
        closer = self if self.off <= other.off else other
        return _made(max(self.lo, other.lo), min(self.hi, other.hi), closer.mid, closer.slope, closer.off)

    __hash__ = None  # type: ignore[assignment]


def linear(near: int, far: int) -> Number:
    """What goes in a straight line from ``near`` to ``far`` along the stretch, at whole numbers only."""
    low, high = (near, far) if near <= far else (far, near)
    return _made(low, high, (near + far) * _HALF, (far - near) * _HALF, 0)


def _raw(low: int, high: int, mid: int, slope: int, off: int) -> Interval:
    made = Interval.__new__(Interval)
    made.lo, made.hi, made.mid, made.slope, made.off = low, high, mid, slope, off
    return made


def _made(low: int, high: int, mid: int, slope: int, off: int) -> Number:
    """The number with these bounds near this line: each narrows the other."""
    reach = (slope if slope >= 0 else -slope) + off
    low = max(low, -((reach - mid) >> _SCALE_BITS))
    high = min(high, (mid + reach) >> _SCALE_BITS)
    if low == high:
        return low
    if low > high:  # no number at all: a way that nothing takes
        raise Undecided
    return _raw(low, high, mid, slope, off)


def _ranged(x: Number) -> Interval:
    return x if isinstance(x, Interval) else _raw(x, x, x * _SCALE, 0, 0)


def _product(x: Interval, y: Interval) -> Number:
    if x.lo >= 0 <= y.lo:
        low, high = x.lo * y.lo, x.hi * y.hi
    else:
        corners = (x.lo * y.lo, x.lo * y.hi, x.hi * y.lo, x.hi * y.hi)
        low, high = min(corners), max(corners)
    slope = x.mid * y.slope + y.mid * x.slope
    bend = abs(x.slope * y.slope)
    off = (abs(x.mid) + abs(x.slope)) * y.off + (abs(y.mid) + abs(y.slope)) * x.off + x.off * y.off
    return _made(low, high, x.mid * y.mid >> _SCALE_BITS, slope >> _SCALE_BITS, (bend + off >> _SCALE_BITS) + 3)


def _quotient(x: Interval, y: Interval) -> Number:
    """floor(x / y): off the line m + s u by (x - (m + s u) y) / y, whose numerator is bounded term by term."""
    if y.hi <= 0:
        raise ZeroDivisionError("the divisor of a rule is never 0 or negative")
    if y.lo <= 0 or y.mid <= 0:
        raise Undecided
    if x.off == y.off == 0 and x.mid * y.slope == y.mid * x.slope:
        return x.mid // y.mid  # in proportion all along
    low, high = x.lo // (y.hi if x.lo >= 0 else y.lo), x.hi // (y.lo if x.hi >= 0 else y.hi)
    mid = (x.mid << _SCALE_BITS) // y.mid
    slope = ((x.slope << _SCALE_BITS) - mid * y.slope) // y.mid
    rest = abs(slope * y.slope) + (abs(mid) + abs(slope)) * y.off + 2 * y.mid
    off = (x.off + (rest >> _SCALE_BITS) + 4) // y.lo + 1
    return _made(low, high, mid - _HALF, slope, off + _HALF)


def _hull(x: Interval, y: Interval) -> Number:
    apart = abs(x.mid - y.mid) + abs(x.slope - y.slope)
    mid, slope = (x.mid + y.mid) >> 1, (x.slope + y.slope) >> 1
    return _made(min(x.lo, y.lo), max(x.hi, y.hi), mid, slope, (apart >> 1) + max(x.off, y.off) + 2)


def _is_positive(x: Number) -> bool:
    if isinstance(x, int):
        return x > 0
    if x.lo > 0:
        return True
    return False if x.hi <= 0 else _undecided()
