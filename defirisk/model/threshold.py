"""The prices at which a position is liquidated or leaves bad debt, and the plain answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way a price moves."""

    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The nearest move at which a position becomes liquidatable, and at which it leaves bad debt.

    ``kind`` is "group" or "asset", ``move`` its name. Moves are wad, rounded away from zero; 0 if it holds today;
    ``None`` if there is no such move up to ``searched_to`` (wad), which is an answer. For one asset the integer price
    (oracle units) is the authority.
    """

    kind: str
    move: str
    direction: Direction
    liquidation: int | None
    bad_debt: int | None
    asset: str | None = None
    liquidation_price: int | None = None
    bad_debt_price: int | None = None
    searched_to: int | None = None
    proved: bool = True
    """Everything nearer is proved not to; False where the search gave up (said in a warning)."""
    liquidation_proved: bool = True
    """The same of the liquidation alone, which is proved also where the search for bad debt gave up."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The plain answer to "can I lose more than I put in, and who would owe the rest?".

    ``nearest`` is the threshold that it names as the nearest to liquidation; ``None`` where it names none.
    """

    code: str
    text: str
    nearest: Threshold | None = None
