"""What an owner may do to a position of Compound V2: mint and enter, redeem, borrow, repay.

``CToken.mintFresh``, ``redeemFresh``, ``borrowFresh``, ``repayBorrowFresh`` and the Comptroller's ``…Allowed``, with
every market accrued (:mod:`~defirisk.protocols.compound_v2.state`). A deposit is two calls: the mint, and entering the
market where the owner has not, without which it would secure nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from defirisk.fixedpoint import WAD, mul_div_down, wad_mul_down
from defirisk.model import ContractView, Position
from defirisk.protocols.compound_v2.account import weighed
from defirisk.protocols.compound_v2.interest import exchange_rate
from defirisk.protocols.compound_v2.limits import supplied
from defirisk.protocols.compound_v2.listing import Bounds, Listing, Offer
from defirisk.protocols.compound_v2.state import Books, Caps, CompoundState, Holding
from defirisk.protocols.interface import Refused

_NO_CAPS: Final = Caps()


# --- acts -----------------------------------------------------------------------------------------------------------


def deposit(position: Position, offer: Offer, amount: int) -> Position:
    """``CToken.mint``, then ``Comptroller.enterMarkets`` where the market is not entered.

    Raises:
        Refused: the contract would refuse.
    """
    before, caps = holding_of(position, offer), offer.market.caps or _NO_CAPS
    _check(position, paused=caps.mint_paused, what="mint is paused")
    _check_supply_cap(before.books, caps, amount)
    books = before.books
    tokens = mul_div_down(amount, WAD, books.rate)
    after = replace(before, tokens=before.tokens + tokens, books=_with(books, amount, 0, tokens), entered=True)
    return put(position, offer, after)


def withdraw(position: Position, offer: Offer, amount: int | None) -> tuple[Position, int]:
    """``CToken.redeemUnderlying`` of an amount, ``redeem`` of all tokens (``None``).

    Raises:
        Refused: the contract would refuse.
    """
    before, caps = holding_of(position, offer), offer.market.caps or _NO_CAPS
    _check(position, paused=caps.redeem_paused, what="redeem is paused")
    rate = before.books.rate
    tokens = before.tokens if amount is None else mul_div_down(amount, WAD, rate)
    taken = wad_mul_down(rate, tokens) if amount is None else amount
    if before.entered and not _covered(position, before, redeemed=tokens):
        raise Refused("INSUFFICIENT_LIQUIDITY")
    if tokens > before.tokens:
        raise Refused("REDEEM_NEW_ACCOUNT_BALANCE_CALCULATION_FAILED")
    if taken > _cash(before.books):
        raise Refused("TOKEN_INSUFFICIENT_CASH")
    if tokens == 0 and taken > 0:
        raise Refused("redeemTokens zero")
    after = replace(before, tokens=before.tokens - tokens, books=_with(before.books, -taken, 0, -tokens))
    return put(position, offer, after), taken


def borrow(position: Position, offer: Offer, amount: int) -> Position:
    """``CToken.borrow``, which enters the market.

    Raises:
        Refused: the contract would refuse.
    """
    before, caps = replace(holding_of(position, offer), entered=True), offer.market.caps or _NO_CAPS
    _check(position, paused=caps.borrow_paused, what="borrow is paused")
    if 0 in _bounds_of(offer):
        raise Refused("PRICE_ERROR")
    _check_borrow_cap(before.books, caps, amount)
    entered = put(position, offer, before)
    if not _covered(entered, before, borrowed=amount):
        raise Refused("INSUFFICIENT_LIQUIDITY")
    if amount > _cash(before.books):
        raise Refused("TOKEN_INSUFFICIENT_CASH")
    return put(
        position, offer, replace(before, debt=before.debt + amount, books=_with(before.books, -amount, amount, 0))
    )


def repay(position: Position, offer: Offer, amount: int | None) -> tuple[Position, int]:
    """``CToken.repayBorrow``; all is ``2**256 - 1``, which is what is owed.

    Raises:
        Refused: the contract would refuse; more than is owed is.
    """
    before, caps = holding_of(position, offer), offer.market.caps or _NO_CAPS
    _check(position, paused=caps.repay_paused, what="action is paused")
    paid = before.debt if amount is None else amount
    if paid > before.debt:
        raise Refused("REPAY_BORROW_NEW_ACCOUNT_BORROW_BALANCE_CALCULATION_FAILED")
    if paid > before.books.borrows:
        raise Refused("REPAY_BORROW_NEW_TOTAL_BALANCE_CALCULATION_FAILED")
    return put(
        position, offer, replace(before, debt=before.debt - paid, books=_with(before.books, paid, -paid, 0))
    ), paid


# --- what the Comptroller asks --------------------------------------------------------------------------------------


def _check(position: Position, *, paused: bool, what: str) -> None:
    if position.state.paused:
        raise Refused("protocol is paused")
    if paused:
        raise Refused(what)


def _check_supply_cap(books: Books, caps: Caps, amount: int) -> None:
    if caps.most_supply is not None and supplied(books, caps) + amount > caps.most_supply:
        raise Refused("market supply cap reached")


def _check_borrow_cap(books: Books, caps: Caps, amount: int) -> None:
    if caps.most_borrows is not None and books.borrows + amount > caps.most_borrows:
        raise Refused("market borrow cap reached")


def _covered(position: Position, touched: Holding, *, redeemed: int = 0, borrowed: int = 0) -> bool:
    """``getHypotheticalAccountLiquidityInternal`` by collateral factors: effects are added to the debts, each rounded
    by itself. Newer Venus values each side by a bound of the price, as its view tells it.

    Raises:
        Refused: there is no price.
    """
    state: CompoundState = position.state
    collateral = debts = 0
    for holding, price in zip(state.holdings, state.prices, strict=True):
        if not holding.entered:
            continue
        offer = position.listing.offer(holding.market.address)
        low, high = Bounds(price, price) if offer is None else _bounds_of(offer)
        if not (low and high) and (holding.tokens or holding.debt):
            raise Refused("PRICE_ERROR")
        factor, rate = holding.market.collateral_factor, holding.books.rate
        collateral += weighed(factor, rate, low, holding.tokens)
        debts += wad_mul_down(high, holding.debt)
        if holding.market.address == touched.market.address:
            debts += weighed(factor, rate, low, redeemed) + wad_mul_down(high, borrowed)
    return collateral >= debts


def _bounds_of(offer: Offer) -> Bounds:
    """What an offer is valued by; its price where it is not known whether that is bounded."""
    return offer.bounds or Bounds(offer.price, offer.price)


def _cash(books: Books) -> int:
    return books.gross - books.borrows


# --- putting it together --------------------------------------------------------------------------------------------


def holding_of(position: Position, offer: Offer) -> Holding:
    """What the owner has in a market; an empty holding where that is nothing."""
    held = (one for one in position.state.holdings if one.market.address == offer.market.address)
    return next(held, Holding(offer.market, offer.books, 0, 0, entered=False))


def put(position: Position, offer: Offer, changed: Holding) -> Position:
    """The position with another holding in one market, and the market's books as they are then."""
    listing: Listing = position.listing
    fresh = replace(changed, stored_rate=changed.books.rate, stored_debt=changed.debt)
    listing = listing.with_offer(replace(offer, books=fresh.books))
    old: CompoundState = position.state
    others = [one for one in old.holdings if one.market.address != offer.market.address]
    return rebuilt(replace(position, listing=listing), [*others, fresh])


def rebuilt(position: Position, holdings: list[Holding]) -> Position:
    """A position that has these holdings, in the listing's order, what is no cToken at the end.

    What the contract says of the position as it stands is no longer said of it.
    """
    old: CompoundState = position.state
    listing: Listing = position.listing
    order = {offer.market.address: place for place, offer in enumerate(listing.offers)}
    holdings = sorted(holdings, key=lambda one: order.get(one.market.address, len(order)))
    known = {
        one.market.address: (price, slot)
        for slot, (one, price) in enumerate(zip(old.holdings, old.prices, strict=True))
    }
    prices, unpriced = [], {}
    for slot, one in enumerate(holdings):
        offer = listing.offer(one.market.address)
        price, before = known.get(one.market.address, (offer.price if offer else 0, None))
        cause = position.unpriced.get(before) if before is not None else offer.cause if offer else None
        prices.append(price)
        if cause is not None:
            unpriced[slot] = cause
    state = replace(
        old, holdings=tuple(holdings), tokens=tuple(one.market.token for one in holdings), prices=tuple(prices)
    )
    times = (None,) * len(holdings)
    return replace(
        position, state=state, price_times=times, unpriced=unpriced, contract=ContractView(), reproduced=ContractView()
    )


def _with(books: Books, gross: int, borrows: int, supply: int) -> Books:
    """A market's books after cash and debts together moved by ``gross``, debts by ``borrows``, tokens by ``supply``.

    Borrowing moves cash into debts: ``gross`` is what goes in or out besides.
    """
    total, tokens = books.gross + gross + borrows, books.supply + supply
    rate = exchange_rate(total, books.reserves, tokens) if tokens else books.rate
    return Books(total, books.borrows + borrows, books.reserves, tokens, rate)
