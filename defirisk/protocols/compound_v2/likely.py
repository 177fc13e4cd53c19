"""Where a search for bad debt should look: the replay in bare integers, many times as fast as by the rules.

It proves nothing: whatever it leads a search to is replayed by the rules themselves. What hardly ever decides is left
out: that the exchange rate moves by a grain where the market keeps a share, VAI's own roundings, and every pause.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from defirisk.fixedpoint import WAD, mul_div_down, mul_div_up, wad_mul_down, zero_floor_sub
from defirisk.protocols.compound_v2.account import weighed
from defirisk.protocols.compound_v2.liquidation import cover, seize_ratio
from defirisk.protocols.compound_v2.state import CompoundState
from defirisk.protocols.interface import Refused

_MOST_CALLS = 1000


class _Left(NamedTuple):
    """What is left by slot: ``tokens`` cToken units of what counts, ``debts`` underlying base units."""

    tokens: dict[int, int]
    debts: dict[int, int]


def likely_loses(state: CompoundState) -> bool:
    """Whether liquidating the largest collateral for the largest debt, time and again, leaves the lenders a loss."""
    left = _Left(
        {slot: one.tokens for slot, one in enumerate(state.holdings) if one.entered and one.tokens > 0},
        {slot: one.debt for slot, one in enumerate(state.holdings) if one.debt > 0},
    )
    weights = {slot: _weight(state, slot) for slot in left.tokens}
    ratios: dict[tuple[int, int], int] = {}
    for _ in range(_MOST_CALLS):
        secured = sum(wad_mul_down(weights[slot], many) for slot, many in left.tokens.items())
        if secured >= sum(wad_mul_down(state.prices[slot], debt) for slot, debt in left.debts.items()):
            return False
        values = {slot: _value(state, slot, tokens) for slot, tokens in left.tokens.items()}
        if not any(values.values()):
            return any(left.debts.values())
        if not any(_called(state, left, ratios, *pair) for pair in _pairs(state, values, left.debts)):
            return _uncovered(state, left) > 0
    return True


def _weight(state: CompoundState, slot: int) -> int:
    """``tokensToDenom``: what a whole cToken secures, USD with 18 decimals."""
    one = state.holdings[slot]
    return weighed(one.market.liquidation_threshold, one.books.rate, state.prices[slot], WAD)


def _value(state: CompoundState, slot: int, tokens: int) -> int:
    return wad_mul_down(wad_mul_down(tokens, state.holdings[slot].books.rate), state.prices[slot])


def _pairs(state: CompoundState, values: dict[int, int], debts: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Collateral and debt by slot, the largest first."""
    owed = sorted(debts, key=lambda slot: -wad_mul_down(state.prices[slot], debts[slot]))
    for collateral in sorted(values, key=lambda slot: -values[slot]):
        for debt in owed:
            yield collateral, debt


def _called(state: CompoundState, left: _Left, ratios: dict[tuple[int, int], int], collateral: int, debt: int) -> bool:
    """Whether a call repays anything; what it moves is taken off what is left."""
    try:
        ratio = ratios.get((collateral, debt)) or seize_ratio(state, debt, collateral)
    except Refused:
        return False
    ratios[collateral, debt] = ratio
    limit, covered = wad_mul_down(state.close_factor, left.debts[debt]), cover(left.tokens[collateral], ratio)
    paid = min(limit, covered)
    if paid == 0:
        return False
    left.debts[debt] -= paid
    left.tokens[collateral] = zero_floor_sub(left.tokens[collateral], wad_mul_down(ratio, paid))
    return True


def _uncovered(state: CompoundState, left: _Left) -> int:
    """Debt that is left, less what the collateral that is left would repay."""
    owed = sum(mul_div_up(debt, state.prices[slot], WAD) for slot, debt in left.debts.items())
    return owed - sum(
        mul_div_down(_value(state, slot, many), WAD, max(WAD, state.holdings[slot].market.incentive))
        for slot, many in left.tokens.items()
    )
