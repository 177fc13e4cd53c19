"""The root command: finds the subcommands without importing them, and turns every error into one clear line."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Never, TypeVar

import click

from defirisk.cli.output import forget_stdout, say, say_error
from defirisk.cli.stopping import STOP
from defirisk.errors import DefiriskError

F = TypeVar("F", bound=Callable[..., Any])
COMMANDS: Final = {
    "check": "Check wallets: health factor, thresholds, scenarios, who loses what.",
    "demo": "Check the recording that ships with the package: no network, no key.",
    "record": "Record what `check` reads, for offline replay.",
    "markets": "List the known deployments and their rules.",
    "borrowers": "Find the wallets that ever borrowed in a market, from its events.",
    "audit": "Audit a list of wallets at one block: two tables and a summary.",
    "snapshot": "Write the positions of many wallets to a file, to be replayed anywhere.",
}
USAGE: Final = 2
INCOMPLETE: Final = 3


@dataclass
class Session:
    """What one run of the command line shares: whether tracebacks are wanted."""

    verbose: bool = False


class Root(click.Group):
    """A group whose commands are imported when they run; their one-line helps are known without them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"defirisk.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a mistyped one is answered with what is near."""
        if args[0] in COMMANDS or args[0].startswith("-"):
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches  # noqa: PLC0415 - only to help

        near = get_close_matches(args[0], COMMANDS, n=1)
        raise click.UsageError(f"No such command {args[0]!a}." + (f" Did you mean {near[0]}?" if near else ""), ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(  # type: ignore[override]  # click overloads it by the mode, and we have one
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Never:
        """Run, and exit with the code that says what came of it."""
        extra.pop("standalone_mode", None)
        session = Session()
        run = partial(super().main, args, prog_name, standalone_mode=False, obj=session)
        with STOP.also_by_term():
            code = _guarded(session, run)
        sys.exit(code)


def _guarded(session: Session, run: Any) -> int:
    """Run a command; every failure becomes a message on stderr and an exit code."""
    try:
        code = run()
    except (KeyboardInterrupt, click.Abort) as stopped:
        say(": ".join(("interrupted", *map(str, stopped.args))))
        return STOP.exit_code
    except click.ClickException as problem:
        problem.show()
        return USAGE
    except BrokenPipeError:
        forget_stdout()
        return 0
    except DefiriskError as problem:
        return report_error(problem, verbose=session.verbose)
    except Exception as problem:  # noqa: BLE001 - the last line of defence: no traceback reaches a user unasked
        return _unexpected(problem, verbose=session.verbose)
    return code if isinstance(code, int) else 0


def report_error(problem: DefiriskError, *, verbose: bool) -> int:
    """``error[code]: message`` and the hint on stderr; the exit code of its kind."""
    if verbose:
        traceback.print_exception(problem)
    say_error(problem.code, problem.message, problem.hint)
    return problem.exit_code


def _unexpected(problem: Exception, *, verbose: bool) -> int:
    from defirisk.report.sanitize import clean  # noqa: PLC0415 - only when there is something to say

    if verbose:
        traceback.print_exception(problem)
    say(f"error[unexpected]: {type(problem).__name__}: {clean(str(problem))}")
    say("hint: this is a defect of defirisk; run again with -v for the traceback and report it")
    return INCOMPLETE


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - 0.02 s

        click.echo(f"defirisk {version('defirisk')}")
        ctx.exit()


def _set_verbose(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().obj.verbose = True


def verbose_option(command: F) -> F:
    """Tracebacks on request, wherever on the line ``-v`` stands."""
    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_verbose,
        help="Show the traceback of an error.",
    )(command)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@verbose_option
def app() -> None:
    """How close is a wallet to liquidation on Aave or Compound, and who loses what?

    \b
    Example, no network and no key needed:
      defirisk demo

    \b
    A wallet on Ethereum, over the public endpoints:
      defirisk check 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed

    \b
    Many wallets, and a gate in CI:
      defirisk audit wallets.csv -o positions.parquet
      defirisk check --policy defirisk.toml

    \b
    Exit codes:
      0    done
      1    a policy was breached
      2    wrong usage or input
      3    the chain or recording could not be read in full
      130  interrupted (143: by SIGTERM); the last line says what is kept
    """  # noqa: D301 - click reads the backspace
