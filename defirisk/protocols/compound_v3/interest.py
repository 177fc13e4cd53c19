"""Interest: utilisation to rates to indices, as ``Comet.accruedInterestIndices`` brings them to the block."""

from __future__ import annotations

from dataclasses import dataclass, replace

from defirisk.fixedpoint import mul_div_down, mul_div_up, wad_div_down, wad_mul_down
from defirisk.protocols.compound_v3.state import INDEX_SCALE, Totals


@dataclass(frozen=True, slots=True)
class Curve:
    """A rate by utilisation: ``kink`` wad; ``base`` and the two slopes wad per second."""

    kink: int
    base: int
    slope_low: int
    slope_high: int

    def rate(self, utilization: int) -> int:
        """``Comet.getSupplyRate`` and ``getBorrowRate``: wad per second."""
        if utilization <= self.kink:
            return self.base + wad_mul_down(self.slope_low, utilization)
        below = self.base + wad_mul_down(self.slope_low, self.kink)
        return below + wad_mul_down(self.slope_high, utilization - self.kink)


def present_value(principal: int, index: int) -> int:
    """``CometCore.presentValueSupply`` and ``presentValueBorrow``: base units, down for both."""
    return mul_div_down(principal, index, INDEX_SCALE)


def supply_principal(value: int, index: int) -> int:
    """``CometCore.principalValueSupply``: down."""
    return mul_div_down(value, INDEX_SCALE, index)


def borrow_principal(value: int, index: int) -> int:
    """``CometCore.principalValueBorrow``: up."""
    return mul_div_up(value, INDEX_SCALE, index)


def supplied(totals: Totals) -> int:
    """All that suppliers have, base units."""
    return present_value(totals.total_supply, totals.supply_index)


def borrowed(totals: Totals) -> int:
    """All that borrowers owe, base units."""
    return present_value(totals.total_borrow, totals.borrow_index)


def utilization(totals: Totals) -> int:
    """``Comet.getUtilization``: wad; it may exceed 1."""
    supply = supplied(totals)
    return wad_div_down(borrowed(totals), supply) if supply else 0


def accrue(totals: Totals, supply: Curve, borrow: Curve, elapsed: int) -> Totals:
    """``Comet.accruedInterestIndices``: simple interest over ``elapsed`` seconds at the rates of the stored books."""
    used = utilization(totals)
    return replace(
        totals,
        supply_index=_grown(totals.supply_index, supply.rate(used), elapsed),
        borrow_index=_grown(totals.borrow_index, borrow.rate(used), elapsed),
    )


def _grown(index: int, rate: int, elapsed: int) -> int:
    return index + wad_mul_down(index, rate * elapsed)
