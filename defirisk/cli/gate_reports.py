"""Reports that a run writes beside its result: each whole or not at all, and the others all the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from defirisk.cli.gate_asked import Report
from defirisk.cli.output import check_writable, say, say_error, write_whole
from defirisk.cli.results import as_text
from defirisk.errors import UnwritableOutput

if TYPE_CHECKING:
    from defirisk.policy.findings import PolicyResult
    from defirisk.report.check import Check, CheckSet


def write_formats(found: Check | CheckSet, reports: Sequence[Report]) -> bool:
    """A check in the formats asked for, each in its file; whether all could be written."""
    return _all_written(reports, lambda kind: as_text(found, kind))


def write_reports(result: PolicyResult, check: Check | None, reports: Sequence[Report]) -> bool:
    """What became of a policy, each report in its file; whether all could be written."""
    return _all_written(reports, lambda kind: report_text(kind, result, check))


def _all_written(reports: Sequence[Report], text_of: Callable[[str], str | None]) -> bool:
    written = [_written(report, text_of) for report in reports]
    return all(written)


def _written(report: Report, text_of: Callable[[str], str | None]) -> bool:
    text = text_of(report.kind)
    if text is None:
        say(f"--report {report.kind}: nothing could be read, so there is no result to write")
        return True
    try:
        check_writable(report.path)
        write_whole(report.path, text)
    except UnwritableOutput as problem:
        say_error(problem.code, f"--report {report.kind}: {problem.message}", problem.hint)
        return False
    return True


def path_in_repository(file: str) -> str:
    """A file as CI systems find it: relative to GitHub's checkout, else to the repository's root or this folder."""
    from defirisk.policy.load import repository_of  # noqa: PLC0415 - only with a policy

    path = Path(file).resolve()
    named = os.environ.get("GITHUB_WORKSPACE", "")
    root = Path(named).resolve() if named else repository_of(path.parent) or Path.cwd()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def report_text(kind: str, result: PolicyResult, check: Check | None) -> str | None:
    """A report as text; ``None`` for the JSON of a run in which nothing could be read."""
    if kind == "junit":
        from defirisk.report.policy import junit  # noqa: PLC0415 - only the report asked for

        return junit.text(result, check)
    if kind == "sarif":
        from importlib.metadata import version  # noqa: PLC0415 - only the report asked for

        from defirisk.report.policy import sarif  # noqa: PLC0415 - only the report asked for

        located = replace(result, file=path_in_repository(result.file))
        return sarif.text(located, check, version("defirisk"))
    if kind == "markdown":
        from defirisk.report.policy import markdown  # noqa: PLC0415 - only the report asked for

        return markdown.text(result, check)
    if kind == "csv":
        from defirisk.report.policy import csv  # noqa: PLC0415 - only the report asked for

        return csv.text(result)
    if check is None:
        return None
    from defirisk.report import json  # noqa: PLC0415 - only the report asked for

    return json.dumps(json.check(check))
