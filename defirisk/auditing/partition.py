"""One partition of a population, judged: readings in, rows of both tables and a partial summary out.

The one function that a local run, its worker processes and a cluster have in common. Pure: what it is given is what
was read, and what it gives back merges with the others' to the same tables and the same figures, however it was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from defirisk.auditing.adding import add_outcome, add_standing, count, scale_of, unit_key
from defirisk.auditing.columns import OUTCOMES, POSITIONS, schema
from defirisk.auditing.fast import Block
from defirisk.auditing.outcomes import Figures, exact_figures
from defirisk.auditing.rows import Table, failed_row, outcome_row, position_row, warning_codes
from defirisk.auditing.settings import UNCHANGED
from defirisk.auditing.summary import Failed, MarketSums, ScenarioSums, Summary, UnitSums, Worst, add
from defirisk.model import AccountReading, Failure, Position, Standing
from defirisk.report.check import differs
from defirisk.report.sanitize import clean
from defirisk.risk.axes import axes_of
from defirisk.risk.binding import BoundScenario
from defirisk.risk.families import FamilyBook
from defirisk.risk.thresholds import Nearest, nearest_liquidation
from defirisk.whatif.applying import apply
from defirisk.whatif.binding import Bound

if TYPE_CHECKING:
    import pyarrow as pa

UNPRICED = "unpriced"
_TRIM_EVERY = 50
NEVER_LOW = 2**256
"""More than any health factor."""


class AskedMarket(NamedTuple):
    """A market that every wallet has a row for."""

    name: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How every partition of a run is judged.

    ``scenarios`` are bound; ``families`` overrides; ``nearest`` whether the nearest liquidation is looked for;
    ``rows`` whether outcomes are wanted as rows too; ``keep`` how many of the worst positions are kept a unit;
    ``changes`` what every position is given first.
    """

    chain_id: int
    block: int
    markets: tuple[AskedMarket, ...]
    scenarios: tuple[BoundScenario, ...]
    families: Mapping[str, str] = field(default_factory=dict)
    liquidator: str = "largest"
    nearest: bool = True
    rows: bool = True
    engine: str = "auto"
    keep: int = 10
    changes: Bound = UNCHANGED


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a partition: rows in the wallets' order, markets in the order asked, scenarios in theirs."""

    positions: pa.Table
    outcomes: pa.Table
    summary: Summary


class Held(NamedTuple):
    """A position that counts, judged as it stands today."""

    position: Position
    standing: Standing


def judge_partition(readings: Sequence[AccountReading], plan: Plan) -> Judged:
    """Judge what was read of some wallets.

    Args:
        readings: whole wallets, each in all the markets of the plan.
        plan: how.

    Raises:
        UnknownLiquidator: no such order.
    """
    work = _Work(plan)
    for reading in readings:
        work.wallet(reading)
    work.replay()
    return Judged(work.positions.arrow(schema(POSITIONS)), work.outcomes.arrow(schema(OUTCOMES)), work.summary.trim())


class _Work:
    """A partition under way."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._book = FamilyBook.load(plan.families)
        self._held: list[Held] = []
        self.positions, self.outcomes = Table(POSITIONS), Table(OUTCOMES)
        self.summary = Summary(plan.keep)

    def wallet(self, reading: AccountReading) -> None:
        """A row for every market, whatever came of it."""
        positions = {position.market.name: self._changed(position) for position in reading.positions}
        failures = {failure.market: failure for failure in reading.failures}
        statuses = [
            self._market(reading.address, asked, positions.get(asked.name), failures.get(asked.name))
            for asked in self._plan.markets
        ]
        status = next((one for one in ("failed", "ok") if one in statuses), "no-position")
        count(self.summary.wallets, status)
        self._sum_wallet(reading.address, statuses)

    def _changed(self, position: Position) -> Position:
        changes = self._plan.changes
        return apply(changes, position).position if changes.settings else position

    def _market(self, address: str, asked: AskedMarket, found: Position | None, failure: Failure | None) -> str:
        sums = self.summary.markets.setdefault(asked.name, MarketSums(asked.protocol))
        status = self._row(address, asked, found, failure, sums)
        count(sums.statuses, status)
        return status

    def _row(
        self, address: str, asked: AskedMarket, found: Position | None, failure: Failure | None, sums: MarketSums
    ) -> str:
        place = {"chain_id": self._plan.chain_id, "block": self._plan.block, "address": address, "market": asked.name}
        if failure is None and found is not None and found.unpriced:
            failure = Failure(asked.name, asked.protocol, UNPRICED, _unpriced_text(found))
        if failure is not None:
            self._fail(address, failure)
            self.positions.add({**place, **failed_row(failure)})
            return "failed"
        standing = found.rules.standing(found.state) if found is not None else None
        if found is None or standing is None or not standing.at_stake:
            self.positions.add({**place, "status": "no-position"})
            return "no-position"
        nearest = self._nearest(found, standing)
        self.positions.add({**place, "status": "ok", **position_row(found, standing, nearest)})
        self._hold(Held(found, standing), nearest, sums)
        return "ok"

    def _fail(self, address: str, failure: Failure) -> None:
        self.summary.failures += 1
        self.summary.failed.append(Failed(address, failure.market, failure.code, clean(failure.message)))

    def _nearest(self, position: Position, standing: Standing) -> Nearest | None:
        if not self._seeks(standing):
            return None
        axes = [axis for axis in axes_of(position, standing, self._book) if axis.kind == "asset"]
        return nearest_liquidation(position, axes, today=standing)

    def _seeks(self, standing: Standing) -> bool:
        """Whether the nearest liquidation is looked for: it is wanted, and is not now, and may be."""
        return self._plan.nearest and not standing.liquidatable and bool(standing.debt)

    def _hold(self, held: Held, nearest: Nearest | None, sums: MarketSums) -> None:
        position, standing = held
        self._held.append(held)
        sums.unit = unit_key(position.market.unit)
        count(sums.rules, position.market.rules)
        sums.differing += differs(position)
        sums.sought += self._seeks(standing)
        sums.unproved += nearest is not None and not nearest.proved
        for code in warning_codes(position, nearest):
            count(sums.warnings, code)
        add_standing(sums.book, standing, scale_of(position.market.unit))

    def _sum_wallet(self, address: str, statuses: Sequence[str]) -> None:
        """The wallet's debt by unit of account: over the positions just held."""
        debts: dict[str, int] = {}
        held = statuses.count("ok")
        for position, standing in self._held[len(self._held) - held :]:
            unit = position.market.unit
            key = unit_key(unit)
            self.summary.units.setdefault(key, UnitSums(unit.symbol))
            debts[key] = debts.get(key, 0) + standing.debt_value * scale_of(unit)
        for key, debt in debts.items():
            self.summary.units[key].add_wallet(address, debt)

    def replay(self) -> None:
        """Every position that is held, under every scenario."""
        if self._plan.engine == "fast":
            self._replay_fast()
            return
        for held in self._held:
            figures = exact_figures(held, self._plan, self._book)
            for scenario, one in zip(self._plan.scenarios, figures, strict=True):
                self._add(held, scenario.name, one)
            self._rows(held, figures)
            self._rank(held, self._worst(held, figures))

    def _replay_fast(self) -> None:
        """Sums on arrays, so that a million positions are added up at once; rows only where they are wanted."""
        block = Block(self._held, self._plan, self._book)
        for market, rows in block.rows_by_market().items():
            book = self.summary.markets[market].book
            for column, scenario in enumerate(self._plan.scenarios):
                add(book.scenarios.setdefault(scenario.name, ScenarioSums()), block.sums(rows, column))
        for (row, column), one in block.exactly.items():
            self._add(self._held[row], self._plan.scenarios[column].name, one)
        for row, held in enumerate(self._held):
            if self._plan.rows:
                self._rows(held, block.figures(row))
            if held.standing.debt:
                self._rank(held, self._worst_of(held, *block.worst(row)))

    def _add(self, held: Held, scenario: str, one: Figures) -> None:
        """One outcome to the sums."""
        market = held.position.market
        sums = self.summary.markets[market.name].book.scenarios.setdefault(scenario, ScenarioSums())
        add_outcome(sums, held.standing, one, scale_of(market.unit))
        if one.refused:
            count(self.summary.notices, one.refused)

    def _rows(self, held: Held, figures: Sequence[Figures]) -> None:
        """A row of the table for every outcome of a position."""
        if not self._plan.rows:
            return
        market = held.position.market
        place = {
            "chain_id": self._plan.chain_id,
            "block": self._plan.block,
            "address": held.position.owner,
            "market": market.name,
        }
        for scenario, one in zip(self._plan.scenarios, figures, strict=True):
            self.outcomes.add({**place, "scenario": scenario.name, **outcome_row(one, market.unit)})

    def _rank(self, held: Held, worst: Worst) -> None:
        """Among the worst, if there is a debt."""
        if held.standing.debt:
            ranked = self.summary.units[unit_key(held.position.market.unit)].worst
            ranked.append(worst)
            if len(ranked) > _TRIM_EVERY * self._plan.keep:
                self.summary.trim()

    def _worst(self, held: Held, figures: Sequence[Figures]) -> Worst:
        losses = [(-one.loss, place) for place, one in enumerate(figures)]
        minus_loss, place = min(losses, default=(0, 0))
        return self._worst_of(held, -minus_loss, place, any(one.liquidatable for one in figures))

    def _worst_of(self, held: Held, loss: int, place: int, at_risk: bool) -> Worst:
        """``loss`` is the largest in any scenario, ``place`` the first that has it; ``at_risk`` liquidatable in any."""
        position, standing = held
        scale = scale_of(position.market.unit)
        return Worst(
            -loss * scale,
            -standing.debt_value * scale if at_risk or standing.liquidatable else 0,
            NEVER_LOW if standing.health_factor is None else standing.health_factor,
            position.owner,
            position.market.name,
            self._plan.scenarios[place].name if loss else "",
            standing.debt_value * scale,
            standing.collateral_value * scale,
        )


def _unpriced_text(position: Position) -> str:
    from defirisk.report.legs import unpriced_message  # noqa: PLC0415 - rare

    return unpriced_message(position)


def failing(addresses: Iterable[str], markets: Iterable[AskedMarket], code: str, message: str) -> list[AccountReading]:
    """Readings of wallets of which nothing could be read."""
    failures = tuple(Failure(market.name, market.protocol, code, message) for market in markets)
    return [AccountReading(address, (), failures) for address in addresses]
