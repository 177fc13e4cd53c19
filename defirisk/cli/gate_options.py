"""The options of ``check`` that concern a policy; what they mean is decided in :mod:`defirisk.cli.gate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
FAIL_ON: Final = ("breach", "worse", "any", "never")


def policy_options(command: F) -> F:
    """A policy file, its reports, a baseline."""
    path = click.Path(path_type=Path)
    options: tuple[Callable[[F], F], ...] = (
        click.option(
            "--policy",
            type=path,
            metavar="FILE",
            help="Judge the wallets by this policy file. Default without ADDRESS: defirisk.toml, or [tool.defirisk] of "
            "pyproject.toml, here or further up to the repository's root.",
        ),
        click.option("--no-policy", is_flag=True, help="Look for no policy file."),
        click.option(
            "--report",
            "reports",
            multiple=True,
            metavar="KIND=FILE",
            help="Write a report too, repeatable: junit, sarif, markdown, csv or json.",
        ),
        click.option("--baseline", type=path, metavar="FILE", help="Tell what became worse since this JSON result."),
        click.option(
            "--tolerance",
            metavar="PERCENT",
            help="With --baseline: relative changes up to this are not told. Default: 0.5%.",
        ),
        click.option("--fail-on", type=click.Choice(FAIL_ON), help="What gives exit code 1. Default: breach."),
        click.option("--today", metavar="DATE", help="Judge waivers and ages at the end of this day (UTC), not now."),
        click.option("--thresholds", is_flag=True, help="With a policy: search for the prices that liquidate, too."),
    )
    for option in reversed(options):
        command = option(command)
    return command
