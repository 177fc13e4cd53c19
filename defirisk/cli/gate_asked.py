"""What of a policy a command line asks for: which file, which reports, against which baseline, on which day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from defirisk.errors import BadBaseline, InputError

if TYPE_CHECKING:
    from defirisk.policy.gate import Gate
    from defirisk.policy.seen import Seen

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


def reports_of(texts: Sequence[str], output: Path | None) -> list[Report]:
    """The reports asked for, beside the result's own ``output``.

    Raises:
        InputError: not KIND=FILE, no such kind, or two to one file.
    """
    found: list[Report] = []
    for text in texts:
        kind, equals, path = text.partition("=")
        if not equals or not path or kind not in KINDS:
            raise InputError(f"--report {text[:80]!a} is not KIND=FILE", hint=f"KIND is one of {', '.join(KINDS)}")
        if path == "-":
            raise InputError(f"--report {kind}=- names no file", hint="--format is what prints, --report writes files")
        taken = [other.resolve() for other in (output, *(one.path for one in found)) if other]
        if Path(path).resolve() in taken:
            raise InputError(f"two results are to be written to {path[:200]}", hint="name another file")
        found.append(Report(kind, Path(path)))
    return found


def reports_without_policy(asked: Asked, output: Path | None) -> list[Report]:
    """The reports of a check without a policy: its formats, in files.

    Raises:
        InputError: an option was given that means nothing without a policy.
    """
    reports = reports_of(asked["reports"], output)
    given = [option for key, option in _ALONE.items() if asked[key] is not None]
    given += [f"--report {one.kind}" for one in reports if one.kind in _OF_A_POLICY]
    if given:
        raise InputError(f"{given[0]} is of a policy, and there is none", hint=_how_to_have_one(asked))
    return reports


def _how_to_have_one(asked: Asked) -> str:
    """What keeps a policy from being used, or what a small one looks like."""
    from defirisk.policy.load import find_policy, shown_path  # noqa: PLC0415 - only where one is missed

    if asked["no_policy"]:
        return "leave out --no-policy"
    found = find_policy(Path.cwd())
    if found is not None:
        return f"beside ADDRESS none is looked for: name it with --policy {shown_path(found)}"
    return "write a defirisk.toml with [[wallet]] and, for example, [policy] min_health_factor = 1.2; or --policy FILE"


def refuse_beside_policy(asked: Asked) -> None:
    """Options that a policy file stands for, or that need another one.

    Raises:
        InputError: one of them was given.
    """
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


def gate_of(asked: Asked) -> Gate:
    """How a policy is to be run.

    Raises:
        InputError: a day or a tolerance that is none.
    """
    from defirisk.cli.what_if import what_if_of  # noqa: PLC0415 - only with a policy
    from defirisk.policy.findings import FailOn  # noqa: PLC0415 - only with a policy
    from defirisk.policy.gate import Gate, clock  # noqa: PLC0415 - only with a policy
    from defirisk.policy.judging import Terms  # noqa: PLC0415 - only with a policy

    return Gate(
        terms=Terms(clock(_day(asked["today"])), FailOn(asked["fail_on"] or "breach")),
        baseline=_baseline(asked["baseline"]),
        tolerance=_tolerance(asked["tolerance"]),
        thresholds=asked["thresholds"],
        strict=asked["strict"],
        what_if=what_if_of(asked),
    )
