"""A price move as a road: how far from today, and what every price is there.

A threshold is a distance on such a road. Along it each price is a quotient of two linear functions of the distance,
rounded down: that is all that :mod:`~defirisk.risk.thresholds` needs to prove whole stretches at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from defirisk.fixedpoint import WAD, div_down, div_up, mul_div_up
from defirisk.model import Direction
from defirisk.risk.interval import Interval, linear

MOST_RISE: Final = 999
"""Rises are searched up to this many times today's price on top of it (+99,900 %)."""


_NEVER: Final = 10**60
"""Farther than any road."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What moves together: an asset or a group.

    ``kind`` is "asset" or "group"; ``slots`` are the prices that move; ``unit_moves`` that the market's unit of
    account moves with them, so that every other price there moves against it; ``asset`` the address of an asset axis.
    """

    kind: str
    name: str
    slots: frozenset[int]
    asset: str | None = None
    unit_moves: bool = False


@dataclass(frozen=True, slots=True)
class Road:
    """One axis in one direction. ``numerator[i]`` and ``denominator`` are (at today, per unit of distance): the price
    of slot i at distance d is floor((n0 + n1 d) / (m0 + m1 d)), and ``end`` the largest distance searched.

    ``by_price`` means that a unit of distance is one unit of the oracle's price; otherwise it is 1e-18 of a move.
    """

    numerator: tuple[tuple[int, int], ...]
    denominator: tuple[int, int]
    end: int
    today: int
    by_price: bool
    direction: Direction

    def prices(self, distance: int) -> tuple[int, ...]:
        """All prices at a distance, oracle units."""
        below = self.denominator[0] + self.denominator[1] * distance
        return tuple(div_down(at + per * distance, below) for at, per in self.numerator)

    def price_ranges(self, near: int, far: int) -> tuple[int | Interval, ...]:
        """Every price between two distances, as it goes from one to the other."""
        below = linear(*(self.denominator[0] + self.denominator[1] * at for at in (near, far)))
        rows = (linear(at + per * near, at + per * far) for at, per in self.numerator)
        return tuple(rows) if self.by_price else tuple(row // below for row in rows)

    def same_until(self, distance: int) -> tuple[int, ...]:
        """The largest distances up to which each price that moves is what it is here, nearest first."""
        moving = (
            _same_until(price, at, per, self.denominator)
            for price, (at, per) in zip(self.prices(distance), self.numerator, strict=True)
            if per or self.denominator[1]
        )
        return tuple(sorted(min(end, self.end) for end in moving)) or (self.end,)

    def move(self, distance: int) -> int:
        """The signed move at a distance, wad, rounded away from zero."""
        size = mul_div_up(distance, WAD, self.today) if self.by_price else distance
        return -size if self.direction is Direction.DOWN else size

    def price(self, distance: int) -> int | None:
        """The price of the asset that moves, where it is one price; ``None`` for a group."""
        if not self.by_price:
            return None
        return self.today - distance if self.direction is Direction.DOWN else self.today + distance


def _same_until(price: int, at: int, per: int, below: tuple[int, int]) -> int:
    """The largest d with floor((at + per d) / (below[0] + below[1] d)) == price, on the side where it changes."""
    fall, rise = per - price * below[1], per - (price + 1) * below[1]
    if fall < 0:
        return div_down(at - price * below[0], -fall)
    if rise > 0:
        return div_down((price + 1) * below[0] - at - 1, rise)
    return _NEVER


def road(prices: tuple[int, ...], axis: Axis, direction: Direction) -> Road:
    """The road of an axis from today's prices."""
    moved = {prices[slot] for slot in axis.slots}
    if axis.kind == "asset" and len(moved) == 1 and not axis.unit_moves:
        return _price_road(prices, axis.slots, moved.pop(), direction)
    return _move_road(prices, axis, direction)


def _price_road(prices: tuple[int, ...], slots: frozenset[int], today: int, direction: Direction) -> Road:
    down = direction is Direction.DOWN
    step = -1 if down else 1
    numerator = tuple((price, step if i in slots else 0) for i, price in enumerate(prices))
    return Road(numerator, (1, 0), today - 1 if down else today * MOST_RISE, today, True, direction)


def _move_road(prices: tuple[int, ...], axis: Axis, direction: Direction) -> Road:
    down = direction is Direction.DOWN
    step = -1 if down else 1
    numerator = tuple((price * WAD, step * price if i in axis.slots else 0) for i, price in enumerate(prices))
    denominator = (WAD, step if axis.unit_moves else 0)
    return Road(
        numerator, denominator, _deepest(prices, axis) if down else _highest(prices, axis), WAD, False, direction
    )


def _deepest(prices: tuple[int, ...], axis: Axis) -> int:
    """The deepest fall that leaves every moved price at one oracle unit or more."""
    moved = [prices[slot] for slot in axis.slots] if not axis.unit_moves else []
    return min((WAD - div_up(WAD, price) for price in moved), default=WAD - 1)


def _highest(prices: tuple[int, ...], axis: Axis) -> int:
    """The largest rise looked at; where the unit of account rises, every other price must stay at one unit or more."""
    against = [price for slot, price in enumerate(prices) if slot not in axis.slots] if axis.unit_moves else []
    return min([WAD * MOST_RISE, *((price - 1) * WAD for price in against)])
