"""What one owner holds and owes in one Comet at one block: the state that the rules work on.

The reader fills these nouns, the rules read them, nobody else looks inside. Comet keeps a balance of the base token
as a signed principal: positive is a supply, negative a debt, and it is worth what an index says. The contract's own
flags use the index that is *stored*; an absorb accrues first. Both are kept: ``Comet.stored`` to reproduce the
contract's views, ``CometState.totals`` (brought to the block) for everything that we say ourselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from defirisk.fixedpoint import WAD, wad_mul_down
from defirisk.model import Token

BASE: Final = 0
"""The price slot of the base token."""
INDEX_SCALE: Final = 10**15
"""``CometCore.BASE_INDEX_SCALE``."""
PRICE_DECIMALS: Final = 8
"""``CometCore.PRICE_FEED_DECIMALS``: every price, and so every value, has eight decimals."""
PAUSE_FLAGS: Final = ("supply", "transfer", "withdraw", "absorb", "buy")
"""``CometCore.PAUSE_*_OFFSET``: the name of each bit of the pause flags."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One collateral as listed (``CometCore.AssetInfo``).

    ``offset`` is its bit; ``scale`` base units in a whole token; the three factors wad. ``ask`` wad, the share of the
    oracle price at which the storefront sells it (``Comet.quoteCollateral``: 1 - discount). ``supply_cap`` and
    ``total_supply`` base units (``totalsCollateral``), the cap ``None`` where it is not known.
    """

    token: Token
    offset: int
    scale: int
    borrow_collateral_factor: int
    liquidate_collateral_factor: int
    liquidation_factor: int
    ask: int
    supply_cap: int | None = None
    total_supply: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The base token's books (``CometCore.TotalsBasic``): indices in 1e15, totals in principal (base units / index)."""

    supply_index: int
    borrow_index: int
    total_supply: int
    total_borrow: int


@dataclass(frozen=True, slots=True)
class Comet:
    """One market at one block, the same for every owner.

    ``base_scale`` base units in a whole base token; ``store_front_price_factor`` wad; ``target_reserves``,
    ``base_borrow_min`` and ``reserves`` (``getReserves``, accrued to the block, before anything is absorbed) base
    units, reserves signed. ``stored`` are the books as the chain holds them, ``accrued`` brought to the block.
    ``paused`` names what is paused, of :data:`PAUSE_FLAGS`.
    """

    base: Token
    base_scale: int
    store_front_price_factor: int
    target_reserves: int
    base_borrow_min: int
    stored: Totals
    accrued: Totals
    reserves: int
    paused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CometState:
    """One owner in one Comet.

    ``assets`` are the collaterals that the owner has, in order of offset, ``balances`` (base units) theirs.
    ``principal`` signed, base units / index. ``tokens``, ``prices`` (8 decimals) and ``scales`` are by slot: slot 0 is
    the base token, slot i + 1 is ``assets[i]``. ``totals`` are the books that ``principal`` is valued by.
    """

    comet: Comet
    assets: tuple[Asset, ...]
    balances: tuple[int, ...]
    principal: int
    prices: tuple[int, ...]
    tokens: tuple[Token, ...]
    scales: tuple[int, ...]
    totals: Totals

    @classmethod
    def of(
        cls, comet: Comet, principal: int, holdings: Iterable[tuple[Asset, int]], prices: tuple[int, ...]
    ) -> CometState:
        """An owner's state at the block; ``holdings`` in order of offset, ``prices`` by slot."""
        held = tuple(holdings)
        assets = tuple(asset for asset, _ in held)
        return cls(
            comet=comet,
            assets=assets,
            balances=tuple(balance for _, balance in held),
            principal=principal,
            prices=prices,
            tokens=(comet.base, *(asset.token for asset in assets)),
            scales=(comet.base_scale, *(asset.scale for asset in assets)),
            totals=comet.accrued,
        )

    def as_stored(self) -> CometState:
        """The same owner by the indices that the chain holds: what the contract's views see."""
        return replace(self, totals=self.comet.stored)

    def at(self, prices: tuple[int, ...]) -> CometState:
        """The same holdings at other prices."""
        return CometState(
            self.comet,
            self.assets,
            self.balances,
            self.principal,
            prices,
            self.tokens,
            self.scales,
            self.totals,
        )


def ask_factor(store_front_price_factor: int, liquidation_factor: int) -> int:
    """``Comet.quoteCollateral``: 1 - storeFrontPriceFactor * (1 - liquidationFactor), wad; the discount is cut."""
    return WAD - wad_mul_down(store_front_price_factor, WAD - liquidation_factor)
