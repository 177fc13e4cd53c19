"""The engine's front door: a position and scenarios in, everything that is to be said of it out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from defirisk.errors import UnknownLiquidator
from defirisk.model import Limits, Outcome, Position, Scenario, Standing, Threshold, Verdict
from defirisk.model import Warning as Notice
from defirisk.risk.axes import axes_of
from defirisk.risk.binding import BoundScenario, known_assets, validate
from defirisk.risk.families import FamilyBook, FamilyOf
from defirisk.risk.limits import limit_warnings
from defirisk.risk.outcome import Prices, outcome_of
from defirisk.risk.replay import liquidators
from defirisk.risk.scenarios import moved_prices
from defirisk.risk.thresholds import searching, thresholds_of
from defirisk.risk.verdict import unpriced_verdict, verdict_of

if TYPE_CHECKING:
    from defirisk.whatif.outcome import Comparison

TODAY: Final = "today"


@dataclass(frozen=True, slots=True)
class PositionAnalysis:
    """What there is to say of a position.

    ``standing`` is ``None`` where it is unpriced, and then there are no thresholds and no outcomes. ``families`` are
    by price slot. ``thresholds`` are empty where they were not asked for. ``outcomes`` are in the scenarios' order.
    ``limits`` are what the market still takes. ``position`` carries what the analysis has to warn of beside what the
    reader had. ``what_if`` is what was changed and asked of it beside, ``None`` where nothing was.
    """

    position: Position
    standing: Standing | None
    families: tuple[FamilyOf, ...]
    thresholds: tuple[Threshold, ...]
    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    limits: tuple[Limits, ...] = ()
    what_if: Comparison | None = None


def analyse(
    position: Position,
    scenarios: Iterable[Scenario | BoundScenario],
    *,
    book: FamilyBook,
    liquidator: str = "largest",
    thresholds: bool = True,
) -> PositionAnalysis:
    """Judge one position today and under every scenario.

    Args:
        position: as read.
        scenarios: bound by :func:`defirisk.risk.scenarios.validate` where there are several positions; a plain
            scenario is bound here to this position's own assets.
        book: the families.
        liquidator: the order of liquidations.
        thresholds: whether to find them; the verdict is shorter without.

    Raises:
        UnknownLiquidator: no such order.
        BadMove: a scenario makes a price 0 here, or gives an absolute price that this market cannot take.
        UnknownAsset, AmbiguousAsset: a plain scenario names what this position does not know, or not clearly.
    """
    if liquidator not in liquidators():
        raise UnknownLiquidator(
            f"no liquidator order is named {liquidator!a}", hint=f"one of {', '.join(liquidators())}"
        )
    if position.unpriced:
        verdict = unpriced_verdict(position)
        return PositionAnalysis(position, None, book.families(position), (), verdict, (), _limits(position))
    standing = position.rules.standing(position.state)
    families = book.families(position, standing)
    found = _thresholds(position, standing, book, liquidator) if thresholds else None
    limits = _limits(position)
    notices = (*limit_warnings(limits, standing), *_doubts(found or (), liquidator))
    moved = ((each.name, moved_prices(position, each, book, families)) for each in _bound(position, scenarios, book))
    return PositionAnalysis(
        position=replace(position, warnings=(*position.warnings, *notices)),
        standing=standing,
        families=families,
        thresholds=found or (),
        verdict=verdict_of(position, standing, families, found, _today(position, standing, liquidator)),
        outcomes=tuple(
            outcome_of(position, name, prices, liquidator=liquidator, today=standing) for name, prices in moved
        ),
        limits=limits,
    )


def _limits(position: Position) -> tuple[Limits, ...]:
    limits: tuple[Limits, ...] = position.rules.limits(position.state, position.listing)
    return limits


def _doubts(thresholds: tuple[Threshold, ...], liquidator: str) -> Iterable[Notice]:
    """What must be said of how the thresholds were found."""
    if thresholds and searching(liquidator) != liquidator:
        text = f"thresholds assume the liquidator {searching(liquidator)}; the scenarios use {liquidator}"
        yield Notice("thresholds-by-largest", text)
    for threshold in thresholds:
        if not threshold.proved:
            text = f"{threshold.move} {threshold.direction}: a nearer threshold could not be excluded"
            yield Notice("threshold-unproved", text)


def _thresholds(position: Position, standing: Standing, book: FamilyBook, liquidator: str) -> tuple[Threshold, ...]:
    return thresholds_of(position, axes_of(position, standing, book), today=standing, liquidator=liquidator)


def _today(position: Position, standing: Standing, liquidator: str) -> Outcome | None:
    if not standing.liquidatable:
        return None
    return outcome_of(position, TODAY, Prices(position.prices), liquidator=liquidator, today=standing)


def _bound(
    position: Position, scenarios: Iterable[Scenario | BoundScenario], book: FamilyBook
) -> Iterable[BoundScenario]:
    for scenario in scenarios:
        if isinstance(scenario, BoundScenario):
            yield scenario
        else:
            yield from validate([scenario], known_assets([position]), book)
