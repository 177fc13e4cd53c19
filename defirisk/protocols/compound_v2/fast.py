"""Compound V2 in floats with bounds, for whole populations: all flavours by their data.

Follows :mod:`~defirisk.protocols.compound_v2.account` and :mod:`~defirisk.protocols.compound_v2.liquidation`; the names
are theirs. With U = 2**-53: a price is a quotient of integers (U), a rate, an incentive, a share too; so a product of
two such factors and an amount is within 3 U beside the amount's bound, of three within 5 U; one more U covers the
second order. What a contract cuts to integers is cut here too (:func:`~defirisk.risk.population.bounded.floored`).

A burn of the market's part, or its redemption by a Liquidator contract, leaves the exchange rate a little higher. With
S cTokens of which b are burned, rate r (a mantissa), the books B >= r S / 1e18 and B < (r + 1) S / 1e18: the new rate
is at least r, and below r + (S + 1e18) / (S - b). ``drift`` is that relatively, for all of the owner's cTokens, which b
cannot pass; every burn adds it to the bound of the rate.
"""

from __future__ import annotations

from math import nan
from typing import Any, Final

from defirisk.fixedpoint import WAD, wad_mul_down
from defirisk.model import Position
from defirisk.protocols.compound_v2.account import supply_of
from defirisk.protocols.compound_v2.state import CompoundState, Holding
from defirisk.protocols.fast import COLLATERAL, DEBT, IDLE, FastColumns, FastLeg, FastRules
from defirisk.risk.population.bounded import NO, UNDECIDED, YES, U, at_least, floored, sum_bound
from defirisk.risk.population.loop import screen_by_judging
from defirisk.risk.population.scratch import (
    AMOUNT,
    AMOUNT_ERR,
    BONUS,
    COLLATERAL_VALUE,
    COLLATERAL_VALUE_ERR,
    DEBT_VALUE,
    DEBT_VALUE_ERR,
    EXTRA2,
    FEE,
    HEALTH,
    HEALTH_ERR,
    OPEN,
    OTHER,
    OWN,
    PRICE,
    RATE,
    RECEIVED,
    RECEIVED_ERR,
    REPAID,
    REPAID_ERR,
    SHARES,
    SHARES_ERR,
    SHORT,
    THRESHOLD,
    VALUE,
    VALUE_ERR,
    WRITES_OFF,
)

CLOSE_FACTOR: Final = 0
CUT: Final = 1
MANTISSA: Final = 1e18
LEFT: Final = OWN
LEFT_ERR: Final = OWN + 1


# --- columns ---------------------------------------------------------------------------------------------------------


def columns(position: Position) -> FastColumns | None:
    """A position as numbers; ``None`` where the protocol does not see a debt, where two markets of one underlying make
    it unclear which price a loss has, and where the owner is nearly all of a market.
    """
    state: CompoundState = position.state
    underlying = {holding.market.token.address for holding in state.holdings}
    owes = any(holding.debt for holding in state.holdings)
    if owes and len(underlying) < len(state.holdings):
        return None
    legs: list[FastLeg] = []
    for slot, holding in enumerate(state.holdings):
        if not _covered(holding, parts=state.cut > 0 or holding.market.seize_share > 0):
            return None
        legs.extend(_legs(state, slot, holding))
    return FastColumns((state.close_factor / WAD, state.cut / WAD), tuple(legs))


def _covered(holding: Holding, *, parts: bool) -> bool:
    """Whether these rules see the holding as the exact ones do: its debt, and a rate that a burn hardly moves (where
    the protocol keeps a part, ``parts``). VAI takes a little less than it is asked to.
    """
    books = holding.books
    if holding.vai is not None:
        return False
    if holding.debt and (not holding.entered or books.borrows < holding.debt):
        return False
    alone = holding.tokens > 0 and parts and books.supply <= holding.tokens
    return not alone and (holding.tokens == 0 or books.rate > 0)


def _legs(state: CompoundState, slot: int, holding: Holding) -> list[FastLeg]:
    found = []
    market = holding.market
    if holding.tokens > 0 and holding.entered:
        found.append(_supplied(state, slot, holding))
    if holding.debt > 0:
        may = not (state.paused or market.liquidate_paused)
        forced = float(market.forced)
        found.append(FastLeg(slot, DEBT, holding.debt, holding.debt, 1.0, open=may, extra2=forced))
    return found or [FastLeg(slot, IDLE, 0, 0, 0.0)]


def _supplied(state: CompoundState, slot: int, holding: Holding) -> FastLeg:
    """``threshold`` is the first product of ``account.weighed``, ``extra2`` the drift; ``extra``, what the drift adds
    up to, starts at 0.
    """
    market, books = holding.market, holding.books
    parts = market.seize_share or state.cut
    drift = (books.supply + WAD) / ((books.supply - holding.tokens) * books.rate) if parts else 0.0
    return FastLeg(
        slot,
        COLLATERAL,
        supply_of(holding),
        holding.tokens,
        books.rate / WAD,
        open=not (state.paused or market.seize_paused),
        threshold=float(wad_mul_down(market.liquidation_threshold, books.rate)),
        bonus=market.incentive / WAD,
        fee=market.seize_share / WAD,
        recovery=WAD / max(WAD, market.incentive),
        extra2=drift,
    )


# --- judge -----------------------------------------------------------------------------------------------------------


def secured_by(w: Any, i: int) -> tuple[float, float]:
    """``account.weighed``: threshold * rate (cut in the columns, and again after a drift), * price, * tokens."""
    drift = w[i, OTHER]
    x = w[i, THRESHOLD] * w[i, PRICE]
    each, each_err = floored(x, (4.0 * U + drift) * x + (w[i, PRICE] if drift > 0.0 else 0.0))
    tokens = w[i, SHARES] / MANTISSA
    x = each * tokens
    return floored(x, each_err * tokens + w[i, SHARES_ERR] / MANTISSA * each + 3.0 * U * x)


def judge(w: Any, split: int, count: int, terms: Any, blocked: int, told: Any) -> int:
    """``Comptroller.getAccountLiquidity`` from accrued numbers, with each leg's value before factors beside."""
    secured = secured_err = total = total_err = debt = debt_err = 0.0
    for i in range(split):
        weighed, err = secured_by(w, i)
        secured += weighed
        secured_err += err
        x = w[i, AMOUNT] * w[i, PRICE]
        w[i, VALUE], w[i, VALUE_ERR] = floored(x, w[i, AMOUNT_ERR] * w[i, PRICE] + 3.0 * U * x)
        total += w[i, VALUE]
        total_err += w[i, VALUE_ERR]
    forced = 0.0
    for i in range(split, count):
        x = w[i, AMOUNT] * w[i, PRICE]
        w[i, VALUE], w[i, VALUE_ERR] = floored(x, w[i, AMOUNT_ERR] * w[i, PRICE] + 3.0 * U * x)
        debt += w[i, VALUE]
        debt_err += w[i, VALUE_ERR]
        if w[i, EXTRA2] and w[i, AMOUNT] > 0.0:
            forced = 1.0
    told[COLLATERAL_VALUE] = total
    told[COLLATERAL_VALUE_ERR] = total_err + sum_bound(total, split)
    told[DEBT_VALUE] = debt
    told[DEBT_VALUE_ERR] = debt_err + sum_bound(debt, count - split)
    bound = secured_err + sum_bound(secured, split + 1) + told[DEBT_VALUE_ERR] + sum_bound(debt, 1)
    told[HEALTH] = secured / debt if debt > 0.0 else nan
    told[HEALTH_ERR] = bound / debt if debt > 0.0 else 0.0
    enough = at_least(secured - debt, bound, 0.0)
    told[SHORT] = 1.0 if enough == NO else 0.0
    indebted = at_least(debt, told[DEBT_VALUE_ERR], 1.0)
    if UNDECIDED in (enough, indebted):
        return UNDECIDED
    return YES if enough == NO or forced > 0.0 else NO


# --- step ------------------------------------------------------------------------------------------------------------


def most_closed(w: Any, other: int, terms: Any) -> tuple[float, float]:
    """All of a forced debt; otherwise close factor * debt, down."""
    if w[other, EXTRA2]:
        return w[other, AMOUNT], w[other, AMOUNT_ERR]
    x = w[other, AMOUNT] * terms[CLOSE_FACTOR]
    return floored(x, w[other, AMOUNT_ERR] + (0.0 if terms[CLOSE_FACTOR] in (0.5, 1.0) else 3.0 * U * x))


def seize_ratio(w: Any, one: int, other: int) -> tuple[float, float]:
    """``Comptroller.liquidateCalculateSeizeTokens``: a mantissa and its bound; negative where it cannot be told."""
    x = w[one, BONUS] * w[other, PRICE] * MANTISSA
    numerator, numerator_err = floored(x, 4.0 * U * x)
    x = w[one, PRICE] * w[one, RATE] * MANTISSA
    denominator, denominator_err = floored(x, (4.0 * U + w[one, OTHER]) * x)
    if not (numerator > 2.0 * numerator_err + 1.0 and denominator > 2.0 * denominator_err + 1.0):
        return -1.0, 0.0
    x = numerator / denominator * MANTISSA
    off = numerator_err / numerator + 2.0 * denominator_err / denominator + 4.0 * U
    return floored(x, off * x)


def step(
    w: Any, split: int, count: int, one: int, other: int, terms: Any, blocked: int, splits: bool, told: Any, todo: Any
) -> int:
    """``CToken.liquidateBorrow`` for the most that goes through: what may be closed, or what the collateral covers."""
    if not (w[one, OPEN] and w[other, OPEN]):
        return NO
    if not w[other, EXTRA2] and told[SHORT] == 0.0:
        return NO
    limit, limit_err = most_closed(w, other, terms)
    ratio, ratio_err = seize_ratio(w, one, other)
    if not ratio > 2.0 * ratio_err + 1.0:
        return UNDECIDED
    each = ratio / MANTISSA
    off = 2.0 * ratio_err / ratio + 4.0 * U
    tokens, tokens_err = w[one, SHARES], w[one, SHARES_ERR]
    x = (tokens + 1.0) / each
    grain = 1.0 / ratio
    cover, cover_err = floored(x - grain, tokens_err / each + (off + 2.0 * U) * x + 2.0 * U * grain)
    by_cover = at_least(limit - cover, limit_err + cover_err, 0.0)
    if by_cover == UNDECIDED:
        return UNDECIDED
    repaid, repaid_err = (cover, cover_err) if by_cover == YES else (limit, limit_err)
    something = at_least(repaid, repaid_err, 1.0)
    if something != YES:
        return something
    if by_cover == YES and ratio + ratio_err < MANTISSA:
        todo[LEFT] = 0.0  # less than a cToken unit is left over, whatever the amounts
        todo[LEFT_ERR] = 0.0
        seized, seized_err = tokens, tokens_err
    else:
        x = each * repaid
        seized, seized_err = floored(x, off * x + each * repaid_err)
        todo[LEFT] = max(0.0, tokens - seized)
        todo[LEFT_ERR] = tokens_err + seized_err + (U * tokens if tokens_err > 0.0 else 0.0)
    todo[REPAID] = repaid
    todo[REPAID_ERR] = repaid_err
    todo[WRITES_OFF] = 0.0
    liquidators_part(w, one, seized, seized_err, terms, todo)
    return YES


def liquidators_part(w: Any, one: int, seized: float, err: float, terms: Any, todo: Any) -> None:
    """What is seized less ``CToken.seizeInternal``'s part, or the Liquidator contract's; underlying base units."""
    if terms[CUT]:
        x = seized * (max(w[one, BONUS], 1.0) - 1.0) / w[one, BONUS]
        bonus, bonus_err = floored(x, err + 4.0 * U * seized)
        x = bonus * terms[CUT]
        part, part_err = floored(x, bonus_err + 3.0 * U * x)
    else:
        x = seized * w[one, FEE]
        part, part_err = floored(x, err + 3.0 * U * x)
    x = (seized - part) * w[one, RATE]
    rate_err = 4.0 * U + w[one, OTHER]
    todo[RECEIVED], todo[RECEIVED_ERR] = floored(x, (err + part_err) * w[one, RATE] + rate_err * x)


def settle(w: Any, split: int, count: int, one: int, other: int, terms: Any, todo: Any) -> None:
    """The state after the call; the market's part drifts its exchange rate."""
    w[one, OTHER] += w[one, EXTRA2]
    left, err = todo[LEFT], todo[LEFT_ERR]
    w[one, SHARES] = left
    w[one, SHARES_ERR] = err
    x = left * w[one, RATE]
    w[one, AMOUNT], w[one, AMOUNT_ERR] = floored(x, err * w[one, RATE] + (4.0 * U + w[one, OTHER]) * x)
    amount = w[other, AMOUNT]
    w[other, AMOUNT] = max(0.0, amount - todo[REPAID])
    w[other, AMOUNT_ERR] += todo[REPAID_ERR] + sum_bound(amount, 1)


_CALLEES: Final = (secured_by, most_closed, seize_ratio, liquidators_part)
FAST: Final = FastRules("compound-v2", columns, screen_by_judging, judge, step, settle, _CALLEES, terms=2)
"""Compound V2 and its forks."""
