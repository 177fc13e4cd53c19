"""CSV: one row a finding."""

from __future__ import annotations

import csv
import io
from typing import Final

from defirisk.policy.findings import Finding, PolicyResult
from defirisk.report.sanitize import csv_cell

COLUMNS: Final = (
    "wallet", "label", "market", "rule", "scenario", "asset", "symbol", "status", "measured", "measured_raw", "limit",
    "limit_raw", "text", "error", "waived_until", "waived_because", "line",
)  # fmt: skip


def text(result: PolicyResult) -> str:
    """The rows under one heading."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([csv_cell(cell) for cell in _row(finding)] for finding in result.findings)
    return stream.getvalue()


def _row(finding: Finding) -> tuple[str, ...]:
    waiver = finding.waiver
    cells = (
        finding.wallet, finding.label, finding.market, finding.rule, finding.scenario, finding.asset, finding.symbol,
        finding.status.value, finding.measured, finding.measured and finding.measured.raw, finding.limit,
        finding.limit and finding.limit.raw, finding.text, finding.code, waiver and waiver.expires,
        waiver and waiver.reason, finding.line,
    )  # fmt: skip
    return tuple("" if cell is None else str(cell) for cell in cells)
