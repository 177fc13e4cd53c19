"""``defirisk audit``."""

from __future__ import annotations

from pathlib import Path

import click

from defirisk.cli.options import market_option, scenario_options, source_options, verbose_option

FORMATS = ("table", "json", "markdown")


def _show_columns(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from defirisk.auditing.columns import documentation  # noqa: PLC0415 - nothing more than is asked for

        click.echo(documentation(), nl=False)
        ctx.exit()


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of positions, one row a wallet and market: .parquet, .csv, .jsonl (or .csv.gz, .jsonl.gz).",
)
@click.option(
    "--outcomes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of outcomes, one row a position and scenario; the same endings.",
)
@click.option("--top", type=click.IntRange(0, 10_000), default=0, metavar="N", help="Replay the N worst in full.")
@click.option(
    "--top-output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to, as `check --format json` writes it. Default: the output's name with .top.json behind it.",
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted run of the same output.")
@source_options
@market_option
@scenario_options
@click.option(
    "--engine",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto, exact, or fast; of a snapshot also dask (on this machine) or dask=ADDRESS (a scheduler's).",
)
@click.option(
    "--chunk",
    type=click.IntRange(1, 100_000),
    default=2000,
    show_default=True,
    metavar="N",
    help="Wallets that are read, judged and saved at a time.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="Of the summary on stdout.",
)
@click.option(
    "--columns",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_columns,
    help="Say what every column of the tables means, and stop.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no notes on stderr; errors are still said.")
@verbose_option
def command(file: str, format_: str, quiet: bool, **asked: object) -> int:
    """Audit many wallets: two tables and a summary, complete, resumable.

    FILE is a list of wallets: CSV or Parquet with a column `address`, JSON lines, one address a line, or - for stdin;
    or a file that `snapshot` wrote, which needs no chain. Further columns are labels, carried through. All is read at
    one pinned block. What an interrupted run had done lies in OUTPUT.resume; --strict takes a malformed or doubled
    wallet for an error.

    \b
    Example: a whole list on Ethereum, and what falls of 20 and 40 % do to it.
      defirisk audit wallets.csv --market aave-v3-ethereum --drop 20,40 \\
        -o positions.parquet

    Exit codes: 0 done; 2 wrong usage or input; 3 a wallet could not be read, or the pinned block is gone.
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.auditing import audit_and_deliver  # noqa: PLC0415 - nothing heavy for --help

    return audit_and_deliver(file, asked, format_=format_, quiet=quiet)
