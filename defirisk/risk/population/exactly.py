"""Pairs replayed by the exact engine, written into the population's arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from defirisk.errors import BadFile, BadMove
from defirisk.model import Outcome, Position, Standing
from defirisk.risk.families import FamilyBook
from defirisk.risk.outcome import outcome_of
from defirisk.risk.population.columns import Asset, Population
from defirisk.risk.population.outcomes import ENDINGS, NO_ENDING, VALUES
from defirisk.risk.scenarios import BoundScenario, Prices, moved_prices


class ExactPairs:
    """Replays pairs exactly and puts them where they belong; ``kept`` holds their outcomes if ``keep``."""

    def __init__(
        self,
        population: Population,
        scenarios: Sequence[BoundScenario],
        book: FamilyBook,
        liquidator: str,
        arrays: dict[str, NDArray[Any]],
        *,
        keep: bool,
    ) -> None:
        self._population, self._scenarios, self._book, self._liquidator = population, scenarios, book, liquidator
        self._arrays = arrays
        self._columns = {asset: number for number, asset in enumerate(population.assets)}
        self._keep = keep
        self.kept: dict[tuple[int, int], Outcome] = {}

    def replay(self, row: int, columns: Iterable[int]) -> None:
        """One position under some scenarios."""
        position = self._population.position(row)
        if position.unpriced:
            for column in columns:
                self._leave_out(row, column)
            return
        today = position.rules.standing(position.state)
        families = self._book.families(position, today)
        for column in columns:
            scenario = self._scenarios[column]
            try:
                prices = moved_prices(position, scenario, self._book, families)
            except BadMove:
                self._leave_out(row, column)
                continue
            self._put(row, column, position, prices, today)

    def _leave_out(self, row: int, column: int) -> None:
        for name in VALUES:
            self._arrays[name][row, column] = np.nan
        for name in ("liquidatable", "exact", "handed_over"):
            self._arrays[name][row, column] = False
        self._arrays["liquidations"][row, column] = 0
        self._arrays["ended"][row, column] = NO_ENDING
        self._arrays["left_out"][row, column] = True

    def _put(self, row: int, column: int, position: Position, prices: Prices, today: Standing) -> None:
        name = self._scenarios[column].name
        outcome = outcome_of(position, name, prices, liquidator=self._liquidator, today=today)
        moved = position.rules.standing(position.rules.reprice(position.state, prices.oracle))
        health = outcome.health_factor
        market = prices.oracle if prices.market is None else prices.market
        figures = {
            "health_factor": np.nan if health is None else health / 10**18,
            "repaid_value": _repaid(position, outcome, market),
            "bad_debt_value": float(outcome.bad_debt_value),
            "uncovered_value": float(outcome.uncovered_value),
            "debt_value": float(moved.debt_value),
            "collateral_value": float(moved.collateral_value),
            "liquidatable": outcome.liquidatable,
            "liquidations": len(outcome.liquidations),
            "ended": ENDINGS.index(outcome.ended),
            "exact": True,
        }
        for key, figure in figures.items():
            self._arrays[key][row, column] = figure
        for lost in outcome.bad_debt:
            self._arrays["bad_debt_by_asset"][column, self._owed(position, lost.token.address)] += lost.value
        if self._keep:
            self.kept[row, column] = outcome

    def _owed(self, position: Position, address: str) -> int:
        """The column of the asset that stands for a token of this position: its first price slot, as in a replay.

        Raises:
            BadFile: the columns (of a file that was written before) are of other assets than the position.
        """
        slot = next(slot for slot, token in enumerate(position.tokens) if token.address == address)
        asset = Asset(position.market, position.tokens[slot], position.prices[slot], position.state.scales[slot])
        column = self._columns.get(asset)
        if column is None:
            raise BadFile(f"the columns of this population do not know an asset of {position.market.name}")
        return column


def _repaid(position: Position, outcome: Outcome, market: tuple[int, ...]) -> float:
    """What liquidators (in Comet the reserves) paid in all, at market prices, unit base units."""
    scales = position.state.scales
    return sum(
        (one.repaid.raw * market[one.repaid_slot] / scales[one.repaid_slot] for one in outcome.liquidations), 0.0
    )
