"""``defirisk record``."""

from __future__ import annotations

from pathlib import Path

import click

from defirisk.cli.options import market_option, source_options, verbose_option


@click.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="Where to write the recording; gzipped if the name ends in .gz.",
)
@source_options
@market_option
@click.option("-q", "--quiet", is_flag=True, help="No progress and no notes on stderr; errors are still said.")
@verbose_option
def command(addresses: tuple[str, ...], output: Path, quiet: bool, **asked: object) -> int:
    """Record what `check` reads, for offline replay.

    Replay it with `check --fixture FILE`. The same chain state gives the same bytes. No endpoint and no key is stored.

    \b
    Example:
      defirisk record 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed -o wallet.json.gz
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.flow import record_to  # noqa: PLC0415 - nothing heavy for --help

    return record_to(output, addresses, asked, quiet=quiet)
