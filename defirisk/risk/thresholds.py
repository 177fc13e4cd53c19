"""The move nearest to today at which a position becomes liquidatable, and at which it leaves bad debt. Exact.

Health is not always monotone in a price (a truncated average before Aave 3.5; seizing rounds), so bisection would be
wrong. Three steps instead, nearest first:

1. Linear forms. Along a road (:mod:`~defirisk.risk.paths`) the margin of safety is linear in the distance, up to
   rounding that is bounded. Where it exceeds the bound, nothing can happen: that stretch is proved and skipped.
2. Intervals. In what stays uncertain, the rules' own code is run on whole stretches of prices
   (:mod:`~defirisk.risk.interval`). One answer for the stretch proves it; no one answer halves it.
3. Points. A stretch of one price is simply replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from defirisk.fixedpoint import WAD, div_down, div_up
from defirisk.model import Direction, Position, Standing, Threshold
from defirisk.protocols.interface import Rules, likely_loses, liquidatable
from defirisk.risk.losing import Losing
from defirisk.risk.paths import Axis, Road, road
from defirisk.risk.stretches import Found, Prices, first_of, probable

ROUNDING_UNITS: Final = 512
"""How many base units of each token, and of the unit of account, a whole replay's roundings may cost the lenders.

A liquidation call rounds a handful of divisions, each by at most one base unit; replays take a few dozen calls."""
MOST_LOOKS: Final = 8
"""How often a guess at where bad debt begins is bettered before the search itself goes on from there."""


@dataclass(frozen=True, slots=True)
class _Line:
    """n0 + n1 * distance >= 0 proves that nothing happens at that distance."""

    at: int
    per: int

    def doubtful(self, end: int) -> tuple[int, int] | None:
        """The first and last distance in [0, end] where the proof fails; ``None`` where it holds throughout."""
        if self.at >= 0:
            if self.at + self.per * end >= 0:
                return None
            return div_down(self.at, -self.per) + 1, end
        if self.per <= 0:
            return 0, end
        return 0, min(end, div_up(-self.at, self.per) - 1)

    def root(self, end: int) -> int:
        """Where the line meets zero, in [0, end]; an end where it does not."""
        if self.per == 0:
            return 0 if self.at < 0 else end
        return min(end, max(0, div_down(self.at, -self.per) + 1 if self.per < 0 else 0))


def thresholds_of(
    position: Position, axes: Sequence[Axis], *, today: Standing | None = None, liquidator: str = "largest"
) -> tuple[Threshold, ...]:
    """The nearest thresholds along every axis, down and up.

    Where the proof would take too long a threshold says that it is not ``proved``: it holds there, and not one step
    nearer, but something still nearer was not excluded.
    """
    standing = today or position.rules.standing(position.state)
    search = _Search(position, standing, searching(liquidator))
    return tuple(search.along(axis, direction) for axis in axes for direction in Direction)


class Nearest(NamedTuple):
    """The single asset whose own move liquidates soonest: ``move`` wad, signed; ``price`` oracle units, ``None`` where
    the move is of no single price; ``proved`` as in :class:`Threshold`.
    """

    axis: Axis
    move: int
    price: int | None
    proved: bool


def nearest_liquidation(position: Position, axes: Sequence[Axis], *, today: Standing) -> Nearest | None:
    """The nearest liquidation along any of these axes, by the size of the move, a fall before a rise as large.

    The same as the nearest of :func:`thresholds_of`, without looking for bad debt or for what is farther away.
    ``None`` where no move liquidates. ``today`` must not be liquidatable.
    """
    return _Search(position, today, "largest").nearest_liquidation(axes)


def searching(liquidator: str) -> str:
    """The order by which bad debt is sought: ``worst-case`` has no order that could be proved on a whole stretch."""
    return "largest" if liquidator == "worst-case" else liquidator


class _Search:
    def __init__(self, position: Position, today: Standing, liquidator: str) -> None:
        self._rules: Rules[Any] = position.rules
        self._state = position.state
        self._prices = position.prices
        self._today = today
        self._losing = Losing(position.rules, liquidator)
        likely = likely_loses(position.rules) if liquidator == "largest" else None
        self._likely = None if likely is None else self._asking(likely)
        slack = self._rules.health_slack(self._state, today)
        weigh = _Weights(self._state.scales)
        self._common = weigh.common
        self._safety = weigh.safety(today, slack.threshold)
        self._safety_loss = slack.value
        rounding = ROUNDING_UNITS if slack.rounding is None else slack.rounding
        self._cover = weigh.cover(today, rounding) if slack.conserves else None
        self._cover_loss = ROUNDING_UNITS if slack.unit_rounding is None else slack.unit_rounding
        self._health = weigh.safety(today, 0)
        self._surplus = weigh.cover(today, 0)

    def along(self, axis: Axis, direction: Direction) -> Threshold:
        way = road(self._prices, axis, direction)
        liquidation, bad_debt = self._nearest(way)
        return Threshold(
            kind=axis.kind,
            move=axis.name,
            direction=direction,
            liquidation=_at(liquidation, way.move),
            bad_debt=_at(bad_debt, way.move),
            asset=axis.asset,
            liquidation_price=_at(liquidation, way.price),
            bad_debt_price=_at(bad_debt, way.price),
            searched_to=way.move(way.end),
            proved=liquidation.proved and bad_debt.proved,
            liquidation_proved=liquidation.proved,
        )

    def nearest_liquidation(self, axes: Sequence[Axis]) -> Nearest | None:
        """Road by road, the one that may be the nearest first, until no other can be nearer than what was found."""
        roads = [(axis, road(self._prices, axis, direction)) for axis in axes for direction in Direction]
        safe = ((order, way, self._safe_until(way)) for order, (_, way) in enumerate(roads))
        possible = [(abs(way.move(near)), order) for order, way, near in safe if near is not None]
        best: tuple[int, int] | None = None
        found: Nearest | None = None
        for nearest_possible, order in sorted(possible):
            if best is not None and nearest_possible > best[0]:
                break
            axis, way = roads[order]
            at = self._liquidated_at(way)
            if at.distance is not None and (best is None or (abs(way.move(at.distance)), order) < best):
                best = abs(way.move(at.distance)), order
                found = Nearest(axis, way.move(at.distance), way.price(at.distance), at.proved)
        return found

    def _safe_until(self, way: Road) -> int | None:
        """The first distance at which it is not proved by the linear form that the position is safe."""
        unsafe = self._unsafe(way)
        return None if unsafe is None or not self._today.debt else max(1, unsafe[0])

    def _unsafe(self, way: Road) -> tuple[int, int] | None:
        return _line(self._safety, self._safety_loss * self._common, way).doubtful(way.end)

    def _liquidated_at(self, way: Road) -> Found:
        unsafe = self._unsafe(way)
        if unsafe is None:
            return Found(None)
        return first_of(way, unsafe, _line(self._health, 0, way).root(way.end), self._liquidatable)

    def _nearest(self, way: Road) -> tuple[Found, Found]:
        nowhere = Found(None)
        unsafe = self._unsafe(way)
        if not self._today.debt or unsafe is None:
            return nowhere, nowhere
        liquidation = self._liquidated_at(way)
        uncovered = self._uncovered(way)
        if liquidation.distance is None or uncovered is None:
            return liquidation, nowhere._replace(proved=liquidation.proved)
        doubtful = max(liquidation.distance, uncovered[0]), min(unsafe[1], uncovered[1])
        guess = self._guess(way, doubtful)
        steered = probable(way, doubtful, guess, self._likely) if self._likely else guess
        return liquidation, first_of(way, doubtful, steered, self._loses, self._losing)

    def _uncovered(self, way: Road) -> tuple[int, int] | None:
        if self._cover is None:
            return 0, way.end
        return _line(self._cover, self._cover_loss * self._common, way).doubtful(way.end)

    def _guess(self, way: Road, stretch: tuple[int, int]) -> int:
        """Where the surplus is eaten up: roundings eat next to the same at neighbouring prices, so a few looks do."""
        line = _line(self._surplus, 0, way, exact=True)
        guess = min(max(line.root(way.end), stretch[0]), stretch[1])
        for _ in range(MOST_LOOKS):
            eaten = self._losing.eaten(self._rules.reprice(self._state, way.prices(guess)))
            at, per = line.at - eaten * way.denominator[0], line.per - eaten * way.denominator[1]
            closer = min(max(_Line(at, per).root(way.end), stretch[0]), stretch[1])
            if closer == guess:
                break
            guess = closer
        self._losing.steps = 0
        return guess

    def _liquidatable(self, prices: Prices) -> bool:
        return liquidatable(self._rules, self._rules.reprice(self._state, prices))  # type: ignore[arg-type]

    def _asking(self, asked: Callable[[Any], bool]) -> Callable[[Prices], bool]:
        return lambda prices: asked(self._rules.reprice(self._state, prices))  # type: ignore[arg-type]

    def _loses(self, prices: Prices) -> bool:
        return self._losing.loses(self._rules.reprice(self._state, prices))  # type: ignore[arg-type]


def _at(found: Found, figure: Callable[[int], int | None]) -> int | None:
    return None if found.distance is None else figure(found.distance)


class _Weights:
    """By price slot: how much a margin grows with the price, in amount * wad * common / scale."""

    def __init__(self, scales: tuple[int, ...]) -> None:
        self.common = max(scales)
        self._factors = [div_down(self.common, scale) for scale in scales]

    def safety(self, today: Standing, slack: int) -> list[int]:
        """The margin of health, each threshold less ``slack`` (wad)."""
        supplied = [
            (leg.slot, leg.amount * (leg.liquidation_threshold - slack)) for leg in today.collateral if leg.counts
        ]
        return self._summed(supplied + [(leg.slot, -leg.amount * WAD) for leg in today.debt])

    def cover(self, today: Standing, rounding: int) -> list[int]:
        """What liquidation can repay less the debt, with ``rounding`` base units of each token against the lenders."""
        supplied = [
            (leg.slot, (leg.amount - rounding) * leg.recovery - leg.amount) for leg in today.collateral if leg.counts
        ]
        return self._summed(supplied + [(leg.slot, -(leg.amount + rounding) * WAD) for leg in today.debt])

    def _summed(self, parts: list[tuple[int, int]]) -> list[int]:
        weights = [0] * len(self._factors)
        for slot, weight in parts:
            weights[slot] += weight * self._factors[slot]
        return weights


def _line(weights: list[int], loss: int, way: Road, *, exact: bool = False) -> _Line:
    """The margin sum(weight * price) - wad * loss along a road, from below, times what makes it integers.

    A price is up to one unit below its exact quotient, which costs a positive weight that much, unless one asks for
    the ``exact`` quotients.
    """
    at = per = 0
    constant = loss * WAD
    for weight, (price, step) in zip(weights, way.numerator, strict=True):
        at += weight * price
        per += weight * step
        constant += max(0, weight) if not exact and (step or way.denominator[1]) else 0
    return _Line(at - constant * way.denominator[0], per - constant * way.denominator[1])
