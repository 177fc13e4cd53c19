"""What one owner holds and owes under one Comptroller at one block: the state that the rules work on.

The reader fills these nouns, the rules read them, nobody else looks inside. Two sets of numbers stand side by side:
*accrued*, every market of the position brought to the block, by which we judge and liquidate; and *stored*, what the
cTokens keep since somebody last touched them, by which the Comptroller's own views answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from defirisk.fixedpoint import WAD
from defirisk.model import Token

UNIT_DECIMALS: Final = 18
"""A price has 36 - underlying decimals digits, so that amount * price / 1e18 is USD with 18 decimals."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What a market still takes: the largest totals, underlying base units, ``None`` without a cap; and pauses.

    Compound's own and Moonwell's contracts refuse a total that *reaches* the cap, so the largest is one less; Venus's
    (its supply cap always, its borrow cap since its Comptroller is a diamond) takes the cap itself, and a cap of 0
    lets nothing in. ``by_tokens``: the total supply is the cTokens at their rate (Venus), elsewhere it is cash +
    borrows - reserves.
    """

    most_borrows: int | None = None
    most_supply: int | None = None
    by_tokens: bool = False
    mint_paused: bool = False
    borrow_paused: bool = False
    repay_paused: bool = False
    redeem_paused: bool = False


@dataclass(frozen=True, slots=True)
class CToken:
    """One market as it is configured for this owner.

    ``address`` EIP-55, ``symbol`` as the cToken says it, ``token`` its underlying. ``collateral_factor`` wad, what may
    be borrowed against; ``liquidation_threshold`` wad, what liquidity is judged by: the collateral factor too, unless
    the fork keeps one apart. ``incentive`` wad with the principal in it (1.08e18 pays 8 %), of a seizure of this
    collateral. ``seize_share`` wad, the part of what is seized that the market keeps (``protocolSeizeShareMantissa``).
    ``forced``: a debt here may be liquidated without a shortfall and in full, because the market is deprecated
    (``Comptroller.isDeprecated``) or liquidation was forced (Venus). ``liquidate_paused`` stops liquidating a debt
    here, ``seize_paused`` seizing this collateral. ``caps`` is ``None`` where there is no market (VAI).
    """

    address: str
    symbol: str
    token: Token
    collateral_factor: int
    liquidation_threshold: int
    incentive: int
    seize_share: int = 0
    forced: bool = False
    liquidate_paused: bool = False
    seize_paused: bool = False
    caps: Caps | None = Caps()


@dataclass(frozen=True, slots=True)
class Books:
    """A market's own totals, accrued to the block.

    ``gross`` is cash + total borrows, which a repayment leaves as it is; ``borrows`` the total borrows and
    ``reserves`` the total reserves, all underlying base units. ``supply`` cToken units. ``rate`` is the exchange rate,
    underlying base units a cToken unit, times 1e18.
    """

    gross: int
    borrows: int
    reserves: int
    supply: int
    rate: int


@dataclass(frozen=True, slots=True)
class VaiDebt:
    """What a debt in VAI consists of, base units: ``minted`` without interest, ``past`` interest that was made part of
    the debt. ``growth`` wad, by which the index has grown since the owner last minted: minted * growth is owed besides.
    """

    minted: int
    past: int
    growth: int


@dataclass(frozen=True, slots=True)
class Holding:
    """What the owner has in one market.

    ``tokens`` cToken units; ``debt`` underlying base units, accrued; ``entered`` whether the market is among the
    owner's assets: only then does the Comptroller see it. ``stored_rate`` and ``stored_debt`` are what
    ``getAccountSnapshot`` answers. ``vai`` is there where the debt is Venus's VAI, which has no market.
    """

    market: CToken
    books: Books
    tokens: int
    debt: int
    entered: bool
    stored_rate: int = 0
    stored_debt: int = 0
    vai: VaiDebt | None = None


@dataclass(frozen=True, slots=True)
class CompoundState:
    """One owner under one Comptroller.

    ``holdings`` are the markets that this owner has entered, supplies or owes, in the Comptroller's order; ``tokens``
    and ``prices`` (the oracle's mantissa) are by slot, slot i is ``holdings[i]``'s. ``close_factor`` wad. ``cut`` wad,
    the share of the bonus that a separate Liquidator contract keeps (Venus), in cTokens that are not burned.
    ``vai_first``: from so much VAI on (base units) that contract liquidates no other debt before it.
    ``entered_only``: collateral that was not entered cannot be seized (newer Venus). ``paused``: everything is.
    """

    holdings: tuple[Holding, ...]
    tokens: tuple[Token, ...]
    prices: tuple[int, ...]
    close_factor: int
    cut: int = 0
    entered_only: bool = False
    paused: bool = False
    vai_first: int | None = None

    @property
    def scales(self) -> tuple[int, ...]:
        """By slot: amount * price / scale is USD with 18 decimals."""
        return (WAD,) * len(self.tokens)
