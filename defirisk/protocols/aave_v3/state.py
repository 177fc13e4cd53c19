"""What one owner holds and owes in one Aave V3 market at one block: the state that the rules work on.

The reader fills these nouns, the rules read them, nobody else looks inside. Indices are already brought to the block
(:mod:`defirisk.protocols.aave_v3.interest`), so that the rules know no clock but ``timestamp``, which only the
liquidation grace period asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from defirisk.model import Token


@dataclass(frozen=True, slots=True)
class Coverage:
    """What Umbrella has to cover a reserve's deficit with (``Umbrella.slash``), at the block.

    ``deficit`` is the pool's, ``offset`` what stakers are not slashed for, ``pending`` what they were slashed for
    already; reserve token base units. ``slashable`` is what the stake can lose, base units of what is staked (a
    wrapped aToken, or the reserve's own token; same decimals). ``price`` of the reserve's token and ``stake_price``
    of what is staked, oracle units: the second is the first times a rate, so that a shock moves both alike. ``fee``
    bps, slashed on top.
    """

    deficit: int
    offset: int
    pending: int
    slashable: int
    price: int
    stake_price: int
    fee: int = 0


@dataclass(frozen=True, slots=True)
class Reserve:
    """One reserve as configured at the block (``DataTypes.ReserveConfigurationMap``) with its indices.

    ``id`` is the reserve's bit in every bitmap. ``ltv``, ``liquidation_threshold`` bps; ``liquidation_bonus`` bps with
    the principal in it (10500 pays 5 %); ``protocol_fee`` bps, the protocol's share of the bonus. ``liquidity_index``
    and ``variable_borrow_index`` ray, at the block. ``grace_until`` seconds, 0 where there is none (before 3.1).
    ``emode_category`` is the reserve's only category (3.0, 3.1), 0 for none. ``debt_ceiling`` and
    ``isolation_total_debt`` USD with 2 decimals, 0 where the reserve is not isolated (from 3.7: nowhere).
    ``coverage`` is ``None`` where nothing is known to cover the reserve's deficit.
    """

    id: int
    token: Token
    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    protocol_fee: int
    liquidity_index: int
    variable_borrow_index: int
    active: bool = True
    frozen: bool = False
    paused: bool = False
    borrowing: bool = True
    grace_until: int = 0
    emode_category: int = 0
    debt_ceiling: int = 0
    isolation_total_debt: int = 0
    coverage: Coverage | None = None


@dataclass(frozen=True, slots=True)
class EMode:
    """The eMode category that the owner is in (``DataTypes.EModeCategory``); never category 0.

    ``ltv``, ``liquidation_threshold`` bps; ``liquidation_bonus`` bps with the principal in it. ``price_slot`` is the
    first slot of the category's own price source (3.0, 3.1), ``None`` where it has none; :func:`state_of` sets it.
    The bitmaps are by reserve id: ``collateral_bitmap`` and ``borrowable_bitmap`` from 3.2 on, ``ltvzero_bitmap`` from
    3.6 on; ``isolated`` from 3.7.
    """

    id: int
    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    label: str = ""
    price_slot: int | None = None
    collateral_bitmap: int = 0
    borrowable_bitmap: int = 0
    ltvzero_bitmap: int = 0
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """What the owner has in one reserve.

    ``scaled_supply`` and ``scaled_variable_debt`` are shares (token base units divided by the index); ``stable_debt``
    token base units, compounded to the block, 0 from 3.2 on. ``collateral`` and ``borrowing`` are the two bits of
    the user's configuration; without ``borrowing`` the protocol does not see the debt.
    """

    reserve: Reserve
    scaled_supply: int = 0
    scaled_variable_debt: int = 0
    stable_debt: int = 0
    collateral: bool = False
    borrowing: bool = False


@dataclass(frozen=True, slots=True)
class AaveState:
    """One owner in one market; made by :func:`state_of`.

    ``holdings`` are the reserves that this owner supplies or owes, in order of reserve id. ``tokens`` and ``prices``
    (oracle units) are by slot: slot i is ``holdings[i]``'s own. Where the owner's eMode has a price source of its own
    (3.0, 3.1), more slots follow: one for each holding of the category, with the pseudo token of the source in the
    holding's decimals; ``valued_by`` then names, by holding, the slot that values it (empty: each its own).
    ``emode`` is ``None`` outside eMode. ``timestamp`` seconds, of the block. ``liquidations_allowed`` is what the
    price oracle sentinel answers, ``None`` where the market has no sentinel or the revision does not ask it (3.7).
    """

    holdings: tuple[Holding, ...]
    tokens: tuple[Token, ...]
    prices: tuple[int, ...]
    timestamp: int
    emode: EMode | None = None
    liquidations_allowed: bool | None = None
    valued_by: tuple[int, ...] = ()

    @property
    def scales(self) -> tuple[int, ...]:
        """By slot: amount * price / scale is a value in base currency units."""
        return tuple(10**token.decimals for token in self.tokens)

    def slot_of(self, index: int) -> int:
        """The slot of the price that values ``holdings[index]``."""
        return self.valued_by[index] if self.valued_by else index

    def index_at(self, slot: int) -> int:
        """The holding that a slot belongs to: its own, or the one that it values."""
        return slot if slot < len(self.holdings) else self.valued_by.index(slot)


@dataclass(frozen=True, slots=True)
class PriceSource:
    """An eMode category's own price source (3.0, 3.1): ``token`` is a pseudo token with the address of the source's
    key in the oracle, ``price`` oracle units.
    """

    token: Token
    price: int


def state_of(
    holdings: tuple[Holding, ...],
    prices: tuple[int, ...],
    timestamp: int,
    *,
    emode: EMode | None = None,
    source: PriceSource | None = None,
    liquidations_allowed: bool | None = None,
) -> AaveState:
    """A state from holdings in order of reserve id, their assets' own prices, and the eMode's ``source`` if any."""
    tokens = tuple(holding.reserve.token for holding in holdings)
    if emode is None or source is None:
        return AaveState(holdings, tokens, prices, timestamp, emode, liquidations_allowed)
    served = [index for index, holding in enumerate(holdings) if holding.reserve.emode_category == emode.id]
    valued_by = list(range(len(holdings)))
    for slot, index in enumerate(served, start=len(holdings)):
        valued_by[index] = slot
    decimals = [tokens[index].decimals for index in served] or [source.token.decimals]
    return AaveState(
        holdings=holdings,
        tokens=tokens + tuple(replace(source.token, decimals=each) for each in decimals),
        prices=prices + (source.price,) * len(decimals),
        timestamp=timestamp,
        emode=replace(emode, price_slot=len(holdings)),
        liquidations_allowed=liquidations_allowed,
        valued_by=tuple(valued_by),
    )


def isolated_in(holdings: Iterable[Holding]) -> Reserve | None:
    """``UserConfiguration.getIsolationModeState``: the only flagged collateral, if it has a debt ceiling."""
    flagged = [holding.reserve for holding in holdings if holding.collateral]
    return flagged[0] if len(flagged) == 1 and flagged[0].debt_ceiling else None
