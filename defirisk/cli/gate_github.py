"""What GitHub Actions is told of a policy: annotations on stderr, and the step's summary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from defirisk.cli.gate_reports import path_in_repository
from defirisk.cli.output import say, say_error
from defirisk.errors import BadPolicy, DefiriskError, UnwritableOutput

if TYPE_CHECKING:
    from defirisk.policy.findings import PolicyResult
    from defirisk.report.check import Check


def _on_github() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def tell_github(result: PolicyResult, check: Check | None) -> bool:
    """Annotations on stderr, which leaves stdout to the result, and the step's summary; whether that could be done."""
    if not _on_github():
        return True
    from defirisk.report.policy import github  # noqa: PLC0415 - only there

    for line in github.commands(result, path_in_repository(result.file)):
        say(line)
    return _summarise(result, check)


def _summarise(result: PolicyResult, check: Check | None) -> bool:
    from defirisk.report.policy import github, markdown  # noqa: PLC0415 - only there

    name = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if not name:
        return True
    path = Path(name)
    try:
        taken = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(github.fitting(markdown.text(result, check), taken))
    except OSError as problem:
        say_error(UnwritableOutput.code, f"the step's summary cannot be written: {problem.strerror}", None)
        return False
    return True


def annotate_error(problem: DefiriskError, path: Path) -> None:
    """Point at the policy file that could not be used."""
    if _on_github():
        from defirisk.report.policy import github  # noqa: PLC0415 - only there

        line = problem.line if isinstance(problem, BadPolicy) else None
        say(github.error(problem.message, path_in_repository(str(path)), line))
