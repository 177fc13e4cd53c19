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
from typing import Any, Final

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
from defirisk.protocols.aave_v3 import account, amounts, fast_account, fast_amounts, fast_liquidation, liquidation
from defirisk.protocols.aave_v3.account import debt_of, supply_of
from defirisk.protocols.aave_v3.amounts import CLOSE_FACTOR, CLOSE_FACTOR_HEALTH, LEAST_FOR_CLOSE_FACTOR, LEAST_LEFT
from defirisk.protocols.aave_v3.fast_terms import (
    BLOCKED_BY_SENTINEL,
    OF_THE_RESERVE,
    OF_THE_TOTAL,
    TERMS,
)
from defirisk.protocols.aave_v3.revisions import Revision
from defirisk.protocols.aave_v3.state import AaveState, Holding, Reserve
from defirisk.protocols.fast import COLLATERAL, DEBT, IDLE, FastColumns, FastLeg, FastRules
from defirisk.risk.population.bounded import (
    DOWN,
    HALF_UP,
    UP,
)

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


_CALLEES: Final = (*fast_account.CALLEES, *fast_amounts.CALLEES, *fast_liquidation.CALLEES)
FAST: Final = FastRules(
    "aave-v3",
    columns,
    fast_account.screen,
    fast_account.judge,
    fast_liquidation.step,
    fast_liquidation.settle,
    _CALLEES,
    terms=TERMS,
)
"""Aave V3."""


def sharing(closings: Mapping[Any, int], seizings: Mapping[Any, int]) -> FastRules:
    """The same code for a relative of V3, whose close factors and amounts are told apart here."""
    return replace(FAST, columns=partial(columns, closings=closings, seizings=seizings))
