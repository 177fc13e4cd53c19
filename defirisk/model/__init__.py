"""The nouns: what a position is, what a scenario does to it, what comes of it.

Everything here is an immutable value without I/O. Amounts are integers in token base units, prices integers in
the unit of the protocol's own oracle, values integers in base units of the market's unit of account, ratios wad
(1e18). Floats appear nowhere. ``None`` always has one documented meaning; what could not be read is an error
(:mod:`defirisk.errors`), never ``None`` and never zero.
"""

from defirisk.model.market import (
    NATIVE_COIN,
    Amount,
    Bound,
    Limit,
    Limits,
    Market,
    Token,
    Unit,
    Warning,  # noqa: A004 - the field's own word, as in DESIGN's JSON
)
from defirisk.model.outcome import BadDebt, Borne, Ended, Liquidation, Outcome, OwnerLoss, Seized
from defirisk.model.position import Collateral, ContractView, Debt, Position, PositionStatus, Standing
from defirisk.model.scenario import Move, Scenario
from defirisk.model.snapshot import AccountReading, Failure, Snapshot
from defirisk.model.threshold import Direction, Threshold, Verdict

__all__ = [
    "NATIVE_COIN",
    "AccountReading",
    "Amount",
    "BadDebt",
    "Borne",
    "Bound",
    "Collateral",
    "ContractView",
    "Debt",
    "Direction",
    "Ended",
    "Failure",
    "Limit",
    "Limits",
    "Liquidation",
    "Market",
    "Move",
    "Outcome",
    "OwnerLoss",
    "Position",
    "PositionStatus",
    "Scenario",
    "Seized",
    "Snapshot",
    "Standing",
    "Threshold",
    "Token",
    "Unit",
    "Verdict",
    "Warning",
]
