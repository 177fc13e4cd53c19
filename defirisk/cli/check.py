"""``defirisk check``."""

from __future__ import annotations

from pathlib import Path

import click

from defirisk.cli.gate_options import policy_options
from defirisk.cli.options import market_option, output_options, scenario_options, source_options
from defirisk.cli.what_if import Ordered, what_if_options


@click.command(cls=Ordered)
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@source_options(several=True)
@market_option
@scenario_options
@what_if_options
@policy_options
@output_options
def command(addresses: tuple[str, ...], format_: str, output: Path | None, quiet: bool, **asked: object) -> int:
    """Check wallets: health factor, thresholds, scenarios, who loses what.

    ADDRESS is 0x and 40 hex digits, or an ENS name. Without one: the wallets of the policy file, if one is found; else
    those of the recording that --fixture names.

    \b
    Example: what do falls of 20 and 40 % do to a wallet on Ethereum?
      defirisk check 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --drop 20,40

    \b
    A gate in CI: the wallets and rules of defirisk.toml.
      defirisk check --report junit=defirisk.xml

    Exit codes: 0 done; 1 a policy was breached; 2 wrong usage or input; 3 the chain or recording could not be read in
    full.
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.flow import check_and_deliver  # noqa: PLC0415 - nothing heavy for --help

    return check_and_deliver(addresses, asked, format_=format_, output=output, quiet=quiet)
