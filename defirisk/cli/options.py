"""The options that commands share; what they mean is decided in :mod:`defirisk.api`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from defirisk.cli.app import set_verbose

F = TypeVar("F", bound=Callable[..., Any])
FORMATS: Final = ("table", "json", "csv", "markdown")
LIQUIDATORS: Final = ("largest", "best-bonus", "worst-case")


def _apply(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def source_options(command: F) -> F:
    """Where the chain is read from."""
    return _apply(
        click.option(
            "--rpc",
            multiple=True,
            metavar="URL",
            help="JSON-RPC endpoint; several share a long reading, one that fails is left out. Default: "
            "DEFIRISK_RPC_<CHAIN>, ETH_RPC_URL, then public endpoints. Only its host is ever shown or stored.",
        ),
        click.option(
            "--chain",
            "chains",
            multiple=True,
            metavar="NAME",
            help="Chain, repeatable, or `all`. Default: ethereum. With --rpc or --fixture it only asserts.",
        ),
        click.option("--block", type=click.IntRange(min=0), metavar="N", help="Read at this block. Default: latest."),
        click.option("--fixture", metavar="FILE", help="Read from a recording: no network."),
        click.option("--strict", is_flag=True, help="Take any fallback while reading for an error (exit code 3)."),
    )(command)


def market_option(command: F) -> F:
    """Which markets."""
    return click.option(
        "--market",
        "markets",
        multiple=True,
        metavar="NAME",
        help="Market, repeatable: a name that `defirisk markets` lists, or PROTOCOL@0xENTRY. "
        "Default: all known on the chain, or all of the recording.",
    )(command)


def scenario_options(command: F) -> F:
    """What happens to prices, who liquidates, what moves together."""
    return _apply(
        click.option("--drop", metavar="10,20,30", help="Falls of every volatile family, in percent."),
        click.option(
            "--shock",
            "shocks",
            multiple=True,
            metavar="WETH=-40%",
            help="A move of one asset or family:NAME; repeated, together one scenario.",
        ),
        click.option(
            "--scenario",
            "scenarios",
            multiple=True,
            metavar="NAME|FILE",
            help="A preset by name, or the scenarios of a TOML file. Default: falls of 10 to 50 %.",
        ),
        click.option(
            "--liquidator",
            type=click.Choice(LIQUIDATORS),
            default="largest",
            show_default=True,
            help="The order of liquidations.",
        ),
        click.option(
            "--family",
            "families",
            multiple=True,
            metavar="SYMBOL=FAMILY",
            help="Take an asset to be in a family, e.g. stETH=ETH, or in its own: FOO=own.",
        ),
        click.option("--no-thresholds", is_flag=True, help="Do not search for the prices that liquidate."),
    )(command)


def output_options(command: F) -> F:
    """How and where the result is written."""
    return _apply(
        click.option("--format", "format_", type=click.Choice(FORMATS), default="table", show_default=True),
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write the result to FILE, whole or not at all, instead of stdout.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="No progress and no notes on stderr; errors are still said."),
        verbose_option,
    )(command)


def verbose_option(command: F) -> F:
    """Tracebacks on request."""
    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=set_verbose,
        help="Show a traceback where something fails.",
    )(command)
