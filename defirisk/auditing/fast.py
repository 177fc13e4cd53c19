"""Outcomes by the population engine: floats with proved bounds, and exact figures where it replayed exactly.

Floats are rounded to whole base units one by one, and what is added up are integers: no sum depends on how positions
were cut into parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from defirisk.auditing.adding import add_assets, add_bad_debt, scale_of
from defirisk.auditing.outcomes import Figures, exact_pair, figures_of
from defirisk.auditing.summary import ScenarioSums
from defirisk.errors import BadMove
from defirisk.fixedpoint import WAD
from defirisk.model import Position, Standing
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenarios import moved_prices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from defirisk.auditing.partition import Plan
    from defirisk.risk.binding import BoundScenario
    from defirisk.risk.population import PopulationOutcomes

Held = Sequence[tuple[Position, Standing]]
_LIMB: Final = 32


class Block:
    """Positions under every scenario. ``exactly`` holds the figures of the pairs (position, scenario) that floats do
    not tell: those that the engine replayed exactly, those that the scenario does not fit, and those that leave bad
    debt in one of several assets.
    """

    def __init__(self, held: Held, plan: Plan, book: FamilyBook) -> None:
        import numpy as np  # noqa: PLC0415 - only where it is used

        from defirisk.risk.population import Population, replay_population  # noqa: PLC0415 - as above

        self._held, self._plan, self._book = held, plan, book
        population = Population.of([position for position, _ in held])
        self._found = replay_population(population, plan.scenarios, book, liquidator=plan.liquidator, engine="fast")
        self.exactly = {pair: self._exact(*pair) for pair in self._pairs(self._found)}
        floats = np.ones(self._found.left_out.shape, np.bool_)
        for pair in self.exactly:
            floats[pair] = False
        self._floats = floats
        self._liquidatable = self._found.liquidatable & floats
        self._repaid, self._bad_debt, self._uncovered = (
            np.where(floats, np.rint(values), 0.0)
            for values in (self._found.repaid_value, self._found.bad_debt_value, self._found.uncovered_value)
        )
        self._loss = np.maximum(self._bad_debt, self._uncovered)
        self._exact_rows = {row for row, _ in self.exactly}

    def _pairs(self, found: PopulationOutcomes) -> list[tuple[int, int]]:
        import numpy as np  # noqa: PLC0415 - as above

        several = np.array([len(standing.debt) > 1 for _, standing in self._held], np.bool_)
        unclear = (found.bad_debt_value > 0) & several[:, None] if len(several) else found.exact
        return [(int(row), int(column)) for row, column in np.argwhere(found.exact | found.left_out | unclear)]

    def _exact(self, row: int, column: int) -> Figures:
        position, standing = self._held[row]
        scenario = self._plan.scenarios[column]
        if self._found.left_out[row, column]:
            return refused_figures(position, scenario, self._book)
        families = self._book.families(position, standing)
        outcome = self._found.outcomes.get((row, column))
        if outcome is None:
            return exact_pair((position, standing), scenario, self._plan, self._book, families)
        return figures_of(position, outcome, moved_prices(position, scenario, self._book, families))

    def rows_by_market(self) -> dict[str, NDArray[np.int64]]:
        """The rows of each market's positions."""
        import numpy as np  # noqa: PLC0415 - as above

        found: dict[str, list[int]] = {}
        for row, (position, _) in enumerate(self._held):
            found.setdefault(position.market.name, []).append(row)
        return {market: np.array(rows, np.int64) for market, rows in found.items()}

    def sums(self, rows: NDArray[np.int64], column: int) -> ScenarioSums:
        """What floats tell of these rows, all of one market; ``exactly`` is not in it."""
        scale = scale_of(self._held[rows[0]][0].market.unit)
        floats = self._floats[rows, column]
        losses = self._loss[rows, column]
        total = ScenarioSums(
            positions=int(floats.sum()),
            liquidations=int(self._found.liquidations[rows, column][floats].sum()),
            repaid=exact_sum(self._repaid[rows, column]) * scale,
            bad_debt=exact_sum(self._bad_debt[rows, column]) * scale,
            uncovered=exact_sum(self._uncovered[rows, column]) * scale,
            loss=exact_sum(losses) * scale,
            losing=int((losses > 0).sum()),
            fast=int(floats.sum()),
        )
        for row in rows[self._liquidatable[rows, column]].tolist():
            standing = self._held[row][1]
            total.liquidatable.add(standing.collateral_value * scale, standing.debt_value * scale)
            add_assets(total.assets, standing, scale)
        for row in rows[self._bad_debt[rows, column] > 0].tolist():
            token = self._held[row][1].debt[0].token
            add_bad_debt(total.assets, token, int(self._bad_debt[row, column]) * scale)
        return total

    def worst(self, row: int) -> tuple[int, int, bool]:
        """The largest loss of a position, the first scenario that has it, and whether any makes it liquidatable."""
        if row not in self._exact_rows:
            place = int(self._loss[row].argmax()) if len(self._plan.scenarios) else 0
            loss = int(self._loss[row, place]) if len(self._plan.scenarios) else 0
            return loss, place, bool(self._liquidatable[row].any())
        figures = self.figures(row)
        minus_loss, place = min((-one.loss, place) for place, one in enumerate(figures))
        return -minus_loss, place, any(one.liquidatable for one in figures)

    def figures(self, row: int) -> list[Figures]:
        """A position under every scenario."""
        columns = range(len(self._plan.scenarios))
        return [self.exactly.get((row, column)) or self._float(row, column) for column in columns]

    def _float(self, row: int, column: int) -> Figures:
        from defirisk.risk.population import ENDINGS  # noqa: PLC0415 - as above

        found, bad_debt = self._found, int(self._bad_debt[row, column])
        health = float(found.health_factor[row, column])
        known = health == health  # noqa: PLR0124 - NaN: no debt
        return Figures(
            health=health if known else None,
            health_factor=round(health * WAD) if known else None,
            liquidatable=bool(found.liquidatable[row, column]),
            liquidations=int(found.liquidations[row, column]),
            repaid=int(self._repaid[row, column]),
            bad_debt=bad_debt,
            uncovered=int(self._uncovered[row, column]),
            ended=ENDINGS[found.ended[row, column]].value,
            lost=((self._held[row][1].debt[0].token, bad_debt),) if bad_debt else (),
            exact=False,
        )


def exact_sum(whole: NDArray[np.float64]) -> int:
    """The sum of whole numbers that are not negative, exact, in whatever order: limb by limb."""
    import numpy as np  # noqa: PLC0415 - as above

    total, shift, rest = 0, 0, whole
    while rest.any():
        high = np.floor(rest / 2**_LIMB)
        total += int((rest - high * 2**_LIMB).astype(np.int64).sum()) << shift
        rest, shift = high, shift + _LIMB
    return total


def refused_figures(position: Position, scenario: BoundScenario, book: FamilyBook) -> Figures:
    """Why the prices cannot take a scenario, in the exact engine's words."""
    try:
        moved_prices(position, scenario, book)
    except BadMove as problem:
        return Figures(refused=f"{scenario.name} was left out: {problem.message}")
    return Figures(refused=f"{scenario.name} was left out: its prices do not fit {position.market.name}")
