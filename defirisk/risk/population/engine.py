"""All positions under all scenarios at once: floats with proved bounds, and the exact engine for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from defirisk.errors import UnknownEngine, UnknownLiquidator
from defirisk.risk.binding import BoundScenario
from defirisk.risk.families import FamilyBook
from defirisk.risk.population.columns import Population
from defirisk.risk.population.exactly import ExactPairs
from defirisk.risk.population.outcomes import PopulationOutcomes, empty_outcomes
from defirisk.risk.replay import liquidators

ENGINES: Final = ("auto", "exact", "fast")


class Choice(NamedTuple):
    """The engine that is used, and why, in words for people."""

    engine: str
    why: str


def replay_population(
    population: Population,
    scenarios: Sequence[BoundScenario],
    book: FamilyBook,
    *,
    liquidator: str = "largest",
    engine: str = "auto",
    keep_exact: bool = True,
) -> PopulationOutcomes:
    """Replay every position under every scenario.

    Args:
        population: the positions.
        scenarios: bound to the assets that were read (:func:`defirisk.risk.binding.validate`).
        book: the families.
        liquidator: the order of liquidations; the float rules know ``largest`` only.
        engine: ``exact``; ``fast``, floats with proved error bounds and the exact engine for what they cannot decide;
            or ``auto``, which takes ``exact`` for few pairs and where ``fast`` cannot be had, and says so.
        keep_exact: keep the exact :class:`~defirisk.model.Outcome` of each pair that the exact engine replayed.

    Raises:
        UnknownLiquidator: no such order.
        UnknownEngine: no such engine, or ``fast`` was asked for where it cannot be had.
    """
    if liquidator not in liquidators():
        raise UnknownLiquidator(
            f"no liquidator order is named {liquidator!a}", hint=f"one of {', '.join(liquidators())}"
        )
    choice = chosen(engine)
    arrays = empty_outcomes((len(population), len(scenarios)), len(population.assets))
    exactly = ExactPairs(population, scenarios, book, liquidator, arrays, keep=keep_exact)
    for row in range(len(population)):
        exactly.replay(row, range(len(scenarios)))
    return PopulationOutcomes(
        scenarios=tuple(scenario.name for scenario in scenarios),
        assets=population.assets,
        engine=choice.engine,
        why=choice.why,
        outcomes=exactly.kept,
        **arrays,
    )


def chosen(engine: str) -> Choice:
    """The engine that is used for what was asked.

    Raises:
        UnknownEngine: no such engine, or ``fast`` was asked for where it cannot be had.
    """
    if engine not in ENGINES:
        raise UnknownEngine(f"no engine is named {engine!a}", hint=f"one of {', '.join(ENGINES)}")
    if engine == "exact":
        return Choice("exact", "asked for")
    return Choice("exact", "the float rules are not there yet")
