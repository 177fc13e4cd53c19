"""``defirisk audit``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from defirisk.cli.options import market_option, message_options, scenario_options, source_options
from defirisk.cli.sections import Command, Option
from defirisk.cli.what_if import setting_options

FORMATS = ("table", "json", "markdown")
ONE_OWNER_S = ("--repay", "--deposit", "--withdraw", "--borrow", "--reach-health", "--survive", "--with")
A_POLICY_S = ("--policy", "--no-policy", "--baseline", "--tolerance", "--fail-on", "--today")
OF_CHECK = {
    **dict.fromkeys(ONE_OWNER_S, "it is of one owner; what a list can be asked is what if parameters were set, --set"),
    **dict.fromkeys(A_POLICY_S, "a policy names its own wallets, and gates `check`"),
    "--report": "-o and --outcomes write the tables, --format the summary",
    "--thresholds": "the nearest liquidation is looked for unless --no-thresholds is given",
}
"""Options of `check` that an audit has not, and why."""


class Audit(Command):
    """A command that says of an option of ``check`` why it has none like it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as problem:
            why = OF_CHECK.get(problem.option_name)
            if why is None:
                raise
            raise click.UsageError(f"`audit` has no {problem.option_name}: {why}.", ctx) from None


def _show_columns(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from defirisk.auditing.columns import documentation  # noqa: PLC0415 - nothing more than is asked for

        click.echo(documentation(), nl=False)
        ctx.exit()


_in_tables = partial(click.option, cls=Option, section="Tables and summary")
_in_work = partial(click.option, cls=Option, section="How the work is done")


@click.command(cls=Audit)
@click.argument("file", metavar="FILE")
@_in_tables(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of positions, one row a wallet and market: .parquet, .csv, .jsonl (or .csv.gz, .jsonl.gz).",
)
@_in_tables(
    "--outcomes",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table of outcomes, one row a position and scenario; the same endings.",
)
@_in_tables("--top", type=click.IntRange(0, 10_000), default=0, metavar="N", help="Replay the N worst in full.")
@_in_tables(
    "--top-output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write those, as `check --format json` does. Default: the output's name with .top.json behind it.",
)
@_in_tables(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="Format of the summary on stdout.",
)
@_in_tables(
    "--columns",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_columns,
    help="Print what every column of the tables means, and exit.",
)
@source_options()
@market_option
@scenario_options
@setting_options
@_in_work("--resume", is_flag=True, help="Go on with an interrupted run of the same output.")
@_in_work(
    "--engine",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto, exact, or fast; for a snapshot also dask (on this machine) or dask=ADDRESS (a scheduler's).",
)
@_in_work(
    "--chunk",
    type=click.IntRange(1, 100_000),
    default=2000,
    show_default=True,
    metavar="N",
    help="Wallets that are read, judged and saved at a time.",
)
@message_options
def command(file: str, format_: str, quiet: bool, **asked: object) -> int:
    """Audit a list of wallets at one block: two tables and a summary.

    FILE is CSV or Parquet with a column `address`, JSON lines, or one address a line; - for stdin. Further columns are
    labels, carried through. Names of ENS are resolved at the block; what stands for no wallet is listed and left out.
    Or it is a file that `snapshot` wrote, which needs no chain. What an interrupted run has
    done is kept in OUTPUT.resume, for --resume. --strict also refuses a malformed or doubled wallet.

    The options of `check` hold, but for those of one owner (--repay, --deposit, --withdraw, --borrow, --reach-health,
    --survive, --with) and of a policy; and there is one chain, since there is one block.

    \b
    Example: a whole list on Ethereum, and what falls of 20 and 40 % do to it.
      defirisk audit wallets.csv --market aave-v3-ethereum --drop 20,40 \\
        -o positions.parquet

    Exit codes: 0 done; 2 wrong usage or input; 3 a wallet could not be read, or the pinned block is gone.
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.auditing import audit_and_deliver  # noqa: PLC0415 - nothing heavy for --help

    return audit_and_deliver(file, asked, format_=format_, quiet=quiet)
