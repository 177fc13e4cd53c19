"""What an audit adds up to. Pure integers, so that parts merge in any order to the same figures, to the last digit.

Values are counted in 1e-18 of the unit of account, whatever a market's own base unit is: markets of one unit add up,
dollars are never added to ether.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from defirisk.fixedpoint import WAD

DIGITS: Final = 18
"""Decimals of every value here."""
LARGEST: Final = 100
"""How many of the largest debtors are kept, for the concentration."""
MOST_FAILURES: Final = 1000
"""How many failures are listed by name; all of them are counted, and stand in the table."""
NO_DEBT: Final = "no debt"
_EDGES: Final = (("below 1", 100), ("1 to 1.05", 105), ("1.05 to 1.1", 110), ("1.1 to 1.25", 125), ("1.25 to 1.5", 150))
BANDS: Final = (*(name for name, _ in _EDGES), "1.5 to 2", "2 and above", NO_DEBT)
"""Bands of the health factor, each with its lower edge and without its upper one."""

T = TypeVar("T")


def band_of(health_factor: int | None) -> str:
    """The band of a health factor (wad)."""
    if health_factor is None:
        return NO_DEBT
    for name, upper in (*_EDGES, ("1.5 to 2", 200)):
        if health_factor * 100 < upper * WAD:
            return name
    return "2 and above"


@dataclass(slots=True)
class Sums:
    """So many positions, with their collateral and debt of today."""

    count: int = 0
    collateral: int = 0
    debt: int = 0

    def add(self, collateral: int, debt: int) -> None:
        """One position more."""
        self.count += 1
        self.collateral += collateral
        self.debt += debt


@dataclass(slots=True)
class AssetSums:
    """One asset: counted collateral and debt (values of today), and the bad debt that a scenario leaves in it."""

    symbol: str = ""
    collateral: int = 0
    debt: int = 0
    bad_debt: int = 0


@dataclass(slots=True)
class ScenarioSums:
    """What a scenario does to the positions of a market or unit.

    ``liquidatable`` are those that anyone may liquidate then, with their values of today, ``assets`` the same by asset
    and the bad debt in each; ``losing`` how many leave bad or uncovered debt; ``loss`` is the larger of the two, added
    up; ``refused`` how many prices could not take the scenario; ``fast`` how many outcomes are of the fast engine.
    """

    positions: int = 0
    liquidatable: Sums = field(default_factory=Sums)
    liquidations: int = 0
    repaid: int = 0
    bad_debt: int = 0
    uncovered: int = 0
    loss: int = 0
    losing: int = 0
    refused: int = 0
    fast: int = 0
    assets: dict[str, AssetSums] = field(default_factory=dict)


@dataclass(slots=True)
class Book:
    """Positions by band, asset and scenario."""

    total: Sums = field(default_factory=Sums)
    bands: dict[str, Sums] = field(default_factory=dict)
    assets: dict[str, AssetSums] = field(default_factory=dict)
    scenarios: dict[str, ScenarioSums] = field(default_factory=dict)


@dataclass(slots=True)
class MarketSums:
    """One market: how many wallets are of which status, how many positions differ from the contract, its book.

    ``sought`` is for how many positions the nearest liquidation was looked for, ``unproved`` for how many of them
    something still nearer was not excluded; ``warnings`` how many positions carry each, by code.
    """

    protocol: str = ""
    unit: str = ""
    """The key of its unit of account in the summary's ``units``; empty while no position was seen."""
    rules: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    differing: int = 0
    sought: int = 0
    unproved: int = 0
    warnings: dict[str, int] = field(default_factory=dict)
    book: Book = field(default_factory=Book)


class Worst(NamedTuple):
    """A position, worst first: most lost by the lenders in any scenario, then most debt that becomes liquidatable in
    any, then the lowest health factor. All but the names are negated where larger is worse.
    """

    minus_loss: int
    minus_debt_at_risk: int
    health_factor: int
    address: str
    market: str
    scenario: str
    debt: int
    collateral: int


class Failed(NamedTuple):
    """A wallet that could not be answered in a market."""

    address: str
    market: str
    code: str
    message: str


@dataclass(slots=True)
class UnitSums:
    """What is of wallets, over all markets of one unit of account: ``squares`` is the sum of their debts squared."""

    symbol: str = ""
    debtors: int = 0
    debt: int = 0
    squares: int = 0
    largest: list[tuple[int, str]] = field(default_factory=list)
    """(minus debt, address) of the largest debtors, largest first."""
    worst: list[Worst] = field(default_factory=list)

    def add_wallet(self, address: str, debt: int) -> None:
        """One wallet's debt in all markets of the unit."""
        if debt:
            self.debtors += 1
            self.debt += debt
            self.squares += debt * debt
            self.largest.append((-debt, address))


@dataclass(slots=True)
class Summary:
    """Everything. ``wallets`` counts them by status: failed before ok before no-position."""

    keep: int = 10
    """How many of the worst positions are kept, a unit."""
    wallets: dict[str, int] = field(default_factory=dict)
    markets: dict[str, MarketSums] = field(default_factory=dict)
    units: dict[str, UnitSums] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    failures: int = 0
    notices: dict[str, int] = field(default_factory=dict)
    """What was said of scenarios that did not fit, and how often."""

    def trim(self) -> Summary:
        """Keep of every list what can still be needed, in the one order that does not depend on how it was merged."""
        for unit in self.units.values():
            unit.largest = sorted(unit.largest)[:LARGEST]
            unit.worst = sorted(unit.worst)[: self.keep]
        self.failed = sorted(self.failed)[:MOST_FAILURES]
        return self

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it, to be read back exactly."""
        return _plain(self)  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Summary:
        """What :meth:`to_json` gave."""
        built: Summary = _built(cls, document)
        return built


def merged(parts: Iterable[Summary], keep: int = 10) -> Summary:
    """The parts as one; in whatever order and grouping, the same."""
    total = Summary(keep)
    for part in parts:
        add(total, part)
        total.trim()
    return total


def book_of(markets: Iterable[MarketSums]) -> Book:
    """The books of markets of one unit, as one."""
    total = Book()
    for market in markets:
        add(total, market.book)
    return total


def unit_markets(summary: Summary, key: str) -> list[tuple[str, MarketSums]]:
    """The markets that count in a unit of account, by name."""
    return sorted((name, one) for name, one in summary.markets.items() if one.unit == key)


_KEPT: Final = frozenset({"keep"})


def add(total: Any, part: Any) -> None:
    """Add a part to a total, field by field: numbers add, lists join, mappings by key; names stay."""
    for one in fields(total):
        if one.name in _KEPT:
            continue
        ours, theirs = getattr(total, one.name), getattr(part, one.name)
        if is_dataclass(ours):
            add(ours, theirs)
        elif isinstance(ours, dict):
            _add_mapping(ours, theirs)
        elif isinstance(ours, str):
            setattr(total, one.name, ours or theirs)
        else:
            setattr(total, one.name, ours + theirs)


def _add_mapping(total: dict[str, Any], part: Mapping[str, Any]) -> None:
    for key, theirs in part.items():
        if isinstance(theirs, int):
            total[key] = total.get(key, 0) + theirs
        else:
            if key not in total:
                total[key] = type(theirs)()
            add(total[key], theirs)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _built(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{one.name: _built(hints[one.name], value[one.name]) for one in fields(kind)})  # type: ignore[operator]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return {key: _built(arguments[1], one) for key, one in value.items()}
    if origin is list:
        return [_built(arguments[0], one) for one in value]
    if origin is tuple:
        return tuple(value)
    return kind(*value) if isinstance(value, list) else value
