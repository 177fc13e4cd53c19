"""What an owner may do to a position in a Comet: supply and withdraw, of the base token and of collateral.

Interest is accrued first (``Comet.supplyBase`` and ``withdrawBase`` do so; a withdrawal of collateral does not, but
anybody may have). Repaying is supplying base: what goes beyond the debt is a supply. Borrowing is withdrawing base.
"""

from __future__ import annotations

from dataclasses import replace

from defirisk.model import ContractView, Position
from defirisk.protocols.compound_v3.account import borrow_balance, is_borrow_collateralized, supply_balance
from defirisk.protocols.compound_v3.interest import borrow_principal, supply_principal
from defirisk.protocols.compound_v3.listing import Listing, Offer
from defirisk.protocols.compound_v3.state import BASE, Asset, CometState, Totals
from defirisk.protocols.interface import Refused

# --- the base token -------------------------------------------------------------------------------------------------


def supply_base(position: Position, amount: int | None) -> tuple[Position, int]:
    """``Comet.supply`` of the base token; all (``None``) is what is owed.

    Raises:
        Refused: the contract would revert.
    """
    state: CometState = position.state
    if "supply" in state.comet.paused:
        raise Refused("Paused")
    paid = borrow_balance(state) if amount is None else amount
    principal = _principal(_balance(state) + paid, state.totals)
    return rebuilt(_with_cash(position, paid), principal, _held(state)), paid


def withdraw_base(position: Position, amount: int | None) -> tuple[Position, int]:
    """``Comet.withdraw`` of the base token; all (``None``) is what is supplied, more than that is borrowed.

    Raises:
        Refused: the contract would revert.
    """
    state: CometState = position.state
    if "withdraw" in state.comet.paused:
        raise Refused("Paused")
    taken = supply_balance(state) if amount is None else amount
    balance = _balance(state) - taken
    done = rebuilt(_with_cash(position, -taken), _principal(balance, state.totals), _held(state))
    if balance < 0:
        if -balance < state.comet.base_borrow_min:
            raise Refused("BorrowTooSmall")
        check_collateralized(done)
    listing: Listing = position.listing
    if listing.cash is not None and taken > listing.cash:
        raise Refused("TransferOutFailed")
    return done, taken


def _balance(state: CometState) -> int:
    """``CometCore.presentValue``, signed."""
    return supply_balance(state) - borrow_balance(state)


def _principal(balance: int, totals: Totals) -> int:
    """``CometCore.principalValue``, signed."""
    if balance >= 0:
        return supply_principal(balance, totals.supply_index)
    return -borrow_principal(-balance, totals.borrow_index)


def _with_cash(position: Position, more: int) -> Position:
    listing: Listing = position.listing
    cash = None if listing.cash is None else listing.cash + more
    return replace(position, listing=replace(listing, cash=cash))


# --- collateral -----------------------------------------------------------------------------------------------------


def supply_collateral(position: Position, offer: Offer, amount: int) -> Position:
    """``Comet.supply`` of a collateral.

    Raises:
        Refused: the contract would revert.
    """
    state: CometState = position.state
    if "supply" in state.comet.paused:
        raise Refused("Paused")
    cap = offer.asset.supply_cap
    if cap is not None and offer.asset.total_supply + amount > cap:
        raise Refused("SupplyCapExceeded")
    return _with_collateral(position, offer, amount)


def withdraw_collateral(position: Position, offer: Offer, amount: int | None) -> tuple[Position, int]:
    """``Comet.withdraw`` of a collateral; all (``None``) is the owner's balance.

    Raises:
        Refused: the contract would revert.
    """
    state: CometState = position.state
    if "withdraw" in state.comet.paused:
        raise Refused("Paused")
    balance = next((b for asset, b in _held(state) if asset.offset == offer.asset.offset), 0)
    taken = balance if amount is None else amount
    if taken > balance:
        raise Refused("Panic(0x11)")
    done = _with_collateral(position, offer, -taken)
    check_collateralized(done)
    return done, taken


def _with_collateral(position: Position, offer: Offer, more: int) -> Position:
    state: CometState = position.state
    changed = replace(offer.asset, total_supply=offer.asset.total_supply + more)
    balances = {asset.offset: (asset, balance) for asset, balance in _held(state)}
    before = balances.pop(changed.offset, (changed, 0))[1]
    if before + more:
        balances[changed.offset] = (changed, before + more)
    listing = position.listing.with_offer(replace(offer, asset=changed))
    held = [balances[offset] for offset in sorted(balances)]
    return rebuilt(replace(position, listing=listing), state.principal, held)


def check_collateralized(position: Position) -> None:
    """``Comet.isBorrowCollateralized``, with the index accrued.

    Raises:
        Refused: it says no, or reverts for want of a price.
    """
    allowed = is_borrow_collateralized(position.state, position.unpriced)
    if allowed is None:
        raise Refused("BadPrice")
    if not allowed:
        raise Refused("NotCollateralized")


# --- putting it together --------------------------------------------------------------------------------------------


def _held(state: CometState) -> list[tuple[Asset, int]]:
    return list(zip(state.assets, state.balances, strict=True))


def rebuilt(position: Position, principal: int, held: list[tuple[Asset, int]]) -> Position:
    """A position with this principal and these collaterals, in order of offset, and what is known of their prices.

    What the contract says of the position as it stands is no longer said of it.
    """
    old: CometState = position.state
    listing: Listing = position.listing
    offers = {offer.asset.offset: offer for offer in listing.offers}
    mine = [offers[asset.offset] for asset, _ in held]
    state = CometState.of(old.comet, principal, held, (old.prices[BASE], *(offer.price for offer in mine)))
    causes = (listing.base_cause if principal else None, *(offer.cause for offer in mine))
    return replace(
        position,
        state=state,
        price_times=(listing.base_time, *(offer.price_time for offer in mine)),
        unpriced={slot: cause for slot, cause in enumerate(causes) if cause is not None},
        contract=ContractView(),
        reproduced=ContractView(),
    )
