"""Aave V3's revisions as data: what each rounds how, and which of the few rules that changed it follows.

Read from the contracts of each release and checked against what they answered and did; see ``tests/vectors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from defirisk.fixedpoint import (
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
from defirisk.protocols.aave_v3 import account, amounts, interest, liquidation
from defirisk.protocols.aave_v3.account import Terms, Weighed
from defirisk.protocols.aave_v3.amounts import Amounts, Ask, Call
from defirisk.protocols.aave_v3.liquidation import Emptied
from defirisk.protocols.aave_v3.state import AaveState, Holding

Rounded = Callable[[int, int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """What a refusal is called: numbers as text up to 3.3, custom errors from 3.4 on (``Errors``)."""

    inactive: str
    paused: str
    sentinel: str
    grace: str
    healthy: str
    not_collateral: str
    no_debt: str
    dust: str
    zero_burn: str
    overflow: str = "Panic(0x11)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision's arithmetic.

    Balances: ``compounded`` interest on debt; ``supply_balance`` and ``debt_balance`` from shares and index;
    ``burn_supply`` and ``burn_debt`` from amount and index to shares.
    Account data: ``debt_value`` of (amount, price, unit); ``terms`` on which a supply counts; ``health`` of the
    weighed collateral, and whether it ``truncates_average``; ``borrowable`` of total collateral and LTV.
    Liquidation: ``amounts`` a call moves for what is asked, and the ``asks`` worth trying, largest first;
    ``close_factor``, the cap on one call (``None``: no cap); ``with_bonus`` from base collateral to what
    is seized and ``base_within`` back; ``without_bonus`` of a collateral-bound call; ``principal`` and ``fee`` split
    the bonus; ``dust`` whether a call must not leave less than $1000 on both sides; ``least_worth`` the least amount
    worth a value; ``emptied`` what counts as all taken; ``deficit`` whether debt without collateral is written off;
    ``asks_sentinel`` whether the price oracle sentinel can forbid it; ``isolated`` whether a call lowers the
    collateral's isolated debt, by the state after it.
    """

    name: str
    compounded: interest.Compounding
    supply_balance: Rounded
    debt_balance: Rounded
    burn_supply: Rounded
    burn_debt: Rounded
    debt_value: Callable[[int, int, int], int]
    terms: Callable[[AaveState, Holding], Terms]
    health: Callable[[Weighed, int, int], int]
    truncates_average: bool
    borrowable: Rounded
    amounts: Callable[[Call, int], Amounts]
    asks: Callable[[Call], Iterator[Ask]]
    close_factor: Callable[[Call], int | None]
    with_bonus: Rounded
    base_within: Rounded
    without_bonus: Rounded
    principal: Rounded
    fee: Rounded
    dust: bool
    least_worth: Callable[[int, int, int], int]
    emptied: Callable[[Call, Amounts], Emptied]
    deficit: bool
    asks_sentinel: bool
    isolated: Callable[[AaveState, int], bool]
    reasons: Reasons


_NUMBERED: Final = Reasons(
    inactive="27",
    paused="29",
    sentinel="59",
    grace="97",
    healthy="45",
    not_collateral="46",
    no_debt="47",
    dust="103",
    zero_burn="25",
)
_NAMED: Final = Reasons(
    inactive="ReserveInactive()",
    paused="ReservePaused()",
    sentinel="PriceOracleSentinelCheckFailed()",
    grace="LiquidationGraceSentinelCheckFailed()",
    healthy="HealthFactorNotBelowThreshold()",
    not_collateral="CollateralCannotBeLiquidated()",
    no_debt="SpecifiedCurrencyNotBorrowedByUser()",
    dust="MustNotLeaveDust()",
    zero_burn="InvalidBurnAmount()",
)

V3_0: Final = Revision(
    name="3.0",
    compounded=interest.compounded_binomial,
    supply_balance=ray_mul_half_up,
    debt_balance=ray_mul_half_up,
    burn_supply=ray_div_half_up,
    burn_debt=ray_div_half_up,
    debt_value=mul_div_down,
    terms=account.category_terms,
    health=account.averaged_health,
    truncates_average=True,
    borrowable=percent_mul_half_up,
    amounts=amounts.amounts_of,
    asks=amounts.descending_asks,
    close_factor=amounts.half_of_the_reserve,
    with_bonus=percent_mul_half_up,
    base_within=amounts.base_within_half_up,
    without_bonus=percent_div_half_up,
    principal=percent_div_half_up,
    fee=percent_mul_half_up,
    dust=False,
    least_worth=amounts.least_worth_down,
    emptied=liquidation.emptied_by_amount,
    deficit=False,
    asks_sentinel=True,
    isolated=liquidation.isolated_while_flagged,
    reasons=_NUMBERED,
)
V3_1: Final = replace(V3_0, name="3.1")
V3_2: Final = replace(V3_1, name="3.2", terms=account.bitmap_terms)
V3_3: Final = replace(
    V3_2,
    name="3.3",
    close_factor=amounts.half_of_the_total,
    dust=True,
    deficit=True,
    isolated=liquidation.isolated_by_ceiling,
)
V3_4: Final = replace(V3_3, name="3.4", compounded=interest.compounded_series, reasons=_NAMED)
V3_5: Final = replace(
    V3_4,
    name="3.5",
    supply_balance=ray_mul_down,
    debt_balance=ray_mul_up,
    burn_supply=ray_div_up,
    burn_debt=ray_div_down,
    debt_value=mul_div_up,
    least_worth=amounts.least_worth_up,
    health=account.exact_health,
    truncates_average=False,
    borrowable=percent_mul_down,
    without_bonus=percent_div_up,
)
V3_6: Final = replace(V3_5, name="3.6", terms=account.overriding_terms)
V3_7: Final = replace(
    V3_6,
    name="3.7",
    with_bonus=percent_mul_down,
    base_within=amounts.base_within_down,
    principal=percent_div_down,
    fee=percent_mul_up,
    emptied=liquidation.emptied_by_shares,
    asks_sentinel=False,
    isolated=liquidation.never_isolated,
)

REVISIONS: Final = (V3_0, V3_1, V3_2, V3_3, V3_4, V3_5, V3_6, V3_7)

POOL_REVISIONS: Final[dict[int, Revision]] = {
    1: V3_0,
    2: V3_0,
    3: V3_0,
    4: V3_1,
    5: V3_2,
    6: V3_2,
    7: V3_3,
    8: V3_4,
    9: V3_5,
    10: V3_6,
    11: V3_7,
}
"""By what Aave's own pools answer to ``POOL_REVISION``; forks number themselves."""

UNVERIFIED_POOL_REVISIONS: Final = frozenset({2, 3})
"""Later 3.0.x releases that were not seen run: used while our health factor equals the contract's."""
