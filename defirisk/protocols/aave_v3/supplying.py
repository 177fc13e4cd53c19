"""What an owner may do on the supply side of a position of Aave: supply and withdraw, as the pool's logic does it.

``SupplyLogic`` and ``ValidationLogic`` of V3, ``LendingPool`` of V2; where revisions differ an act asks the
:class:`~defirisk.protocols.aave_v3.conduct.Conduct`. The reserve is brought to the block first, as every call does. The
owner has the tokens to pay with and acts for himself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from defirisk.fixedpoint import WAD, div_down, mul_div_down, percent_mul_half_up, wad_div_half_up
from defirisk.protocols.aave_v3.desk import Desk, moved_books
from defirisk.protocols.aave_v3.listing import Offer
from defirisk.protocols.aave_v3.state import Holding
from defirisk.protocols.interface import Refused

_NOT_ALLOWED: Final = "6"
"""V2's ``VL_TRANSFER_NOT_ALLOWED``."""


# --- supply ---------------------------------------------------------------------------------------------------------


def deposit(desk: Desk, reserve_id: int, amount: int) -> Desk:
    """``Pool.supply``; the first supply of a reserve counts as collateral where it may.

    Raises:
        Refused: the contract would revert.
    """
    offer, before = desk.offer(reserve_id), desk.holding(reserve_id)
    reserve, reasons = before.reserve, desk.conduct.reasons
    shares = desk.conduct.mint_supply(amount, reserve.liquidity_index)
    if amount == 0 or (desk.conduct.by_shares and shares == 0):
        raise Refused(reasons.amount)
    desk.check_open(reserve, frozen_too=True)
    _check_supply_cap(desk, offer, amount, shares)
    if shares == 0:
        raise Refused(reasons.mint)
    flagged = before.collateral or (before.scaled_supply == 0 and _counts_at_once(desk, before))
    after = replace(before, scaled_supply=before.scaled_supply + shares, collateral=flagged)
    return desk.with_holding(after).with_offer(moved_books(offer, supply=shares, cash=amount))


def _check_supply_cap(desk: Desk, offer: Offer, amount: int, shares: int) -> None:
    books, reserve = offer.books, offer.reserve
    if books is None or not offer.caps.supply_cap:
        return
    cap = offer.caps.supply_cap * 10**reserve.token.decimals
    balance, index = desk.revision.supply_balance, reserve.liquidity_index
    if desk.conduct.by_shares:
        total = balance(books.supply + shares + books.treasury, index)
    else:
        total = balance(books.supply + books.treasury, index) + amount
    if total > cap:
        raise Refused(desk.conduct.reasons.supply_cap)


def _counts_at_once(desk: Desk, first: Holding) -> bool:
    """``ValidationLogic.validateAutomaticUseAsCollateral``; nobody is taken to have the role of a supplier of isolated
    collateral.
    """
    if desk.conduct.version_2:
        return True
    if first.reserve.debt_ceiling or desk.ltv_of(first) == 0:
        return False
    return desk.isolated_in() is None


# --- withdraw -------------------------------------------------------------------------------------------------------


def withdraw(desk: Desk, reserve_id: int, amount: int | None) -> tuple[Desk, int]:
    """``Pool.withdraw`` of an amount, or of all (``None``).

    Raises:
        Refused: the contract would revert.
    """
    before = desk.holding(reserve_id)
    balance = desk.supply(before)
    taken = balance if amount is None else amount
    shares = _burnt_supply(desk, before, taken, whole=amount is None)
    _check_withdrawal(desk, before, taken, shares)
    if desk.conduct.version_2 and not _v2_allows(desk, before, taken):
        raise Refused(_NOT_ALLOWED)
    desk.check_cash(desk.offer(reserve_id), taken)
    if shares == 0:
        raise Refused(desk.conduct.reasons.burn)
    left = before.scaled_supply - shares
    emptied = left == 0 if desk.conduct.by_shares else taken == balance
    after = replace(before, scaled_supply=left, collateral=before.collateral and not emptied)
    done = desk.with_holding(after).with_offer(moved_books(desk.offer(reserve_id), supply=-shares, cash=-taken))
    if before.collateral and done.is_borrowing() and not desk.conduct.version_2:
        done.check_health_and_ltv(before)
    return done, taken


def _burnt_supply(desk: Desk, held: Holding, amount: int, *, whole: bool) -> int:
    if whole and desk.conduct.by_shares:
        return held.scaled_supply
    return desk.revision.burn_supply(amount, held.reserve.liquidity_index)


def _check_withdrawal(desk: Desk, held: Holding, amount: int, shares: int) -> None:
    """``ValidationLogic.validateWithdraw``, of amounts or, from 3.5 on, of shares."""
    asked, there = (shares, held.scaled_supply) if desk.conduct.by_shares else (amount, desk.supply(held))
    if asked == 0:
        raise Refused(desk.conduct.reasons.amount)
    if asked > there:
        raise Refused(desk.conduct.reasons.balance)
    desk.check_open(held.reserve, frozen_too=False)


def _v2_allows(desk: Desk, held: Holding, amount: int) -> bool:
    """V2's ``GenericLogic.balanceDecreaseAllowed``: by the averages before, less what goes."""
    threshold = held.reserve.liquidation_threshold
    if not desk.is_borrowing() or not held.collateral or threshold == 0:
        return True
    account = desk.account()
    if account.total_debt == 0:
        return True
    gone = mul_div_down(desk.price(held.reserve.id), amount, 10**held.reserve.token.decimals)
    left = account.total_collateral - gone
    if left < 0:
        raise Refused(desk.conduct.reasons.cash)
    if left == 0:
        return False
    weighed = account.total_collateral * account.liquidation_threshold - gone * threshold
    if weighed < 0:
        raise Refused(desk.conduct.reasons.cash)
    covered = percent_mul_half_up(left, div_down(weighed, left))
    return wad_div_half_up(covered, account.total_debt) >= WAD
