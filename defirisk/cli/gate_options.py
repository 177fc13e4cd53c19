"""The options of ``check`` that concern a policy; what they mean is decided in :mod:`defirisk.cli.gate`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from defirisk.cli.options import all_of
from defirisk.cli.sections import Option

F = TypeVar("F", bound=Callable[..., Any])
FAIL_ON: Final = ("breach", "worse", "any", "never")


def policy_options(command: F) -> F:
    """A policy file, its reports, a baseline."""
    option = partial(click.option, cls=Option, section="Policy")
    path = click.Path(path_type=Path)
    return all_of(
        option(
            "--policy",
            type=path,
            metavar="FILE",
            help="Judge the wallets by this policy file. Default without ADDRESS: defirisk.toml, or [tool.defirisk] of "
            "pyproject.toml, here or further up to the repository's root.",
        ),
        option("--no-policy", is_flag=True, help="Look for no policy file."),
        option(
            "--report",
            "reports",
            multiple=True,
            metavar="KIND=FILE",
            help="Also write a report, repeatable: junit, sarif, markdown, csv or json.",
        ),
        option("--baseline", type=path, metavar="FILE", help="Report what became worse since this JSON result."),
        option(
            "--tolerance",
            metavar="PERCENT",
            help="With --baseline: ignore relative changes up to this. Default: 0.5%.",
        ),
        option("--fail-on", type=click.Choice(FAIL_ON), help="What gives exit code 1. Default: breach."),
        option("--today", metavar="DATE", help="Judge waivers and ages at the end of this day (UTC), not now."),
        option("--thresholds", is_flag=True, help="With a policy: also search for the prices that liquidate."),
    )(command)
