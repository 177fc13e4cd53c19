"""How much a call moves, in floats with bounds: :mod:`~defirisk.protocols.aave_v3.amounts`."""

from __future__ import annotations

from typing import Any, Final

from defirisk.protocols.aave_v3.fast_terms import (
    ALWAYS_ALL,
    ALWAYS_HALF,
    BONUS_FIRST,
    CLOSE,
    CLOSE_BPS,
    CLOSE_HEALTH,
    CLOSE_LEAST,
    DUST_LEAST,
    FEE_ROUNDING,
    OF_THE_TOTAL,
    PRINCIPAL,
    WITH_BONUS,
    WITHOUT_BONUS,
    WORTH_OF_DEBT,
)
from defirisk.risk.population.bounded import (
    DOWN,
    EXACT_BELOW,
    HALF_UP,
    NO,
    TELLS_BELOW,
    UNDECIDED,
    UP,
    YES,
    U,
    at_least,
    floored,
    rounded,
)
from defirisk.risk.population.scratch import (
    AMOUNT,
    AMOUNT_ERR,
    ASSET,
    BONUS,
    DEBT_VALUE,
    DEBT_VALUE_ERR,
    FEE,
    HEALTH,
    HEALTH_ERR,
    PRICE,
    SCALE,
    VALUE,
    VALUE_ERR,
)


def capped(w: Any, one: int, other: int, terms: Any, told: Any) -> tuple[int, float, float]:
    """The close factor: YES with the most that a call may repay (token base units), NO without a cap, or UNDECIDED."""
    owed, owed_err = w[other, AMOUNT], w[other, AMOUNT_ERR]
    way = int(terms[CLOSE])
    if way == ALWAYS_ALL:
        return NO, owed, owed_err
    if way != ALWAYS_HALF:
        healthy = above(told[HEALTH], told[HEALTH_ERR], terms[CLOSE_HEALTH])
        if healthy != YES:
            return healthy, owed, owed_err
    if way != OF_THE_TOTAL:
        half, err = share_of(owed, owed_err, terms[CLOSE_BPS] / 1e4)
        return YES, half, err
    large = at_least(w[one, VALUE], w[one, VALUE_ERR], terms[CLOSE_LEAST])
    if large == YES:
        large = at_least(w[other, VALUE], w[other, VALUE_ERR], terms[CLOSE_LEAST])
    if large != YES:
        return large, owed, owed_err
    half, err = share_of(told[DEBT_VALUE], told[DEBT_VALUE_ERR], terms[CLOSE_BPS] / 1e4)
    caps = above(w[other, VALUE], w[other, VALUE_ERR] + err, half)
    if caps != YES:
        return caps, owed, owed_err
    x = half / w[other, PRICE]
    most, most_err = floored(x, err / w[other, PRICE] + 3.0 * U * x)
    return YES, most, most_err


def share_of(x: float, e: float, share: float) -> tuple[float, float]:
    """``percentMul`` by the close factor; half of a float is a float."""
    part = x * share
    return rounded(part, e * share + (0.0 if share == 0.5 else 2.0 * U * part), HALF_UP)


def in_bps(x: float, e: float, over: float, under: float, way: int) -> tuple[float, float]:
    """An integer within ``e`` of x times over / under, one of them 1e4, the other a factor in basis points; rounded."""
    part = x * over / under
    tells = e == 0.0 and part < TELLS_BELOW and x < TELLS_BELOW
    return rounded(part, 0.0 if tells else e * over / under + 3.0 * U * part, way)


def above(x: float, e: float, line: float) -> int:
    """Whether a number within ``e`` of ``x`` is above ``line``."""
    if x - line > e:
        return YES
    if line - x >= e:
        return NO
    return UNDECIDED


def equals(x: float, e: float, y: float, f: float) -> int:
    """Whether two integers, of which x cannot be the larger, are one number."""
    if y - x > e + f:
        return NO
    return YES if e + f == 0.0 and x == y else UNDECIDED


def seized_for(w: Any, one: int, other: int, debt: float, err: float, terms: Any) -> tuple[float, float]:
    """Collateral that a repayment takes, bonus included; where both are of one reserve its price cancels out."""
    ratio = 1.0 if w[one, ASSET] == w[other, ASSET] else w[other, PRICE] / w[one, PRICE]
    slack = 0.0 if w[one, ASSET] == w[other, ASSET] else 6.0 * U
    base = debt * ratio
    if terms[BONUS_FIRST]:
        # half a unit of price * amount * units comes before the division
        half = 0.5 / (w[one, PRICE] * w[one, SCALE] * w[other, SCALE])
        x = base * w[one, BONUS] / 1e4
        return floored(x, err * ratio * w[one, BONUS] / 1e4 + (slack + 3.0 * U) * x + half)
    base, base_err = floored(base, err * ratio + slack * base)
    return in_bps(base, base_err, w[one, BONUS], 1e4, int(terms[WITH_BONUS]))


def covered_by(w: Any, one: int, other: int, taken: float, err: float, terms: Any) -> tuple[float, float]:
    """The debt that is repaid where the collateral is what limits the call."""
    within, within_err = taken, err
    if w[one, ASSET] != w[other, ASSET]:
        ratio = w[one, PRICE] / w[other, PRICE]
        within, within_err = floored(taken * ratio, err * ratio + 6.0 * U * taken * ratio)
    return in_bps(within, within_err, 1e4, w[one, BONUS], int(terms[WITHOUT_BONUS]))


def without_dust(w: Any, one: int, other: int, terms: Any) -> tuple[int, float, float]:
    """The largest repayment after which both remainders are worth the least that may be left: YES, NO or UNDECIDED.

    What is left is then at the edge by construction, and no later stage asks about that edge again: a leg worth so
    little is below the close factor's own least, so the next call takes it whole or takes all of the other side.
    """
    least = terms[DUST_LEAST]
    x = least / w[other, PRICE]
    if int(terms[WORTH_OF_DEBT]) == DOWN:
        debt_left, debt_err = rounded(x, 3.0 * U * x, UP)
    else:
        x = (least - 1.0) / w[other, PRICE]
        debt_left, debt_err = floored(x, 3.0 * U * x)
        debt_left += 1.0
    x = least / w[one, PRICE]
    collateral_left, collateral_err = rounded(x, 3.0 * U * x, UP)
    spare = w[one, AMOUNT] - collateral_left
    spare_err = w[one, AMOUNT_ERR] + collateral_err + U * abs(spare)
    there = at_least(spare, spare_err, 0.0)
    if there != YES:
        return there, 0.0, 0.0
    half = 5001.0 if int(terms[WITH_BONUS]) == HALF_UP else 1.0
    x = ((spare + 1.0) * 1e4 - half) / w[one, BONUS]
    base, base_err = floored(x, spare_err * 1e4 / w[one, BONUS] + 4.0 * U * x)
    ratio = w[one, PRICE] / w[other, PRICE]
    x = (base + 1.0) * ratio
    grain = 1.0 / (w[other, PRICE] * w[one, SCALE] * w[other, SCALE])
    by_collateral, bound = floored(x - grain, base_err * ratio + 7.0 * U * x + 2.0 * U * grain)
    by_debt = w[other, AMOUNT] - debt_left
    by_debt_err = w[other, AMOUNT_ERR] + debt_err
    if by_debt < by_collateral - bound - by_debt_err:
        return above(by_debt, by_debt_err, 0.0), by_debt, by_debt_err
    if by_collateral < by_debt - bound - by_debt_err:
        return above(by_collateral, bound, 0.0), by_collateral, bound
    most, bound = min(by_debt, by_collateral), bound + by_debt_err
    return above(most, bound, 0.0), most, bound


def dusty(
    w: Any, one: int, other: int, debt: float, debt_err: float, supply: float, supply_err: float, terms: Any
) -> int:
    """Whether what would be left of either side is worth less than the least that may be left."""
    x = debt * w[other, PRICE]
    worth, err = rounded(x, debt_err * w[other, PRICE] + 3.0 * U * x, int(terms[WORTH_OF_DEBT]))
    debt_stays = at_least(worth, err, terms[DUST_LEAST])
    if debt_stays == NO:
        return YES
    x = supply * w[one, PRICE]
    worth, err = floored(x, supply_err * w[one, PRICE] + 3.0 * U * x)
    supply_stays = at_least(worth, err, terms[DUST_LEAST])
    if supply_stays == NO:
        return YES
    return NO if debt_stays == YES and supply_stays == YES else UNDECIDED


def fee_of(w: Any, one: int, taken: float, err: float, terms: Any) -> tuple[float, float]:
    """The protocol's share of the bonus, token base units."""
    if w[one, FEE] == 0.0:
        return 0.0, 0.0
    principal, principal_err = in_bps(taken, err, 1e4, w[one, BONUS], int(terms[PRINCIPAL]))
    bonus_err = err + principal_err + (U * taken if taken > EXACT_BELOW else 0.0)
    return in_bps(taken - principal, bonus_err, w[one, FEE], 1e4, int(terms[FEE_ROUNDING]))


CALLEES: Final = (above, equals, share_of, in_bps, capped, seized_for, covered_by, without_dust, dusty, fee_of)
"""All of them, callees first."""
