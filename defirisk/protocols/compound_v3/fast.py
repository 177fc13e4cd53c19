"""Comet in floats with bounds, for whole populations.

Follows :mod:`~defirisk.protocols.compound_v3.account` and :mod:`~defirisk.protocols.compound_v3.absorb`; the names are
theirs. With U = 2**-53: a price is a quotient of integers (U), a factor too; so an amount times a price is within 3 U
beside the amount's bound, and what is computed from k factors within (2 k) U.
"""

from __future__ import annotations

from math import nan
from typing import Any, Final

import numpy as np

from defirisk.fixedpoint import WAD
from defirisk.model import Position
from defirisk.protocols.compound_v3.account import borrow_balance
from defirisk.protocols.compound_v3.state import BASE, CometState
from defirisk.protocols.fast import COLLATERAL, DEBT, IDLE, FastColumns, FastLeg, FastRules
from defirisk.risk.population.bounded import (
    EXACT_BELOW,
    NO,
    TELLS_BELOW,
    UNDECIDED,
    UP,
    YES,
    U,
    at_least,
    floored,
    rounded,
    sum_bound,
)
from defirisk.risk.population.loop import screen_by_judging
from defirisk.risk.population.scratch import (
    AMOUNT,
    AMOUNT_ERR,
    BONUS,
    COLLATERAL_VALUE,
    COLLATERAL_VALUE_ERR,
    DEBT_VALUE,
    DEBT_VALUE_ERR,
    FEE,
    HEALTH,
    HEALTH_ERR,
    LOST,
    LOST_ERR,
    OPEN,
    OWN,
    PRICE,
    RECEIVED,
    RECEIVED_ERR,
    REPAID,
    REPAID_ERR,
    SCALE,
    SHORT,
    THRESHOLD,
    VALUE,
    VALUE_ERR,
    WRITES_OFF,
)

LOSS: Final = OWN
LOSS_ERR: Final = OWN + 1
BPS_IN_WAD: Final = 10**14


# --- columns ---------------------------------------------------------------------------------------------------------


def columns(position: Position) -> FastColumns | None:
    """A position as numbers. ``bonus`` is the liquidation factor, ``fee`` the storefront's ask in basis points, which
    are whole ones where the market's factors are.
    """
    state: CometState = position.state
    legs = [_base(state)]
    for slot, (asset, balance) in enumerate(zip(state.assets, state.balances, strict=True), start=1):
        if balance == 0:
            legs.append(FastLeg(slot, IDLE, 0, 0, 0.0))
            continue
        legs.append(
            FastLeg(
                slot,
                COLLATERAL,
                balance,
                balance,
                1.0,
                threshold=asset.liquidate_collateral_factor / WAD,
                bonus=asset.liquidation_factor / WAD,
                fee=asset.ask / BPS_IN_WAD,
                recovery=asset.ask / WAD,
            )
        )
    return FastColumns((), tuple(legs))


def _base(state: CometState) -> FastLeg:
    owed = borrow_balance(state)
    if state.principal >= 0 or owed == 0:
        return FastLeg(BASE, IDLE, 0, 0, 0.0)
    return FastLeg(BASE, DEBT, owed, owed, 1.0, open="absorb" not in state.comet.paused)


# --- judge -----------------------------------------------------------------------------------------------------------


def judge(w: Any, split: int, count: int, terms: Any, blocked: int, told: Any) -> int:
    """``Comet.isLiquidatable`` from accrued numbers, with each leg's value."""
    secured = secured_err = total = total_err = debt = debt_err = 0.0
    for i in range(split):
        x = w[i, AMOUNT] * w[i, PRICE]
        value, err = floored(x, w[i, AMOUNT_ERR] * w[i, PRICE] + 3.0 * U * x)
        w[i, VALUE] = value
        w[i, VALUE_ERR] = err
        total += value
        total_err += err
        x = value * w[i, THRESHOLD]
        part, part_err = floored(x, err * w[i, THRESHOLD] + 3.0 * U * x)
        secured += part
        secured_err += part_err
    for i in range(split, count):
        x = w[i, AMOUNT] * w[i, PRICE]
        debt, debt_err = floored(x, w[i, AMOUNT_ERR] * w[i, PRICE] + 3.0 * U * x)
        w[i, VALUE] = debt
        w[i, VALUE_ERR] = debt_err
    told[COLLATERAL_VALUE] = total
    told[COLLATERAL_VALUE_ERR] = total_err + sum_bound(total, split)
    told[DEBT_VALUE] = debt
    told[DEBT_VALUE_ERR] = debt_err
    told[SHORT] = 0.0
    bound = secured_err + debt_err + sum_bound(secured, split + 1) + sum_bound(debt, 1)
    told[HEALTH] = secured / debt if debt > 0.0 else nan
    told[HEALTH_ERR] = bound / debt if debt > 0.0 else 0.0
    if debt_err > 0.0 and debt <= debt_err:
        return UNDECIDED
    enough = at_least(secured - debt, bound, 0.0)
    if enough == NO:
        told[SHORT] = 1.0
        return YES
    return UNDECIDED if enough == UNDECIDED else NO


# --- step ------------------------------------------------------------------------------------------------------------


def ask_price(w: Any, i: int) -> tuple[float, float]:
    """``assetPriceDiscounted`` of ``Comet.quoteCollateral``, oracle units: the oracle's integer times the ask, down."""
    raw = np.rint(w[i, PRICE] * w[i, SCALE])  # the integer itself while it is far below 2**53
    x = raw * w[i, FEE] / 1e4
    tells = w[i, FEE] == np.floor(w[i, FEE]) and x < TELLS_BELOW and raw < TELLS_BELOW
    return floored(x, 0.0 if tells else 5.0 * U * x)


def fetched(w: Any, i: int, base: int) -> tuple[float, float]:
    """``absorb.fetched``: what buyers pay for a collateral, base units, and its bound."""
    ask, ask_err = ask_price(w, i)
    per = ask / (w[base, PRICE] * w[i, SCALE])  # base units for a unit of the collateral
    off = (ask_err / ask if ask > 0.0 else 0.0) + 6.0 * U
    amount, extra = w[i, AMOUNT], 0.0
    if ask_err > 0.0 and ask <= 2.0 * ask_err:
        return amount * per, amount * per + 2.0 * ask_err / (w[base, PRICE] * w[i, SCALE]) * amount + 1.0
    if abs(per - 1.0) <= 2.0 * off:
        extra = 2.0
    if per < 1.0:
        x = (amount + 1.0) * per
        whole, err = rounded(x, (off + 2.0 * U) * x + w[i, AMOUNT_ERR] * per, UP)
        return max(0.0, whole - 1.0) if ask > 0.0 else 0.0, err + extra
    x = amount * per
    whole, err = rounded(x, off * x + w[i, AMOUNT_ERR] * per, UP)
    return whole, err + extra


def step(
    w: Any, split: int, count: int, one: int, other: int, terms: Any, blocked: int, splits: bool, told: Any, todo: Any
) -> int:
    """``Comet.absorb`` of the whole account, and the sale of what was seized."""
    if not w[other, OPEN]:
        return NO
    value = value_err = proceeds = proceeds_err = 0.0
    for i in range(split):
        x = w[i, VALUE] * w[i, BONUS]
        part, err = floored(x, w[i, VALUE_ERR] * w[i, BONUS] + 3.0 * U * x)
        value += part
        value_err += err
        part, err = fetched(w, i, other)
        proceeds += part
        proceeds_err += err
    value_err += sum_bound(value, split)
    proceeds_err += sum_bound(proceeds, split)
    x = value / w[other, PRICE]
    credit, credit_err = floored(x, value_err / w[other, PRICE] + 4.0 * U * x)
    debt, debt_err = w[other, AMOUNT], w[other, AMOUNT_ERR]
    forgives = at_least(debt - credit, debt_err + credit_err, 1.0)
    if forgives == UNDECIDED:
        return UNDECIDED
    paid, paid_err = (debt, debt_err) if forgives == YES else (credit, credit_err)
    todo[REPAID] = paid
    todo[REPAID_ERR] = paid_err
    todo[RECEIVED] = 0.0
    todo[RECEIVED_ERR] = 0.0
    todo[WRITES_OFF] = 1.0 if forgives == YES else 0.0
    todo[LOSS] = max(0.0, paid - proceeds)
    todo[LOSS_ERR] = paid_err + proceeds_err + (U * paid if paid > EXACT_BELOW else 0.0)
    return YES


def settle(w: Any, split: int, count: int, one: int, other: int, terms: Any, todo: Any) -> None:
    """Nothing is left of the account but what the lenders lost."""
    for i in range(count):
        w[i, AMOUNT] = 0.0
        w[i, AMOUNT_ERR] = 0.0
    w[other, LOST] = todo[LOSS]
    w[other, LOST_ERR] = todo[LOSS_ERR]


FAST: Final = FastRules(
    "compound-v3", columns, screen_by_judging, judge, step, settle, (ask_price, fetched), whole_account=True
)
"""Comet, with and without the extended asset list."""
