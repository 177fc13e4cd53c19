"""Aave V3 in floats with bounds, for whole populations: every revision by its data, V2 too.

Follows :mod:`~defirisk.protocols.aave_v3.account`, :mod:`~defirisk.protocols.aave_v3.amounts` and
:mod:`~defirisk.protocols.aave_v3.liquidation` stage by stage; the names are theirs. A position's amounts are followed
in shares, each burn and balance rounded as its revision rounds, so that what is small stays exact.

The bounds, with U = 2**-53 (:mod:`defirisk.risk.population.bounded`): a price is a quotient of integers (U), a rate
(index / ray) too. So an amount times a price is within (1 + 1) U relatively beside the amount's own bound, and one
more U covers the second order: 3 U. A quotient of two such values errs by 5 U. What a step takes is then rounded to
integers as the contract does, which ``rounded`` makes exact wherever a float can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import nan
from typing import Any, Final

import numpy as np

from defirisk.fixedpoint import (
    BPS,
    RAY,
    mul_div_down,
    mul_div_up,
    percent_div_down,
    percent_div_half_up,
    percent_div_up,
    percent_mul_down,
    percent_mul_half_up,
    percent_mul_up,
    ray_div_down,
    ray_div_half_up,
    ray_div_up,
    ray_mul_down,
    ray_mul_half_up,
    ray_mul_up,
)
from defirisk.model import Position
from defirisk.protocols.aave_v3 import account, amounts, liquidation
from defirisk.protocols.aave_v3.account import debt_of, supply_of
from defirisk.protocols.aave_v3.amounts import CLOSE_FACTOR, CLOSE_FACTOR_HEALTH, LEAST_FOR_CLOSE_FACTOR, LEAST_LEFT
from defirisk.protocols.aave_v3.revisions import Revision
from defirisk.protocols.aave_v3.state import AaveState, Holding, Reserve
from defirisk.protocols.fast import COLLATERAL, DEBT, IDLE, FastColumns, FastLeg, FastRules
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
    sum_bound,
)
from defirisk.risk.population.scratch import (
    AMOUNT,
    AMOUNT_ERR,
    ASSET,
    BONUS,
    COLLATERAL_VALUE,
    COLLATERAL_VALUE_ERR,
    DEBT_VALUE,
    DEBT_VALUE_ERR,
    EXTRA2,
    FEE,
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
    SHORT,
    THRESHOLD,
    VALUE,
    VALUE_ERR,
    WRITES_OFF,
)

# --- terms: a revision as numbers ------------------------------------------------------------------------------------

SUPPLY_BALANCE: Final = 0
DEBT_BALANCE: Final = 1
BURN_SUPPLY: Final = 2
BURN_DEBT: Final = 3
WORTH_OF_DEBT: Final = 4
WITH_BONUS: Final = 5
WITHOUT_BONUS: Final = 6
PRINCIPAL: Final = 7
FEE_ROUNDING: Final = 8
"""So far: how each is rounded."""
AVERAGED: Final = 9
CLOSE: Final = 10
CLOSE_BPS: Final = 11
CLOSE_HEALTH: Final = 12
CLOSE_LEAST: Final = 13
DUST: Final = 14
DUST_LEAST: Final = 15
DEFICIT: Final = 16
BY_SHARES: Final = 17
BONUS_FIRST: Final = 18
TERMS: Final = 19

OF_THE_RESERVE: Final = 0
OF_THE_TOTAL: Final = 1
ALWAYS_HALF: Final = 2
ALWAYS_ALL: Final = 3

BLOCKED_BY_SENTINEL: Final = 1
FITS_A_WORD: Final = 1e72
"""Far below 2**256 / 1e4, so that no product of price, amount, unit and bonus passes 256 bits."""

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

_ROUNDED: Final[Mapping[Any, int]] = {
    ray_mul_down: DOWN,
    ray_mul_half_up: HALF_UP,
    ray_mul_up: UP,
    ray_div_down: DOWN,
    ray_div_half_up: HALF_UP,
    ray_div_up: UP,
    mul_div_down: DOWN,
    mul_div_up: UP,
    percent_mul_down: DOWN,
    percent_mul_half_up: HALF_UP,
    percent_mul_up: UP,
    percent_div_down: DOWN,
    percent_div_half_up: HALF_UP,
    percent_div_up: UP,
}
_AVERAGED: Final[Mapping[Any, float]] = {account.averaged_health: 1.0, account.exact_health: 0.0}
_BY_SHARES: Final[Mapping[Any, float]] = {liquidation.emptied_by_amount: 0.0, liquidation.emptied_by_shares: 1.0}
CLOSINGS: Final[Mapping[Any, int]] = {
    amounts.half_of_the_reserve: OF_THE_RESERVE,
    amounts.half_of_the_total: OF_THE_TOTAL,
}
SEIZINGS: Final[Mapping[Any, int]] = {amounts.amounts_of: 0}


def terms_of(revision: Revision, closings: Mapping[Any, int], seizings: Mapping[Any, int]) -> tuple[float, ...]:
    """A revision as numbers.

    Raises:
        KeyError: it does something that is not known here.
    """
    roundings = (
        revision.supply_balance,
        revision.debt_balance,
        revision.burn_supply,
        revision.burn_debt,
        revision.debt_value,
        revision.with_bonus,
        revision.without_bonus,
        revision.principal,
        revision.fee,
    )
    return (
        *(float(_ROUNDED[one]) for one in roundings),
        _AVERAGED[revision.health],
        float(closings[revision.close_factor]),
        float(CLOSE_FACTOR),
        CLOSE_FACTOR_HEALTH / 10**18,
        float(LEAST_FOR_CLOSE_FACTOR),
        float(revision.dust),
        float(LEAST_LEFT),
        float(revision.deficit),
        _BY_SHARES[revision.emptied],
        float(seizings[revision.amounts]),
    )


# --- columns ---------------------------------------------------------------------------------------------------------


def columns(
    position: Position, *, closings: Mapping[Any, int] = CLOSINGS, seizings: Mapping[Any, int] = SEIZINGS
) -> FastColumns | None:
    """A position as numbers; ``None`` where an eMode has a price source of its own, which prices calls otherwise than
    the account, where the protocol does not see a debt, and under rules that are not known here.
    """
    state: AaveState = position.state
    revision: Revision = position.rules.revision  # type: ignore[attr-defined]
    own_source = state.emode is not None and state.emode.price_slot is not None
    if own_source or any(_unseen(holding) for holding in state.holdings):
        return None
    try:
        terms = terms_of(revision, closings, seizings)
    except KeyError:
        return None
    legs = [leg for slot, holding in enumerate(state.holdings) for leg in _legs(revision, state, slot, holding)]
    blocked = revision.asks_sentinel and state.liquidations_allowed is False
    return FastColumns(terms, tuple(legs), BLOCKED_BY_SENTINEL if blocked else 0)


def _unseen(holding: Holding) -> bool:
    """Whether there is debt that the protocol does not see."""
    return not holding.borrowing and holding.scaled_variable_debt + holding.stable_debt > 0


def _legs(revision: Revision, state: AaveState, slot: int, holding: Holding) -> list[FastLeg]:
    found = []
    reserve = holding.reserve
    may = reserve.active and not reserve.paused and reserve.grace_until < state.timestamp
    supply, debt = supply_of(revision, holding), debt_of(revision, holding)
    terms = revision.terms(state, holding)
    if supply > 0 and terms.counts:
        found.append(_supplied(slot, holding, terms, supply, may))
    if debt > 0:
        found.append(_owed(slot, reserve, holding, debt, may))
    return found or [FastLeg(slot, IDLE, 0, 0, 0.0)]


def _supplied(slot: int, holding: Holding, terms: account.Terms, supply: int, may: bool) -> FastLeg:
    return FastLeg(
        slot,
        COLLATERAL,
        supply,
        holding.scaled_supply,
        holding.reserve.liquidity_index / RAY,
        open=may and terms.bonus > 0,
        threshold=float(terms.threshold),
        bonus=float(terms.bonus),
        fee=float(holding.reserve.protocol_fee),
        recovery=BPS / max(BPS, terms.bonus),
    )


def _owed(slot: int, reserve: Reserve, holding: Holding, debt: int, may: bool) -> FastLeg:
    """``extra`` is the stable part, ``extra2`` whether a write-off takes this debt along."""
    return FastLeg(
        slot,
        DEBT,
        debt,
        holding.scaled_variable_debt,
        reserve.variable_borrow_index / RAY,
        open=may,
        extra=float(holding.stable_debt),
        extra2=float(reserve.active),
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


# --- step ------------------------------------------------------------------------------------------------------------


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


_CALLEES: Final = (
    threshold_base,
    averages,
    above,
    equals,
    share_of,
    in_bps,
    valued,
    averaged_cover,
    weighted_cover,
    capped,
    seized_for,
    covered_by,
    without_dust,
    dusty,
    fee_of,
    others_left,
    burns_something,
    burns_supply,
    nothing_is_left,
    burns_debt,
    burns,
    empty,
    rebalance,
)
FAST: Final = FastRules("aave-v3", columns, screen, judge, step, settle, _CALLEES, terms=TERMS)
"""Aave V3."""


def sharing(closings: Mapping[Any, int], seizings: Mapping[Any, int]) -> FastRules:
    """The same code for a relative of V3, whose close factors and amounts are told apart here."""
    return replace(FAST, columns=partial(columns, closings=closings, seizings=seizings))
