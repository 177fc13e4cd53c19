"""``defirisk demo``."""

from __future__ import annotations

from pathlib import Path

import click

from defirisk.cli.options import market_option, output_options, scenario_options
from defirisk.cli.what_if import Ordered, what_if_options


@click.command(cls=Ordered)
@market_option
@scenario_options
@what_if_options
@output_options
def command(format_: str, output: Path | None, quiet: bool, **asked: object) -> int:
    """Check the recording that ships with the package: no network, no key.

    \b
    Example: the same wallets, were WETH alone to fall by 25 %.
      defirisk demo --shock WETH=-25%

    \b
    How much would each wallet have to repay, or add, to survive a fall of 40 %?
      defirisk demo --survive -40%
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.flow import demo_and_deliver  # noqa: PLC0415 - nothing heavy for --help

    return demo_and_deliver(asked, format_=format_, output=output, quiet=quiet)
