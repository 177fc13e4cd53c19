"""What a snapshot says of itself: read from its metadata, and checked against its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defirisk.auditing.listing import Listing, listing_of
from defirisk.auditing.partition import AskedMarket
from defirisk.auditing.summary import DIGITS
from defirisk.chain.addresses import is_address
from defirisk.chain.calls import Block
from defirisk.chain.jsontext import parse
from defirisk.errors import BadFile, BadSnapshot, InputError
from defirisk.model import Market, Token, Unit
from defirisk.model import Warning as Notice
from defirisk.snapshots.layout import FORMAT, KEY, MOST_DECIMALS, schema


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


def sealed(head: Mapping[str, Any]) -> dict[str, Any]:
    """The head with its digest, over its canonical JSON."""
    return {**head, "digest": digest_of(head)}


def digest_of(head: Mapping[str, Any]) -> str:
    """The digest of a head, but for the digest itself."""
    plain = {name: value for name, value in head.items() if name != "digest"}
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


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


def head_of(path: Path) -> Head:
    """The head of a file.

    Raises:
        BadFile: it is of another version.
        BadSnapshot: it is truncated, or not what was written.
    """
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
            hint="write it again with `defirisk snapshot`, or read it with the version that wrote it",
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
        listed=tuple(token_of(one) for one in raw["listed"]),
        warnings=tuple(Notice(str(code), str(text)) for code, text in raw["warnings"]),
        markets=tuple(market_of(one) for one in raw["markets"]),
        groups=tuple(_group(one, len(raw["markets"])) for one in raw["groups"]),
        assets=tuple(
            (_whole(place), token_of(one), int(price), int(scale)) for place, one, price, scale in raw["assets"]
        ),
        tokens=tuple((address_of(address), str(shown)) for address, shown in raw["tokens"]),
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


def market_of(raw: Mapping[str, Any]) -> Market:
    """A market as it stands in a head."""
    unit = raw["unit"]
    return Market(
        name=str(raw["name"]),
        protocol=str(raw["protocol"]),
        rules=str(raw["rules"]),
        chain_id=_whole(raw["chain_id"]),
        entry=address_of(raw["entry"]),
        unit=Unit(str(unit["symbol"]), _decimals(unit["decimals"], DIGITS), unit["asset"]),
    )


def _group(raw: Sequence[Any], markets: int) -> tuple[int, str | None, tuple[float, ...]]:
    place, fast, terms = raw
    if _whole(place) >= markets:
        raise ValueError("a group of no market")
    return place, fast, tuple(float.fromhex(term) for term in terms)


def token_of(raw: Sequence[Any]) -> Token:
    """A token as it stands in a head."""
    address, symbol, decimals = raw
    return Token(address_of(address), str(symbol), _decimals(decimals, MOST_DECIMALS))


def _decimals(value: Any, most: int) -> int:
    if _whole(value) > most:
        raise ValueError(f"{value} decimals")
    return int(value)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!a:.60} is no whole number")
    return value


def address_of(value: Any) -> str:
    """A text that has the shape of an address."""
    if not isinstance(value, str) or not is_address(value):
        raise ValueError(f"{value!a:.60} is no address")
    return value
