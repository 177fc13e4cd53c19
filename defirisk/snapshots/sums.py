"""The summary of a row group from its columns alone: no position is made but those that the exact engine is handed.

What is of today was added up exactly when the snapshot was taken, and stands in the head. What scenarios make of it is
added up here from the arrays of the engine ``fast``, each value rounded to a base unit first; so the same wallets give
the same sums however they are cut, and what is liquidatable, with its values of today, is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from defirisk.auditing.adding import add_bad_debt, scale_of, unit_key
from defirisk.auditing.fast import exact_sum, refused_figures
from defirisk.auditing.partition import NEVER_LOW, Plan
from defirisk.auditing.summary import AssetSums, ScenarioSums, Summary, Worst
from defirisk.risk.families import FamilyBook
from defirisk.risk.population import PopulationOutcomes, replay_population
from defirisk.snapshots.layout import DEBT
from defirisk.snapshots.limbs import sum_by, whole

if TYPE_CHECKING:
    from defirisk.snapshots.part import PartColumns
    from defirisk.snapshots.reading import SnapshotFile

Mask = NDArray[np.bool_]


def summary_of_part(file: SnapshotFile, number: int, plan: Plan, *, threads: int = 1) -> Summary:
    """The summary of a row group under a plan, by the engine ``fast``.

    Raises:
        BadSnapshot: the row group is not what was written.
    """
    columns = file.columns(number)
    book = FamilyBook.load(plan.families)
    found = replay_population(
        columns.population,
        plan.scenarios,
        book,
        liquidator=plan.liquidator,
        engine="fast",
        keep_exact=False,
        threads=threads,
    )
    summary = file.today(number, plan.keep)
    _Sums(columns, found, plan).add_to(summary, book)
    return summary.trim()


class _Sums:
    """One row group's outcomes, to be added up."""

    def __init__(self, columns: PartColumns, found: PopulationOutcomes, plan: Plan) -> None:
        self._columns, self._found, self._plan = columns, found, plan
        counted = columns.ok[:, None] & ~found.left_out
        self._bad, self._uncovered, self._repaid = (
            np.where(counted, np.rint(np.nan_to_num(values)), 0.0)
            for values in (found.bad_debt_value, found.uncovered_value, found.repaid_value)
        )
        self._loss = np.maximum(self._bad, self._uncovered)
        self._counted = counted
        self._liquidatable = found.liquidatable & counted

    def add_to(self, summary: Summary, book: FamilyBook) -> None:
        """Scenarios of every market, what was left out, then the worst."""
        for place, market in enumerate(self._columns.markets):
            rows = self._columns.ok & (self._columns.market == place)
            if not rows.any():
                continue
            scenarios = summary.markets[market.name].book.scenarios
            for column, scenario in enumerate(self._plan.scenarios):
                sums = scenarios.setdefault(scenario.name, ScenarioSums())
                self._add(sums, rows, column, scale_of(market.unit))
                self._add_lost(sums, market.name, column, scale_of(market.unit))
        for row, column in zip(*np.nonzero(self._found.left_out & self._columns.ok[:, None]), strict=True):
            position = self._columns.population.position(int(row))
            text = str(refused_figures(position, self._plan.scenarios[column], book).refused)
            summary.notices[text] = summary.notices.get(text, 0) + 1
        self._add_worst(summary)

    def _add(self, sums: ScenarioSums, rows: Mask, column: int, scale: int) -> None:
        """One market under one scenario."""
        counted = rows & self._counted[:, column]
        sums.positions += int(rows.sum())
        sums.refused += int((rows & ~counted).sum())
        sums.fast += int((counted & ~self._found.exact[:, column]).sum())
        sums.liquidations += int(self._found.liquidations[counted, column].sum())
        sums.repaid += exact_sum(self._repaid[counted, column]) * scale
        sums.bad_debt += exact_sum(self._bad[counted, column]) * scale
        sums.uncovered += exact_sum(self._uncovered[counted, column]) * scale
        sums.loss += exact_sum(self._loss[counted, column]) * scale
        sums.losing += int((self._loss[counted, column] > 0).sum())
        self._add_liquidatable(sums, counted & self._liquidatable[:, column], scale)

    def _add_liquidatable(self, sums: ScenarioSums, rows: Mask, scale: int) -> None:
        columns = self._columns
        sums.liquidatable.count += int(rows.sum())
        sums.liquidatable.collateral += whole(columns.collateral[rows].sum(axis=0)) * scale
        sums.liquidatable.debt += whole(columns.debt[rows].sum(axis=0)) * scale
        legs = np.repeat(rows, columns.legs)
        for side, name in ((0, "collateral"), (DEBT, "debt")):
            chosen = legs & (columns.leg_side == side)
            places = columns.leg_token[chosen]
            values = sum_by(places, columns.leg_value[chosen], len(columns.tokens))
            for place in np.unique(places).tolist():
                address, shown = columns.tokens[place]
                one = sums.assets.setdefault(address, AssetSums(shown))
                setattr(one, name, getattr(one, name) + values[place] * scale)

    def _add_lost(self, sums: ScenarioSums, market: str, column: int, scale: int) -> None:
        """Bad debt by the asset that is owed, as the engine tells it."""
        for asset, lost in zip(self._found.assets, self._found.bad_debt_by_asset[column].tolist(), strict=True):
            if lost and asset.market.name == market:
                add_bad_debt(sums.assets, asset.token, round(lost) * scale)

    # --- the worst --------------------------------------------------------------------------------------------------

    def _add_worst(self, summary: Summary) -> None:
        for key in dict.fromkeys(unit_key(market.unit) for market in self._columns.markets):
            mine = [place for place, market in enumerate(self._columns.markets) if unit_key(market.unit) == key]
            indebted = self._columns.ok & self._columns.indebted
            rows = np.flatnonzero(indebted & np.isin(self._columns.market, mine))
            if len(rows):
                summary.units[key].worst += nsmallest(self._plan.keep, self._worst(rows))

    def _worst(self, rows: NDArray[Any]) -> Iterator[Worst]:
        columns, scenarios = self._columns, self._plan.scenarios
        loss = self._loss[rows] if scenarios else np.zeros((len(rows), 1))
        places = loss.argmax(axis=1)
        risky = self._liquidatable[rows].any(axis=1) | columns.liquidatable[rows]
        lost = loss[np.arange(len(rows)), places]
        for row, place, amount, risk in zip(rows.tolist(), places.tolist(), lost.tolist(), risky.tolist(), strict=True):
            market = columns.markets[columns.market[row]]
            scale = scale_of(market.unit)
            debt, health = whole(columns.debt[row]) * scale, columns.health[row]
            yield Worst(
                -int(amount) * scale,
                -debt if risk else 0,
                NEVER_LOW if health is None else int(health),
                columns.population.owner[row],
                market.name,
                scenarios[place].name if amount else "",
                debt,
                whole(columns.collateral[row]) * scale,
            )
