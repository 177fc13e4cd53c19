"""A result in the format asked for, to stdout or a file."""

from __future__ import annotations

import sys
from pathlib import Path

from defirisk.cli.output import print_out, write_whole, written_out
from defirisk.report.check import Check, CheckSet

DONE = 0
INCOMPLETE = 3


def deliver(checks: Check | CheckSet, format_: str, output: Path | None) -> int:
    """Write the result and tell the exit code: 3 where something could not be read, or differs from its contract."""
    if output is not None:
        write_whole(output, as_text(checks, format_))
    elif format_ == "table":
        _print_table(checks)
    else:
        print_out(as_text(checks, format_))
    return DONE if checks.complete else INCOMPLETE


def as_text(checks: Check | CheckSet, format_: str) -> str:
    """The result as plain text in one of the four formats."""
    if format_ == "json":
        from defirisk.report import json  # noqa: PLC0415 - only the format asked for

        return json.dumps(json.check(checks) if isinstance(checks, Check) else json.check_set(checks))
    if format_ == "csv":
        from defirisk.report import csv  # noqa: PLC0415 - only the format asked for

        return csv.text(checks)
    if format_ == "markdown":
        from defirisk.report import markdown  # noqa: PLC0415 - only the format asked for

        return markdown.text(checks)
    from defirisk.report import table  # noqa: PLC0415 - only the format asked for

    return table.text(checks)


def _print_table(checks: Check | CheckSet) -> None:
    from defirisk.report import table  # noqa: PLC0415 - only the format asked for

    if sys.stdout is None or not sys.stdout.isatty():
        print_out(table.text(checks, width=table.piped_width()))
        return
    with written_out():
        table.render(checks, table.console_for(sys.stdout))
