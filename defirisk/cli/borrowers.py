"""``defirisk borrowers``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from defirisk.cli.options import verbose_option


@click.command()
@click.option(
    "--market",
    required=True,
    metavar="NAME",
    help="Market: a name that `defirisk markets` lists, or PROTOCOL@0xENTRY.",
)
@click.option(
    "--from-block",
    "first",
    type=click.IntRange(min=0),
    required=True,
    metavar="N",
    help="First block: the market's own first one finds everybody.",
)
@click.option(
    "--to-block", "last", type=click.IntRange(min=0), metavar="N", help="Last block. Default: the latest, pinned."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="CSV, or what the name ends in: .jsonl, .parquet; `-` or none: CSV on stdout, which cannot be resumed.",
)
@click.option("--resume", is_flag=True, help="Go on with an unfinished run, kept in FILE.resume/.")
@click.option(
    "--rpc",
    multiple=True,
    metavar="URL",
    help="JSON-RPC endpoint; several share the work, one that fails is left out. Default: "
    "DEFIRISK_RPC_<CHAIN>, ETH_RPC_URL, then public endpoints. Only its host is ever shown or stored.",
)
@click.option("--chain", metavar="NAME", help="Chain. Default: ethereum. With --rpc it only asserts.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no notes on stderr; errors are still said.")
@verbose_option
def command(output: Path | None, resume: bool, quiet: bool, **asked: Any) -> int:
    """Find the wallets that ever borrowed in a market, from its events.

    The list is `audit`'s FILE: each wallet once, in the order of its first appearance, with `first_block` and `kind`.
    A `borrower` has borrowed, also through another, and may have repaid since. Compound V3 has no event for it:
    everybody who withdrew its base asset or got collateral is listed as a `candidate`.

    \b
    Example:
      defirisk borrowers --market aave-v3-base --chain base \\
        --from-block 2357134 -o wallets.csv
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.borrowers_flow import borrowers_to  # noqa: PLC0415 - nothing heavy for --help

    return borrowers_to(output, asked, resume=resume, quiet=quiet)
