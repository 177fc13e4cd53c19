"""``defirisk markets``."""

from __future__ import annotations

from pathlib import Path

import click

from defirisk.cli.options import output_options


@click.command()
@click.option("--chain", "chains", multiple=True, metavar="NAME", help="Only this chain, repeatable. Default: all.")
@output_options
def command(chains: tuple[str, ...], format_: str, output: Path | None, quiet: bool) -> int:  # noqa: ARG001 - nothing is noted
    """List the known deployments and their rules.

    \b
    Example:
      defirisk markets --chain base --format json
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.flow import list_markets  # noqa: PLC0415 - nothing heavy for --help

    return list_markets(chains, format_=format_, output=output)
