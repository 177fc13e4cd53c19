"""What happens to prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Move:
    """What a scenario does to one price: exactly one of the three is set.

    ``change`` wad, -1e18 (exclusive) and up, relative; ``raw`` an absolute price in the unit of the oracle of
    ``market``; ``usd`` an absolute price in USD, wad.
    """

    change: int | None = None
    raw: int | None = None
    usd: int | None = None
    market: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named set of price moves by symbol, address or ``family:NAME``; ``market`` where it differs from ``oracle``.

    ``volatile`` moves every volatile family (wad), which is what ``--drop`` means. ``preset`` scenarios may name
    assets that nobody holds.
    """

    name: str
    oracle: Mapping[str, Move] = field(default_factory=dict)
    market: Mapping[str, Move] = field(default_factory=dict)
    volatile: int | None = None
    source: str | None = None
    preset: bool = False
