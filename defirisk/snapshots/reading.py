"""A snapshot read: its head checked against its digest, then one row group at a time, each against its own.

A snapshot may come from anybody. Nothing in it is executed, and only the types that its protocols name are made of it;
what does not fit is an error that says what and where.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from defirisk.auditing.listing import Listing, listing_of
from defirisk.auditing.partition import AskedMarket
from defirisk.auditing.summary import DIGITS, Summary
from defirisk.chain.addresses import is_address
from defirisk.chain.calls import Block
from defirisk.chain.jsontext import parse
from defirisk.errors import BadFile, BadSnapshot, InputError
from defirisk.model import AccountReading, Failure, Market, Position, Token, Unit
from defirisk.model import Warning as Notice
from defirisk.snapshots.codec import Undecodable
from defirisk.snapshots.layout import FORMAT, KEY, MOST_DECIMALS, PositionCodec, schema, types_of
from defirisk.snapshots.writing import digest_of

if TYPE_CHECKING:
    import pyarrow as pa

    from defirisk.protocols.fast import FastRules
    from defirisk.risk.population import Asset, Group
    from defirisk.snapshots.part import PartColumns

_WRITE_AGAIN: Final = "write it again with `defirisk snapshot`"


@dataclass(frozen=True, slots=True)
class Part:
    """A row group: its rows, its wallets, the digest of its bytes (``start`` to ``end``), what it adds up to today."""

    rows: int
    wallets: int
    start: int
    end: int
    digest: str
    today: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """What a snapshot says of itself.

    ``asked`` are the markets that every wallet has a row for, ``listed`` the tokens that they list; ``groups`` are the
    numbers of their markets, their float rules' names and terms; ``shared`` the objects that positions have in common,
    by protocol.
    """

    chain_id: int
    block: Block
    source: str
    listing: Listing
    asked: tuple[AskedMarket, ...]
    listed: tuple[Token, ...]
    warnings: tuple[Notice, ...]
    markets: tuple[Market, ...]
    groups: tuple[tuple[int, str | None, tuple[float, ...]], ...]
    assets: tuple[tuple[int, Token, int, int], ...]
    tokens: tuple[tuple[str, str], ...]
    shared: Mapping[str, list[tuple[str, bytes]]]
    parts: tuple[Part, ...]
    digest: str


def has_head(path: Path) -> bool:
    """Whether a Parquet file is a snapshot, of any version.

    Raises:
        BadSnapshot: it is not whole.
    """
    return KEY in _metadata(path)


class SnapshotFile:
    """A snapshot on disk. ``part(i)`` and ``readings(i)`` read one row group.

    Raises:
        BadFile: it is of another version.
        BadSnapshot: it is truncated, or not what was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head = _head(path)

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
                positions, failures = found.setdefault(_address(address), ([], []))
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


def _metadata(path: Path) -> Mapping[bytes, bytes]:
    import pyarrow as pa  # noqa: PLC0415 - late
    import pyarrow.parquet as pq  # noqa: PLC0415 - late

    try:
        return dict(pq.read_metadata(path).metadata or {})
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise BadSnapshot(
            f"{path.name} is no whole Parquet file", hint="was it cut short when it was copied?"
        ) from problem


# --- the head -----------------------------------------------------------------------------------------------------


def _head(path: Path) -> Head:
    import pyarrow as pa  # noqa: PLC0415 - late
    import pyarrow.parquet as pq  # noqa: PLC0415 - late

    raw = _document(path)
    try:
        head = _read_head(raw)
        _see_that_it_fits(head, pq.read_schema(path).equals(schema()))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, pa.ArrowException) as problem:
        raise BadSnapshot(f"{path.name} is no sound snapshot ({type(problem).__name__}: {problem})") from problem
    return head


def _see_that_it_fits(head: Head, same_columns: bool) -> None:
    if not same_columns:
        raise ValueError("its columns are others")
    if {market.protocol for market in head.markets} - set(head.shared):
        raise ValueError("a protocol has no table of what positions have in common")
    if len(head.parts) != head.listing.chunks or sum(part.wallets for part in head.parts) != head.listing.distinct:
        raise ValueError("its row groups are not those of its list")
    if len(dict(head.asked)) != len(head.asked):
        raise ValueError("two of its markets have one name")


def _document(path: Path) -> dict[str, Any]:
    found = _metadata(path).get(KEY)
    if found is None:
        raise InputError(f"{path.name} is no snapshot", hint="`defirisk snapshot` writes one")
    try:
        raw = parse(found)
        version = raw["format"]
    except (ValueError, TypeError, KeyError) as problem:
        raise BadSnapshot(f"{path.name} has a head that is not sound: {problem}") from problem
    if version != FORMAT:
        raise BadFile(
            f"{path.name} is of the format {version!a:.60}, not {FORMAT}",
            hint="read it with the release that wrote it, or write it again",
        )
    if raw.get("digest") != digest_of(raw):
        raise BadSnapshot(f"{path.name} was changed after it was written: its head does not fit its digest")
    return dict(raw)


def _read_head(raw: Mapping[str, Any]) -> Head:
    block = raw["block"]
    return Head(
        chain_id=_whole(raw["chain_id"]),
        block=Block(_whole(block["number"]), _whole(block["timestamp"]), block["hash"]),
        source=str(raw["source"]),
        listing=listing_of(raw["list"]),
        asked=tuple(AskedMarket(str(name), str(protocol)) for name, protocol in raw["asked"]),
        listed=tuple(_token(one) for one in raw["listed"]),
        warnings=tuple(Notice(str(code), str(text)) for code, text in raw["warnings"]),
        markets=tuple(_market(one) for one in raw["markets"]),
        groups=tuple(_group(one, len(raw["markets"])) for one in raw["groups"]),
        assets=tuple(
            (_whole(place), _token(one), int(price), int(scale)) for place, one, price, scale in raw["assets"]
        ),
        tokens=tuple((_address(address), str(shown)) for address, shown in raw["tokens"]),
        shared={
            str(protocol): [(str(name), bytes.fromhex(data)) for name, data in table]
            for protocol, table in raw["shared"].items()
        },
        parts=tuple(
            Part(
                _whole(one["rows"]),
                _whole(one["wallets"]),
                _whole(one["start"]),
                _whole(one["end"]),
                str(one["digest"]),
                one["today"],
            )
            for one in raw["row_groups"]
        ),
        digest=str(raw["digest"]),
    )


def _market(raw: Mapping[str, Any]) -> Market:
    unit = raw["unit"]
    return Market(
        name=str(raw["name"]),
        protocol=str(raw["protocol"]),
        rules=str(raw["rules"]),
        chain_id=_whole(raw["chain_id"]),
        entry=_address(raw["entry"]),
        unit=Unit(str(unit["symbol"]), _decimals(unit["decimals"], DIGITS), unit["asset"]),
    )


def _group(raw: Sequence[Any], markets: int) -> tuple[int, str | None, tuple[float, ...]]:
    place, fast, terms = raw
    if _whole(place) >= markets:
        raise ValueError("a group of no market")
    return place, fast, tuple(float.fromhex(term) for term in terms)


def _token(raw: Sequence[Any]) -> Token:
    address, symbol, decimals = raw
    return Token(_address(address), str(symbol), _decimals(decimals, MOST_DECIMALS))


def _decimals(value: Any, most: int) -> int:
    if _whole(value) > most:
        raise ValueError(f"{value} decimals")
    return int(value)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!a:.60} is no whole number")
    return value


def _address(value: Any) -> str:
    if not isinstance(value, str) or not is_address(value):
        raise ValueError(f"{value!a:.60} is no address")
    return value
