"""The options that commands share; what they mean is decided in :mod:`defirisk.api`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from defirisk.cli.app import verbose_option
from defirisk.cli.sections import Option

F = TypeVar("F", bound=Callable[..., Any])
FORMATS: Final = ("table", "json", "csv", "markdown")
LIQUIDATORS: Final = ("largest", "best-bonus", "worst-case")

in_reading = partial(click.option, cls=Option, section="What to read")
in_prices = partial(click.option, cls=Option, section="Prices and liquidations")
in_output = partial(click.option, cls=Option, section="Output")


def all_of(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Options in the order in which the help lists them."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def source_options(*, several: bool = False) -> Callable[[F], F]:
    """Where the chain is read from; ``several`` for a command that reads more than one chain."""
    chain = "Chain, repeatable, or `all`." if several else "Chain."
    return all_of(
        rpc_option,
        in_reading(
            "--chain",
            "chains",
            multiple=True,
            metavar="NAME",
            help=f"{chain} Default: ethereum. With --rpc or --fixture: refuse any other chain.",
        ),
        in_reading("--block", type=click.IntRange(min=0), metavar="N", help="Read at this block. Default: latest."),
        in_reading("--fixture", metavar="FILE", help="Read from a recording: no network."),
        in_reading("--strict", is_flag=True, help="Treat any fallback while reading as an error (exit code 3)."),
    )


def rpc_option(command: F) -> F:
    """Which endpoints."""
    return in_reading(
        "--rpc",
        multiple=True,
        metavar="URL",
        help="JSON-RPC endpoint, repeatable: several share a long reading, and one that fails is left out. Default: "
        "DEFIRISK_RPC_<CHAIN>, ETH_RPC_URL, then public endpoints. Only its host is ever shown or stored.",
    )(command)


def market_option(command: F) -> F:
    """Which markets."""
    return in_reading(
        "--market",
        "markets",
        multiple=True,
        metavar="NAME",
        help="Market, repeatable: a name from `defirisk markets`, or PROTOCOL@0xENTRY. "
        "Default: all known on the chain, or all of the recording.",
    )(command)


def scenario_options(command: F) -> F:
    """What happens to prices, who liquidates, what moves together."""
    return all_of(
        in_prices(
            "--drop",
            metavar="10,20,30",
            help="All volatile assets fall by these percentages, debts in them too; each is a scenario.",
        ),
        in_prices(
            "--shock",
            "shocks",
            multiple=True,
            metavar="WETH=-40%",
            help="One asset, or family:NAME, moves. Repeatable; all together are one scenario.",
        ),
        in_prices(
            "--scenario",
            "scenarios",
            multiple=True,
            metavar="NAME|FILE",
            help="A preset such as black-thursday-2020 (an unknown name lists them), or the scenarios of a TOML file. "
            "Repeatable. With none of these three: falls of 10 to 50 %.",
        ),
        in_prices(
            "--liquidator",
            type=click.Choice(LIQUIDATORS),
            default="largest",
            show_default=True,
            help="Which collateral and debt a liquidator takes next.",
        ),
        in_prices(
            "--family",
            "families",
            multiple=True,
            metavar="SYMBOL=FAMILY",
            help="Let an asset move with a family, e.g. stETH=ETH, or by itself: FOO=own. Repeatable.",
        ),
        in_prices(
            "--no-thresholds", is_flag=True, help="Do not search for the prices that liquidate or leave bad debt."
        ),
    )(command)


def file_named(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    """An output's path, unless it is ``-``: to some that means stdout, and a file of that name helps nobody."""
    if path is not None and str(path) == "-":
        raise click.BadParameter("- names no file; what can be printed is, where none is given.")
    return path


def output_options(command: F) -> F:
    """How and where the result is written."""
    return all_of(
        in_output(
            "--format",
            "format_",
            type=click.Choice(FORMATS),
            default="table",
            show_default=True,
            help="Format of the result.",
        ),
        in_output(
            "-o",
            "--output",
            type=click.Path(path_type=Path),
            callback=file_named,
            metavar="FILE",
            help="Write the result to FILE, whole or not at all, instead of stdout.",
        ),
        message_options,
    )(command)


def message_options(command: F) -> F:
    """What is said on stderr."""
    return all_of(
        click.option("-q", "--quiet", is_flag=True, help="No progress and no notes on stderr, only errors."),
        verbose_option,
    )(command)
