"""``defirisk demo``."""

from __future__ import annotations

from pathlib import Path

import click

from defirisk.cli.options import market_option, output_options, scenario_options


@click.command()
@market_option
@scenario_options
@output_options
def command(format_: str, output: Path | None, quiet: bool, **asked: object) -> int:
    """Check the recording that ships with the package: no network, no key.

    \b
    Example: the same wallets, were WETH alone to fall by 25 %.
      defirisk demo --shock WETH=-25%
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.flow import demo_and_deliver  # noqa: PLC0415 - nothing heavy for --help

    return demo_and_deliver(asked, format_=format_, output=output, quiet=quiet)
