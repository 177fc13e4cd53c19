"""Aave V2's arithmetic as data: where it differs from that of V3.0, of which it is the ancestor.

``LENDINGPOOL_REVISION`` numbers the pool only. How much of a debt one call may repay is a constant of the collateral
manager, a contract of its own that numbers nothing: Aave replaced those of its markets when it wound them down, and
``managers.toml`` says which ones let a call repay all of a debt.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from defirisk.fixedpoint import SECONDS_PER_YEAR, div_down, ray_mul_half_up
from defirisk.protocols.aave_v2.amounts import all_of_the_debt, amounts_of, descending_asks, half_of_the_debt
from defirisk.protocols.aave_v3.interest import three_terms
from defirisk.protocols.aave_v3.liquidation import never_isolated
from defirisk.protocols.aave_v3.revisions import V3_0, Reasons, Revision

REASONS: Final = Reasons(
    inactive="2",
    paused="64",
    sentinel="",
    grace="82",
    healthy="42",
    not_collateral="43",
    no_debt="44",
    dust="",
    zero_burn="23",
    overflow="23",
)
"""``Errors``. Whatever fails inside of the collateral manager, a burn of nothing and an overflow alike, is ``23``;
neither a price oracle sentinel nor a dust rule refuses anything.
"""


def compounded_by_the_second(rate: int, elapsed: int) -> int:
    """``MathUtils.calculateCompoundedInterest``: three binomial terms of the rate a second, whose rest is lost; ray."""
    per_second = div_down(rate, SECONDS_PER_YEAR)
    power_two = ray_mul_half_up(per_second, per_second)
    return three_terms(per_second * elapsed, power_two, ray_mul_half_up(power_two, per_second), elapsed)


V2: Final[Revision] = replace(
    V3_0,
    name="2.0",
    compounded=compounded_by_the_second,
    amounts=amounts_of,
    asks=descending_asks,
    close_factor=half_of_the_debt,
    asks_sentinel=False,
    isolated=never_isolated,
    reasons=REASONS,
)
"""The contracts of the package 1.0.1."""
V2_WHOLE: Final = replace(V2, name="2.0-cf100", close_factor=all_of_the_debt)
"""The same under a collateral manager with a close factor of 100 %."""

REVISIONS: Final = (V2, V2_WHOLE)

LENDINGPOOL_REVISION: Final = 2
"""What the pool of the package 1.0.1 says of itself."""
UNVERIFIED_REVISIONS: Final = frozenset({1, 3, 4, 5})
"""Pools that were not seen run, used while our health factor equals the contract's: the first release, and Aave's
own upgrades, which (read, not run) rescue tokens and end stable borrowing.
"""
