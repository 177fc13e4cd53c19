"""Readings as the rows of a snapshot, with the numbers of what they have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from defirisk.auditing.partition import AskedMarket, Plan, judge_partition
from defirisk.auditing.rows import figure, health_figure
from defirisk.auditing.summary import Summary
from defirisk.model import AccountReading, Failure, Position
from defirisk.report.sanitize import clean, symbol
from defirisk.risk.population import Population
from defirisk.snapshots.layout import BYTES, COLUMNS, DEBT, LEG_FIELDS, NO_POSITION, schema
from defirisk.snapshots.numbers import Numbers

if TYPE_CHECKING:
    import pyarrow as pa

_NOTHING: Final[dict[str, Any]] = {
    "kind": NO_POSITION,
    "group": -1,
    "blocked": 0,
    "collateral_limbs": bytes(BYTES),
    "debt_limbs": bytes(BYTES),
    "value_token": [],
    "value_side": [],
    "value_limbs": [],
}
"""What a row without a position has in its columns."""


class Encoded(NamedTuple):
    """Rows of so many whole wallets, and what they add up to today."""

    table: pa.Table
    wallets: int
    today: Summary


class Encoder:
    """Encodes the readings of one file, in its ``numbers``."""

    def __init__(self, markets: Sequence[tuple[str, str]], *, chain_id: int = 0, block: int = 0) -> None:
        self.numbers = Numbers()
        self.markets = tuple(markets)
        asked = tuple(AskedMarket(name, protocol) for name, protocol in markets)
        self._plan = Plan(chain_id, block, asked, (), nearest=False, rows=False)

    def encode(self, readings: Sequence[AccountReading], labels: Sequence[Mapping[str, str]]) -> Encoded:
        """Whole wallets, each in all markets."""
        import pyarrow as pa  # noqa: PLC0415 - late

        rows, kinds = self._rows(readings, labels), schema()
        cells = [pa.array([row.get(column.name) for row in rows], kinds.field(column.name).type) for column in COLUMNS]
        return Encoded(pa.table(cells, kinds), len(readings), judge_partition(readings, self._plan).summary)

    def _rows(self, readings: Sequence[AccountReading], labels: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        positions = {
            (reading.address, position.market.name): position for reading in readings for position in reading.positions
        }
        population = Population.of(list(positions.values()))
        numbers = {key: number for number, key in enumerate(positions)}
        rows: list[dict[str, Any]] = []
        for reading, known in zip(readings, labels, strict=True):
            failures = {failure.market: failure for failure in reading.failures}
            text = json.dumps(dict(known)) if known else None
            for name, _ in self.markets:
                key = (reading.address, name)
                row = {"address": reading.address, "market": name, "labels": text}
                rows.append(row | self._row(positions.get(key), failures.get(name), population, numbers.get(key)))
        return rows

    def _row(
        self, position: Position | None, failure: Failure | None, population: Population, number: int | None
    ) -> dict[str, Any]:
        nothing = _NOTHING | {f"leg_{name}": [] for name in LEG_FIELDS}
        if failure is not None:
            return nothing | {"status": "failed", "error": failure.code, "error_message": clean(failure.message)}
        if position is None or number is None:
            return nothing | {"status": "no-position"}
        row = nothing | {"state": self.numbers.state(position), "rules": position.rules.name, **self._figures(position)}
        return row | self._columns(population, number)

    def _columns(self, population: Population, number: int) -> dict[str, Any]:
        """A population's columns, in this file's numbers."""
        group = population.groups[population.group[number]]
        legs = population.legs[population.offsets[number] : population.offsets[number + 1]]
        columns: dict[str, Any] = {f"leg_{name}": legs[name].tolist() for name in LEG_FIELDS}
        columns["leg_asset"] = [self.numbers.asset(population.assets[place]) for place in legs["asset"]]
        columns["kind"] = int(population.kind[number])
        columns["blocked"] = int(population.blocked[number])
        columns["group"] = self.numbers.group(group)
        return columns

    def _figures(self, position: Position) -> dict[str, Any]:
        """What it is today."""
        unit = position.market.unit
        row: dict[str, Any] = {"unit": clean(unit.symbol)}
        if position.unpriced:
            return {**row, "status": "failed", "error": "unpriced"}
        standing = position.rules.standing(position.state)
        held = [(leg.token, 0, leg.value) for leg in standing.collateral if leg.counts]
        held += [(leg.token, DEBT, leg.value) for leg in standing.debt]
        return {
            **row,
            "status": "ok" if standing.at_stake else "no-position",
            "liquidatable": standing.liquidatable,
            **health_figure(standing.health_factor),
            **figure("collateral_value", standing.collateral_value, unit.decimals),
            **figure("debt_value", standing.debt_value, unit.decimals),
            "collateral_limbs": _limbs(standing.collateral_value),
            "debt_limbs": _limbs(standing.debt_value),
            "value_token": [self.numbers.token(token.address, symbol(token)) for token, _, _ in held],
            "value_side": [side for _, side, _ in held],
            "value_limbs": [_limbs(value) for _, _, value in held],
        }


def _limbs(value: int) -> bytes:
    return value.to_bytes(BYTES, "little")
