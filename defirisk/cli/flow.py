"""From options to the API and from its results to text: what the commands have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from defirisk.cli.gate_asked import policy_path, reports_without_policy
from defirisk.cli.gate_reports import write_formats
from defirisk.cli.output import check_writable, print_out, say_error, write_whole
from defirisk.cli.progress import progress
from defirisk.cli.results import deliver
from defirisk.cli.stopping import STOP, nothing_kept
from defirisk.cli.what_if import what_if_of
from defirisk.errors import BadMove
from defirisk.files import refuse_overwriting
from defirisk.judging import Terms
from defirisk.report.check import Check, CheckSet
from defirisk.risk.families import parse_overrides
from defirisk.risk.scenario_files import gather, parse_drops
from defirisk.sources import Where, demo_recording

Asked = Mapping[str, Any]
"""Options by name, as click gives them."""


def check_and_deliver(addresses: Sequence[str], asked: Asked, *, format_: str, output: Path | None, quiet: bool) -> int:
    """``defirisk check``: of addresses, or of a policy file's wallets."""
    policy = policy_path(addresses, asked)
    if policy is not None:
        from defirisk.cli.gate import run_gate  # noqa: PLC0415 - only with a policy

        return run_gate(policy, addresses, asked, where_of(asked), format_=format_, output=output, quiet=quiet)
    reports = reports_without_policy(asked, output)
    outputs = (output, *(report.path for report in reports))
    refuse_overwriting(outputs, (asked["fixture"], *asked["scenarios"]))
    found = _checked(addresses, asked, output=output, quiet=quiet)
    written = write_formats(found, reports)
    code = conclude(found, format_, output)
    return code if written else BadMove.exit_code


def _checked(addresses: Sequence[str], asked: Asked, *, output: Path | None, quiet: bool) -> Check | CheckSet:
    from defirisk.run import check_many, check_one  # noqa: PLC0415 - after the options are known to be sound

    if output is not None:
        check_writable(output)
    terms, where = terms_of(asked), where_of(asked)
    many = len(asked["chains"]) > 1 or "all" in asked["chains"]
    with progress(quiet=quiet) as hook:
        found: Check | CheckSet
        if many and not where.rpc and where.fixture is None:
            work = check_many(addresses, where, terms, strict=asked["strict"], progress=hook)
            found = STOP.run(work, nothing_kept)
        else:
            one = check_one(addresses, where, terms, strict=asked["strict"], progress=hook)
            found = STOP.run(one, nothing_kept)
    return found


def demo_and_deliver(asked: Asked, *, format_: str, output: Path | None, quiet: bool) -> int:
    """``defirisk demo``."""
    from defirisk.run import check_one  # noqa: PLC0415 - after the options are known to be sound
    from defirisk.stories import labels  # noqa: PLC0415 - only for the demo

    if output is not None:
        check_writable(output)
    terms, where = terms_of(asked), Where(fixture=demo_recording(), markets=tuple(asked["markets"]))
    with progress(quiet=quiet) as hook:
        found = STOP.run(check_one((), where, terms, labels=labels(), progress=hook), nothing_kept)
    return conclude(found, format_, output)


def list_markets(chains: Sequence[str], *, format_: str, output: Path | None) -> int:
    """``defirisk markets``."""
    from defirisk.api import markets  # noqa: PLC0415 - only to list
    from defirisk.protocols.registry import families  # noqa: PLC0415 - only to list
    from defirisk.report.markets import text  # noqa: PLC0415 - only to list

    if output is not None:
        check_writable(output)
    listed = text(markets(chains), {name: family.rules for name, family in families().items()}, format_)
    if output is None:
        print_out(listed)
    else:
        write_whole(output, listed)
    return 0


def terms_of(asked: Asked) -> Terms:
    """How to judge, and what if."""
    return replace(plain_terms_of(asked), what_if=what_if_of(asked))


def plain_terms_of(asked: Asked) -> Terms:
    """How to judge; falls of 10 to 50 % where no scenario was asked for."""
    from defirisk.api import DEFAULT_DROPS  # noqa: PLC0415 - shared with the API

    scenarios = gather(asked["drop"], asked["shocks"], asked["scenarios"]) or parse_drops(DEFAULT_DROPS)
    families = parse_overrides(asked["families"])
    return Terms(scenarios, families, asked["liquidator"], not asked["no_thresholds"])


def where_of(asked: Asked) -> Where:
    """Where to read."""
    return Where(
        rpc=tuple(asked["rpc"]),
        chains=tuple(asked["chains"]),
        block=asked["block"],
        fixture=asked["fixture"],
        markets=tuple(asked["markets"]),
    )


def conclude(found: Check | CheckSet, format_: str, output: Path | None) -> int:
    """Deliver, say on stderr what went wrong, and tell the code: wrong input before incomplete reading."""
    code = deliver(found, format_, output)
    failures = found.failures if isinstance(found, CheckSet) else ()
    for failure in failures:
        say_error(failure.code, f"{failure.chain}: {failure.message}", None)
    for notice in found.refused:
        say_error(notice.code, notice.text, None)
    if found.refused or any(failure.exit_code == BadMove.exit_code for failure in failures):
        return BadMove.exit_code
    return code
