"""Aave V2 in floats with bounds: V3's code, with the close factors and the order of bonus and division of V2."""

from __future__ import annotations

from typing import Final

from defirisk.protocols.aave_v2 import amounts
from defirisk.protocols.aave_v3.fast import sharing
from defirisk.protocols.aave_v3.fast_terms import ALWAYS_ALL, ALWAYS_HALF

FAST: Final = sharing(
    closings={amounts.half_of_the_debt: ALWAYS_HALF, amounts.all_of_the_debt: ALWAYS_ALL},
    seizings={amounts.amounts_of: 1},
)
"""Aave V2, under both kinds of collateral manager."""
