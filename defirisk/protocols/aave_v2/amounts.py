"""How much one liquidation call moves in Aave V2: the bonus comes before the division, and there is neither a fee nor
a dust rule.

``LendingPoolCollateralManager._calculateAvailableCollateralToLiquidate`` and what stands around it in
``liquidationCall``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from defirisk.fixedpoint import BPS, HALF_BPS, UINT256_MAX, div_down, percent_mul_half_up
from defirisk.protocols.aave_v3.amounts import (
    CLOSE_FACTOR,
    Amounts,
    Ask,
    Call,
    base_within_half_up,
    checked,
    covered_by,
)

_EXACT_FROM: Final = BPS // 2
"""From this divisor on, the half that rounds the bonus is too small to reach a whole unit of collateral."""


def half_of_the_debt(call: Call) -> int:
    """``LIQUIDATION_CLOSE_FACTOR_PERCENT``: half of what is owed of this asset, at any health factor."""
    return percent_mul_half_up(call.owed, CLOSE_FACTOR)


def all_of_the_debt(call: Call) -> int:
    """The collateral managers that Aave installed when it wound its markets down: all that is owed of this asset."""
    return call.owed


def amounts_of(call: Call, asked: int) -> Amounts:
    """What a call moves for what is asked, cut to the close factor."""
    covered = min(asked, _most(call))
    taken = _seized_for(call, covered)
    all_collateral = taken >= call.balance
    if taken > call.balance:
        taken = call.balance
        covered = covered_by(call, taken)  # the contract takes the lesser of the two, which this always is
    return Amounts(covered, taken, 0, covered == call.owed, all_collateral)


def descending_asks(call: Call) -> Iterator[Ask]:
    """What a liquidator would ask for, largest first: one of these is the largest amount that the rules accept.

    All the collateral goes for any amount above what repays with it, so those amounts are one and the same call,
    unless the product that it takes passes 256 bits.
    """
    yield Ask(UINT256_MAX, may_leave_dust=True)
    most = _most(call)
    smaller = [debt for debt in (_fits_the_word(call), _repays_at_most(call, call.balance)) if 0 < debt < most]
    for debt in sorted(smaller, reverse=True):
        yield Ask(debt, may_leave_dust=True)


def _most(call: Call) -> int:
    cap = call.revision.close_factor(call)
    return call.owed if cap is None else cap


def _seized_for(call: Call, debt: int) -> int:
    """Collateral for ``debt``, bonus first: half(price * debt * unit * bonus), then down."""
    value = checked(call, call.debt_price * debt * call.collateral_unit)
    checked(call, value * call.terms.bonus + HALF_BPS)
    divisor = call.collateral_price * call.debt_unit
    if call.one_reserve and divisor >= _EXACT_FROM:
        return div_down(debt * call.terms.bonus, BPS)
    return div_down(percent_mul_half_up(value, call.terms.bonus), divisor)


def _repays_at_most(call: Call, taken: int) -> int:
    """The largest repayment that seizes at most ``taken``: the inverse of :func:`_seized_for`."""
    above = (taken + 1) * call.collateral_price * call.debt_unit - 1
    return div_down(base_within_half_up(above, call.terms.bonus), call.debt_price * call.collateral_unit)


def _fits_the_word(call: Call) -> int:
    """The largest repayment whose product with price, unit and bonus stays within 256 bits."""
    value = div_down(UINT256_MAX - HALF_BPS, call.terms.bonus)
    return div_down(value, call.debt_price * call.collateral_unit)
