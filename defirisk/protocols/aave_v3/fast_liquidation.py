"""One call in floats with bounds: :mod:`~defirisk.protocols.aave_v3.liquidation`, in its stages."""

from __future__ import annotations

from typing import Any, Final

from defirisk.protocols.aave_v3.fast_amounts import (
    capped,
    covered_by,
    dusty,
    equals,
    fee_of,
    seized_for,
    without_dust,
)
from defirisk.protocols.aave_v3.fast_terms import (
    BURN_DEBT,
    BURN_SUPPLY,
    BY_SHARES,
    CLOSE_HEALTH,
    DEBT_BALANCE,
    DEFICIT,
    DUST,
    FITS_A_WORD,
    SUPPLY_BALANCE,
)
from defirisk.risk.population.bounded import (
    EXACT_BELOW,
    NO,
    UNDECIDED,
    YES,
    U,
    at_least,
    rounded,
)
from defirisk.risk.population.scratch import (
    AMOUNT,
    AMOUNT_ERR,
    BONUS,
    EXTRA2,
    HEALTH,
    HEALTH_ERR,
    LOST,
    LOST_ERR,
    OPEN,
    OTHER,
    OWN,
    PRICE,
    RATE,
    RECEIVED,
    RECEIVED_ERR,
    REPAID,
    REPAID_ERR,
    SCALE,
    SHARES,
    SHARES_ERR,
    VALUE,
    VALUE_ERR,
    WRITES_OFF,
)

# --- todo: what a step remembers for ``settle`` ----------------------------------------------------------------------

NEW_SUPPLY: Final = OWN
NEW_SUPPLY_ERR: Final = OWN + 1
FLAG_FALLS: Final = OWN + 2
NEW_DEBT: Final = OWN + 3
NEW_DEBT_ERR: Final = OWN + 4
NEW_STABLE: Final = OWN + 5
ALL_DEBT: Final = OWN + 6
UNPAID: Final = OWN + 7
UNPAID_ERR: Final = OWN + 8


def others_left(w: Any, split: int, one: int) -> int:
    """Whether collateral other than this one has any value."""
    total = 0.0
    bound = 0.0
    for i in range(split):
        if i != one:
            total += w[i, VALUE]
            bound += w[i, VALUE_ERR]
    return at_least(total, bound, 1.0)


def step(
    w: Any, split: int, count: int, one: int, other: int, terms: Any, blocked: int, splits: bool, told: Any, todo: Any
) -> int:
    """``LiquidationLogic.executeLiquidationCall`` for the most that the rules accept."""
    if not (w[one, OPEN] and w[other, OPEN]):
        return NO
    if blocked:
        forbids = at_least(told[HEALTH], told[HEALTH_ERR], terms[CLOSE_HEALTH])
        if forbids != NO:
            return NO if forbids == YES else UNDECIDED
    balance, balance_err = w[one, AMOUNT], w[one, AMOUNT_ERR]
    owed, owed_err = w[other, AMOUNT], w[other, AMOUNT_ERR]
    cap, most, most_err = capped(w, one, other, terms, told)
    if cap == UNDECIDED:
        return UNDECIDED
    worth = w[other, PRICE] * owed + w[one, PRICE] * balance
    if not worth * w[one, SCALE] * w[other, SCALE] < FITS_A_WORD:
        return UNDECIDED
    taken, taken_err = seized_for(w, one, other, most, most_err, terms)
    repaid, repaid_err = most, most_err
    all_debt = YES if cap == NO else equals(repaid, repaid_err, owed, owed_err)
    all_collateral = at_least(taken - balance, taken_err + balance_err, 0.0)
    if all_collateral == UNDECIDED:
        return UNDECIDED
    if all_collateral == YES:
        if taken != balance or taken_err + balance_err > 0.0:
            repaid, repaid_err = covered_by(w, one, other, balance, balance_err, terms)
            all_debt = equals(repaid, repaid_err, owed, owed_err)
        taken, taken_err = balance, balance_err
    if all_debt == UNDECIDED:
        return UNDECIDED
    if terms[DUST] and all_debt == NO and all_collateral == NO:
        dust = dusty(
            w, one, other, owed - repaid, owed_err + repaid_err, balance - taken, balance_err + taken_err, terms
        )
        if dust == UNDECIDED:
            return UNDECIDED
        if dust == YES:
            accepted, repaid, repaid_err = without_dust(w, one, other, terms)
            if accepted != YES:
                return accepted
            taken, taken_err = seized_for(w, one, other, repaid, repaid_err, terms)
            if not balance - taken > balance_err + taken_err:
                return UNDECIDED
    todo[REPAID] = repaid
    todo[REPAID_ERR] = repaid_err
    return burns(w, split, count, one, other, taken, taken_err, all_debt, all_collateral, terms, splits, todo)


def burns(
    w: Any,
    split: int,
    count: int,
    one: int,
    other: int,
    taken: float,
    taken_err: float,
    all_debt: int,
    all_collateral: int,
    terms: Any,
    splits: bool,
    todo: Any,
) -> int:
    """``_burnCollateralATokens``, ``_burnDebtTokens`` and whether ``_burnBadDebt`` follows. A burn that may be of
    nothing, which the contract refuses, is UNDECIDED.
    """
    flag_falls = all_collateral
    if splits or all_collateral == NO:
        fee, fee_err = fee_of(w, one, taken, taken_err, terms)
        todo[RECEIVED] = taken - fee
        todo[RECEIVED_ERR] = taken_err + fee_err
        if all_collateral == NO:
            flag_falls = burns_supply(w, one, fee, fee_err, terms, todo)
    if flag_falls == UNDECIDED or not burns_something(w, one, taken - taken_err):
        return UNDECIDED
    nothing_left = NO
    if terms[DEFICIT]:
        left = w[one, AMOUNT] - taken - taken_err - w[one, AMOUNT_ERR]
        nothing_left = nothing_is_left(w, split, one, left, flag_falls)
        if nothing_left == UNDECIDED:
            return UNDECIDED
    todo[FLAG_FALLS] = flag_falls
    todo[WRITES_OFF] = 0.0
    todo[ALL_DEBT] = 1.0 if nothing_left == YES else float(all_debt)
    todo[UNPAID] = 0.0
    todo[UNPAID_ERR] = 0.0
    if nothing_left == YES:
        if all_debt == NO:
            todo[UNPAID] = w[other, AMOUNT] - todo[REPAID]
            todo[UNPAID_ERR] = w[other, AMOUNT_ERR] + todo[REPAID_ERR]
            todo[WRITES_OFF] = 1.0
        for i in range(split, count):
            if i != other and w[i, EXTRA2] and w[i, AMOUNT] > 0.0:
                todo[WRITES_OFF] = 1.0
        return YES
    return YES if all_debt == YES else burns_debt(w, other, todo[REPAID], todo[REPAID_ERR], terms, todo)


def burns_something(w: Any, one: int, taken: float) -> bool:
    """Whether the liquidator's burn is certainly of a share: the fee is of the bonus, so at the least the principal is
    burned, taken * 1e4 / bonus less its rounding; two shares of it are enough. Said without a quotient.
    """
    something: bool = taken * 1e4 > (2.0 * w[one, RATE] + 2.0) * w[one, BONUS]
    return something


def burns_supply(w: Any, one: int, fee: float, fee_err: float, terms: Any, todo: Any) -> int:
    """The two burns where not all of the collateral is taken, and whether its flag falls all the same."""
    received, received_err, rate = todo[RECEIVED], todo[RECEIVED_ERR], w[one, RATE]
    way = int(terms[BURN_SUPPLY])
    x = received / rate
    first, first_err = rounded(x, received_err / rate + 3.0 * U * x, way)
    x = fee / rate
    second, second_err = rounded(x, fee_err / rate + 3.0 * U * x, way)
    shares = w[one, SHARES]
    left = shares - first - second
    todo[NEW_SUPPLY] = max(0.0, left)
    bound = w[one, SHARES_ERR] + first_err + second_err + 2.0 * U * (shares if shares > EXACT_BELOW else 0.0)
    todo[NEW_SUPPLY_ERR] = bound
    return at_least(-left, bound, 0.0) if terms[BY_SHARES] else NO


def nothing_is_left(w: Any, split: int, one: int, left: float, flag_falls: int) -> int:
    """Whether no collateral value is left at all, of which ``left`` base units at least are of leg ``one``."""
    others = others_left(w, split, one)
    if others == YES:
        return NO
    if flag_falls == YES:
        return YES if others == NO else UNDECIDED
    return NO if (left - 2.0 * w[one, RATE]) * w[one, PRICE] > 2.0 else UNDECIDED


def burns_debt(w: Any, other: int, repaid: float, repaid_err: float, terms: Any, todo: Any) -> int:
    """Variable debt is burned first, then stable debt."""
    shares, stable, rate = w[other, SHARES], w[other, OTHER], w[other, RATE]
    bound = w[other, SHARES_ERR] + 2.0 * U * (shares if shares > EXACT_BELOW else 0.0)
    todo[NEW_STABLE] = stable
    if stable:
        variable = w[other, AMOUNT] - stable
        within = w[other, AMOUNT_ERR] + repaid_err + 2.0 * U * w[other, AMOUNT]
        if repaid - variable > within:
            todo[NEW_DEBT] = 0.0
            todo[NEW_DEBT_ERR] = within / rate
            todo[NEW_STABLE] = stable - (repaid - variable)
            return YES
        if not variable - repaid > within:
            return UNDECIDED
    x = repaid / rate
    burned, burned_err = rounded(x, repaid_err / rate + 3.0 * U * x, int(terms[BURN_DEBT]))
    if not burned > burned_err:
        return UNDECIDED
    todo[NEW_DEBT] = max(0.0, shares - burned)
    todo[NEW_DEBT_ERR] = bound + burned_err
    return YES


# --- settle ----------------------------------------------------------------------------------------------------------


def settle(w: Any, split: int, count: int, one: int, other: int, terms: Any, todo: Any) -> None:
    """The state after the call."""
    if todo[FLAG_FALLS] == YES:
        empty(w, one)
    else:
        rebalance(w, one, todo[NEW_SUPPLY], todo[NEW_SUPPLY_ERR], 0.0, int(terms[SUPPLY_BALANCE]))
    if todo[ALL_DEBT]:
        empty(w, other)
    else:
        rebalance(w, other, todo[NEW_DEBT], todo[NEW_DEBT_ERR], todo[NEW_STABLE], int(terms[DEBT_BALANCE]))
    if todo[WRITES_OFF]:
        w[other, LOST] += todo[UNPAID]
        w[other, LOST_ERR] += todo[UNPAID_ERR]
        for i in range(split, count):
            if i != other and w[i, EXTRA2]:
                w[i, LOST] += w[i, AMOUNT]
                w[i, LOST_ERR] += w[i, AMOUNT_ERR]
                empty(w, i)


def empty(w: Any, i: int) -> None:
    """Nothing is left of a leg, to the last share."""
    w[i, SHARES] = 0.0
    w[i, SHARES_ERR] = 0.0
    w[i, AMOUNT] = 0.0
    w[i, AMOUNT_ERR] = 0.0
    w[i, OTHER] = 0.0


def rebalance(w: Any, i: int, shares: float, err: float, stable: float, way: int) -> None:
    """A leg's shares and the balance that they are."""
    w[i, SHARES] = shares
    w[i, SHARES_ERR] = err
    w[i, OTHER] = stable
    x = shares * w[i, RATE]
    amount, bound = rounded(x, err * w[i, RATE] + 3.0 * U * x, way)
    w[i, AMOUNT] = amount + stable
    w[i, AMOUNT_ERR] = bound + U * stable


CALLEES: Final = (others_left, burns_something, burns_supply, nothing_is_left, burns_debt, burns, empty, rebalance)
"""What these call, callees first."""
