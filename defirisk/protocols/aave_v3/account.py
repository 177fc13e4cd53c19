"""What a user has and owes, in base currency: ``GenericLogic.calculateUserAccountData``, revision by revision.

The revisions differ in three places only, each a function here: the terms on which a supply counts, the health factor
that follows from the weighted sum, and the roundings of :class:`~defirisk.protocols.aave_v3.revisions.Revision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from defirisk.fixedpoint import (
    BPS,
    UINT256_MAX,
    WAD,
    div_down,
    div_up,
    may_be_positive,
    mul_div_down,
    percent_mul_half_up,
    same_number,
    wad_div_half_up,
    zero_floor_sub,
)
from defirisk.model import Collateral, Debt, Standing
from defirisk.protocols.aave_v3.state import AaveState, Holding, Reserve

if TYPE_CHECKING:
    from defirisk.protocols.aave_v3.revisions import Revision

BPS_IN_WAD: Final = WAD // BPS
"""One basis point, wad."""


class Terms(NamedTuple):
    """On what terms a supply secures this owner's debt: ``ltv``, ``threshold`` bps, ``bonus`` bps with the principal
    in it; ``counts`` whether the health factor and a liquidator see it at all.
    """

    ltv: int
    threshold: int
    bonus: int
    counts: bool


class AccountData(NamedTuple):
    """``Pool.getUserAccountData``, field by field: values in base currency, ``ltv`` and ``liquidation_threshold`` bps,
    ``health_factor`` wad, 2**256 - 1 without debt.
    """

    total_collateral: int
    total_debt: int
    available_borrows: int
    liquidation_threshold: int
    ltv: int
    health_factor: int


class Price(NamedTuple):
    """What values a holding: the ``slot`` and its ``price``, oracle units for ``unit`` token base units."""

    slot: int
    price: int
    unit: int


class Weighed(NamedTuple):
    """Counted collateral: ``values`` base currency, ``thresholds`` and ``ltvs`` bps, side by side."""

    values: list[int]
    thresholds: list[int]
    ltvs: list[int]


def category_terms(state: AaveState, holding: Holding) -> Terms:
    """3.0, 3.1: a reserve is in one category; a base LTV or threshold of 0 stays 0 in it."""
    emode, reserve = state.emode, holding.reserve
    return _capped_terms(state, holding, emode is not None and emode.id == reserve.emode_category)


def bitmap_terms(state: AaveState, holding: Holding) -> Terms:
    """3.2 to 3.5: the category lists its collateral; a base LTV or threshold of 0 still wins."""
    return _capped_terms(state, holding, _in_bitmap(state, holding.reserve))


def overriding_terms(state: AaveState, holding: Holding) -> Terms:
    """3.6 on (``ValidationLogic.getUserReserveLtv``): the flag alone counts, the category overrides a base of 0."""
    emode, reserve = state.emode, holding.reserve
    if emode is None:
        return Terms(reserve.ltv, reserve.liquidation_threshold, reserve.liquidation_bonus, holding.collateral)
    if not _in_bitmap(state, reserve):
        ltv = 0 if emode.isolated else reserve.ltv
        return Terms(ltv, reserve.liquidation_threshold, reserve.liquidation_bonus, holding.collateral)
    ltv = 0 if emode.ltvzero_bitmap >> reserve.id & 1 else emode.ltv
    return Terms(ltv, emode.liquidation_threshold, emode.liquidation_bonus, holding.collateral)


def _capped_terms(state: AaveState, holding: Holding, in_category: bool) -> Terms:
    reserve = holding.reserve
    if reserve.liquidation_threshold == 0:
        return Terms(0, 0, reserve.liquidation_bonus, counts=False)
    if not in_category or state.emode is None:
        return Terms(reserve.ltv, reserve.liquidation_threshold, reserve.liquidation_bonus, holding.collateral)
    emode = state.emode
    ltv = emode.ltv if reserve.ltv else 0
    return Terms(ltv, emode.liquidation_threshold, emode.liquidation_bonus, holding.collateral)


def _in_bitmap(state: AaveState, reserve: Reserve) -> bool:
    return state.emode is not None and bool(state.emode.collateral_bitmap >> reserve.id & 1)


def averaged_health(weighed: Weighed, total: int, debt: int) -> int:
    """Up to 3.4: the total after the average threshold, which is cut to a whole basis point; wad."""
    covered = percent_mul_half_up(total, average(weighed.values, weighed.thresholds, total))
    return wad_div_half_up(covered, debt)


def exact_health(weighed: Weighed, total: int, debt: int) -> int:  # noqa: ARG001 - one signature for both
    """From 3.5 on: the weighted sum itself; wad."""
    covered = sum(value * rate for value, rate in zip(weighed.values, weighed.thresholds, strict=True))
    return div_down(wad_div_half_up(covered, debt), BPS)


def average(values: Sequence[int], rates: Sequence[int], total: int) -> int:
    """floor(sum(value * rate) / total), 0 without collateral; bps.

    Written from the least rate up and from the largest down, which is the same number: on intervals it stays between
    them, so that one threshold for all, or a grain of another, is no uncertainty at all.
    """
    if total == 0:
        return 0
    least = min(rates)
    above = least + div_down(sum(value * (rate - least) for value, rate in zip(values, rates, strict=True)), total)
    if type(above) is int:
        return above
    most = max(rates)
    below = most - div_up(sum(value * (most - rate) for value, rate in zip(values, rates, strict=True)), total)
    return same_number(above, below)


def judge(revision: Revision, state: AaveState) -> Standing:
    """``GenericLogic.calculateUserAccountData``, with each leg beside the totals."""
    return _judge(revision, state)[0]


def is_liquidatable(revision: Revision, state: AaveState) -> bool:
    """What :func:`judge` says of it, without the legs."""
    weighed = Weighed([], [], [])
    debt_value = 0
    for index, holding in enumerate(state.holdings):
        price, unit = state.prices[state.slot_of(index)], 10**holding.reserve.token.decimals
        amount = supply_of(revision, holding) if holding.collateral else 0
        if may_be_positive(amount):
            terms = revision.terms(state, holding)
            if terms.counts:
                weighed.values.append(mul_div_down(amount, price, unit))
                weighed.thresholds.append(terms.threshold)
        if holding.borrowing:
            debt_value += revision.debt_value(debt_of(revision, holding), price, unit)
    return debt_value != 0 and revision.health(weighed, sum(weighed.values), debt_value) < WAD


def account_data(revision: Revision, state: AaveState) -> AccountData:
    """``Pool.getUserAccountData``."""
    standing, weighed = _judge(revision, state)
    total, debt = standing.collateral_value, standing.debt_value
    ltv = average(weighed.values, weighed.ltvs, total)
    health = standing.health_factor
    return AccountData(
        total_collateral=total,
        total_debt=debt,
        available_borrows=zero_floor_sub(revision.borrowable(total, ltv), debt),
        liquidation_threshold=average(weighed.values, weighed.thresholds, total),
        ltv=ltv,
        health_factor=UINT256_MAX if health is None else health,
    )


def _judge(revision: Revision, state: AaveState) -> tuple[Standing, Weighed]:
    supplied: list[Collateral] = []
    owed: list[Debt] = []
    weighed = Weighed([], [], [])
    debt_value = 0
    for index, holding in enumerate(state.holdings):
        slot = state.slot_of(index)
        price = Price(slot, state.prices[slot], 10**holding.reserve.token.decimals)
        amount = supply_of(revision, holding)
        if may_be_positive(amount):
            supplied.append(_collateral(holding, revision.terms(state, holding), amount, price, weighed))
        amount = debt_of(revision, holding)
        if amount > 0:
            value = revision.debt_value(amount, price.price, price.unit)
            owed.append(Debt(holding.reserve.token, slot, amount, price.price, value))
            debt_value += value if holding.borrowing else 0
    total = sum(weighed.values)
    health = None if debt_value == 0 else revision.health(weighed, total, debt_value)
    below = health is not None and health < WAD
    return Standing(health, below, total, debt_value, tuple(supplied), tuple(owed)), weighed


def _collateral(holding: Holding, terms: Terms, amount: int, price: Price, weighed: Weighed) -> Collateral:
    value = mul_div_down(amount, price.price, price.unit)
    if terms.counts:
        weighed.values.append(value)
        weighed.thresholds.append(terms.threshold)
        weighed.ltvs.append(terms.ltv)
    return Collateral(
        token=holding.reserve.token,
        slot=price.slot,
        amount=amount,
        price=price.price,
        value=value,
        counts=terms.counts,
        liquidation_threshold=terms.threshold * BPS_IN_WAD,
        liquidation_bonus=zero_floor_sub(terms.bonus, BPS) * BPS_IN_WAD,
        recovery=div_down(WAD * BPS, terms.bonus) if terms.bonus else 0,
        protocol_fee=holding.reserve.protocol_fee * BPS_IN_WAD,
    )


def supply_of(revision: Revision, holding: Holding) -> int:
    """``AToken.balanceOf`` at the block, token base units."""
    return revision.supply_balance(holding.scaled_supply, holding.reserve.liquidity_index)


def variable_debt_of(revision: Revision, holding: Holding) -> int:
    """``VariableDebtToken.balanceOf`` at the block, token base units."""
    return revision.debt_balance(holding.scaled_variable_debt, holding.reserve.variable_borrow_index)


def debt_of(revision: Revision, holding: Holding) -> int:
    """Variable and stable debt together, token base units."""
    return variable_debt_of(revision, holding) + holding.stable_debt
