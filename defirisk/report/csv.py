"""CSV: one row a position and scenario; positions without scenarios, failures and empty accounts have a row too."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from defirisk.report.check import Check, CheckSet
from defirisk.report.columns import ACCOUNT, OUTCOME, POSITION
from defirisk.report.rows import Cell, Row, check_rows, outcome_row
from defirisk.report.sanitize import csv_cell

COLUMNS = (*ACCOUNT, *POSITION, *OUTCOME)


def text(checks: Check | CheckSet) -> str:
    """The rows of one check, or of all chains of a set, under one heading."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for check in checks.checks if isinstance(checks, CheckSet) else (checks,):
        writer.writerows({name: _cell(cell) for name, cell in row.items()} for row in _rows(check))
    return stream.getvalue()


def _rows(check: Check) -> Iterator[Row]:
    for row, analysis in check_rows(check):
        if analysis is None or not analysis.outcomes:
            yield row
            continue
        for outcome in analysis.outcomes:
            yield {**row, **outcome_row(outcome, analysis.position.market.unit)}


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell) if isinstance(cell, int) else csv_cell(cell)
