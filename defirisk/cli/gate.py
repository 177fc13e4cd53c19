"""``defirisk check`` under a policy: the file, the run, the reports, what CI is told, and the exit code."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from defirisk.cli.output import check_writable, say, write_whole
from defirisk.cli.progress import progress
from defirisk.cli.results import as_text, deliver
from defirisk.errors import BadBaseline, BadPolicy, DefiriskError, InputError, UnwritableOutput
from defirisk.sources import Where

if TYPE_CHECKING:
    from defirisk.policy.findings import PolicyResult
    from defirisk.policy.judging import Terms
    from defirisk.policy.seen import Seen
    from defirisk.policy.terms import Policy
    from defirisk.report.check import Check, CheckSet

KINDS: Final = ("junit", "sarif", "markdown", "csv", "json")
_OF_A_POLICY: Final = ("junit", "sarif")
_ALONE: Final = {"baseline": "--baseline", "tolerance": "--tolerance", "fail_on": "--fail-on", "today": "--today"}
_IN_THE_FILE: Final = {
    "drop": "--drop",
    "shocks": "--shock",
    "scenarios": "--scenario",
    "families": "--family",
}
_PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,16}))?\s*%?")
_PERCENT_PLACES: Final = 16

Asked = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was asked for."""

    kind: str
    path: Path


# --- what was asked for -------------------------------------------------------------------------------------------


def policy_path(addresses: Sequence[str], asked: Asked) -> Path | None:
    """The policy file of a run: the one named, or without addresses the one found; ``None`` where there is none.

    Raises:
        InputError: a policy was both asked for and not.
        BadPolicy: the file found is not TOML.
    """
    if asked["no_policy"]:
        if asked["policy"] is not None:
            raise InputError("--policy and --no-policy contradict each other", hint="give one of them")
        return None
    if asked["policy"] is not None:
        return Path(asked["policy"])
    if addresses or not _may_lie_here():
        return None
    from defirisk.policy.load import find_policy  # noqa: PLC0415 - only where one may be

    return find_policy(Path.cwd())


def _may_lie_here() -> bool:
    """Whether a folder from here up holds a file that may be a policy: a look before anything is imported."""
    names = ("defirisk.toml", "pyproject.toml")
    return any((folder / name).is_file() for folder in (Path.cwd(), *Path.cwd().parents) for name in names)


def reports_of(texts: Sequence[str]) -> list[Report]:
    """The reports asked for.

    Raises:
        InputError: not KIND=FILE, no such kind, or two to one file.
    """
    found: list[Report] = []
    for text in texts:
        kind, equals, path = text.partition("=")
        if not equals or not path or kind not in KINDS:
            raise InputError(f"--report {text[:80]!a} is not KIND=FILE", hint=f"KIND is one of {', '.join(KINDS)}")
        if any(one.path == Path(path) for one in found):
            raise InputError(f"two reports are to be written to {path[:200]}", hint="name another file")
        found.append(Report(kind, Path(path)))
    return found


def reports_without_policy(asked: Asked) -> list[Report]:
    """The reports of a check without a policy: its formats, in files.

    Raises:
        InputError: an option was given that means nothing without a policy.
    """
    reports = reports_of(asked["reports"])
    given = [option for key, option in _ALONE.items() if asked[key] is not None]
    given += [f"--report {one.kind}" for one in reports if one.kind in _OF_A_POLICY]
    if given:
        raise InputError(f"{given[0]} is of a policy, and there is none", hint="name one: --policy FILE")
    return reports


def write_formats(found: Check | CheckSet, reports: Sequence[Report]) -> bool:
    """A check in the formats asked for, each in its file; whether all could be written."""
    written = [_written(report, lambda kind: as_text(found, kind)) for report in reports]
    return all(written)


def _refuse_beside_policy(asked: Asked) -> None:
    given = [option for key, option in _IN_THE_FILE.items() if asked[key]]
    source = click.get_current_context().get_parameter_source("liquidator")
    given += ["--liquidator"] if source is ParameterSource.COMMANDLINE else []
    if given:
        raise InputError(f"{given[0]} stands in the policy file", hint="change it there, or give --no-policy")
    if asked["fail_on"] in ("worse", "any") and asked["baseline"] is None:
        raise InputError(f"--fail-on {asked['fail_on']} compares with a --baseline", hint="give one")
    if asked["tolerance"] is not None and asked["baseline"] is None:
        raise InputError("--tolerance is of a --baseline, and there is none", hint="give one")


def _tolerance(text: str | None) -> int:
    from defirisk.policy.changes import DEFAULT_TOLERANCE  # noqa: PLC0415 - with the rest of a policy

    if text is None:
        return DEFAULT_TOLERANCE
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--tolerance {text[:80]!a} is not a share", hint="for example --tolerance 0.5%")
    return int(match[1] + (match[2] or "").ljust(_PERCENT_PLACES, "0"))


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--today {text!a:.80} is not a date", hint="for example --today 2026-11-24") from error


def _baseline(path: Path | None) -> Seen | BadBaseline | None:
    """The earlier run; why it cannot be used is told after everything else."""
    from defirisk.policy.load import load_baseline  # noqa: PLC0415 - only with one

    try:
        return None if path is None else load_baseline(path)
    except BadBaseline as problem:
        return problem


# --- the run ------------------------------------------------------------------------------------------------------


def run_gate(
    path: Path, addresses: Sequence[str], asked: Asked, where: Where, *, format_: str, output: Path | None, quiet: bool
) -> int:
    """Judge a policy, write everything that was asked for, and tell the exit code."""
    from defirisk.policy.load import for_wallets, load_policy  # noqa: PLC0415 - only with a policy

    _refuse_beside_policy(asked)
    reports = reports_of(asked["reports"])
    try:
        policy = for_wallets(load_policy(path), addresses)
    except DefiriskError as problem:
        _annotate_error(problem, path)
        raise
    if not quiet:
        say(f"policy: {policy.file}")
    gate = _Gate(policy, asked, reports, _terms(asked))
    return gate.run(where, format_=format_, output=output, quiet=quiet)


def _terms(asked: Asked) -> Terms:
    from defirisk.policy.findings import FailOn  # noqa: PLC0415 - only with a policy
    from defirisk.policy.gate import clock  # noqa: PLC0415 - only with a policy
    from defirisk.policy.judging import Terms as JudgingTerms  # noqa: PLC0415 - only with a policy

    return JudgingTerms(clock(_day(asked["today"])), FailOn(asked["fail_on"] or "breach"))


class _Gate:
    """One run under a policy, from reading to the exit code."""

    def __init__(self, policy: Policy, asked: Asked, reports: Sequence[Report], terms: Terms) -> None:
        self._policy, self._asked, self._reports, self._terms = policy, asked, reports, terms

    def run(self, where: Where, *, format_: str, output: Path | None, quiet: bool) -> int:
        from defirisk.cli.what_if import what_if_of  # noqa: PLC0415 - only with a policy
        from defirisk.policy.gate import Gate, run_policy, where_of  # noqa: PLC0415 - only with a policy
        from defirisk.policy.judging import unread  # noqa: PLC0415 - only with a policy

        gate = Gate(
            terms=self._terms,
            baseline=_baseline(self._asked["baseline"]),
            tolerance=_tolerance(self._asked["tolerance"]),
            thresholds=self._asked["thresholds"],
            strict=self._asked["strict"],
            what_if=what_if_of(self._asked),
        )
        try:
            with progress(quiet=quiet) as hook:
                check = asyncio.run(run_policy(self._policy, where_of(self._policy, where), gate, hook))
        except DefiriskError as cause:
            self._finish(unread(self._policy, cause, self._terms), None)
            raise
        return self._deliver(check, format_, output)

    def _deliver(self, check: Check, format_: str, output: Path | None) -> int:
        result = _result_of(check)
        failed = self._finish(result, check)
        read = deliver(check, format_, output)
        for problem in result.problems:
            where = f"{self._policy.file}, line {problem.line}: " if problem.line else ""
            _say_error(problem.code, where + problem.text, problem.hint)
        for notice in check.refused:
            _say_error(notice.code, notice.text, None)
        codes = {result.exit_code, read, *((2,) if failed or check.refused else ())}
        return next((code for code in (2, 3, 1) if code in codes), 0)

    def _finish(self, result: PolicyResult, check: Check | None) -> bool:
        """Write every report that can be written and tell CI; whether one could not be written."""
        written = [_written(one, lambda kind: report_text(kind, result, check)) for one in self._reports]
        return not all([*written, _tell_github(result, check)])


def _written(report: Report, text_of: Callable[[str], str]) -> bool:
    try:
        check_writable(report.path)
        write_whole(report.path, text_of(report.kind))
    except UnwritableOutput as problem:
        _say_error(problem.code, f"--report {report.kind}: {problem.message}", problem.hint)
        return False
    return True


def report_text(kind: str, result: PolicyResult, check: Check | None) -> str:
    """A report as text.

    Raises:
        UnwritableOutput: the JSON of a run in which nothing could be read.
    """
    if kind == "junit":
        from defirisk.report.policy import junit  # noqa: PLC0415 - only the report asked for

        return junit.text(result, check)
    if kind == "sarif":
        from importlib.metadata import version  # noqa: PLC0415 - only the report asked for

        from defirisk.report.policy import sarif  # noqa: PLC0415 - only the report asked for

        return sarif.text(result, check, version("defirisk"))
    if kind == "markdown":
        from defirisk.report.policy import markdown  # noqa: PLC0415 - only the report asked for

        return markdown.text(result, check)
    if kind == "csv":
        from defirisk.report.policy import csv  # noqa: PLC0415 - only the report asked for

        return csv.text(result)
    if check is None:
        raise UnwritableOutput("nothing could be read, so there is no result to write as JSON")
    from defirisk.report import json  # noqa: PLC0415 - only the report asked for

    return json.dumps(json.check(check))


def _result_of(check: Check) -> PolicyResult:
    if check.policy is None:
        raise InputError("this check was made without a policy")
    return check.policy


def _say_error(code: str, text: str, hint: str | None) -> None:
    from defirisk.report.sanitize import clean  # noqa: PLC0415 - only when there is something to say

    say(f"error[{code}]: {clean(text)}")
    if hint:
        say(f"hint: {clean(hint)}")


# --- GitHub -------------------------------------------------------------------------------------------------------


def _on_github() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _tell_github(result: PolicyResult, check: Check | None) -> bool:
    """Annotations on stderr, which leaves stdout to the result, and the step's summary; whether that could be done."""
    if not _on_github():
        return True
    from defirisk.report.policy import github  # noqa: PLC0415 - only there

    for line in github.commands(result, _from_workspace(result.file)):
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
        _say_error(UnwritableOutput.code, f"the step's summary cannot be written: {problem.strerror}", None)
        return False
    return True


def _annotate_error(problem: DefiriskError, path: Path) -> None:
    if _on_github():
        from defirisk.report.policy import github  # noqa: PLC0415 - only there

        line = problem.line if isinstance(problem, BadPolicy) else None
        say(github.error(problem.message, _from_workspace(str(path)), line))


def _from_workspace(file: str) -> str:
    """A path as GitHub wants it: relative to the checkout."""
    root = Path(os.environ.get("GITHUB_WORKSPACE") or ".").resolve()
    path = Path(file).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file
