"""The scratch arrays of a replay: what stands in which column.

``w`` [leg, column] holds one position under one scenario: collateral first, then debts, each in order of slot. ``told``
is what a family's ``judge`` says of it, ``todo`` what its ``step`` would do.
"""

from __future__ import annotations

from typing import Final

# --- w: what does not change -----------------------------------------------------------------------------------------

ASSET: Final = 0
OPEN: Final = 1
RATE: Final = 2
THRESHOLD: Final = 3
BONUS: Final = 4
FEE: Final = 5
RECOVERY: Final = 6
EXTRA: Final = 7
EXTRA2: Final = 8
FIRST_AMOUNT: Final = 9
FIRST_SHARES: Final = 10
SCALE: Final = 11
"""PRICE * SCALE is the oracle's integer."""
# --- w: the scenario's prices, values of a base unit -----------------------------------------------------------------
PRICE: Final = 12
MARKET: Final = 13
# --- w: what a replay changes, each with its bound -------------------------------------------------------------------
SHARES: Final = 14
SHARES_ERR: Final = 15
AMOUNT: Final = 16
AMOUNT_ERR: Final = 17
OTHER: Final = 18
"""The family's own; starts as EXTRA."""
VALUE: Final = 19
"""By ``judge``: value at the oracle's price, by which pairs are ranked."""
VALUE_ERR: Final = 20
LOST: Final = 21
"""Debt written off, token base units."""
LOST_ERR: Final = 22
WIDTH: Final = 23

# --- told ------------------------------------------------------------------------------------------------------------

COLLATERAL_VALUE: Final = 0
COLLATERAL_VALUE_ERR: Final = 1
DEBT_VALUE: Final = 2
DEBT_VALUE_ERR: Final = 3
HEALTH: Final = 4
HEALTH_ERR: Final = 5
SHORT: Final = 6
"""1 where the collateral after thresholds falls short of the debt."""
TOLD: Final = 7

# --- todo ------------------------------------------------------------------------------------------------------------

REPAID: Final = 0
REPAID_ERR: Final = 1
RECEIVED: Final = 2
"""What the liquidator receives of the collateral, token base units."""
RECEIVED_ERR: Final = 3
WRITES_OFF: Final = 4
"""1 where the step writes debt off."""
OWN: Final = 5
"""From here on the family's own."""
TODO: Final = 20
