"""The rows of an audit's tables, cell by cell, and the columns that they are gathered in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from defirisk.auditing.columns import Column
from defirisk.auditing.outcomes import Figures
from defirisk.fixedpoint import WAD
from defirisk.model import Collateral, Debt, Failure, Position, Standing, Unit
from defirisk.report.check import position_warnings
from defirisk.report.legs import price_decimal
from defirisk.report.sanitize import clean, symbol
from defirisk.risk.thresholds import Nearest

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
_BELOW_ONE: Final = math.nextafter(1.0, 0.0)


class Table:
    """Rows gathered by column; a cell that a row does not name is empty."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns: dict[str, list[Any]] = {one.name: [] for one in columns}

    def add(self, row: Mapping[str, Any]) -> None:
        """One row more."""
        for name, cells in self._columns.items():
            cells.append(row.get(name))

    def arrow(self, schema: pa.Schema) -> pa.Table:
        """As an Arrow table of that schema."""
        import pyarrow as pa  # noqa: PLC0415 - 0.1 s, only where tables are made

        return pa.table([pa.array(cells, schema.field(name).type) for name, cells in self._columns.items()], schema)


def failed_row(failure: Failure) -> Row:
    """What could not be answered, and why."""
    return {"status": "failed", "error": failure.code, "error_message": clean(failure.message)}


def position_row(position: Position, standing: Standing, nearest: Nearest | None) -> Row:
    """A position's own columns."""
    unit = position.market.unit
    return {
        "rules": clean(position.market.rules),
        "unit": _unit_symbol(unit),
        "liquidatable": standing.liquidatable,
        **health_figure(standing.health_factor),
        **figure("collateral_value", standing.collateral_value, unit.decimals),
        **figure("debt_value", standing.debt_value, unit.decimals),
        **(_nearest(position, standing, nearest) if nearest else _now(standing)),
        "warnings": " ".join(warning_codes(position, nearest)) or None,
    }


def warning_codes(position: Position, nearest: Nearest | None) -> list[str]:
    """What is to be known of a position, each code once."""
    codes = [warning.code for warning in position_warnings(position)]
    if nearest is not None and not nearest.proved:
        codes.append("threshold-unproved")
    return list(dict.fromkeys(codes))


def _now(standing: Standing) -> Row:
    return figure("nearest_liquidation_move", 0, 18) if standing.liquidatable else {}


def _nearest(position: Position, standing: Standing, nearest: Nearest) -> Row:
    legs: tuple[Collateral | Debt, ...] = (*standing.collateral, *standing.debt)
    leg = next(leg for leg in legs if leg.token.address == nearest.axis.asset or leg.slot in nearest.axis.slots)
    price = None if nearest.price is None else float(price_decimal(position, leg, nearest.price))
    return {
        "nearest_liquidation_asset": nearest.axis.asset,
        "nearest_liquidation_symbol": symbol(leg.token),
        **figure("nearest_liquidation_move", nearest.move, 18),
        "nearest_liquidation_price": price,
        "nearest_liquidation_price_raw": None if nearest.price is None else str(nearest.price),
    }


def outcome_row(one: Figures, unit: Unit) -> Row:
    """A scenario's own columns; exact figures only where they are exact."""
    shown = _unit_symbol(unit)
    if one.refused:
        return {"unit": shown, "error": "bad-move"}
    return {
        "unit": shown,
        "liquidatable": one.liquidatable,
        "liquidations": one.liquidations,
        "ended": one.ended,
        **(_exact_figures(one, unit) if one.exact else _float_figures(one, unit)),
    }


def _exact_figures(one: Figures, unit: Unit) -> Row:
    return {
        "engine": "exact",
        **health_figure(one.health_factor),
        **figure("repaid_value", one.repaid, unit.decimals),
        **figure("bad_debt_value", one.bad_debt, unit.decimals),
        **figure("uncovered_value", one.uncovered, unit.decimals),
    }


def _float_figures(one: Figures, unit: Unit) -> Row:
    base = 10**unit.decimals
    return {
        "engine": "fast",
        "health_factor": one.health,
        "repaid_value": one.repaid / base,
        "bad_debt_value": one.bad_debt / base,
        "uncovered_value": one.uncovered / base,
    }


@lru_cache(1024)
def _unit_symbol(unit: Unit) -> str:
    return clean(unit.symbol)


def health_figure(raw: int | None) -> Row:
    """A health factor; what is below 1 stays so as a float, since that is what people filter by."""
    row = figure("health_factor", raw, 18)
    if raw is not None and raw < WAD:
        row["health_factor"] = min(row["health_factor"], _BELOW_ONE)
    return row


def figure(name: str, raw: int | None, decimals: int) -> Row:
    """A figure as the nearest float, and exact beside it."""
    if raw is None:
        return {name: None, f"{name}_raw": None}
    return {name: raw / 10**decimals, f"{name}_raw": str(raw)}
