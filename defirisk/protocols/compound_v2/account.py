"""What an owner has and owes, in USD: ``Comptroller.getHypotheticalAccountLiquidityInternal`` (``ComptrollerLens``).

Only markets that the owner entered are seen. On the collateral side three products round, each down and in this
order: factor * rate, that * price, that * tokens; on the debt side one: price * debt.
"""

from __future__ import annotations

from typing import NamedTuple

from defirisk.fixedpoint import WAD, may_be_positive, mul_div_down, wad_div_down, wad_mul_down, zero_floor_sub
from defirisk.model import Collateral, Debt, Standing
from defirisk.protocols.compound_v2.state import CompoundState, Holding


class Sums(NamedTuple):
    """Collateral after factors and debts, USD with 18 decimals."""

    collateral: int
    debts: int


class Liquidity(NamedTuple):
    """``Comptroller.getAccountLiquidity``: USD with 18 decimals, at most one above 0; equal sums are (0, 0)."""

    liquidity: int
    shortfall: int


def weighed(threshold: int, rate: int, price: int, tokens: int) -> int:
    """What a collateral is worth to the Comptroller: its ``tokensToDenom`` times tokens, USD with 18 decimals."""
    return wad_mul_down(wad_mul_down(wad_mul_down(threshold, rate), price), tokens)


def liquidity(sums: Sums) -> Liquidity:
    """The excess of one side over the other."""
    return Liquidity(zero_floor_sub(sums.collateral, sums.debts), zero_floor_sub(sums.debts, sums.collateral))


def stored_liquidity(state: CompoundState) -> Liquidity:
    """``Comptroller.getAccountLiquidity`` from the numbers that the markets store, which is what it answers."""
    collateral = debts = 0
    for holding, price in zip(state.holdings, state.prices, strict=True):
        if holding.entered:
            threshold = holding.market.liquidation_threshold
            collateral += weighed(threshold, holding.stored_rate, price, holding.tokens)
            debts += wad_mul_down(price, holding.stored_debt)
    return liquidity(Sums(collateral, debts))


def accrued_sums(state: CompoundState) -> Sums:
    """Both sides from accrued numbers: what a liquidation finds once every market has been touched."""
    collateral = debts = 0
    for holding, price in zip(state.holdings, state.prices, strict=True):
        if holding.entered:
            if may_be_positive(holding.tokens):
                collateral += weighed(holding.market.liquidation_threshold, holding.books.rate, price, holding.tokens)
            if may_be_positive(holding.debt):
                debts += wad_mul_down(price, holding.debt)
    return Sums(collateral, debts)


def supply_of(holding: Holding) -> int:
    """``CToken.balanceOfUnderlying``: tokens at the accrued rate, underlying base units."""
    return wad_mul_down(holding.tokens, holding.books.rate)


def judge(state: CompoundState) -> Standing:
    """Both sums with each leg beside them.

    The health factor is floor(collateral after factors * 1e18 / debts), below 1e18 exactly when there is a shortfall;
    ``collateral_value`` is what was entered before factors, for a factor of 0 protects nothing from seizure.
    """
    supplied: list[Collateral] = []
    owed: list[Debt] = []
    total = 0
    for slot, (holding, price) in enumerate(zip(state.holdings, state.prices, strict=True)):
        amount = supply_of(holding) if may_be_positive(holding.tokens) else 0
        if may_be_positive(amount):
            leg = _collateral(holding, slot, amount, price, state.cut)
            supplied.append(leg)
            total += leg.value if leg.counts else 0
        if may_be_positive(holding.debt):
            value = wad_mul_down(price, holding.debt)
            owed.append(Debt(holding.market.token, slot, holding.debt, price, value))
    sums = accrued_sums(state)
    return Standing(
        health_factor=None if sums.debts == 0 else wad_div_down(sums.collateral, sums.debts),
        liquidatable=_falls_short(sums, state),
        collateral_value=total,
        debt_value=sums.debts,
        collateral=tuple(supplied),
        debt=tuple(owed),
    )


def is_liquidatable(state: CompoundState) -> bool:
    """What :func:`judge` says of it, without the legs."""
    return _falls_short(accrued_sums(state), state)


def _falls_short(sums: Sums, state: CompoundState) -> bool:
    return sums.collateral < sums.debts or any(is_forced(holding) for holding in state.holdings)


def is_forced(holding: Holding) -> bool:
    """Whether this debt may be liquidated though there is no shortfall."""
    return holding.market.forced and holding.debt > 0


def _collateral(holding: Holding, slot: int, amount: int, price: int, cut: int) -> Collateral:
    market = holding.market
    bonus = zero_floor_sub(market.incentive, WAD)
    return Collateral(
        token=market.token,
        slot=slot,
        amount=amount,
        price=price,
        value=wad_mul_down(amount, price),
        counts=holding.entered,
        liquidation_threshold=market.liquidation_threshold,
        liquidation_bonus=bonus,
        recovery=mul_div_down(WAD, WAD, market.incentive) if market.incentive else 0,
        protocol_fee=_share_of_bonus(holding, bonus) + cut,
    )


def _share_of_bonus(holding: Holding, bonus: int) -> int:
    """The seize share is of all that is seized; as a share of the bonus it is larger, wad."""
    return mul_div_down(holding.market.seize_share, holding.market.incentive, bonus) if bonus else 0
