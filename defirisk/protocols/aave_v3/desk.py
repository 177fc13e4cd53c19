"""A position of Aave as an act finds and leaves it: look-ups, checks that several acts share, and putting it together
again when a reserve comes to it or goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from defirisk.fixedpoint import WAD, zero_floor_sub
from defirisk.model import ContractView, Position
from defirisk.protocols.aave_v3.account import AccountData, Terms, account_data, debt_of, supply_of
from defirisk.protocols.aave_v3.conduct import CONDUCT, Conduct
from defirisk.protocols.aave_v3.listing import Listing, Offer
from defirisk.protocols.aave_v3.revisions import Revision
from defirisk.protocols.aave_v3.state import AaveState, EMode, Holding, PriceSource, Reserve, isolated_in, state_of
from defirisk.protocols.interface import Refused


@dataclass(frozen=True, slots=True)
class Desk:
    """A position under way, and what it is dealt with by."""

    position: Position
    revision: Revision
    conduct: Conduct

    @property
    def state(self) -> AaveState:
        """What the owner has."""
        state: AaveState = self.position.state
        return state

    @property
    def listing(self) -> Listing:
        """What the market lists."""
        listing: Listing = self.position.listing
        return listing

    def holding(self, reserve_id: int) -> Holding:
        """What the owner has in a reserve; an empty holding where that is nothing."""
        held = (one for one in self.state.holdings if one.reserve.id == reserve_id)
        return next(held, Holding(self.listing.offer(reserve_id).reserve))

    def offer(self, reserve_id: int) -> Offer:
        """The reserve as listed."""
        return self.listing.offer(reserve_id)

    def price(self, reserve_id: int) -> int:
        """The price that values a reserve for this owner: its own, or that of the eMode's source (3.0, 3.1)."""
        emode = self.state.emode
        offer = self.offer(reserve_id)
        if emode is None or emode.price_slot is None or offer.reserve.emode_category != emode.id:
            return offer.price
        return self.state.prices[emode.price_slot]

    def with_holding(self, changed: Holding) -> Desk:
        """The same with another holding in one reserve: one that is left empty goes."""
        same = changed.reserve.id
        others = [one for one in self.state.holdings if one.reserve.id != same]
        kept = [changed] if changed.scaled_supply or changed.scaled_variable_debt or changed.stable_debt else []
        return replace(self, position=rebuilt(self.position, [*others, *kept]))

    def with_offer(self, changed: Offer) -> Desk:
        """The same in a market whose books say something else."""
        return replace(self, position=replace(self.position, listing=self.listing.with_offer(changed)))

    # What the contract looks at

    def account(self) -> AccountData:
        """``GenericLogic.calculateUserAccountData``."""
        return account_data(self.revision, self.state)

    def supply(self, holding: Holding) -> int:
        """``AToken.balanceOf``."""
        return supply_of(self.revision, holding)

    def debt(self, holding: Holding) -> int:
        """All that is owed of one reserve."""
        return debt_of(self.revision, holding)

    def terms(self, holding: Holding) -> Terms:
        """On what terms a supply counts."""
        return self.revision.terms(self.state, holding)

    def ltv_of(self, holding: Holding) -> int:
        """The LTV that acts go by, bps: the reserve's own, from 3.6 on the one in the owner's eMode."""
        return self.terms(holding).ltv if self.conduct.effective_ltv else holding.reserve.ltv

    def isolated_in(self) -> Reserve | None:
        """The collateral that the owner is isolated in."""
        return isolated_in(self.state.holdings)

    def is_borrowing(self) -> bool:
        """``UserConfiguration.isBorrowingAny``."""
        return any(holding.borrowing for holding in self.state.holdings)

    def check_open(self, reserve: Reserve, *, frozen_too: bool) -> None:
        """``ReserveConfiguration.getFlags``."""
        reasons = self.conduct.reasons
        if not reserve.active:
            raise Refused(reasons.inactive)
        if reserve.paused:
            raise Refused(reasons.paused)
        if frozen_too and reserve.frozen:
            raise Refused(reasons.frozen)

    def check_health_and_ltv(self, left: Holding) -> None:
        """``validateHFAndLtv`` (``…Ltvzero`` from 3.5 on): a withdrawal of ``left`` must leave the owner healthy, and
        take a collateral of LTV 0 first.
        """
        health = self.account().health_factor
        if health < WAD:
            raise Refused(self.conduct.reasons.health)
        terms = [self.terms(one) for one in self.state.holdings if one.collateral]
        if any(each.counts and each.ltv == 0 for each in terms) and self.ltv_of(left) != 0:
            raise Refused(self.conduct.reasons.ltv)

    def check_cash(self, offer: Offer, amount: int) -> None:
        """What is taken out must be there."""
        cash = None if offer.books is None else offer.books.cash
        if cash is not None and amount > cash:
            raise Refused(self.conduct.reasons.cash)


def desk_of(position: Position) -> Desk:
    """A position of any revision of Aave."""
    rules: Any = position.rules
    return Desk(position, rules.revision, CONDUCT[rules.name])


def rebuilt(position: Position, holdings: Iterable[Holding], emode: EMode | None = None) -> Position:
    """A position that has these holdings, with prices, their times and what is lacking of them by slot.

    What the contract says of the position as it stands is no longer said of it. ``emode`` where that changes.
    """
    ordered = tuple(sorted(holdings, key=lambda one: one.reserve.id))
    old: AaveState = position.state
    offers = [position.listing.offer(one.reserve.id) for one in ordered]
    source = source_of(old)
    state = state_of(
        ordered,
        tuple(offer.price for offer in offers),
        old.timestamp,
        emode=emode or old.emode,
        source=source,
        liquidations_allowed=old.liquidations_allowed,
    )
    extra = len(state.tokens) - len(ordered)
    unpriced = {slot: offer.cause for slot, offer in enumerate(offers) if offer.cause is not None}
    return replace(
        position,
        state=state,
        price_times=(*(offer.price_time for offer in offers), *(None,) * extra),
        unpriced=unpriced,
        contract=ContractView(),
        reproduced=ContractView(),
    )


def source_of(state: AaveState) -> PriceSource | None:
    """The owner's eMode's own price source (3.0, 3.1), as the state has it."""
    if state.emode is None or state.emode.price_slot is None:
        return None
    slot = state.emode.price_slot
    return PriceSource(state.tokens[slot], state.prices[slot])


def moved_books(offer: Offer, **moves: int) -> Offer:
    """The reserve's books after a call: each total by so much more, or less."""
    books = offer.books
    if books is None:
        return offer
    moved = {name: move for name, move in moves.items() if getattr(books, name) is not None}
    changed = {name: zero_floor_sub(getattr(books, name) + move, 0) for name, move in moved.items()}
    return replace(offer, books=replace(books, **changed))
