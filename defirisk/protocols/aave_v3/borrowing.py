"""What an owner may do on the debt side of a position of Aave: borrow and repay, as the pool's logic does it.

``BorrowLogic``, ``ValidationLogic`` and ``IsolationModeLogic`` of V3, ``LendingPool`` of V2; see
:mod:`~defirisk.protocols.aave_v3.supplying`.
"""

from __future__ import annotations

from dataclasses import replace

from defirisk.fixedpoint import WAD, div_down, mul_div_down, percent_div_half_up, percent_div_up
from defirisk.protocols.aave_v3.account import variable_debt_of
from defirisk.protocols.aave_v3.borrowable import ceiling_unit, is_enabled, is_in_emode, is_siloed_off
from defirisk.protocols.aave_v3.desk import Desk, moved_books
from defirisk.protocols.aave_v3.listing import Offer
from defirisk.protocols.aave_v3.state import Holding, Reserve
from defirisk.protocols.interface import Refused

# --- borrow ---------------------------------------------------------------------------------------------------------


def borrow(desk: Desk, reserve_id: int, amount: int) -> Desk:
    """``Pool.borrow`` at the variable rate.

    Raises:
        Refused: the contract would revert.
    """
    offer, before = desk.offer(reserve_id), desk.holding(reserve_id)
    conduct, reserve = desk.conduct, before.reserve
    shares = conduct.mint_debt(amount, reserve.variable_borrow_index)
    if amount == 0:
        raise Refused(conduct.reasons.amount)
    desk.check_open(reserve, frozen_too=True)
    _check_borrowable(desk, offer, amount, shares)
    if not conduct.by_shares:
        _check_cover_before(desk, before, amount)
    _check_siloed(desk, offer)
    if shares == 0:
        raise Refused(conduct.reasons.mint)
    if conduct.flags_by_shares:
        _check_isolation(desk, offer, amount)
    desk.check_cash(offer, amount)
    first = before.scaled_variable_debt == 0
    after = replace(
        before,
        scaled_variable_debt=before.scaled_variable_debt + shares,
        borrowing=before.borrowing or first or conduct.flags_by_shares,
    )
    done = desk.with_holding(after).with_offer(moved_books(offer, variable_debt=shares, cash=-amount))
    done = _isolated_by(done, _ceiling_units(reserve, amount))
    if conduct.by_shares:
        _check_cover_after(done)
    return done


def _check_borrowable(desk: Desk, offer: Offer, amount: int, shares: int) -> None:
    """``ValidationLogic.validateBorrow``: whether anybody may borrow so much of this reserve in this eMode."""
    reasons, reserve, conduct = desk.conduct.reasons, offer.reserve, desk.conduct
    if not is_enabled(conduct, desk.state, reserve):
        raise Refused(reasons.not_borrowable)
    if conduct.borrowable_by_emode:
        _check_emode(desk, reserve)
    if conduct.checks_supply and offer.books is not None and offer.books.cash is not None:
        owed = desk.revision.debt_balance(shares, reserve.variable_borrow_index) if conduct.by_shares else amount
        if desk.revision.supply_balance(offer.books.supply, reserve.liquidity_index) < owed:
            raise Refused(reasons.amount)
    if desk.listing.borrow_allowed is False and desk.revision.asks_sentinel:
        raise Refused(reasons.sentinel)
    _check_borrow_cap(desk, offer, amount, shares)
    if not conduct.flags_by_shares:
        _check_isolation(desk, offer, amount)
    if not conduct.borrowable_by_emode:
        _check_emode(desk, reserve)


def _check_emode(desk: Desk, reserve: Reserve) -> None:
    if not is_in_emode(desk.revision, desk.state, reserve):
        raise Refused(desk.conduct.reasons.emode)


def _check_borrow_cap(desk: Desk, offer: Offer, amount: int, shares: int) -> None:
    books, reserve = offer.books, offer.reserve
    if books is None or not offer.caps.borrow_cap:
        return
    balance, index = desk.revision.debt_balance, reserve.variable_borrow_index
    if desk.conduct.by_shares:
        total = balance(books.variable_debt + shares, index)
    else:
        total = books.stable_debt + balance(books.variable_debt, index) + amount
    if total > offer.caps.borrow_cap * 10**reserve.token.decimals:
        raise Refused(desk.conduct.reasons.borrow_cap)


def _check_isolation(desk: Desk, offer: Offer, amount: int) -> None:
    """Up to 3.3 before the account is looked at, from 3.4 on (``increaseIsolatedDebtIfIsolated``) after the mint."""
    isolated = desk.isolated_in()
    if isolated is None:
        return
    if not offer.caps.in_isolation:
        raise Refused(desk.conduct.reasons.isolation)
    if isolated.isolation_total_debt + _ceiling_units(offer.reserve, amount) > isolated.debt_ceiling:
        raise Refused(desk.conduct.reasons.ceiling)


def _ceiling_units(reserve: Reserve, amount: int) -> int:
    return div_down(amount, ceiling_unit(reserve))


def _check_cover_before(desk: Desk, held: Holding, amount: int) -> None:
    """Up to 3.4: the account as it stands must be healthy, and its LTV carry the new debt too."""
    reasons, account = desk.conduct.reasons, desk.account()
    if account.total_collateral == 0:
        raise Refused(reasons.no_collateral)
    if account.ltv == 0 and not desk.conduct.version_2:
        raise Refused(reasons.ltv)
    if account.health_factor <= WAD:
        raise Refused(reasons.health)
    if account.ltv == 0:
        raise Refused(reasons.ltv)
    value = mul_div_down(desk.price(held.reserve.id), amount, 10**held.reserve.token.decimals)
    if percent_div_half_up(account.total_debt + value, account.ltv) > account.total_collateral:
        raise Refused(reasons.collateral)


def _check_cover_after(desk: Desk) -> None:
    """From 3.5 on (``validateHFAndLtv``): the account must be healthy with the new debt, and its LTV carry it."""
    reasons, account = desk.conduct.reasons, desk.account()
    if account.ltv == 0:
        raise Refused(reasons.ltv)
    if account.health_factor < WAD:
        raise Refused(reasons.health)
    if account.total_collateral < percent_div_up(account.total_debt, account.ltv):
        raise Refused(reasons.collateral)


def _check_siloed(desk: Desk, offer: Offer) -> None:
    if is_siloed_off(desk.state, desk.listing, offer):
        raise Refused(desk.conduct.reasons.siloed)


def _isolated_by(desk: Desk, units: int) -> Desk:
    """``IsolationModeLogic``: the isolated collateral's counter, by so much more or less, not below 0."""
    isolated = desk.isolated_in()
    if isolated is None or units == 0:
        return desk
    changed = replace(isolated, isolation_total_debt=max(0, isolated.isolation_total_debt + units))
    offer = replace(desk.offer(isolated.id), reserve=changed)
    return desk.with_holding(replace(desk.holding(isolated.id), reserve=changed)).with_offer(offer)


# --- repay ----------------------------------------------------------------------------------------------------------


def repay(desk: Desk, reserve_id: int, amount: int | None) -> tuple[Desk, int]:
    """``Pool.repay``: the variable debt first; what goes beyond it repays the stable debt, in a call of its own.

    Raises:
        Refused: the contract would revert.
    """
    before = desk.holding(reserve_id)
    if amount == 0:
        raise Refused(desk.conduct.reasons.amount)
    desk.check_open(before.reserve, frozen_too=False)
    if not before.scaled_variable_debt and before.stable_debt:
        return _repay_stable(desk, before, amount)
    done, paid = _repay_variable(desk, before, amount)
    rest = None if amount is None else amount - paid
    if rest == 0 or not before.stable_debt:
        return done, paid
    done, more = _repay_stable(done, done.holding(reserve_id), rest)
    return done, paid + more


def _repay_variable(desk: Desk, before: Holding, amount: int | None) -> tuple[Desk, int]:
    conduct, index = desk.conduct, before.reserve.variable_borrow_index
    owed = variable_debt_of(desk.revision, before)
    if (before.scaled_variable_debt if conduct.by_shares else owed) == 0:
        raise Refused(conduct.reasons.no_debt)
    paid = owed if amount is None else min(amount, owed)
    shares = desk.revision.burn_debt(paid, index)
    if shares == 0:
        raise Refused(conduct.reasons.burn)
    left = before.scaled_variable_debt - shares
    cleared = left == 0 if conduct.flags_by_shares else owed + before.stable_debt == paid
    after = replace(before, scaled_variable_debt=left, borrowing=before.borrowing and not cleared)
    return _repaid(desk, after, paid, variable_debt=-shares), paid


def _repay_stable(desk: Desk, before: Holding, amount: int | None) -> tuple[Desk, int]:
    """``StableDebtToken.burn``: what is left starts to run anew at the block."""
    paid = before.stable_debt if amount is None else min(amount, before.stable_debt)
    cleared = desk.debt(before) == paid
    after = replace(before, stable_debt=before.stable_debt - paid, borrowing=before.borrowing and not cleared)
    return _repaid(desk, after, paid, stable_debt=-paid), paid


def _repaid(desk: Desk, after: Holding, paid: int, **books: int) -> Desk:
    offer = moved_books(desk.offer(after.reserve.id), cash=paid, **books)
    done = desk.with_holding(after).with_offer(offer)
    return _isolated_by(done, -_ceiling_units(after.reserve, paid))
