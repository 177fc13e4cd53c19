"""A snapshot read: its head checked against its digest, then one row group at a time, each against its own.

A snapshot may come from anybody. Nothing in it is executed, and only the types that its protocols name are made of it;
what does not fit is an error that says what and where.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from defirisk.auditing.summary import Summary
from defirisk.chain.jsontext import parse
from defirisk.errors import BadSnapshot
from defirisk.model import AccountReading, Failure, Market, Position
from defirisk.snapshots.codec import Undecodable
from defirisk.snapshots.head import Part, address_of, head_of
from defirisk.snapshots.layout import PositionCodec, types_of

if TYPE_CHECKING:
    import pyarrow as pa

    from defirisk.protocols.fast import FastRules
    from defirisk.risk.population import Asset, Group
    from defirisk.snapshots.part import PartColumns

_WRITE_AGAIN: Final = "write it again with `defirisk snapshot`"


class SnapshotFile:
    """A snapshot on disk. ``part(i)`` and ``readings(i)`` read one row group.

    Raises:
        BadFile: it is of another version.
        BadSnapshot: it is truncated, or not what was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head = head_of(path)

    def table(self, number: int) -> pa.Table:
        """The rows of a row group.

        Raises:
            BadSnapshot: they are not what was written.
        """
        import pyarrow as pa  # noqa: PLC0415 - late
        import pyarrow.parquet as pq  # noqa: PLC0415 - late

        part = self.head.parts[number]
        try:
            if _digest(self.path, part) != part.digest:
                raise BadSnapshot(f"{self.path.name}: row group {number} is not what was written", hint=_WRITE_AGAIN)
            with pq.ParquetFile(self.path) as file:
                found = file.read_row_group(number)
        except (pa.ArrowException, OSError, ValueError) as problem:
            raise BadSnapshot(f"{self.path.name}: row group {number} cannot be read", hint=_WRITE_AGAIN) from problem
        if len(found) != part.rows:
            raise BadSnapshot(f"{self.path.name}: row group {number} has {len(found)} rows, not {part.rows}")
        return found

    def readings(self, number: int) -> list[AccountReading]:
        """The wallets of a row group as they were read from the chain.

        Raises:
            BadSnapshot: they are not what was written.
        """
        columns = ("address", "market", "error", "error_message", "rules", "group", "state")
        table = self.table(number).select(columns)
        found: dict[str, tuple[list[Position], list[Failure]]] = {}
        pairs: set[tuple[str, str]] = set()
        protocols = dict(self.head.asked)
        try:
            for row in zip(*(table[name].to_pylist() for name in columns), strict=True):
                address, market, error, message, rules, group, state = row
                positions, failures = found.setdefault(address_of(address), ([], []))
                pairs.add((address, market))
                if state is not None:
                    positions.append(self._position(address, market, rules, group, state))
                elif error is not None:
                    failures.append(Failure(market, protocols[market], error, message or ""))
        except (Undecodable, ValueError, KeyError, IndexError, TypeError) as problem:
            raise BadSnapshot(
                f"{self.path.name}: row group {number} holds no sound position ({type(problem).__name__}: {problem})",
                hint=_WRITE_AGAIN,
            ) from problem
        if pairs != {(address, market) for address in found for market in protocols} or len(pairs) != len(table):
            raise BadSnapshot(f"{self.path.name}: row group {number} does not hold each wallet once a market")
        if len(found) != self.head.parts[number].wallets:
            raise BadSnapshot(f"{self.path.name}: row group {number} holds {len(found)} wallets")
        return [AccountReading(address, tuple(of), tuple(not_of)) for address, (of, not_of) in found.items()]

    def columns(self, number: int) -> PartColumns:
        """The positions of a row group as arrays.

        Raises:
            BadSnapshot: they do not fit together.
        """
        from defirisk.snapshots.part import columns_of  # noqa: PLC0415 - numpy, only where it is used

        try:
            return columns_of(self.table(number), *self._numbered, self.head.tokens, self._position)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as problem:
            raise BadSnapshot(f"{self.path.name}: the columns of row group {number} do not fit: {problem}") from problem

    def today(self, number: int, keep: int) -> Summary:
        """What the wallets of a row group add up to today.

        Raises:
            BadSnapshot: it is no such thing.
        """
        try:
            summary = Summary.from_json(self.head.parts[number].today)
        except (ValueError, KeyError, TypeError) as problem:
            raise BadSnapshot(f"{self.path.name}: row group {number} does not add up ({problem})") from problem
        summary.keep = keep
        for unit in summary.units.values():
            unit.worst = []
        return summary

    @cached_property
    def _numbered(self) -> tuple[tuple[Group, ...], tuple[Asset, ...]]:
        """Groups and assets by their numbers in the columns."""
        from defirisk.risk.population import Asset, Group  # noqa: PLC0415 - numpy, only where it is used

        markets = self.head.markets
        groups = tuple(
            Group(markets[place], _fast(markets[place], name), terms) for place, name, terms in self.head.groups
        )
        return groups, tuple(
            Asset(markets[place], token, price, scale) for place, token, price, scale in self.head.assets
        )

    def labels(self, number: int) -> list[tuple[str, Mapping[str, str]]]:
        """The wallets of a row group with their labels."""
        table = self.table(number).select(("address", "labels"))
        found: dict[str, Mapping[str, str]] = {}
        for address, text in zip(table["address"].to_pylist(), table["labels"].to_pylist(), strict=True):
            if address not in found:
                found[address] = {} if text is None else {str(k): str(v) for k, v in parse(text.encode()).items()}
        return list(found.items())

    def _position(self, owner: str, market: str, rules: str, group: int, state: bytes) -> Position:
        found = self.head.markets[self.head.groups[group][0]] if group >= 0 else None
        if found is None or found.name != market:
            raise Undecodable(f"a position in {market!a:.60} of another market's group")
        codec = self._codecs[found.protocol]
        fields = codec.decode(state)
        sound = len(fields["state"].tokens) == len(fields["state"].prices) == len(fields["price_times"])
        if not sound or any(slot >= len(fields["price_times"]) or slot < 0 for slot in fields["unpriced"]):
            raise Undecodable("a position whose slots do not fit")
        return Position(market=found, owner=owner, rules=codec.types.rules[rules], **fields)

    @cached_property
    def _codecs(self) -> dict[str, PositionCodec]:
        codecs = {protocol: PositionCodec(protocol) for protocol in self.head.shared}
        try:
            for protocol, table in self.head.shared.items():
                codecs[protocol].load(table)
        except (Undecodable, ValueError, TypeError) as problem:
            raise BadSnapshot(
                f"{self.path.name}: what its positions have in common is not sound: {problem}"
            ) from problem
        return codecs


def _fast(market: Market, name: str | None) -> FastRules | None:
    """The float rules of a group: those that its market's own rules name."""
    if name is None:
        return None
    load = getattr(types_of(market.protocol).rules[market.rules], "fast", None)
    found: FastRules | None = None if load is None else load()
    if found is None or found.name != name:
        raise ValueError(f"there are no float rules {name!a:.60}")
    return found


def _digest(path: Path, part: Part) -> str:
    digest = hashlib.sha256()
    left = part.end - part.start
    with path.open("rb") as file:
        file.seek(part.start)
        while left > 0 and (data := file.read(min(left, 1 << 20))):
            digest.update(data)
            left -= len(data)
    return digest.hexdigest()
