"""One ``liquidationCall`` as the contract does it: ``LiquidationLogic.executeLiquidationCall``, in its own stages.

Read :func:`liquidate` top to bottom: open, eligibility, close factor, amounts, dust, burns, flags, write-off. Where
revisions differ a stage asks the :class:`~defirisk.protocols.aave_v3.revisions.Revision`.

The liquidator is a third party (the contract refuses self-liquidation from 3.4 on) that has the tokens to repay and
the reserve the liquidity to pay out. Scaled balances are kept in 120 bits (128 before 3.5): burns are at most the
balance, so only products of prices and amounts can pass 256 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from defirisk.fixedpoint import (
    BPS,
    HALF_BPS,
    UINT256_MAX,
    div_down,
    mul_div_down,
    mul_div_up,
    percent_mul_half_up,
    zero_floor_sub,
)
from defirisk.model import Amount, Seized, Standing
from defirisk.protocols.aave_v3.account import Terms, debt_of, price_of, supply_of, variable_debt_of
from defirisk.protocols.aave_v3.state import AaveState, Holding
from defirisk.protocols.interface import Pair, Refused, Step

if TYPE_CHECKING:
    from defirisk.protocols.aave_v3.revisions import Revision

CLOSE_FACTOR: Final = 5000
"""``DEFAULT_LIQUIDATION_CLOSE_FACTOR``, bps."""
CLOSE_FACTOR_HEALTH: Final = 95 * 10**16
"""``CLOSE_FACTOR_HF_THRESHOLD``, wad: at or below it the whole debt may be repaid. The sentinel's exception too
(``MINIMUM_HEALTH_FACTOR_LIQUIDATION_THRESHOLD``), but strictly below."""
LEAST_FOR_CLOSE_FACTOR: Final = 2000 * 10**8
"""``MIN_BASE_MAX_CLOSE_FACTOR_THRESHOLD``, base currency with 8 decimals."""
LEAST_LEFT: Final = 1000 * 10**8
"""``MIN_LEFTOVER_BASE``, base currency with 8 decimals."""


@dataclass(frozen=True, slots=True)
class Call:
    """A liquidation call under way: the two holdings and what the contract looks up for them.

    ``balance`` and ``owed`` token base units; prices oracle units; units are ten to the token's decimals; ``health``
    wad, 2**256 - 1 without debt.
    """

    revision: Revision
    state: AaveState
    standing: Standing
    collateral_slot: int
    debt_slot: int
    terms: Terms
    balance: int
    owed: int
    collateral_price: int
    debt_price: int
    collateral_unit: int
    debt_unit: int
    health: int

    @property
    def collateral(self) -> Holding:
        """The holding that is seized from."""
        return self.state.holdings[self.collateral_slot]

    @property
    def debt(self) -> Holding:
        """The holding whose debt is repaid."""
        return self.state.holdings[self.debt_slot]


class Ask(NamedTuple):
    """``debt`` to cover, token base units. ``may_leave_dust`` is false where the amount was computed to leave none."""

    debt: int
    may_leave_dust: bool


class Amounts(NamedTuple):
    """What one call moves, token base units: ``repaid`` of the debt; ``taken`` of the collateral, of which ``fee`` is
    for the protocol. ``all_debt`` and ``all_collateral``: nothing of it is left, by amount.
    """

    repaid: int
    taken: int
    fee: int
    all_debt: bool
    all_collateral: bool


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
    asks = _descending(call)
    try:
        return _attempt(call, next(asks))
    except Refused:
        for ask in asks:
            with suppress(Refused):
                return _attempt(call, ask)
        raise


def _attempt(call: Call, ask: Ask) -> Step:
    amounts = _amounts(call, ask.debt)
    if ask.may_leave_dust and call.revision.dust and _leaves_dust(call, amounts):
        raise Refused(call.revision.reasons.dust)
    return _settle(call, amounts)


# --- open -----------------------------------------------------------------------------------------------------------


def _open(revision: Revision, state: AaveState, standing: Standing, pair: Pair) -> Call:
    if pair.collateral is None:
        raise Refused(revision.reasons.not_collateral)
    collateral, debt = state.holdings[pair.collateral], state.holdings[pair.debt]
    return Call(
        revision=revision,
        state=state,
        standing=standing,
        collateral_slot=pair.collateral,
        debt_slot=pair.debt,
        terms=revision.terms(state, collateral),
        balance=supply_of(revision, collateral),
        owed=debt_of(revision, debt),
        collateral_price=price_of(state, pair.collateral),
        debt_price=_debt_price(state, pair.debt),
        collateral_unit=state.scales[pair.collateral],
        debt_unit=state.scales[pair.debt],
        health=UINT256_MAX if standing.health_factor is None else standing.health_factor,
    )


def _debt_price(state: AaveState, slot: int) -> int:
    """``LiquidationLogic._getConfigurationData``: an eMode's price source (3.0, 3.1) prices the debt always, whether
    or not its reserve is of the category.
    """
    emode = state.emode
    return state.prices[slot if emode is None or emode.price_slot is None else emode.price_slot]


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


# --- close factor ---------------------------------------------------------------------------------------------------


def half_of_the_reserve(call: Call) -> int | None:
    """Up to 3.2 (``_calculateDebt``): half of this reserve's debt above the health threshold, else no cap."""
    return percent_mul_half_up(call.owed, CLOSE_FACTOR) if call.health > CLOSE_FACTOR_HEALTH else None


def half_of_the_total(call: Call) -> int | None:
    """From 3.3 on: no cap for small positions or bad health, else half of the user's *total* debt."""
    if not call.health > CLOSE_FACTOR_HEALTH:
        return None
    if mul_div_down(call.balance, call.collateral_price, call.collateral_unit) < LEAST_FOR_CLOSE_FACTOR:
        return None
    value = call.revision.debt_value(call.owed, call.debt_price, call.debt_unit)
    if value < LEAST_FOR_CLOSE_FACTOR:
        return None
    cap = percent_mul_half_up(call.standing.debt_value, CLOSE_FACTOR)
    return mul_div_down(cap, call.debt_unit, call.debt_price) if value > cap else None


# --- amounts --------------------------------------------------------------------------------------------------------


def _descending(call: Call) -> Iterator[Ask]:
    """What a liquidator would ask for, largest first: one of these is the largest amount that the rules accept.

    All the collateral goes for any amount above the second, so those amounts are one and the same call; below it the
    seized amount grows with the repaid one, so refusing dust leaves exactly the amounts up to the third.
    """
    yield Ask(UINT256_MAX, may_leave_dust=True)
    cap = call.revision.close_factor(call)
    maximum = call.owed if cap is None else cap
    within = _repays_at_most(call, call.balance)
    if 0 < within < maximum:
        yield Ask(within, may_leave_dust=True)
    if call.revision.dust:
        dustless = _largest_without_dust(call)
        if 0 < dustless < maximum:
            yield Ask(dustless, may_leave_dust=False)


def _amounts(call: Call, asked: int) -> Amounts:
    """``_calculateAvailableCollateralToLiquidate`` for what is asked, cut to the close factor."""
    revision, bonus = call.revision, call.terms.bonus
    covered, all_debt = _covered(call, asked)
    taken = revision.with_bonus(_base_collateral(call, covered), bonus)
    all_collateral = taken >= call.balance
    if taken > call.balance:
        taken = call.balance
        value = _checked(call, call.collateral_price * taken * call.debt_unit)
        covered = revision.without_bonus(div_down(value, call.debt_price * call.collateral_unit), bonus)
        all_debt = covered == call.owed
    return Amounts(covered, taken, _fee(call, taken), all_debt, all_collateral)


def _covered(call: Call, asked: int) -> tuple[int, bool]:
    """The debt to repay and whether it is all of it."""
    cap = call.revision.close_factor(call)
    if cap is None:
        return (call.owed, True) if asked >= call.owed else (asked, False)
    covered = min(cap, asked)
    return covered, covered == call.owed


def _base_collateral(call: Call, debt: int) -> int:
    """Collateral worth ``debt``, before the bonus."""
    value = _checked(call, call.debt_price * debt * call.collateral_unit)
    base = div_down(value, call.collateral_price * call.debt_unit)
    _checked(call, base * call.terms.bonus + HALF_BPS)
    return base


def _fee(call: Call, taken: int) -> int:
    rate = call.collateral.reserve.protocol_fee
    if rate == 0:
        return 0
    return call.revision.fee(taken - call.revision.principal(taken, call.terms.bonus), rate)


def _checked(call: Call, product: int) -> int:
    """A product that the contract's checked arithmetic must hold in 256 bits."""
    if product > UINT256_MAX:
        raise Refused(call.revision.reasons.overflow)
    return product


# --- dust -----------------------------------------------------------------------------------------------------------


def _leaves_dust(call: Call, amounts: Amounts) -> bool:
    """From 3.3 on: either one side goes whole, or both remainders are worth ``LEAST_LEFT``."""
    if amounts.all_debt or amounts.all_collateral:
        return False
    debt = call.revision.debt_value(call.owed - amounts.repaid, call.debt_price, call.debt_unit)
    collateral = mul_div_down(call.balance - amounts.taken, call.collateral_price, call.collateral_unit)
    return debt < LEAST_LEFT or collateral < LEAST_LEFT


def _largest_without_dust(call: Call) -> int:
    """The largest repayment after which both remainders are worth ``LEAST_LEFT``; 0 or less where there is none."""
    debt_left = call.revision.least_worth(LEAST_LEFT, call.debt_price, call.debt_unit)
    collateral_left = least_worth_down(LEAST_LEFT, call.collateral_price, call.collateral_unit)
    spare = call.balance - collateral_left
    if spare < 0:
        return 0
    return min(call.owed - debt_left, _repays_at_most(call, spare))


def _repays_at_most(call: Call, taken: int) -> int:
    """The largest repayment that seizes at most ``taken``: the inverse of the first line of :func:`_amounts`."""
    base = call.revision.base_within(taken, call.terms.bonus)
    above = (base + 1) * call.collateral_price * call.debt_unit - 1
    return div_down(above, call.debt_price * call.collateral_unit)


def base_within_half_up(taken: int, bonus: int) -> int:
    """The largest base with ``percent_mul_half_up(base, bonus) <= taken``."""
    return div_down((taken + 1) * BPS - HALF_BPS - 1, bonus)


def base_within_down(taken: int, bonus: int) -> int:
    """The largest base with ``percent_mul_down(base, bonus) <= taken``."""
    return div_down((taken + 1) * BPS - 1, bonus)


def least_worth_down(value: int, price: int, unit: int) -> int:
    """The least amount with ``mul_div_down(amount, price, unit) >= value``."""
    return mul_div_up(value, unit, price)


def least_worth_up(value: int, price: int, unit: int) -> int:
    """The least amount with ``mul_div_up(amount, price, unit) >= value``, for a value above 0."""
    return mul_div_down(value - 1, unit, price) + 1


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
    others = sum(leg.value for leg in call.standing.collateral if leg.counts and leg.slot != call.collateral_slot)
    return left + others == 0


# --- burns, flags, write-off ----------------------------------------------------------------------------------------


def _settle(call: Call, amounts: Amounts) -> Step:
    """``_burnDebtTokens``, ``_burnCollateralATokens``, the fee's transfer and ``_burnBadDebt``."""
    revision = call.revision
    emptied = revision.emptied(call, amounts)
    holdings = list(call.state.holdings)
    holdings[call.debt_slot] = _burned_debt(call, amounts, all_of_it=amounts.all_debt or emptied.nothing_left)
    holdings[call.collateral_slot], fee = _burned_supply(call, holdings[call.collateral_slot], amounts, emptied)
    lost = _written_off(call, amounts, holdings) if emptied.nothing_left else ()
    token = call.collateral.reserve.token
    return Step(
        state=_with_holdings(call.state, tuple(holdings)),
        repaid=Amount(call.debt.reserve.token, amounts.repaid),
        seized=(Seized(token, call.collateral_slot, amounts.taken - amounts.fee, fee),),
        bad_debt=lost,
        written_off=lost,
    )


def _with_holdings(state: AaveState, holdings: tuple[Holding, ...]) -> AaveState:
    return AaveState(holdings, state.tokens, state.prices, state.timestamp, state.emode, state.liquidations_allowed)


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
    fee, fee_shares = amounts.fee, revision.burn_supply(amounts.fee, index)
    if fee_shares > left:
        fee_shares, fee = left, revision.supply_balance(left, index)
    flag = holding.collateral and not emptied.flag_falls
    return _supply_now(holding, left - fee_shares, collateral=flag), fee


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
    for slot, holding in enumerate(holdings):
        if holding.borrowing and holding.reserve.active and slot != call.debt_slot:
            lost.append(Amount(holding.reserve.token, debt_of(call.revision, holding)))
            holdings[slot] = _debt_now(holding, 0, 0, borrowing=False)
    return tuple(amount for amount in lost if amount.raw > 0)


# --- isolated debt --------------------------------------------------------------------------------------------------


def isolated_debt_after(revision: Revision, step: Step, counter: int) -> int:
    """The isolated collateral's debt counter after a step, which was ``counter`` before; USD with 2 decimals.

    It falls by what is repaid, never by what is written off. No rule of a liquidation depends on it.
    """
    if not revision.isolated(step.state, step.seized[0].slot):
        return counter
    return zero_floor_sub(counter, div_down(step.repaid.raw, 10 ** (step.repaid.token.decimals - 2)))


def isolated_while_flagged(after: AaveState, slot: int) -> bool:
    """Up to 3.2 (``IsolationModeLogic.updateIsolatedDebtIfIsolated``): only if the one flag left is the isolated
    collateral's, so not at all when that is emptied.
    """
    flagged = [holding for holding in after.holdings if holding.collateral]
    return flagged == [after.holdings[slot]] and flagged[0].reserve.debt_ceiling != 0


def isolated_by_ceiling(after: AaveState, slot: int) -> bool:
    """3.3 to 3.6 (``IsolationModeLogic.updateIsolatedDebt``): whenever the seized collateral has a ceiling."""
    return after.holdings[slot].reserve.debt_ceiling != 0


def never_isolated(after: AaveState, slot: int) -> bool:  # noqa: ARG001 - one signature for all
    """3.7: there is no isolation mode."""
    return False
