"""What a scenario makes of a position: liquidations, what is left, who loses what."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from defirisk.model.market import Amount, Token


@dataclass(frozen=True, slots=True)
class Seized:
    """What leaves the owner: ``amount`` to the liquidator, ``protocol_fee`` to the protocol, token base units.

    ``shares`` and ``protocol_shares`` are the receipt tokens behind them (Compound V2), ``None`` elsewhere.
    """

    token: Token
    slot: int
    amount: int
    protocol_fee: int
    shares: int | None = None
    protocol_shares: int | None = None


@dataclass(frozen=True, slots=True)
class Liquidation:
    """One liquidation call (one absorb in Comet). ``health_factor_after`` wad, ``None`` when no debt is left."""

    repaid: Amount
    repaid_slot: int
    seized: tuple[Seized, ...]
    bad_debt: tuple[Amount, ...]
    health_factor_after: int | None


class Ended(StrEnum):
    """Why a replay ended."""

    HEALTHY = "healthy"
    NOTHING_TO_SEIZE = "nothing-to-seize"
    RULES = "rules"
    LIQUIDATOR = "liquidator"


@dataclass(frozen=True, slots=True)
class BadDebt:
    """Debt that the lenders lose: ``amount`` token base units, ``value`` unit base units, rounded up."""

    token: Token
    amount: int
    value: int


@dataclass(frozen=True, slots=True)
class Borne:
    """Who bears how much of a bad debt: ``who`` is reserves, deficit, umbrella or suppliers; token base units."""

    who: str
    token: Token
    amount: int


@dataclass(frozen=True, slots=True)
class OwnerLoss:
    """What the owner loses, in unit base units at market prices.

    ``move`` equity lost to the prices alone, ``bonus`` paid to liquidators, ``protocol_fee`` paid to the protocol,
    ``left`` what remains to the owner, ``borne_by_others`` what the owner would owe and walks away from; and
    ``total`` = equity before - left = move + bonus + protocol_fee - borne_by_others. A negative total is a gain.
    """

    total: int
    move: int
    bonus: int
    protocol_fee: int
    left: int
    borne_by_others: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario makes of a position. Values in unit base units; ``health_factor`` before any liquidation."""

    scenario: str
    health_factor: int | None
    liquidatable: bool
    liquidations: tuple[Liquidation, ...]
    ended: Ended
    assets_left: tuple[Amount, ...]
    debt_left: tuple[Amount, ...]
    bad_debt: tuple[BadDebt, ...]
    bad_debt_value: int
    uncovered_value: int
    owner_loss: OwnerLoss
    borne_by: tuple[Borne, ...]
    liquidator: str
    search: str | None = None
    """For ``worst-case``: "exhaustive" or "greedy"; ``None`` otherwise."""
    prices: tuple[int, ...] = field(default=(), compare=False)
    """The oracle prices in this scenario by slot, oracle units; to be told, not compared."""
    market_prices: tuple[int, ...] | None = field(default=None, compare=False)
    """The market's, where they differ from the oracle's."""

    @property
    def loss_value(self) -> int:
        """The larger of bad debt and uncovered debt: what verdicts, thresholds and policies speak of."""
        return max(self.bad_debt_value, self.uncovered_value)
