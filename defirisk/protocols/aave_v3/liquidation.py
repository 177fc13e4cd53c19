"""One ``liquidationCall`` as the contract does it: ``LiquidationLogic.executeLiquidationCall``, in its own stages.

Read :func:`liquidate` top to bottom: open, eligibility, close factor and amounts and dust
(:mod:`~defirisk.protocols.aave_v3.amounts`), burns, flags, write-off. Where revisions differ a stage asks the
:class:`~defirisk.protocols.aave_v3.revisions.Revision`.

The liquidator is a third party (the contract refuses self-liquidation from 3.4 on) that has the tokens to repay and
the reserve the liquidity to pay out. Scaled balances are kept in 120 bits (128 before 3.5): burns are at most the
balance, so only products of prices and amounts can pass 256 bits.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from defirisk.fixedpoint import UINT256_MAX, div_down, if_positive, known_at_most, mul_div_down, zero_floor_sub
from defirisk.model import Amount, Seized, Standing
from defirisk.protocols.aave_v3.account import debt_of, supply_of, variable_debt_of
from defirisk.protocols.aave_v3.amounts import (
    CLOSE_FACTOR_HEALTH,
    Amounts,
    Ask,
    Call,
    leaves_dust,
)
from defirisk.protocols.aave_v3.state import AaveState, Holding
from defirisk.protocols.interface import Pair, Refused, Step

if TYPE_CHECKING:
    from defirisk.protocols.aave_v3.revisions import Revision


class Emptied(NamedTuple):
    """``flag_falls``: the collateral flag is cleared. ``nothing_left``: no collateral value at all is left."""

    flag_falls: bool
    nothing_left: bool


def liquidate(revision: Revision, state: AaveState, standing: Standing, pair: Pair, repay: int | None) -> Step:
    """One call of ``liquidationCall``; ``repay`` as :meth:`defirisk.protocols.interface.Rules.liquidate` says.

    Raises:
        Refused: the contract would revert.
    """
    call = _open(revision, state, standing, pair)
    _check_eligible(call)
    if repay is not None:
        return _attempt(call, Ask(repay, may_leave_dust=True))
    asks = revision.asks(call)
    try:
        return _attempt(call, next(asks))
    except Refused:
        for ask in asks:
            with suppress(Refused):
                return _attempt(call, ask)
        raise


def _attempt(call: Call, ask: Ask) -> Step:
    amounts = call.revision.amounts(call, ask.debt)
    if ask.may_leave_dust and call.revision.dust and leaves_dust(call, amounts):
        raise Refused(call.revision.reasons.dust)
    return _settle(call, amounts)


# --- open -----------------------------------------------------------------------------------------------------------


def _open(revision: Revision, state: AaveState, standing: Standing, pair: Pair) -> Call:
    if pair.collateral is None:
        raise Refused(revision.reasons.not_collateral)
    collateral_index, debt_index = state.index_at(pair.collateral), state.index_at(pair.debt)
    collateral, debt = state.holdings[collateral_index], state.holdings[debt_index]
    return Call(
        revision=revision,
        state=state,
        standing=standing,
        collateral_index=collateral_index,
        debt_index=debt_index,
        terms=revision.terms(state, collateral),
        balance=supply_of(revision, collateral),
        owed=debt_of(revision, debt),
        collateral_price=state.prices[state.slot_of(collateral_index)],
        debt_price=_debt_price(state, debt_index),
        collateral_unit=10**collateral.reserve.token.decimals,
        debt_unit=10**debt.reserve.token.decimals,
        health=UINT256_MAX if standing.health_factor is None else standing.health_factor,
    )


def _debt_price(state: AaveState, index: int) -> int:
    """``LiquidationLogic._getConfigurationData``: an eMode's price source (3.0, 3.1) prices the debt always, whether
    or not its reserve is of the category.
    """
    emode = state.emode
    return state.prices[index if emode is None or emode.price_slot is None else emode.price_slot]


# --- eligibility ----------------------------------------------------------------------------------------------------


def _check_eligible(call: Call) -> None:
    """``ValidationLogic.validateLiquidationCall``, in its order."""
    reasons, collateral, debt = call.revision.reasons, call.collateral.reserve, call.debt.reserve
    if not (collateral.active and debt.active):
        raise Refused(reasons.inactive)
    if collateral.paused or debt.paused:
        raise Refused(reasons.paused)
    if _sentinel_forbids(call):
        raise Refused(reasons.sentinel)
    if collateral.grace_until >= call.state.timestamp or debt.grace_until >= call.state.timestamp:
        raise Refused(reasons.grace)
    if not call.standing.liquidatable:
        raise Refused(reasons.healthy)
    if not call.terms.counts:
        raise Refused(reasons.not_collateral)
    if call.owed == 0:
        raise Refused(reasons.no_debt)
    if call.terms.bonus == 0:  # an asset that was never configured as collateral: nothing would be seized for the debt
        raise Refused(reasons.zero_burn)


def _sentinel_forbids(call: Call) -> bool:
    forbids = call.revision.asks_sentinel and call.state.liquidations_allowed is False
    return forbids and call.health >= CLOSE_FACTOR_HEALTH


# --- what counts as emptied -----------------------------------------------------------------------------------------


def emptied_by_amount(call: Call, amounts: Amounts) -> Emptied:
    """Up to 3.6: the flag falls when the amounts taken are the balance; nothing is left (3.3 on) when their value is
    the user's total collateral value. Compared as differences, which is the same and tighter on intervals.
    """
    if not call.revision.deficit:
        return Emptied(amounts.all_collateral, nothing_left=False)
    left = 0 if amounts.all_collateral else _value_not_in(call, amounts.taken)
    return Emptied(amounts.all_collateral, _nothing_left(call, left))


def emptied_by_shares(call: Call, amounts: Amounts) -> Emptied:
    """3.7: by the shares that both burns together take, and by the value that those stand for."""
    revision, holding = call.revision, call.collateral
    index = holding.reserve.liquidity_index
    shares = revision.burn_supply(amounts.taken - amounts.fee, index) + revision.burn_supply(amounts.fee, index)
    all_shares = shares >= holding.scaled_supply
    left = 0 if all_shares else _value_not_in(call, revision.supply_balance(shares, index))
    nothing_left = _nothing_left(call, left)
    return Emptied(all_shares or nothing_left, nothing_left)


def _value_not_in(call: Call, taken: int) -> int:
    """What the collateral's value loses nothing of: its own value less that of ``taken``, base currency."""
    own = mul_div_down(call.balance, call.collateral_price, call.collateral_unit)
    return own - mul_div_down(taken, call.collateral_price, call.collateral_unit)


def _nothing_left(call: Call, left: int) -> bool:
    own_slot = call.state.slot_of(call.collateral_index)
    others = sum(leg.value for leg in call.standing.collateral if leg.counts and leg.slot != own_slot)
    return left + others == 0


# --- burns, flags, write-off ----------------------------------------------------------------------------------------


def _settle(call: Call, amounts: Amounts) -> Step:
    """``_burnDebtTokens``, ``_burnCollateralATokens``, the fee's transfer and ``_burnBadDebt``."""
    revision = call.revision
    emptied = revision.emptied(call, amounts)
    holdings = list(call.state.holdings)
    holdings[call.debt_index] = _burned_debt(call, amounts, all_of_it=amounts.all_debt or emptied.nothing_left)
    holdings[call.collateral_index], fee = _burned_supply(call, holdings[call.collateral_index], amounts, emptied)
    lost = _written_off(call, amounts, holdings) if emptied.nothing_left else ()
    token = call.collateral.reserve.token
    return Step(
        state=_with_holdings(call.state, tuple(holdings)),
        repaid=Amount(call.debt.reserve.token, amounts.repaid),
        seized=(Seized(token, call.state.slot_of(call.collateral_index), amounts.taken - amounts.fee, fee),),
        bad_debt=lost,
        written_off=lost,
    )


def _with_holdings(state: AaveState, holdings: tuple[Holding, ...]) -> AaveState:
    return AaveState(
        holdings,
        state.tokens,
        state.prices,
        state.timestamp,
        state.emode,
        state.liquidations_allowed,
        state.valued_by,
    )


def _burned_debt(call: Call, amounts: Amounts, *, all_of_it: bool) -> Holding:
    """Variable debt is burned first, then stable debt; a burn of no share is refused.

    A burn of the whole balance takes every share in each revision's rounding, because an index is at least a ray.
    The borrowing flag of a debt without shares, which 3.4 clears too, means nothing to any rule.
    """
    holding, revision = call.debt, call.revision
    if all_of_it:
        return _debt_now(holding, 0, 0, borrowing=False)
    variable = variable_debt_of(revision, holding)
    if variable < amounts.repaid:
        return _debt_now(holding, 0, holding.stable_debt - (amounts.repaid - variable), borrowing=True)
    shares = _nonzero(call, revision.burn_debt(amounts.repaid, holding.reserve.variable_borrow_index))
    left = holding.scaled_variable_debt - shares
    return _debt_now(holding, left, holding.stable_debt, borrowing=True)


def _debt_now(holding: Holding, variable: int, stable: int, *, borrowing: bool) -> Holding:
    return Holding(holding.reserve, holding.scaled_supply, variable, stable, holding.collateral, borrowing)


def _burned_supply(call: Call, holding: Holding, amounts: Amounts, emptied: Emptied) -> tuple[Holding, int]:
    """The liquidator's part is burned, then the fee moves, cut to the shares that are left; and the fee as it moved."""
    revision, index = call.revision, holding.reserve.liquidity_index
    left = holding.scaled_supply - _nonzero(call, revision.burn_supply(amounts.taken - amounts.fee, index))
    spare = left - revision.burn_supply(amounts.fee, index)
    fee = if_positive(-spare, revision.supply_balance(left, index), amounts.fee)
    left = if_positive(spare, spare, 0)
    if amounts.all_collateral:
        left = known_at_most(left, 1)  # two burns of the whole balance round away a share at the most
    flag = holding.collateral and not emptied.flag_falls
    return _supply_now(holding, left, collateral=flag), fee


def _supply_now(holding: Holding, supply: int, *, collateral: bool) -> Holding:
    return Holding(
        holding.reserve, supply, holding.scaled_variable_debt, holding.stable_debt, collateral, holding.borrowing
    )


def _nonzero(call: Call, shares: int) -> int:
    """``ScaledBalanceTokenBase._burnScaled`` refuses to burn nothing."""
    if shares == 0:
        raise Refused(call.revision.reasons.zero_burn)
    return shares


def _written_off(call: Call, amounts: Amounts, holdings: list[Holding]) -> tuple[Amount, ...]:
    """What is left of all debts, burned and booked as each reserve's deficit; an inactive reserve is passed over."""
    lost = [] if amounts.all_debt else [Amount(call.debt.reserve.token, call.owed - amounts.repaid)]
    for index, holding in enumerate(holdings):
        if holding.borrowing and holding.reserve.active:
            lost.append(Amount(holding.reserve.token, debt_of(call.revision, holding)))
            holdings[index] = _debt_now(holding, 0, 0, borrowing=False)
    return tuple(amount for amount in lost if amount.raw > 0)


# --- isolated debt --------------------------------------------------------------------------------------------------


def isolated_debt_after(revision: Revision, step: Step, counter: int) -> int:
    """The isolated collateral's debt counter after a step, which was ``counter`` before; USD with 2 decimals.

    It falls by what is repaid, never by what is written off. No rule of a liquidation depends on it.
    """
    if not revision.isolated(step.state, step.state.index_at(step.seized[0].slot)):
        return counter
    return zero_floor_sub(counter, div_down(step.repaid.raw, 10 ** (step.repaid.token.decimals - 2)))


def isolated_while_flagged(after: AaveState, index: int) -> bool:
    """Up to 3.2 (``IsolationModeLogic.updateIsolatedDebtIfIsolated``): only if the one flag left is the isolated
    collateral's, so not at all when that is emptied.
    """
    flagged = [holding for holding in after.holdings if holding.collateral]
    return flagged == [after.holdings[index]] and flagged[0].reserve.debt_ceiling != 0


def isolated_by_ceiling(after: AaveState, index: int) -> bool:
    """3.3 to 3.6 (``IsolationModeLogic.updateIsolatedDebt``): whenever the seized collateral has a ceiling."""
    return after.holdings[index].reserve.debt_ceiling != 0


def never_isolated(after: AaveState, index: int) -> bool:  # noqa: ARG001 - one signature for all
    """3.7: there is no isolation mode."""
    return False
