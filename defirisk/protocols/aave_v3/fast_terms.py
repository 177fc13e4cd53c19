"""A revision of Aave V3 as numbers: what stands where among the terms of its float rules."""

from __future__ import annotations

from typing import Final

SUPPLY_BALANCE: Final = 0
DEBT_BALANCE: Final = 1
BURN_SUPPLY: Final = 2
BURN_DEBT: Final = 3
WORTH_OF_DEBT: Final = 4
WITH_BONUS: Final = 5
WITHOUT_BONUS: Final = 6
PRINCIPAL: Final = 7
FEE_ROUNDING: Final = 8
"""So far: how each is rounded."""
AVERAGED: Final = 9
CLOSE: Final = 10
CLOSE_BPS: Final = 11
CLOSE_HEALTH: Final = 12
CLOSE_LEAST: Final = 13
DUST: Final = 14
DUST_LEAST: Final = 15
DEFICIT: Final = 16
BY_SHARES: Final = 17
BONUS_FIRST: Final = 18
TERMS: Final = 19

OF_THE_RESERVE: Final = 0
OF_THE_TOTAL: Final = 1
ALWAYS_HALF: Final = 2
ALWAYS_ALL: Final = 3

BLOCKED_BY_SENTINEL: Final = 1
FITS_A_WORD: Final = 1e72
"""Far below 2**256 / 1e4, so that no product of price, amount, unit and bonus passes 256 bits."""
