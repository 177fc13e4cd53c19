"""What a market still takes: ``ValidationLogic.validateSupply`` and ``validateBorrow``, as far as they ask no price.

``room`` is the largest amount that is taken, with a revision's own roundings. A cap whose total was not read is told
without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from defirisk.fixedpoint import RAY, div_down, mul_div_down, zero_floor_sub
from defirisk.model import Bound, Limit, Limits
from defirisk.protocols.aave_v3.borrowable import ceiling_unit, is_enabled, is_in_emode, is_siloed_off
from defirisk.protocols.aave_v3.conduct import CONDUCT, Conduct
from defirisk.protocols.aave_v3.listing import Books, Listing, Offer
from defirisk.protocols.aave_v3.revisions import Revision
from defirisk.protocols.aave_v3.state import AaveState, Reserve, isolated_in


@dataclass(frozen=True, slots=True)
class _View:
    """An owner in a market; ``listing`` ``None`` where it is not at hand."""

    revision: Revision
    conduct: Conduct
    state: AaveState
    listing: Listing | None

    def offer(self, reserve: Reserve) -> Offer:
        return Offer(reserve, 0) if self.listing is None else self.listing.offer(reserve.id)


def limits_of(revision: Revision, state: AaveState, listing: Listing | None) -> tuple[Limits, ...]:
    """By the slot of each holding's own price."""
    view = _View(revision, CONDUCT[revision.name], state, listing)
    return tuple(_limits(view, slot, holding.reserve) for slot, holding in enumerate(state.holdings))


def _limits(view: _View, slot: int, reserve: Reserve) -> Limits:
    """Repaying and withdrawing go on in a frozen reserve, not in a paused one."""
    works = reserve.active and not reserve.paused
    offer = view.offer(reserve)
    return Limits(
        token=reserve.token,
        slot=slot,
        supply=_supply(view, offer),
        borrow=_borrow(view, offer),
        repay_open=works,
        withdraw_open=works,
    )


def _closed(reserve: Reserve) -> Bound | None:
    if not reserve.active:
        return Bound.INACTIVE
    if reserve.paused:
        return Bound.PAUSED
    return Bound.FROZEN if reserve.frozen else None


# --- supply -------------------------------------------------------------------------------------------------------


def _supply(view: _View, offer: Offer) -> Limit:
    cap, closed = _cap(offer, offer.caps.supply_cap), _closed(offer.reserve)
    if closed is not None:
        return Limit(open=False, cap=cap, room=0, bound_by=closed)
    if cap is None:
        return Limit()
    room = None if offer.books is None else _supply_room(view, offer.reserve, offer.books, cap)
    return Limit(cap=cap, room=room, bound_by=Bound.CAP)


def _supply_room(view: _View, reserve: Reserve, books: Books, cap: int) -> int:
    """``SupplyCapExceeded`` is held against shares of which some are the treasury's; from 3.5 on the new ones too."""
    shares, index = books.supply + books.treasury, reserve.liquidity_index
    if not view.conduct.by_shares:
        return zero_floor_sub(cap, view.revision.supply_balance(shares, index))
    more = zero_floor_sub(div_down((cap + 1) * RAY - 1, index), shares)  # most shares worth the cap, rounded down
    return div_down((more + 1) * index - 1, RAY) if more else 0  # an amount that mints no share is refused


# --- borrow -------------------------------------------------------------------------------------------------------


def _borrow(view: _View, offer: Offer) -> Limit:
    cap, closed = _cap(offer, offer.caps.borrow_cap), _closed(offer.reserve) or _refused(view, offer)
    if closed is not None:
        return Limit(open=False, cap=cap, room=0, bound_by=closed)
    rooms = list(_borrow_rooms(view, offer, cap))
    room, by = min(rooms, default=(None, None if cap is None else Bound.CAP))
    return Limit(cap=cap, room=room, bound_by=by)


def _refused(view: _View, offer: Offer) -> Bound | None:
    """Why this owner may not borrow any of it."""
    reserve, state, listing = offer.reserve, view.state, view.listing
    if not is_enabled(view.conduct, state, reserve):
        return Bound.DISABLED
    if not is_in_emode(view.revision, state, reserve):
        return Bound.EMODE
    if listing is None:
        return None
    if listing.borrow_allowed is False and view.revision.asks_sentinel:
        return Bound.SENTINEL
    if isolated_in(state.holdings) is not None and not offer.caps.in_isolation:
        return Bound.ISOLATION
    return Bound.SILOED if is_siloed_off(state, listing, offer) else None


def _borrow_rooms(view: _View, offer: Offer, cap: int | None) -> Iterator[tuple[int, Bound]]:
    reserve, isolated = offer.reserve, isolated_in(view.state.holdings)
    if cap is not None and offer.books is not None:
        yield _cap_room(view, reserve, offer.books, cap), Bound.CAP
    if isolated is not None:
        left = isolated.debt_ceiling - isolated.isolation_total_debt
        yield (left + 1) * ceiling_unit(reserve) - 1 if left >= 0 else 0, Bound.DEBT_CEILING


def _cap_room(view: _View, reserve: Reserve, books: Books, cap: int) -> int:
    """``BorrowCapExceeded`` is held against all debt; from 3.5 on against shares, of debt and amount rounded up."""
    index = reserve.variable_borrow_index
    if not view.conduct.by_shares:
        return zero_floor_sub(cap, books.stable_debt + view.revision.debt_balance(books.variable_debt, index))
    more = zero_floor_sub(mul_div_down(cap, RAY, index), books.variable_debt)  # most shares worth the cap, rounded up
    return mul_div_down(more, index, RAY)


def _cap(offer: Offer, whole: int) -> int | None:
    """A cap in whole tokens as base units, ``None`` where there is none."""
    return whole * 10**offer.reserve.token.decimals or None
