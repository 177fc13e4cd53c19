"""One owner in one market: what is supplied and owed, how its rules judge it, what the contract itself says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from defirisk.model.market import Market, Token
from defirisk.model.market import Warning as Notice

if TYPE_CHECKING:
    from defirisk.protocols.interface import Rules


@dataclass(frozen=True, slots=True)
class Collateral:
    """One asset supplied.

    ``slot`` is the index of its price; ``amount`` token base units; ``price`` oracle units; ``value`` unit base
    units as the revision rounds it; ``counts`` whether it secures debt (and may be seized); ``liquidation_threshold``
    wad, the LT / collateral factor / liquidateCollateralFactor in force for this owner; ``liquidation_bonus`` wad above
    1, ``None`` for Comet, which has ``liquidation_penalty`` (wad) instead; ``recovery`` wad, the share of its value
    that repays debt when it is seized (1 / (1 + bonus), down; Comet: the storefront's ask); ``protocol_fee`` wad, the
    protocol's share of the bonus.
    """

    token: Token
    slot: int
    amount: int
    price: int
    value: int
    counts: bool
    liquidation_threshold: int
    liquidation_bonus: int | None
    recovery: int
    protocol_fee: int = 0
    liquidation_penalty: int | None = None


@dataclass(frozen=True, slots=True)
class Debt:
    """One asset owed. ``slot`` is the index of its price; ``amount`` token base units; ``value`` unit base units."""

    token: Token
    slot: int
    amount: int
    price: int
    value: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A state judged by its rules at its prices.

    ``health_factor`` wad, below 1e18 exactly when ``liquidatable``; ``None`` without debt. ``collateral`` and ``debt``
    hold everything supplied and owed, in the market's own reserve order, amounts above 0 only. ``collateral_value`` is
    what counts, ``debt_value`` all debts, both in unit base units as the contract sums them.
    """

    health_factor: int | None
    liquidatable: bool
    collateral_value: int
    debt_value: int
    collateral: tuple[Collateral, ...]
    debt: tuple[Debt, ...]

    @property
    def at_stake(self) -> bool:
        """Whether there is a debt, or collateral that counts."""
        return bool(self.debt) or any(leg.counts for leg in self.collateral)


@dataclass(frozen=True, slots=True)
class ContractView:
    """What the contract itself says, from its stored state; ``None`` where it has no such view.

    ``health_factor`` wad (2**256 - 1, "no debt", is ``None`` with ``has_health_factor`` set); ``liquidity`` and
    ``shortfall`` unit base units.
    """

    has_health_factor: bool = False
    health_factor: int | None = None
    liquidatable: bool | None = None
    liquidity: int | None = None
    shortfall: int | None = None


class PositionStatus(StrEnum):
    """``ok``: judged. ``unpriced``: read, but a price it needs is 0 or reverts, so nothing is judged."""

    OK = "ok"
    UNPRICED = "unpriced"


@dataclass(frozen=True, slots=True)
class Position:
    """One owner in one market at one block.

    ``state`` is the protocol's own immutable state, which only ``rules`` looks into; it has ``tokens`` and ``prices``
    by slot. ``price_times`` are the oracle's update times by slot (seconds, ``None`` where unknown). ``contract`` is
    the contract's own view and ``reproduced`` ours of the same stored numbers: they must be equal. ``unpriced`` maps
    the slots without a usable price to the cause. ``listing`` is what the market lists beside it, which only its
    family's changes look into.
    """

    market: Market
    owner: str
    rules: Rules[Any]
    state: Any
    price_times: tuple[int | None, ...]
    contract: ContractView
    reproduced: ContractView
    warnings: tuple[Notice, ...] = ()
    unpriced: Mapping[int, str] = field(default_factory=dict)
    listing: Any = field(default=None, compare=False, repr=False)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens by price slot."""
        tokens: tuple[Token, ...] = self.state.tokens
        return tokens

    @property
    def prices(self) -> tuple[int, ...]:
        """The oracle prices by slot, oracle units."""
        prices: tuple[int, ...] = self.state.prices
        return prices

    @property
    def status(self) -> PositionStatus:
        """Whether the position could be judged."""
        return PositionStatus.UNPRICED if self.unpriced else PositionStatus.OK
