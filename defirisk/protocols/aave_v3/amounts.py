"""How much one liquidation call moves: the cap on the debt, the collateral for it, the fee, and the dust rule.

``LiquidationLogic._calculateAvailableCollateralToLiquidate`` and what stands around it in ``executeLiquidationCall``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from defirisk.fixedpoint import (
    BPS,
    HALF_BPS,
    UINT256_MAX,
    div_down,
    mul_div_down,
    mul_div_up,
    percent_mul_half_up,
)
from defirisk.model import Standing
from defirisk.protocols.aave_v3.account import Terms
from defirisk.protocols.aave_v3.state import AaveState, Holding
from defirisk.protocols.interface import Refused

if TYPE_CHECKING:
    from defirisk.protocols.aave_v3.revisions import Revision

CLOSE_FACTOR: Final = 5000
"""``DEFAULT_LIQUIDATION_CLOSE_FACTOR``, bps."""
CLOSE_FACTOR_HEALTH: Final = 95 * 10**16
"""``CLOSE_FACTOR_HF_THRESHOLD``, wad: at or below it the whole debt may be repaid. The sentinel's exception too
(``MINIMUM_HEALTH_FACTOR_LIQUIDATION_THRESHOLD``), but strictly below."""
LEAST_FOR_CLOSE_FACTOR: Final = 2000 * 10**8
"""``MIN_BASE_MAX_CLOSE_FACTOR_THRESHOLD``, base currency with 8 decimals."""
LEAST_LEFT: Final = 1000 * 10**8
"""``MIN_LEFTOVER_BASE``, base currency with 8 decimals."""


@dataclass(frozen=True, slots=True)
class Call:
    """A liquidation call under way: the two holdings and what the contract looks up for them.

    ``balance`` and ``owed`` token base units; prices oracle units; units are ten to the token's decimals; ``health``
    wad, 2**256 - 1 without debt.
    """

    revision: Revision
    state: AaveState
    standing: Standing
    collateral_index: int
    debt_index: int
    terms: Terms
    balance: int
    owed: int
    collateral_price: int
    debt_price: int
    collateral_unit: int
    debt_unit: int
    health: int

    @property
    def collateral(self) -> Holding:
        """The holding that is seized from."""
        return self.state.holdings[self.collateral_index]

    @property
    def one_reserve(self) -> bool:
        """Collateral and debt are of one reserve: its price cancels out, whatever it is."""
        return self.collateral_index == self.debt_index and self.collateral_price is self.debt_price

    @property
    def debt(self) -> Holding:
        """The holding whose debt is repaid."""
        return self.state.holdings[self.debt_index]


class Ask(NamedTuple):
    """``debt`` to cover, token base units. ``may_leave_dust`` is false where the amount was computed to leave none."""

    debt: int
    may_leave_dust: bool


class Amounts(NamedTuple):
    """What one call moves, token base units: ``repaid`` of the debt; ``taken`` of the collateral, of which ``fee`` is
    for the protocol. ``all_debt`` and ``all_collateral``: nothing of it is left, by amount.
    """

    repaid: int
    taken: int
    fee: int
    all_debt: bool
    all_collateral: bool


# --- close factor ---------------------------------------------------------------------------------------------------


def half_of_the_reserve(call: Call) -> int | None:
    """Up to 3.2 (``_calculateDebt``): half of this reserve's debt above the health threshold, else no cap."""
    return percent_mul_half_up(call.owed, CLOSE_FACTOR) if call.health > CLOSE_FACTOR_HEALTH else None


def half_of_the_total(call: Call) -> int | None:
    """From 3.3 on: no cap for small positions or bad health, else half of the user's *total* debt."""
    if not call.health > CLOSE_FACTOR_HEALTH:
        return None
    if mul_div_down(call.balance, call.collateral_price, call.collateral_unit) < LEAST_FOR_CLOSE_FACTOR:
        return None
    value = call.revision.debt_value(call.owed, call.debt_price, call.debt_unit)
    if value < LEAST_FOR_CLOSE_FACTOR:
        return None
    cap = percent_mul_half_up(call.standing.debt_value, CLOSE_FACTOR)
    return mul_div_down(cap, call.debt_unit, call.debt_price) if value > cap else None


# --- amounts --------------------------------------------------------------------------------------------------------


def descending_asks(call: Call) -> Iterator[Ask]:
    """What a liquidator would ask for, largest first: one of these is the largest amount that the rules accept.

    All the collateral goes for any amount above the second, so those amounts are one and the same call; below it the
    seized amount grows with the repaid one, so refusing dust leaves exactly the amounts up to the third.
    """
    yield Ask(UINT256_MAX, may_leave_dust=True)
    cap = call.revision.close_factor(call)
    maximum = call.owed if cap is None else cap
    within = _repays_at_most(call, call.balance)
    if 0 < within < maximum:
        yield Ask(within, may_leave_dust=True)
    if call.revision.dust:
        dustless = _largest_without_dust(call)
        if 0 < dustless < maximum:
            yield Ask(dustless, may_leave_dust=False)


def amounts_of(call: Call, asked: int) -> Amounts:
    """``_calculateAvailableCollateralToLiquidate`` for what is asked, cut to the close factor."""
    revision, bonus = call.revision, call.terms.bonus
    covered, all_debt = _covered(call, asked)
    taken = revision.with_bonus(_base_collateral(call, covered), bonus)
    all_collateral = taken >= call.balance
    if taken > call.balance:
        taken = call.balance
        covered = covered_by(call, taken)
        all_debt = covered == call.owed
    return Amounts(covered, taken, _fee(call, taken), all_debt, all_collateral)


def covered_by(call: Call, taken: int) -> int:
    """The debt that is repaid where the collateral is what limits the call."""
    value = checked(call, call.collateral_price * taken * call.debt_unit)
    within = taken if call.one_reserve else div_down(value, call.debt_price * call.collateral_unit)
    return call.revision.without_bonus(within, call.terms.bonus)


def _covered(call: Call, asked: int) -> tuple[int, bool]:
    """The debt to repay and whether it is all of it."""
    cap = call.revision.close_factor(call)
    if cap is None:
        return (call.owed, True) if asked >= call.owed else (asked, False)
    covered = min(cap, asked)
    return covered, covered == call.owed


def _base_collateral(call: Call, debt: int) -> int:
    """Collateral worth ``debt``, before the bonus."""
    value = checked(call, call.debt_price * debt * call.collateral_unit)
    base = debt if call.one_reserve else div_down(value, call.collateral_price * call.debt_unit)
    checked(call, base * call.terms.bonus + HALF_BPS)
    return base


def _fee(call: Call, taken: int) -> int:
    rate = call.collateral.reserve.protocol_fee
    if rate == 0:
        return 0
    return call.revision.fee(taken - call.revision.principal(taken, call.terms.bonus), rate)


def checked(call: Call, product: int) -> int:
    """A product that the contract's checked arithmetic must hold in 256 bits.

    Raises:
        Refused: it does not.
    """
    if product > UINT256_MAX:
        raise Refused(call.revision.reasons.overflow)
    return product


# --- dust -----------------------------------------------------------------------------------------------------------


def leaves_dust(call: Call, amounts: Amounts) -> bool:
    """From 3.3 on: either one side goes whole, or both remainders are worth ``LEAST_LEFT``."""
    if amounts.all_debt or amounts.all_collateral:
        return False
    debt = call.revision.debt_value(call.owed - amounts.repaid, call.debt_price, call.debt_unit)
    collateral = mul_div_down(call.balance - amounts.taken, call.collateral_price, call.collateral_unit)
    return debt < LEAST_LEFT or collateral < LEAST_LEFT


def _largest_without_dust(call: Call) -> int:
    """The largest repayment after which both remainders are worth ``LEAST_LEFT``; 0 or less where there is none."""
    debt_left = call.revision.least_worth(LEAST_LEFT, call.debt_price, call.debt_unit)
    collateral_left = least_worth_down(LEAST_LEFT, call.collateral_price, call.collateral_unit)
    spare = call.balance - collateral_left
    if spare < 0:
        return 0
    return min(call.owed - debt_left, _repays_at_most(call, spare))


def _repays_at_most(call: Call, taken: int) -> int:
    """The largest repayment that seizes at most ``taken``: the inverse of the first line of :func:`amounts_of`."""
    base = call.revision.base_within(taken, call.terms.bonus)
    above = (base + 1) * call.collateral_price * call.debt_unit - 1
    return div_down(above, call.debt_price * call.collateral_unit)


def base_within_half_up(taken: int, bonus: int) -> int:
    """The largest base with ``percent_mul_half_up(base, bonus) <= taken``."""
    return div_down((taken + 1) * BPS - HALF_BPS - 1, bonus)


def base_within_down(taken: int, bonus: int) -> int:
    """The largest base with ``percent_mul_down(base, bonus) <= taken``."""
    return div_down((taken + 1) * BPS - 1, bonus)


def least_worth_down(value: int, price: int, unit: int) -> int:
    """The least amount with ``mul_div_down(amount, price, unit) >= value``."""
    return mul_div_up(value, unit, price)


def least_worth_up(value: int, price: int, unit: int) -> int:
    """The least amount with ``mul_div_up(amount, price, unit) >= value``, for a value above 0."""
    return mul_div_down(value - 1, unit, price) + 1
