"""``defirisk snapshot``."""

from __future__ import annotations

from pathlib import Path

import click

from defirisk.cli.options import in_output, in_reading, market_option, message_options, source_options
from defirisk.cli.sections import Command


@click.command(cls=Command)
@click.argument("wallets", nargs=-1, required=True, metavar="FILE|ADDRESS...")
@in_output(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="Where to write the snapshot, a .parquet file.",
)
@source_options()
@market_option
@in_reading(
    "--chunk",
    type=click.IntRange(1, 100_000),
    default=2000,
    show_default=True,
    metavar="N",
    help="Wallets that are read at a time.",
)
@in_output("--resume", is_flag=True, help="Go on with an interrupted run of the same output, kept in OUTPUT.resume.")
@message_options
def command(wallets: tuple[str, ...], output: Path, quiet: bool, **asked: object) -> int:
    """Write the positions of many wallets to a file, to be replayed anywhere.

    FILE is a list of wallets as `audit` takes it. `audit` takes the snapshot in place of a list: no chain is asked
    then, and with `--engine dask` its parts are replayed on a cluster, with the same result.

    \b
    Example:
      defirisk snapshot wallets.csv --market aave-v3-ethereum -o positions.parquet

    Exit codes: 0 done; 2 wrong usage or input; 3 a wallet could not be read (it is `failed` in the file).
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.snapshot_flow import snapshot_to  # noqa: PLC0415 - nothing heavy for --help

    return snapshot_to(output, wallets, asked, quiet=quiet)
