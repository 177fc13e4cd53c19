"""Outcomes by the population engine: floats with proved bounds, and exact figures where it replayed exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from defirisk.auditing.outcomes import Figures, exact_pair, figures_of
from defirisk.errors import BadMove
from defirisk.fixedpoint import WAD
from defirisk.model import Position, Standing
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenarios import moved_prices

if TYPE_CHECKING:
    from defirisk.auditing.partition import Plan
    from defirisk.risk.binding import BoundScenario

Held = Sequence[tuple[Position, Standing]]


def fast_figures(held: Held, plan: Plan, book: FamilyBook) -> Iterator[Figures]:
    """Every position under every scenario, scenarios inside; no figure depends on how positions were cut into parts.

    Bad debt of a position with several debts is replayed exactly, since floats do not tell in which it stays.
    """
    from defirisk.risk.population import Population, replay_population  # noqa: PLC0415 - numpy only where it is used

    population = Population.of([position for position, _ in held])
    found = replay_population(population, plan.scenarios, book, liquidator=plan.liquidator, engine="fast")
    arrays = _Lists(found)
    for row, (position, standing) in enumerate(held):
        families = book.families(position, standing)
        for column, scenario in enumerate(plan.scenarios):
            if arrays.left_out[row][column]:
                yield refused_figures(position, scenario, book)
            elif (row, column) in found.outcomes:
                prices = moved_prices(position, scenario, book, families)
                yield figures_of(position, found.outcomes[row, column], prices)
            elif len(standing.debt) > 1 and arrays.bad_debt_value[row][column] > 0:
                yield exact_pair((position, standing), scenario, plan, book, families)
            else:
                yield arrays.figures(row, column, standing)


class _Lists:
    """The arrays as lists, whose cells are plain numbers."""

    def __init__(self, found: Any) -> None:
        from defirisk.risk.population import ENDINGS  # noqa: PLC0415 - as above

        self._endings = [ending.value for ending in ENDINGS]
        self.left_out: list[list[bool]] = found.left_out.tolist()
        self.bad_debt_value: list[list[float]] = found.bad_debt_value.tolist()
        self._health: list[list[float]] = found.health_factor.tolist()
        self._liquidatable: list[list[bool]] = found.liquidatable.tolist()
        self._liquidations: list[list[int]] = found.liquidations.tolist()
        self._repaid: list[list[float]] = found.repaid_value.tolist()
        self._uncovered: list[list[float]] = found.uncovered_value.tolist()
        self._ended: list[list[int]] = found.ended.tolist()

    def figures(self, row: int, column: int, standing: Standing) -> Figures:
        """A pair that floats decided; values to the nearest base unit, so that they add up in any order."""
        health, bad_debt = self._health[row][column], round(self.bad_debt_value[row][column])
        return Figures(
            health=None if isnan(health) else health,
            health_factor=None if isnan(health) else round(health * WAD),
            liquidatable=self._liquidatable[row][column],
            liquidations=self._liquidations[row][column],
            repaid=round(self._repaid[row][column]),
            bad_debt=bad_debt,
            uncovered=round(self._uncovered[row][column]),
            ended=self._endings[self._ended[row][column]],
            lost=((standing.debt[0].token, bad_debt),) if bad_debt else (),
            exact=False,
        )


def refused_figures(position: Position, scenario: BoundScenario, book: FamilyBook) -> Figures:
    """Why the prices cannot take a scenario, in the exact engine's words."""
    try:
        moved_prices(position, scenario, book)
    except BadMove as problem:
        return Figures(refused=f"{scenario.name} was left out: {problem.message}")
    return Figures(refused=f"{scenario.name} was left out: its prices do not fit {position.market.name}")
