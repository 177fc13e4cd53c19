"""Results as pandas frames. ``..._raw`` columns hold exact integers as text, their namesakes floats for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from defirisk.fixedpoint import decimal_string
from defirisk.model import Collateral, Debt
from defirisk.report.check import Check
from defirisk.report.columns import ACCOUNT, KEY, LEG, OUTCOME, POSITION, THRESHOLD
from defirisk.report.legs import family_of, legs_of, price_decimal
from defirisk.report.rows import Row, check_rows, outcome_row, threshold_row
from defirisk.report.sanitize import symbol

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

_FIGURES = frozenset(
    name.removesuffix("_raw") for name in (*POSITION, *OUTCOME, *THRESHOLD, *LEG) if name.endswith("_raw")
) | {"liquidation", "bad_debt", "searched_to", "nearest_liquidation_move", "liquidation_threshold", "liquidation_bonus"}
"""Columns that are a number where they hold one."""
_HEALTH = frozenset({"health_factor", "scenario_health_factor"})
_BELOW_ONE = math.nextafter(1.0, 0.0)
_COUNTS = frozenset({"chain_id", "block", "timestamp", "oracle_updated_at", "liquidations"})
_FLAGS = frozenset({"liquidatable", "scenario_liquidatable", "counts"})


def positions(check: Check) -> pd.DataFrame:
    """One row a position, a failed market, or an account without positions."""
    return _frame((row for row, _ in check_rows(check)), (*ACCOUNT, *POSITION))


def outcomes(check: Check) -> pd.DataFrame:
    """One row a position and scenario."""
    rows = (
        {**_key(row), **outcome_row(outcome, analysis.position.market.unit)}
        for row, analysis in _judged(check)
        for outcome in analysis.outcomes
    )
    return _frame(rows, (*KEY, *OUTCOME))


def thresholds(check: Check) -> pd.DataFrame:
    """One row a position and threshold."""
    rows = (
        {**_key(row), **threshold_row(threshold, analysis)}
        for row, analysis in _judged(check)
        for threshold in analysis.thresholds
    )
    return _frame(rows, (*KEY, *THRESHOLD))


def legs(check: Check) -> pd.DataFrame:
    """One row an asset supplied or owed."""
    rows = ({**_key(row), **_leg(leg, analysis)} for row, analysis in _judged(check) for leg in legs_of(analysis))
    return _frame(rows, (*KEY, *LEG))


def _judged(check: Check) -> Iterator[tuple[Row, PositionAnalysis]]:
    return ((row, analysis) for row, analysis in check_rows(check) if analysis is not None)


def _key(row: Row) -> Row:
    return {name: row[name] for name in KEY}


def _leg(leg: Collateral | Debt, analysis: PositionAnalysis) -> Row:
    position = analysis.position
    priced, unit = leg.slot not in position.unpriced, position.market.unit.decimals
    supplied = leg if isinstance(leg, Collateral) else None
    bonus = supplied.liquidation_bonus if supplied else None
    return {
        "side": "collateral" if supplied else "debt",
        "asset": leg.token.address,
        "symbol": symbol(leg.token),
        "family": family_of(analysis, leg.slot),
        "counts": supplied.counts if supplied else None,
        "amount": decimal_string(leg.amount, leg.token.decimals),
        "amount_raw": str(leg.amount),
        "price": price_decimal(position, leg, leg.price) if priced else None,
        "price_raw": str(leg.price) if priced else None,
        "oracle_updated_at": position.price_times[leg.slot],
        "value": decimal_string(leg.value, unit) if priced else None,
        "value_raw": str(leg.value) if priced else None,
        "liquidation_threshold": decimal_string(supplied.liquidation_threshold, 18) if supplied else None,
        "liquidation_bonus": None if bonus is None else decimal_string(bonus, 18),
    }


def _frame(rows: Iterable[Row], columns: Sequence[str]) -> pd.DataFrame:
    """A frame whose columns and types do not depend on what was found; text is ``None`` where there is none."""
    held = list(rows)
    return pd.DataFrame(
        {name: pd.Series([_cell(name, row.get(name)) for row in held], dtype=_type_of(name)) for name in columns},
        columns=list(columns),
    )


def _cell(name: str, value: Any) -> Any:
    """A health factor below 1 stays so as a float, since that is what people filter by."""
    if name in _HEALTH and value is not None and Decimal(value) < 1:
        return min(float(value), _BELOW_ONE)
    return value


def _type_of(name: str) -> Literal["float64", "Int64", "boolean", "object"]:
    if name in _FIGURES:
        return "float64"
    if name in _COUNTS:
        return "Int64"
    return "boolean" if name in _FLAGS else "object"
