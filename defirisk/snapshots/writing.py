"""A snapshot written: chunk after chunk of readings to row groups, and at the end the head that names them all."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from defirisk.auditing.partition import AskedMarket, Plan, judge_partition
from defirisk.auditing.rows import figure, health_figure
from defirisk.auditing.summary import Summary, merged
from defirisk.chain.calls import Block
from defirisk.model import AccountReading, Failure, Market, Position, Token
from defirisk.model import Warning as Notice
from defirisk.report.sanitize import clean, symbol
from defirisk.risk.population import Asset, Group, Population
from defirisk.snapshots.layout import BYTES, COLUMNS, DEBT, FORMAT, KEY, LEG_FIELDS, NO_POSITION, PositionCodec, schema

if TYPE_CHECKING:
    import pyarrow as pa

ROWS: Final = 20_000
"""Rows that are gathered before they are written as a row group."""
_CODEC: Final = "zstd"
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


class SnapshotWriter:
    """Writes readings into a binary file that is new."""

    def __init__(
        self, file: BinaryIO, markets: Sequence[tuple[str, str]], *, chain_id: int = 0, block: int = 0
    ) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - late

        self._file = _Hashing(file)
        self._writer = pq.ParquetWriter(self._file, schema(), compression=_CODEC, store_schema=True)
        self._markets = tuple(markets)
        asked = tuple(AskedMarket(name, protocol) for name, protocol in markets)
        self._plan = Plan(chain_id, block, asked, (), nearest=False, rows=False)
        self._codecs: dict[str, PositionCodec] = {}
        self._places: dict[Market, int] = {}
        self._assets: dict[Asset, int] = {}
        self._groups: dict[Any, int] = {}
        self._found: list[Group] = []
        self._tokens: dict[tuple[str, str], int] = {}
        self._rows: list[dict[str, Any]] = []
        self._today = Summary()
        self._wallets = 0
        self._parts: list[dict[str, Any]] = []

    def add(self, readings: Sequence[AccountReading], labels: Sequence[Mapping[str, str]]) -> None:
        """Whole wallets, each in all markets."""
        positions = {
            (reading.address, position.market.name): position for reading in readings for position in reading.positions
        }
        population = Population.of(list(positions.values()))
        numbers = {key: number for number, key in enumerate(positions)}
        for reading, known in zip(readings, labels, strict=True):
            failures = {failure.market: failure for failure in reading.failures}
            text = json.dumps(dict(known)) if known else None
            for name, _ in self._markets:
                key = (reading.address, name)
                row = {"address": reading.address, "market": name, "labels": text}
                row |= self._row(positions.get(key), failures.get(name), population, numbers.get(key))
                self._rows.append(row)
            self._wallets += 1
        self._today = merged([self._today, judge_partition(readings, self._plan).summary])
        if len(self._rows) >= ROWS:
            self.flush()

    def _row(
        self, position: Position | None, failure: Failure | None, population: Population, number: int | None
    ) -> dict[str, Any]:
        nothing = _NOTHING | {f"leg_{name}": [] for name in LEG_FIELDS}
        if failure is not None:
            return nothing | {"status": "failed", "error": failure.code, "error_message": clean(failure.message)}
        if position is None or number is None:
            return nothing | {"status": "no-position"}
        codec = self._codecs.setdefault(position.market.protocol, PositionCodec(position.market.protocol))
        row = nothing | {"state": codec.encode(position), "rules": position.rules.name, **self._figures(position)}
        return row | self._columns(population, number)

    def _columns(self, population: Population, number: int) -> dict[str, Any]:
        """A population's columns, in this file's numbers."""
        group = population.groups[population.group[number]]
        legs = population.legs[population.offsets[number] : population.offsets[number + 1]]
        columns: dict[str, Any] = {f"leg_{name}": legs[name].tolist() for name in LEG_FIELDS}
        columns["leg_asset"] = [self._asset(population.assets[place]) for place in legs["asset"]]
        columns["kind"] = int(population.kind[number])
        columns["blocked"] = int(population.blocked[number])
        columns["group"] = self._group(group)
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
            "value_token": [self._token(token) for token, _, _ in held],
            "value_side": [side for _, side, _ in held],
            "value_limbs": [_limbs(value) for _, _, value in held],
        }

    def _token(self, token: Token) -> int:
        return self._tokens.setdefault((token.address, symbol(token)), len(self._tokens))

    def _group(self, group: Group) -> int:
        key = (group.market, None if group.fast is None else group.fast.name, group.terms)
        if key not in self._groups:
            self._groups[key] = len(self._found)
            self._found.append(group)
        return self._groups[key]

    def _asset(self, asset: Asset) -> int:
        return self._assets.setdefault(asset, len(self._assets))

    def _market(self, market: Market) -> int:
        return self._places.setdefault(market, len(self._places))

    def flush(self) -> None:
        """Write what was added and is not written yet as a row group."""
        import pyarrow as pa  # noqa: PLC0415 - late

        if not self._rows:
            return
        kinds = schema()
        cells = [
            pa.array([row.get(column.name) for row in self._rows], kinds.field(column.name).type) for column in COLUMNS
        ]
        self.put(pa.table(cells, kinds), self._wallets, self._today)
        self._rows, self._wallets, self._today = [], 0, Summary()

    def put(self, table: pa.Table, wallets: int, today: Summary) -> None:
        """A row group as it is: whole wallets, and what they add up to today."""
        self._file.restart()
        self._writer.write_table(table, row_group_size=len(table))
        start, end, digest = self._file.written()
        part = {"rows": len(table), "wallets": wallets, "start": start, "end": end, "digest": digest}
        self._parts.append({**part, "today": today.to_json()})

    def finish(
        self,
        *,
        chain_id: int,
        block: Block,
        source: str,
        listing: Mapping[str, Any],
        assets: Sequence[Token],
        warnings: Sequence[Notice],
    ) -> None:
        """Write the head; nothing can be added then."""
        self.flush()
        head = {
            "format": FORMAT,
            "written_by": f"defirisk {version('defirisk')}",
            "chain_id": chain_id,
            "block": {"number": block.number, "timestamp": block.timestamp, "hash": block.hash},
            "source": source,
            "list": {**listing, "chunks": len(self._parts)},
            "asked": [list(one) for one in self._markets],
            "listed": [_token(token) for token in assets],
            "warnings": [[one.code, one.text] for one in warnings],
            "groups": [self._group_json(group) for group in self._found],
            "assets": [
                [self._market(one.market), _token(one.token), str(one.price), str(one.scale)] for one in self._assets
            ],
            "tokens": [list(one) for one in self._tokens],
            "shared": {protocol: codec.table for protocol, codec in self._codecs.items()},
            "row_groups": self._parts,
        }
        head["markets"] = [asdict(market) for market in self._places]
        self._writer.add_key_value_metadata({KEY: json.dumps(sealed(head), separators=(",", ":"))})
        self._writer.close()

    def _group_json(self, group: Group) -> list[Any]:
        fast = None if group.fast is None else group.fast.name
        return [self._market(group.market), fast, [term.hex() for term in map(float, group.terms)]]


def sealed(head: Mapping[str, Any]) -> dict[str, Any]:
    """The head with its digest, over its canonical JSON."""
    return {**head, "digest": digest_of(head)}


def digest_of(head: Mapping[str, Any]) -> str:
    """The digest of a head, but for the digest itself."""
    plain = {name: value for name, value in head.items() if name != "digest"}
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _limbs(value: int) -> bytes:
    return value.to_bytes(BYTES, "little")


def _token(token: Token) -> list[Any]:
    return [token.address, token.symbol, token.decimals]


class _Hashing(io.RawIOBase):
    """A file that is written on, and the digest of what was written since it was asked to begin."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._inner = file
        self._at = 0
        self.restart()

    def restart(self) -> None:
        """From here on."""
        self._from = self._at
        self._digest = hashlib.sha256()

    def written(self) -> tuple[int, int, str]:
        """From where to where, and the digest."""
        return self._from, self._at, self._digest.hexdigest()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Write, and count."""
        self._inner.write(data)
        self._digest.update(data)
        size = len(memoryview(data).cast("B"))
        self._at += size
        return size

    def tell(self) -> int:
        """How much was written."""
        return self._at
