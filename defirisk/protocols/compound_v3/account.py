"""Judging an account: ``Comet.isLiquidatable``, ``isBorrowCollateralized``, and the same told leg by leg.

The views are reproduced as the contract has them: it starts from minus the debt's value and stops adding collateral as
soon as the sum is not negative. What it adds is never negative, so :func:`judge`, which sums everything, agrees.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from defirisk.fixedpoint import WAD, mul_div_down, wad_mul_down
from defirisk.model import Collateral, Debt, Standing
from defirisk.protocols.compound_v3.interest import present_value
from defirisk.protocols.compound_v3.state import BASE, CometState


def borrow_balance(state: CometState) -> int:
    """``Comet.borrowBalanceOf``, base units."""
    return present_value(-state.principal, state.totals.borrow_index) if state.principal < 0 else 0


def supply_balance(state: CometState) -> int:
    """``Comet.balanceOf``, base units."""
    return present_value(state.principal, state.totals.supply_index) if state.principal > 0 else 0


def is_liquidatable(state: CometState, unpriced: Container[int] = ()) -> bool | None:
    """``Comet.isLiquidatable``; ``None`` where it reverts with ``BadPrice``, ``unpriced`` being the slots that do."""
    left = _liquidity(state, [asset.liquidate_collateral_factor for asset in state.assets], unpriced)
    return None if left is None else left < 0


def is_borrow_collateralized(state: CometState, unpriced: Container[int] = ()) -> bool | None:
    """``Comet.isBorrowCollateralized``, whether a withdrawal may leave this debt; ``None`` as above."""
    left = _liquidity(state, [asset.borrow_collateral_factor for asset in state.assets], unpriced)
    return None if left is None else left >= 0


def _liquidity(state: CometState, factors: Sequence[int], unpriced: Container[int]) -> int | None:
    """The sum that both views build, as far as they build it: once it is not negative they read no further feed."""
    if state.principal >= 0:
        return 0
    if BASE in unpriced:
        return None
    left = -debt_value(state)
    for slot, (asset, balance, factor) in enumerate(zip(state.assets, state.balances, factors, strict=True), start=1):
        if left >= 0:
            break
        if slot in unpriced:
            return None
        left += wad_mul_down(mul_div_down(balance, state.prices[slot], asset.scale), factor)
    return left


def debt_value(state: CometState) -> int:
    """``Comet.signedMulPrice`` of the debt: towards zero, 8 decimals."""
    return mul_div_down(borrow_balance(state), state.prices[BASE], state.comet.base_scale)


def judge(state: CometState) -> Standing:
    """``Comet.isLiquidatable`` with each leg; values have 8 decimals, health is wad.

    A debt whose value rounds to 0 is no debt to the contract either: its health is ``None``.
    """
    legs: list[Collateral] = []
    secured = value = 0
    for i, asset in enumerate(state.assets):
        amount, price = state.balances[i], state.prices[i + 1]
        if amount == 0:
            continue
        worth = mul_div_down(amount, price, asset.scale)
        value += worth
        secured += wad_mul_down(worth, asset.liquidate_collateral_factor)
        legs.append(
            Collateral(
                asset.token,
                i + 1,
                amount,
                price,
                worth,
                True,
                asset.liquidate_collateral_factor,
                None,
                asset.ask,
                0,
                WAD - asset.liquidation_factor,
            )
        )
    if state.principal < 0:
        return _indebted(state, value, secured, tuple(legs))
    return Standing(None, False, value, 0, (*_supply(state), *legs), ())


def _indebted(state: CometState, value: int, secured: int, legs: tuple[Collateral, ...]) -> Standing:
    amount, price = borrow_balance(state), state.prices[BASE]
    owed = mul_div_down(amount, price, state.comet.base_scale)
    health = None if owed == 0 else mul_div_down(secured, WAD, owed)
    return Standing(health, secured < owed, value, owed, legs, (Debt(state.comet.base, BASE, amount, price, owed),))


def _supply(state: CometState) -> tuple[Collateral, ...]:
    """A supply of base: it earns, it secures nothing, and an account that has one has no debt."""
    amount = supply_balance(state)
    if not amount > 0:
        return ()
    value = mul_div_down(amount, state.prices[BASE], state.comet.base_scale)
    return (Collateral(state.comet.base, BASE, amount, state.prices[BASE], value, False, 0, None, 0),)
