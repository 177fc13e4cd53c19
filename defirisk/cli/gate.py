"""``defirisk check`` under a policy: the file, the run, the reports, what CI is told, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from defirisk.cli.gate_asked import Asked, Report, gate_of, refuse_beside_policy, reports_of
from defirisk.cli.gate_github import annotate_error, tell_github
from defirisk.cli.gate_reports import write_reports
from defirisk.cli.output import say, say_error
from defirisk.cli.progress import progress
from defirisk.cli.results import deliver
from defirisk.cli.stopping import STOP, nothing_kept
from defirisk.errors import BadBaseline, DefiriskError, InputError
from defirisk.files import refuse_overwriting
from defirisk.report.sanitize import clean
from defirisk.sources import Where

if TYPE_CHECKING:
    from defirisk.policy.findings import PolicyResult, Problem
    from defirisk.policy.gate import Gate
    from defirisk.policy.terms import Policy
    from defirisk.report.check import Check


def run_gate(
    path: Path, addresses: Sequence[str], asked: Asked, where: Where, *, format_: str, output: Path | None, quiet: bool
) -> int:
    """Judge a policy, write everything that was asked for, and tell the exit code."""
    from defirisk.policy.load import for_wallets, load_policy  # noqa: PLC0415 - only with a policy

    refuse_beside_policy(asked)
    reports = reports_of(asked["reports"], output)
    try:
        policy = for_wallets(load_policy(path), addresses)
    except DefiriskError as problem:
        annotate_error(problem, path)
        raise
    outputs = (output, *(report.path for report in reports))
    refuse_overwriting(outputs, (path, policy.source.fixture, where.fixture))
    if not quiet:
        say(f"policy: {clean(policy.file)}")
    return _Gate(policy, gate_of(asked), reports).run(where, format_=format_, output=output, quiet=quiet)


class _Gate:
    """One run under a policy, from reading to the exit code."""

    def __init__(self, policy: Policy, gate: Gate, reports: Sequence[Report]) -> None:
        self._policy, self._gate, self._reports = policy, gate, reports

    def run(self, where: Where, *, format_: str, output: Path | None, quiet: bool) -> int:
        from defirisk.policy.gate import run_policy, where_of  # noqa: PLC0415 - only with a policy

        try:
            with progress(quiet=quiet) as hook:
                work = run_policy(self._policy, where_of(self._policy, where), self._gate, hook)
                check = STOP.run(work, nothing_kept)
        except DefiriskError as cause:
            return self._unread(cause)
        return self._deliver(check, format_, output)

    def _unread(self, cause: DefiriskError) -> int:
        """Nothing could be read: every report says so, and what is wrong besides goes before it in the exit code."""
        from defirisk.cli.app import report_error  # noqa: PLC0415 - it loads this
        from defirisk.policy.judging import unread  # noqa: PLC0415 - only with a policy

        baseline = self._gate.baseline
        more = [baseline] if isinstance(baseline, BadBaseline) else []
        result = unread(self._policy, cause, self._gate.terms, more=more)
        written = self._finish(result, None)
        report_error(cause, verbose=click.get_current_context().find_root().obj.verbose)
        self._say(result.problems[1:])
        return _code(result.exit_code, 0 if written else InputError.exit_code)

    def _deliver(self, check: Check, format_: str, output: Path | None) -> int:
        """Reports first: a result that nobody can take must not keep them from being written."""
        result = _result_of(check)
        written = self._finish(result, check)
        try:
            read = deliver(check, format_, output)
        finally:
            self._say(result.problems)
        for notice in check.refused:
            say_error(notice.code, notice.text, None)
        return _code(result.exit_code, read, 0 if written and not check.refused else InputError.exit_code)

    def _say(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            where = f"{self._policy.file}, line {problem.line}: " if problem.line else ""
            say_error(problem.code, where + problem.text, problem.hint)

    def _finish(self, result: PolicyResult, check: Check | None) -> bool:
        """Write every report that can be written and tell CI; whether all could be."""
        written = [write_reports(result, check, self._reports), tell_github(result, check)]
        return all(written)


def _code(*codes: int) -> int:
    """Wrong input before incomplete reading before a breach."""
    return next((code for code in (2, 3, 1) if code in codes), 0)


def _result_of(check: Check) -> PolicyResult:
    if check.policy is None:
        raise InputError("this check was made without a policy")
    return check.policy
