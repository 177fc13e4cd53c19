"""Totals over an account's markets, one a unit of account: dollars are added to dollars, never to ether."""

from __future__ import annotations

from dataclasses import dataclass

from defirisk.model import PositionStatus, Unit
from defirisk.report.check import Account

DIGITS = 18
"""Decimals of a total: enough for every market's unit, so that adding rounds nothing."""


@dataclass(frozen=True, slots=True)
class Total:
    """Counted ``collateral`` and ``debt`` of all ``markets`` in one ``unit`` of account, base units of that unit."""

    unit: Unit
    collateral: int
    debt: int
    markets: int


def totals_of(account: Account) -> tuple[Total, ...]:
    """The totals of every position that could be judged, in the order in which their units first appear.

    A market's unit is what its own oracle counts in. None of the oracles read here prices ether in dollars where it
    counts in ether, so such markets stand apart.
    """
    found: dict[str, Total] = {}
    for analysis in account.positions:
        position, standing = analysis.position, analysis.standing
        if standing is None or position.status is not PositionStatus.OK:
            continue
        unit = position.market.unit
        scale = 10 ** (DIGITS - unit.decimals)
        so_far = found.get(unit.symbol) or Total(Unit(unit.symbol, DIGITS, unit.asset), 0, 0, 0)
        found[unit.symbol] = Total(
            so_far.unit,
            so_far.collateral + standing.collateral_value * scale,
            so_far.debt + standing.debt_value * scale,
            so_far.markets + 1,
        )
    return tuple(found.values())
