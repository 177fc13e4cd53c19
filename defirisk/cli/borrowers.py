"""``defirisk borrowers``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from defirisk.cli.options import in_output, in_reading, message_options, rpc_option
from defirisk.cli.sections import Command


@click.command(cls=Command)
@in_reading(
    "--market", required=True, metavar="NAME", help="Market: a name from `defirisk markets`, or PROTOCOL@0xENTRY."
)
@in_reading(
    "--from-block",
    "first",
    type=click.IntRange(min=0),
    required=True,
    metavar="N",
    help="First block to search. From the market's own first block on, nobody is missed.",
)
@in_reading(
    "--to-block",
    "last",
    type=click.IntRange(min=0),
    metavar="N",
    help="Last block to search. Default: the latest, pinned.",
)
@rpc_option
@in_reading("--chain", metavar="NAME", help="Chain. Default: ethereum. With --rpc: refuse any other chain.")
@in_output(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Where to write the list: .csv, .jsonl or .parquet. Without it, or with -: CSV on stdout, which cannot be "
    "resumed.",
)
@in_output("--resume", is_flag=True, help="Go on with an unfinished run, kept in FILE.resume/.")
@message_options
def command(output: Path | None, resume: bool, quiet: bool, **asked: Any) -> int:
    """Find the wallets that ever borrowed in a market, from its events.

    The list is `audit`'s FILE: each wallet once, in the order of its first appearance, with `first_block` and `kind`.
    A `borrower` has borrowed, also through another, and may have repaid since. Compound V3 has no event for it:
    everybody who withdrew its base asset or got collateral is listed as a `candidate`.

    \b
    Example:
      defirisk borrowers --market aave-v3-base --chain base \\
        --from-block 2357134 -o wallets.csv

    Exit codes: 0 done; 2 wrong usage or input; 3 the events could not be read in full: nothing is written.
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.borrowers_flow import borrowers_to  # noqa: PLC0415 - nothing heavy for --help

    return borrowers_to(output, asked, resume=resume, quiet=quiet)
