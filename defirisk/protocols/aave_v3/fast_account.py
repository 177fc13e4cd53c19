"""Health in floats with bounds: :mod:`~defirisk.protocols.aave_v3.account`, for one scenario and for all at once."""

from __future__ import annotations

from math import nan
from typing import Any, Final

import numpy as np

from defirisk.protocols.aave_v3.fast_terms import (
    AVERAGED,
    WORTH_OF_DEBT,
)
from defirisk.risk.population.bounded import (
    DOWN,
    EXACT_BELOW,
    HALF_UP,
    NO,
    UNDECIDED,
    YES,
    U,
    at_least,
    floored,
    rounded,
    sum_bound,
)
from defirisk.risk.population.scratch import (
    AMOUNT,
    AMOUNT_ERR,
    COLLATERAL_VALUE,
    COLLATERAL_VALUE_ERR,
    DEBT_VALUE,
    DEBT_VALUE_ERR,
    HEALTH,
    HEALTH_ERR,
    PRICE,
    SHORT,
    THRESHOLD,
    VALUE,
    VALUE_ERR,
)

# --- screen ----------------------------------------------------------------------------------------------------------


def screen(
    w: Any,
    split: int,
    count: int,
    terms: Any,
    prices: Any,
    assets: Any,
    healths: Any,
    debts: Any,
    collaterals: Any,
    look: Any,
) -> None:
    """``judge`` for all scenarios at once where the answer is far from every edge.

    Each value is off by at most one unit and 4 U of itself (amount U, price U, product U, and the second order), each
    sum by as many U as it has terms; thresholds are at most 1. So cover and debt are within ``count`` units and
    (count + 8) U of theirs, and what is left beside that is not liquidatable.
    """
    for s in range(len(look)):
        collaterals[s] = 0.0
        debts[s] = 0.0
        healths[s] = 0.0
        look[s] = 0.0
    base = threshold_base(w, split) if terms[AVERAGED] else 0.0
    spread = 0.0
    for i in range(split):
        amount, over = w[i, AMOUNT], w[i, THRESHOLD] - base
        spread = max(spread, over)
        price = prices[assets[i]]
        for s in range(len(look)):
            value = np.floor(amount * price[s])
            collaterals[s] += value
            healths[s] += value * over
    up = 1.0 if int(terms[WORTH_OF_DEBT]) == DOWN else -1.0
    for i in range(split, count):
        amount = w[i, AMOUNT]
        price = prices[assets[i]]
        for s in range(len(look)):
            debts[s] += up * np.floor(up * (amount * price[s]))
    if count == split:
        for s in range(len(look)):
            healths[s] = nan
        return
    if terms[AVERAGED]:
        averages(collaterals, healths, look, base, spread, count)
    else:
        for s in range(len(look)):
            healths[s] /= 1e4
    relative = (count + 8.0) * U
    for s in range(len(look)):
        cover, debt = healths[s], debts[s]
        healths[s] = cover / debt
        far = cover - debt > count + 1.0 + relative * (cover + debt) and debt > count + 1.0
        look[s] = 0.0 if far and look[s] == 0.0 else 1.0


def threshold_base(w: Any, split: int) -> float:
    """The least threshold, from which averages are counted."""
    least = 1e9
    for i in range(split):
        least = min(least, w[i, THRESHOLD])
    return least


def averages(totals: Any, covers: Any, look: Any, base: float, spread: float, count: int) -> None:
    """Turn sums weighted by thresholds above ``base`` into covers by the average, cut to a whole basis point; 1 in
    ``look`` where it is unknown to which. ``spread`` is the largest threshold above base.
    """
    for s in range(len(look)):
        x = covers[s] / totals[s]
        cut = np.floor(x)
        over = x - cut
        bound = 2.0 * count * spread / totals[s] + (count + 8.0) * U * x
        look[s] = 0.0 if spread == 0.0 or (over >= bound and 1.0 - over > bound) else 1.0
        covers[s] = np.floor(totals[s] * (base + (cut if spread > 0.0 else 0.0)) / 1e4 + 0.5)


# --- judge -----------------------------------------------------------------------------------------------------------


def valued(w: Any, low: int, high: int, way: int) -> tuple[float, float]:
    """Value legs as the contract does, to whole units; their sum and its bound."""
    total = 0.0
    bound = 0.0
    for i in range(low, high):
        x = w[i, AMOUNT] * w[i, PRICE]
        value, err = rounded(x, w[i, AMOUNT_ERR] * w[i, PRICE] + 3.0 * U * x, way)
        w[i, VALUE] = value
        w[i, VALUE_ERR] = err
        total += value
        bound += err
    return total, bound + sum_bound(total, high - low)


def averaged_cover(w: Any, split: int, total: float, total_err: float) -> tuple[float, float]:
    """Up to 3.4: the total after the average threshold, cut to a whole basis point; a bound above 1e300 where it is
    unknown to which. From the least threshold up, as ``account.average``, so that equal ones are no uncertainty.
    """
    least = 1e9
    for i in range(split):
        if w[i, VALUE] > 0.0:
            least = min(least, w[i, THRESHOLD])
    if total == 0.0:
        return 0.0, total_err * 2.0
    above = 0.0
    above_err = 0.0
    for i in range(split):
        over = w[i, THRESHOLD] - least
        above += w[i, VALUE] * over
        above_err += w[i, VALUE_ERR] * abs(over)
    x = above / total
    bound = (above_err + x * total_err) / total + (split + 3.0) * U * x
    cut, cut_err = floored(x, bound if above > 0.0 or above_err > 0.0 else 0.0)
    if cut_err > 0.0:
        return 0.0, 1e301
    average = least + cut
    covered = total * average / 1e4
    return rounded(covered, total_err * average / 1e4 + 3.0 * U * covered, HALF_UP)


def weighted_cover(w: Any, split: int) -> tuple[float, float]:
    """From 3.5 on: the weighted sum itself."""
    total = 0.0
    bound = 0.0
    for i in range(split):
        total += w[i, VALUE] * w[i, THRESHOLD]
        bound += w[i, VALUE_ERR] * w[i, THRESHOLD]
    return total / 1e4, bound / 1e4 + (sum_bound(total, 2 * split) + U * total) / 1e4


def judge(w: Any, split: int, count: int, terms: Any, blocked: int, told: Any) -> int:
    """``GenericLogic.calculateUserAccountData``.

    Health below 1e18 means covered < debt, both as integers (or as integers in basis points from 3.5 on): half-up
    raises a quotient to 1e18 only from within 5e-19 of it, relatively, which the float's own bound holds.
    """
    zero = split - split  # not the constant, for each of which numba would compile the callees again; DOWN is 0 too
    total, total_err = valued(w, zero, split, zero)
    debt, debt_err = valued(w, split, count, int(terms[WORTH_OF_DEBT]))
    told[COLLATERAL_VALUE] = total
    told[COLLATERAL_VALUE_ERR] = total_err
    told[DEBT_VALUE] = debt
    told[DEBT_VALUE_ERR] = debt_err
    told[HEALTH] = nan
    told[HEALTH_ERR] = 0.0
    told[SHORT] = 0.0
    indebted = at_least(debt, debt_err, 1.0)
    if indebted != YES:
        return indebted
    if terms[AVERAGED]:
        covered, covered_err = averaged_cover(w, split, total, total_err)
    else:
        covered, covered_err = weighted_cover(w, split)
    bound = covered_err + debt_err
    if covered + debt >= EXACT_BELOW:
        bound += 4.0 * U * (covered + debt)
    told[HEALTH] = covered / debt
    told[HEALTH_ERR] = (covered_err + told[HEALTH] * debt_err) / debt + 4.0 * U * (told[HEALTH] + 1.0)
    enough = at_least(covered - debt, bound, 0.0)
    if enough == YES:
        return NO
    return UNDECIDED if enough == UNDECIDED else YES


CALLEES: Final = (threshold_base, averages, valued, averaged_cover, weighted_cover)
"""What these call, callees first."""
