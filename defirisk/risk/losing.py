"""Whether liquidations leave the lenders a loss: a replay that stops as soon as what is left of it can be foretold.

Every call keeps the surplus, sum(collateral value * recovery) - debt value, but for its roundings. So once the surplus
is larger than all that the roundings still to come may take, nothing is lost, whatever the order in which the last
grains go; and once it is as far below zero, something is. Where a close factor halves a debt thirty times over that
spares nearly all of the replay, and on a whole stretch of prices it spares to decide which grain goes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from defirisk.fixedpoint import WAD, div_down, least, most
from defirisk.model import Ended, Standing
from defirisk.protocols.interface import Drift, Rules, Step
from defirisk.risk.replay import (
    MAX_STEPS,
    Course,
    Order,
    Replay,
    ReplayDidNotEnd,
    advance,
    attempt,
    order_named,
    pairs_of,
    settled,
)

LOOK: Final = 4
"""Every how many calls it is asked what is foretold: to look costs as much as to replay a call."""


class Losing:
    """Asks of one rule set and liquidator; ``steps`` counts the calls that were replayed, ``asked`` how often."""

    def __init__(self, rules: Rules[Any], liquidator: str) -> None:
        self._rules = rules
        self._order: Order = order_named(liquidator)
        self.steps = self.asked = 0

    def loses(self, state: Any) -> bool:
        """:meth:`defirisk.risk.replay.Replay.loses` of a replay from here."""
        self.asked += 1
        return self._followed(Course(state, self._rules.standing(state)))[0]

    def eaten(self, state: Any) -> int:
        """By how much the surplus falls on the way, as far as it is followed; unit base units * wad * common scale."""
        standing = self._rules.standing(state)
        _, last = self._followed(Course(state, standing))
        return surplus(standing, state.scales) - surplus(last, state.scales)

    def _followed(self, course: Course) -> tuple[bool, Standing]:
        """Whether it loses, and where that was told."""
        rules = self._rules
        for number in range(MAX_STEPS):
            self.steps += 1
            ended = settled(rules, course)
            if ended is not None:
                return _lost(course, ended), course.standing
            told = None if number % LOOK else foretold(rules, course.state, course.standing)
            if told is not None:
                return told, course.standing
            further = self._further(course)
            if further is None:
                return _lost(course, Ended.RULES), course.standing
            course = further
        raise ReplayDidNotEnd(f"rules {rules.name}: no end after {MAX_STEPS} liquidations")

    def _further(self, course: Course) -> Course | None:
        for pair in pairs_of(self._rules, course.standing, self._order):
            step = attempt(self._rules, course, pair)
            if step is not None:
                return advance(self._rules, course, step, pair) if step.bad_debt else self._on(course, step)
        return None

    def _on(self, course: Course, step: Step) -> Course:
        """The course one step on, which loses nothing: what it moved is of no concern here."""
        standing = self._rules.standing(step.state)
        return Course(step.state, standing, course.liquidations, (*course.written_off, *step.written_off))


def _lost(course: Course, ended: Ended) -> bool:
    standing, state = course.standing, course.state
    return Replay(standing, standing, state, course.liquidations, course.written_off, ended, state.prices).loses()


def foretold(rules: Rules[Any], state: Any, standing: Standing) -> bool | None:
    """Whether liquidating a liquidatable state leaves a loss, where its rules' roundings cannot change it.

    At the end nothing is owed, or nothing is left to seize, or the account is healthy, or the rules stop. With a
    surplus above what may be ``lost`` it is still positive then: there is no debt without collateral, and where the
    rules stop what is left repays what is owed. With one below what may be ``gained`` it is negative then: something
    is owed; the account is not healthy, for its collateral after thresholds is worth no more than its surplus and its
    debt; and what is left does not repay it.
    """
    tail = rules.tail(state, standing)
    if tail is None:
        return None
    scales = state.scales
    if least(_surplus(standing, scales, tail.lost, -1)) >= 0:
        return False
    conceals = any(leg.liquidation_threshold > leg.recovery for leg in standing.collateral if leg.counts)
    if not conceals and most(_surplus(standing, scales, tail.gained, 1)) < 0:
        return True
    return None


def surplus(standing: Standing, scales: Sequence[int]) -> int:
    """sum(collateral value * recovery) - debt value, unit base units * wad * common scale."""
    return _surplus(standing, scales, Drift((0,) * len(standing.collateral), (0,) * len(standing.debt), 0), -1)


def _surplus(standing: Standing, scales: Sequence[int], drift: Drift, sign: int) -> int:
    """The surplus moved by a drift, from below (``sign`` -1) or above (1), in unit base units * wad * common scale.

    A recovery is a quotient cut by less than 1e-18, which is allowed for on the side that it matters.
    """
    common = max(scales)
    total = sign * drift.unit * common * WAD
    for leg, units in zip(standing.collateral, drift.supply, strict=True):
        if leg.counts:
            recovery = leg.recovery + (sign + 1) // 2
            total = total + (leg.amount + sign * units) * leg.price * (recovery * div_down(common, scales[leg.slot]))
    for owed, units in zip(standing.debt, drift.debt, strict=True):
        total = total - (owed.amount - sign * units) * owed.price * (WAD * div_down(common, scales[owed.slot]))
    return total
