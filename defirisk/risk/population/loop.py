"""The replay of many positions under many scenarios: what is the same for every protocol.

Mirrors :mod:`defirisk.risk.replay` line by line (``settled``, ``by_largest``, ``pays``, ``uncovered``) in floats with
bounds, and answers UNDECIDED where a number lies too near an edge; the pair then goes to the exact engine.

A family gives four functions (:class:`defirisk.protocols.fast.FastRules`), written like the code here for numba:

``screen(w, split, count, terms, prices, assets, healths, debts, collaterals, look) -> None``
    All scenarios of a position as it stands today: set ``look[s]`` to 0 where it is certainly not liquidatable and its
    three figures are filled in, 1 where ``judge`` must look. ``prices`` are [asset, scenario].
``judge(w, split, count, terms, blocked, told) -> int``
    Value the legs (``w[:, VALUE]``; collateral is ``w[:split]``, debts are ``w[split:count]``) and fill ``told``. YES
    if the position is liquidatable, NO, or UNDECIDED.
``step(w, split, count, one, other, terms, blocked, splits, told, todo) -> int``
    One call of collateral leg ``one`` against debt leg ``other`` at the largest amount that the rules accept: fill
    ``todo`` (RECEIVED only where ``splits``: market prices decide whether it pays) and change nothing. YES if they
    accept it, NO if they refuse, or UNDECIDED.
``settle(w, split, count, one, other, terms, todo) -> None``
    Do what ``todo`` says: SHARES, AMOUNT, OTHER, LOST of the legs, with bounds.

Plain Python that numba compiles (:mod:`~defirisk.risk.population.compiling`); the names ``screen``, ``judge``,
``step`` and ``settle`` are bound there.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from defirisk.risk.population.bounded import NO, UNDECIDED, UP, YES, U, at_least, rounded
from defirisk.risk.population.scratch import (
    AMOUNT,
    AMOUNT_ERR,
    ASSET,
    BONUS,
    COLLATERAL_VALUE,
    COLLATERAL_VALUE_ERR,
    DEBT_VALUE,
    EXTRA,
    EXTRA2,
    FEE,
    FIRST_AMOUNT,
    FIRST_SHARES,
    HEALTH,
    LOST,
    LOST_ERR,
    MARKET,
    OPEN,
    OTHER,
    PRICE,
    RATE,
    RECEIVED,
    RECEIVED_ERR,
    RECOVERY,
    REPAID,
    REPAID_ERR,
    SCALE,
    SHARES,
    SHARES_ERR,
    THRESHOLD,
    TODO,
    TOLD,
    VALUE,
    VALUE_ERR,
    WIDTH,
    WRITES_OFF,
)

HEALTHY: Final = 0
NOTHING_TO_SEIZE: Final = 1
RULES: Final = 2
LIQUIDATOR: Final = 3
"""As in :class:`defirisk.model.Ended`, by number."""
NO_ENDING: Final = 255
"""As in :mod:`~defirisk.risk.population.outcomes`."""
MOST_STEPS: Final = 1000
MOST_LEGS: Final = 62
"""A pair's legs are remembered in the bits of an integer."""

DECIDED: Final = 0
HANDED_OVER: Final = 1
LEFT_OUT: Final = 2
"""What became of a pair."""

TOLERANCE: Final = 1e-9
"""Bad debt is right within this share of the position's debt, or two base units a step; half of either is left to what
is summed and rounded afterwards."""

# What a replay adds up, in ``sums``.
STEPS: Final = 0
REPAID_SUM: Final = 1
WROTE_OFF: Final = 2
ENDED: Final = 3
SUMS: Final = 4

screen: Any = None
judge: Any = None
step: Any = None
settle: Any = None
"""A family's own, in each copy of the functions below."""


def set_up(legs: Any, first: int, last: int, scales: Any, w: Any, assets: Any) -> tuple[int, int]:
    """Fill ``w`` and ``assets`` with a position's legs, collateral first; how many are collateral, and how many all."""
    count = 0
    split = 0
    for side in range(2):
        for at in range(first, last):
            leg = legs[at]
            if leg["side"] != side:
                continue
            asset = leg["asset"]
            assets[count] = asset
            w[count, ASSET] = asset
            w[count, SCALE] = scales[asset]
            w[count, OPEN] = leg["open"]
            w[count, RATE] = leg["rate"]
            w[count, THRESHOLD] = leg["threshold"]
            w[count, BONUS] = leg["bonus"]
            w[count, FEE] = leg["fee"]
            w[count, RECOVERY] = leg["recovery"]
            w[count, EXTRA] = leg["extra"]
            w[count, EXTRA2] = leg["extra2"]
            w[count, FIRST_AMOUNT] = leg["amount"]
            w[count, FIRST_SHARES] = leg["shares"]
            count += 1
        if side == 0:
            split = count
    return split, count


def start(w: Any, count: int) -> None:
    """Put the legs back to where the position stands today. An integer that is turned into a float errs by U."""
    for i in range(count):
        shares, amount = w[i, FIRST_SHARES], w[i, FIRST_AMOUNT]
        w[i, SHARES] = shares
        w[i, SHARES_ERR] = shares * U if shares > 2.0**53 else 0.0
        w[i, AMOUNT] = amount
        w[i, AMOUNT_ERR] = amount * U if amount > 2.0**53 else 0.0
        w[i, OTHER] = w[i, EXTRA]
        w[i, LOST] = 0.0
        w[i, LOST_ERR] = 0.0


def largest(w: Any, low: int, high: int, tried: int) -> int:
    """The leg of the largest value of those that hold something and were not tried, ties by slot; ``high`` where there
    is none, UNDECIDED where several may be.
    """
    best = high
    for i in range(low, high):
        if tried >> i & 1 or w[i, AMOUNT] == 0.0 == w[i, AMOUNT_ERR]:
            continue
        if w[i, AMOUNT] <= w[i, AMOUNT_ERR]:
            return UNDECIDED
        if best == high or w[i, VALUE] > w[best, VALUE]:
            best = i
    for i in range(low, high):
        if i == best or tried >> i & 1 or w[i, AMOUNT] == 0.0:
            continue
        bound = w[best, VALUE_ERR] + w[i, VALUE_ERR]
        if not w[best, VALUE] - w[i, VALUE] > bound and bound > 0.0:
            return UNDECIDED
    return best


def pays(w: Any, one: int, other: int, todo: Any) -> int:
    """Whether what the liquidator receives is worth more on the market than what it repays."""
    received = todo[RECEIVED] * w[one, MARKET]
    paid = todo[REPAID] * w[other, MARKET]
    bound = todo[RECEIVED_ERR] * w[one, MARKET] + todo[REPAID_ERR] * w[other, MARKET] + 4.0 * U * (received + paid)
    if received - paid > bound:
        return YES
    return NO if paid - received > bound else UNDECIDED


def act(
    w: Any, split: int, count: int, terms: Any, blocked: int, splits: bool, told: Any, todo: Any
) -> tuple[int, int, int]:
    """The first call that the rules allow and that pays, in the order of ``largest``: YES with its pair, done; NO with
    whether the rules allowed any; or UNDECIDED.
    """
    zero = split - split  # not the constant, for each of which numba would compile the callees again
    allowed = zero
    tried = zero
    while True:
        one = largest(w, zero, split, tried)
        if one == UNDECIDED:
            return UNDECIDED, zero, zero
        if one == split:
            return NO, allowed, zero
        tried |= 1 << one
        while True:
            other = largest(w, split, count, tried)
            if other == UNDECIDED:
                return UNDECIDED, zero, zero
            if other == count:
                break
            tried |= 1 << other
            accepted = step(w, split, count, one, other, terms, blocked, splits, told, todo)
            if accepted == YES:
                allowed = 1
                accepted = pays(w, one, other, todo) if splits else YES
            if accepted == UNDECIDED:
                return UNDECIDED, zero, zero
            if accepted == YES:
                settle(w, split, count, one, other, terms, todo)
                return YES, one, other
        tried &= (1 << split) - 1


def liquidated(
    w: Any,
    split: int,
    count: int,
    terms: Any,
    blocked: int,
    splits: bool,
    whole_account: bool,
    told: Any,
    todo: Any,
    sums: Any,
) -> int:
    """Replay a liquidatable position to its end and fill ``sums``: YES, or UNDECIDED."""
    short = YES
    while True:
        if short == UNDECIDED or sums[STEPS] > MOST_STEPS:
            return UNDECIDED
        if short == NO:
            sums[ENDED] = NOTHING_TO_SEIZE if sums[WROTE_OFF] else HEALTHY
            return YES
        if not whole_account:
            something = at_least(told[COLLATERAL_VALUE], told[COLLATERAL_VALUE_ERR], 1.0)
            if something == UNDECIDED:
                return UNDECIDED
            if something == NO:
                sums[ENDED] = NOTHING_TO_SEIZE
                return YES
            acted, one, other = act(w, split, count, terms, blocked, splits, told, todo)
        else:
            one, other = split - split, split
            acted = step(w, split, count, one, other, terms, blocked, splits, told, todo)
            if acted == YES:
                settle(w, split, count, one, other, terms, todo)
        if acted == UNDECIDED:
            return UNDECIDED
        if acted == NO:
            sums[ENDED] = LIQUIDATOR if one else RULES
            return YES
        sums[STEPS] += 1.0
        sums[REPAID_SUM] += todo[REPAID] * w[other, MARKET]
        if todo[WRITES_OFF]:
            sums[WROTE_OFF] = 1.0
        short = judge(w, split, count, terms, blocked, told)


def bad_debt(w: Any, split: int, count: int, owed: float, sums: Any, losses: Any) -> float:
    """What stays unpaid at market prices, each token rounded up and added to ``losses``; negative where the bounds of
    what is left are wider than the tolerance. ``owed`` is the position's debt before, in value.
    """
    for i in range(split, count):
        bound = w[i, LOST_ERR] + (w[i, AMOUNT_ERR] if sums[ENDED] == NOTHING_TO_SEIZE else 0.0)
        if bound > sums[STEPS] and bound * w[i, MARKET] > 0.5 * TOLERANCE * owed:
            return -1.0
    total = 0.0
    for i in range(split, count):
        amount = w[i, LOST] + (w[i, AMOUNT] if sums[ENDED] == NOTHING_TO_SEIZE else 0.0)
        if amount > 0.0:
            value, _ = rounded(amount * w[i, MARKET], 3.0 * U * amount * w[i, MARKET], UP)
            total += value
            losses[int(w[i, ASSET])] += value
    return total


def uncovered(w: Any, split: int, count: int, ended: float) -> float:
    """What the counted collateral that is left would not repay, where the rules or the liquidator ended the replay."""
    if ended not in (RULES, LIQUIDATOR):
        return 0.0
    short = 0.0
    for i in range(split, count):
        short += w[i, AMOUNT] * w[i, MARKET]
    for i in range(split):
        short -= w[i, AMOUNT] * w[i, MARKET] * w[i, RECOVERY]
    return max(0.0, short)


def replay_rows(
    first: int,
    last: int,
    legs: Any,
    offsets: Any,
    rows: Any,
    terms: Any,
    terms_of: Any,
    blocked: Any,
    scales: Any,
    prices: Any,
    markets: Any,
    splits: Any,
    fits: Any,
    whole_account: bool,
    figures: Any,
    liquidatable: Any,
    liquidations: Any,
    ended: Any,
    fate: Any,
    losses: Any,
    w: Any,
    assets: Any,
    told: Any,
    todo: Any,
    sums: Any,
    look: Any,
) -> None:
    """Replay ``rows[first:last]`` under every scenario.

    Prices are [asset, scenario] (:class:`~defirisk.risk.population.prices.PriceTable`); ``figures`` are the six arrays
    of floats [row, scenario] in the order health factor, repaid, bad debt, uncovered, debt, collateral; ``fate`` tells
    what became of a pair; ``losses`` [scenario, asset] adds bad debt up. The rest is scratch
    (:func:`scratch_arrays`), which machine code without reference counts cannot make.
    """
    healths, repaids, bads, uncovereds, debts, collaterals = figures
    for number in range(first, last):
        row = rows[number]
        low, high = offsets[row], offsets[row + 1]
        split, count = set_up(legs, low, high, scales, w, assets)
        mine = terms[terms_of[row]]
        flag = blocked[row]
        start(w, count)
        for s in range(len(splits)):
            repaids[row, s] = 0.0
            bads[row, s] = 0.0
            uncovereds[row, s] = 0.0
            ended[row, s] = HEALTHY
        screen(w, split, count, mine, prices, assets, healths[row], debts[row], collaterals[row], look)
        for s in range(len(splits)):
            if look[s] == 0.0 and fits[s]:
                continue
            if not fits[s] and unfit(legs, low, high, prices, s):
                fate[row, s] = LEFT_OUT
                ended[row, s] = NO_ENDING
                leave_out(row, s, figures)
                continue
            for i in range(count):
                w[i, PRICE] = prices[assets[i], s]
                w[i, MARKET] = markets[assets[i], s]
            short = judge(w, split, count, mine, flag, told)
            healths[row, s] = told[HEALTH]
            debts[row, s] = told[DEBT_VALUE]
            collaterals[row, s] = told[COLLATERAL_VALUE]
            if short == NO:
                continue
            if short == UNDECIDED:
                fate[row, s] = HANDED_OVER
                continue
            owed = told[DEBT_VALUE]
            for i in range(SUMS):
                sums[i] = 0.0
            done = liquidated(w, split, count, mine, flag, splits[s], whole_account, told, todo, sums)
            lost = bad_debt(w, split, count, owed, sums, losses[s]) if done == YES else -1.0
            if lost < 0.0:
                fate[row, s] = HANDED_OVER
            else:
                liquidatable[row, s] = True
                liquidations[row, s] = int(sums[STEPS])
                repaids[row, s] = sums[REPAID_SUM]
                bads[row, s] = lost
                uncovereds[row, s] = uncovered(w, split, count, sums[ENDED])
                ended[row, s] = int(sums[ENDED])
            start(w, count)


def scratch_arrays(scenarios: int) -> tuple[Any, ...]:
    """The last arguments of :func:`replay_rows`; one thread's own."""
    return (
        np.zeros((MOST_LEGS, WIDTH)),
        np.zeros(MOST_LEGS, np.int64),
        np.zeros(TOLD),
        np.zeros(TODO),
        np.zeros(SUMS),
        np.zeros(scenarios),
    )


def unfit(legs: Any, low: int, high: int, prices: Any, s: int) -> bool:
    """Whether a scenario does not fit one of a position's assets."""
    found = False
    for at in range(low, high):
        found |= np.isnan(prices[legs[at]["asset"], s])
    return found


def leave_out(row: int, s: int, figures: Any) -> None:
    """Say nothing of a pair."""
    for figure in figures:
        figure[row, s] = np.nan


def screen_by_judging(
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
    """A ``screen`` for families that have no faster one: leaves everything to ``judge``."""
    for s in range(len(look)):
        look[s] = 1.0


FUNCTIONS: Final = (set_up, start, largest, pays, act, liquidated, bad_debt, uncovered, unfit, leave_out)
"""What :func:`replay_rows` calls, callees first."""
