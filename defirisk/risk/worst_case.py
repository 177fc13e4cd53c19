"""``worst-case``: the order of liquidations that leaves the most bad debt.

Exhaustive up to 4 collaterals, 2 debts and 10,000 states; beyond that greedy, by the lowest health after a step.
"""

from __future__ import annotations

from typing import Any, Final

from defirisk.model import Ended
from defirisk.protocols.interface import Rules
from defirisk.risk.replay import (
    MAX_STEPS,
    Course,
    Replay,
    ReplayDidNotEnd,
    advance,
    attempt,
    by_largest,
    pairs_of,
    pays,
    settled,
)

MOST_COLLATERALS: Final = 4
MOST_DEBTS: Final = 2
MOST_STATES: Final = 10_000

Ending = tuple[Course, Ended]


class _TooMany(Exception):
    """More states than the exhaustive search may look at."""


def worst_course(rules: Rules[Any], start: Course, market: tuple[int, ...] | None) -> tuple[Course, Ended, str]:
    """The course with the largest loss to the lenders, its ending, and how it was found."""
    counted = sum(leg.counts for leg in start.standing.collateral)
    if counted <= MOST_COLLATERALS and len(start.standing.debt) <= MOST_DEBTS:
        found = _Exhaustive(rules, market).worst(start)
        if found is not None:
            return (*found, "exhaustive")
    return (*_greedy(rules, start, market), "greedy")


class _Exhaustive:
    """Depth first over all orders; what a state leads to does not depend on how it was reached."""

    def __init__(self, rules: Rules[Any], market: tuple[int, ...] | None) -> None:
        self._rules = rules
        self._market = market
        self._known: dict[Any, tuple[int, Ending]] = {}

    def worst(self, start: Course) -> Ending | None:
        """The worst ending, or ``None`` where there are too many states to look at them all."""
        try:
            return self._from(start)[1]
        except _TooMany:
            return None

    def _from(self, course: Course) -> tuple[int, Ending]:
        # Steps already taken add their own write-offs, so a course is remembered by its whole past loss too.
        key = (course.state, course.written_off)
        if key in self._known:
            loss, (end, known) = self._known[key]
            return loss, (_with_past(course, end), known)
        if len(self._known) >= MOST_STATES:
            raise _TooMany
        ended = settled(self._rules, course)
        best = self._leaf(course, ended) if ended is not None else self._branch(course)
        self._known[key] = (best[0], (_without_past(course, best[1][0]), best[1][1]))
        return best

    def _branch(self, course: Course) -> tuple[int, Ending]:
        steps, allowed = _choices(self._rules, course, self._market)
        if not steps:
            return self._leaf(course, Ended.LIQUIDATOR if allowed else Ended.RULES)
        return max((self._from(step) for step in steps), key=lambda found: found[0])

    def _leaf(self, course: Course, ended: Ended) -> tuple[int, Ending]:
        return _loss(course, ended, self._market), (course, ended)


def _greedy(rules: Rules[Any], course: Course, market: tuple[int, ...] | None) -> Ending:
    for _ in range(MAX_STEPS):
        ended = settled(rules, course)
        if ended is not None:
            return course, ended
        steps, allowed = _choices(rules, course, market)
        if not steps:
            return course, Ended.LIQUIDATOR if allowed else Ended.RULES
        course = min(steps, key=_health)
    raise ReplayDidNotEnd(f"rules {rules.name}: no end after {MAX_STEPS} liquidations")


def _choices(rules: Rules[Any], course: Course, market: tuple[int, ...] | None) -> tuple[list[Course], bool]:
    """Every step that the rules allow and the market pays for, and whether the rules allowed any."""
    attempts = [(pair, attempt(rules, course, pair)) for pair in pairs_of(rules, course.standing, by_largest)]
    allowed = [(pair, step) for pair, step in attempts if step is not None]
    taken = [(pair, step) for pair, step in allowed if market is None or pays(rules, course.state, step, market)]
    return [advance(rules, course, step, pair) for pair, step in taken], bool(allowed)


def _health(course: Course) -> int:
    """The health after a step; a debt written off is the worst, a debt repaid the best."""
    factor = course.standing.health_factor
    if factor is not None:
        return factor
    return -1 if course.written_off else 2**256


def _loss(course: Course, ended: Ended, market: tuple[int, ...] | None) -> int:
    prices = course.state.prices if market is None else market
    replayed = Replay(
        course.standing, course.standing, course.state, course.liquidations, course.written_off, ended, prices
    )
    return replayed.loss()


def _without_past(past: Course, end: Course) -> Course:
    return Course(end.state, end.standing, end.liquidations[len(past.liquidations) :], end.written_off)


def _with_past(past: Course, end: Course) -> Course:
    return Course(end.state, end.standing, (*past.liquidations, *end.liquidations), end.written_off)
