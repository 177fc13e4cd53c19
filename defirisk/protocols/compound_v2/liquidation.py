"""One ``CToken.liquidateBorrow``: allowed?, how much, what is seized, what the market keeps, what is left.

Both markets that it names are accrued already (:mod:`defirisk.protocols.compound_v2.state`), and so are the others:
anyone may have touched them first.
"""

from __future__ import annotations

from typing import NamedTuple

from defirisk.fixedpoint import (
    UINT256_MAX,
    WAD,
    div_down,
    mul_div_down,
    remainder,
    wad_div_down,
    wad_mul_down,
    zero_floor_sub,
)
from defirisk.model import Amount, Seized, Standing
from defirisk.protocols.compound_v2.account import accrued_sums, is_forced
from defirisk.protocols.compound_v2.interest import exchange_rate, owed
from defirisk.protocols.compound_v2.state import Books, Caps, CompoundState, CToken, Holding
from defirisk.protocols.compound_v2.vai import vai_left, vai_paid
from defirisk.protocols.interface import Pair, Refused, Step


class Seizure(NamedTuple):
    """What a repayment takes, cToken units: ``seized`` leaves the owner and ``left`` stays; ``protocol`` of what is
    seized stays with the protocol.
    """

    seized: int
    left: int
    protocol: int


def liquidate(state: CompoundState, standing: Standing, pair: Pair, repay: int | None) -> Step:
    """``CToken.liquidateBorrow`` by a third party; ``None`` repays the largest amount that goes through.

    ``standing`` is the state's own. VAI is liquidated by ``VAIController.liquidateVAI``, which takes a little less than
    it is asked to, and seizes for what it took.

    Raises:
        Refused: the contract would refuse; the reason is its own error.
    """
    if pair.collateral is None:
        raise Refused("INVALID_COLLATERAL")
    debt, collateral = state.holdings[pair.debt], state.holdings[pair.collateral]
    _check_pauses(state, debt, collateral)
    most = _most_closed(state, standing, debt)
    ratio = seize_ratio(state, pair.debt, pair.collateral)
    if repay is None:
        asked, seized, left = _largest(min(most, debt.books.borrows), collateral.tokens, ratio)
    else:
        asked, (seized, left) = repay, _asked(repay, most, debt.books.borrows, collateral.tokens, ratio)
    owing = _repaid(debt, asked)
    paid = asked
    if debt.vai is not None:
        paid = vai_paid(debt.vai, asked)
        seized = wad_mul_down(ratio, paid)
        left = zero_floor_sub(collateral.tokens, seized)
    if paid == 0:
        raise Refused("LIQUIDATE_CLOSE_AMOUNT_IS_ZERO")
    seizure = Seizure(seized, left, _protocols_part(state, collateral.market, seized))
    return Step(
        state=_after(state, pair, owing, seizure),
        repaid=Amount(debt.market.token, paid),
        seized=(_seized(collateral, pair.collateral, seizure),),
    )


# --- eligibility --------------------------------------------------------------------------------------------------


def _check_pauses(state: CompoundState, debt: Holding, collateral: Holding) -> None:
    """``liquidateBorrowAllowed`` and ``seizeAllowed``: pauses, and membership where the fork asks for it."""
    if state.paused:
        raise Refused("protocol is paused")
    if debt.market.liquidate_paused:
        raise Refused("action is paused")
    if collateral.market.seize_paused:
        raise Refused("seize is paused")
    if _vai_comes_first(state, debt):
        raise Refused("VAIDebtTooHigh")
    if state.entered_only and not collateral.entered:
        raise Refused("MARKET_NOT_COLLATERAL")


def _vai_comes_first(state: CompoundState, debt: Holding) -> bool:
    """``Liquidator._checkForceVAILiquidate``: a forced debt and VAI itself are always liquidated."""
    if state.vai_first is None or debt.market.forced or debt.vai is not None:
        return False
    return any(one.vai is not None and one.debt >= state.vai_first for one in state.holdings)


def _most_closed(state: CompoundState, standing: Standing, debt: Holding) -> int:
    """``liquidateBorrowAllowed``: all of a forced debt; otherwise, with a shortfall, close factor * debt, down."""
    if debt.market.forced:
        return debt.debt
    if not _has_shortfall(state, standing):
        raise Refused("INSUFFICIENT_SHORTFALL")
    return wad_mul_down(state.close_factor, debt.debt)


def _has_shortfall(state: CompoundState, standing: Standing) -> bool:
    """What the standing found, not asked twice; but a forced debt makes it liquidatable without a shortfall."""
    if not standing.liquidatable or not any(is_forced(holding) for holding in state.holdings):
        return standing.liquidatable
    sums = accrued_sums(state)
    return sums.collateral < sums.debts


# --- amounts ------------------------------------------------------------------------------------------------------


def seize_ratio(state: CompoundState, debt: int, collateral: int) -> int:
    """``Comptroller.liquidateCalculateSeizeTokens``: cToken units of the collateral a base unit of the debt, wad."""
    seized = state.holdings[collateral]
    numerator = wad_mul_down(seized.market.incentive, state.prices[debt])
    denominator = wad_mul_down(state.prices[collateral], seized.books.rate)
    if denominator == 0:
        raise Refused("PRICE_ERROR")
    return wad_div_down(numerator, denominator)


def cover(tokens: int, ratio: int) -> int:
    """The largest repayment whose seizure ``tokens`` cover: ratio * repay / 1e18 rounds down to at most them."""
    if ratio == 0:
        return UINT256_MAX
    return div_down((tokens + 1) * WAD - 1, ratio)


def _largest(limit: int, tokens: int, ratio: int) -> tuple[int, int, int]:
    """The largest repayment that is accepted, what it seizes and what it leaves.

    Where the collateral sets the limit, what is left is the remainder of :func:`cover`'s division: less than a base
    unit of the debt is worth. Said so, and not by subtraction, it is exact on a range of prices too.
    """
    covered = cover(tokens, ratio)
    if covered > limit:
        seized = wad_mul_down(ratio, limit)
        return limit, seized, tokens - seized
    left = div_down(remainder((tokens + 1) * WAD - 1, ratio), WAD)
    return covered, tokens - left, left


def _asked(repay: int, most: int, borrows: int, tokens: int, ratio: int) -> tuple[int, int]:
    """What a given repayment seizes and leaves: ``liquidateBorrowAllowed``, ``repayBorrowFresh``, then the balance."""
    if repay > most:
        raise Refused("TOO_MUCH_REPAY")
    if repay > borrows:
        raise Refused("REPAY_BORROW_NEW_TOTAL_BALANCE_CALCULATION_FAILED")
    seized = wad_mul_down(ratio, repay)
    if seized > tokens:
        raise Refused("LIQUIDATE_SEIZE_TOO_MUCH")
    return seized, tokens - seized


def _protocols_part(state: CompoundState, market: CToken, seized: int) -> int:
    """``CToken.seizeInternal``, or ``Liquidator._splitLiquidationIncentive`` where that contract takes its part."""
    if not state.cut:
        return wad_mul_down(seized, market.seize_share)
    if market.incentive < WAD:
        raise Refused("LIQUIDATOR_FINDS_NO_BONUS")  # its subtraction underflows: an e-mode pool that does not list it
    bonus = mul_div_down(seized, zero_floor_sub(market.incentive, WAD), market.incentive)
    return wad_mul_down(bonus, state.cut)


def _seized(collateral: Holding, slot: int, seizure: Seizure) -> Seized:
    """Underlying at the rate before the call, with the cTokens behind it."""
    rate = collateral.books.rate
    liquidators = seizure.seized - seizure.protocol
    return Seized(
        token=collateral.market.token,
        slot=slot,
        amount=wad_mul_down(rate, liquidators),
        protocol_fee=wad_mul_down(rate, seizure.protocol),
        shares=liquidators,
        protocol_shares=seizure.protocol,
    )


# --- effects ------------------------------------------------------------------------------------------------------


def _after(state: CompoundState, pair: Pair, owing: Holding, seizure: Seizure) -> CompoundState:
    slot = 0 if pair.collateral is None else pair.collateral
    holdings = list(state.holdings)
    holdings[pair.debt] = owing
    holdings[slot] = _emptied(holdings[slot], seizure, to_liquidator=state.cut > 0)
    return CompoundState(
        holdings=tuple(holdings),
        tokens=state.tokens,
        prices=state.prices,
        close_factor=state.close_factor,
        cut=state.cut,
        entered_only=state.entered_only,
        paused=state.paused,
        vai_first=state.vai_first,
    )


def _repaid(holding: Holding, asked: int) -> Holding:
    """``repayBorrowFresh``: cash rises by what total borrows fall, so the exchange rate stays."""
    books = holding.books
    left = None if holding.vai is None else vai_left(holding.vai, asked)
    debt = holding.debt - asked if left is None else owed(left)
    borrows = books.borrows - asked if left is None else debt
    return Holding(
        market=holding.market,
        books=Books(books.gross, borrows, books.reserves, books.supply, books.rate),
        tokens=holding.tokens,
        debt=debt,
        entered=holding.entered,
        stored_rate=holding.stored_rate,
        stored_debt=holding.stored_debt,
        vai=left,
    )


def _emptied(holding: Holding, seizure: Seizure, *, to_liquidator: bool) -> Holding:
    """``seizeInternal``: the market's share is burned and becomes reserves; a Liquidator contract redeems its own."""
    books = holding.books
    if to_liquidator:
        books = _redeemed(books, seizure.protocol, holding.market.caps)
    elif holding.market.seize_share:
        books = _burned(books, seizure.protocol)
    return Holding(
        market=holding.market,
        books=books,
        tokens=seizure.left,
        debt=holding.debt,
        entered=holding.entered,
        stored_rate=holding.stored_rate,
        stored_debt=holding.stored_debt,
        vai=holding.vai,
    )


def _redeemed(books: Books, tokens: int, caps: Caps | None) -> Books:
    """``Liquidator._redeemUnderlying`` at the rate before the call; where it fails the Liquidator keeps the cTokens."""
    paid = wad_mul_down(books.rate, tokens)
    if (caps is not None and caps.redeem_paused) or paid > books.gross - books.borrows:
        return books
    gross, supply = books.gross - paid, books.supply - tokens
    rate = exchange_rate(gross, books.reserves, supply) if supply > 0 else books.rate
    return Books(gross, books.borrows, books.reserves, supply, rate)


def _burned(books: Books, burned: int) -> Books:
    """The market's share becomes reserves, at the rate before the call."""
    reserves = books.reserves + wad_mul_down(books.rate, burned)
    supply = books.supply - burned
    rate = exchange_rate(books.gross, reserves, supply) if supply > 0 else books.rate
    return Books(books.gross, books.borrows, reserves, supply, rate)
