"""``defirisk record``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from defirisk.cli.options import file_named, market_option, message_options, source_options
from defirisk.cli.sections import Command, Option

_in_recording = partial(click.option, cls=Option, section="What to record")


@click.command(cls=Command)
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@_in_recording(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    callback=file_named,
    metavar="FILE",
    help="Where to write the recording; gzipped if the name ends in .gz. With --refresh: the same file.",
)
@_in_recording(
    "--refresh",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Record the wallets and markets of this recording again, and print what changed.",
)
@_in_recording(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Record the wallets and markets of this policy file. Default without ADDRESS: the one that `check` finds.",
)
@_in_recording(
    "--format",
    "format_",
    type=click.Choice(("table", "json")),
    help="With --refresh: how what changed is printed. Default: table.",
)
@source_options()
@market_option
@message_options
def command(
    addresses: tuple[str, ...],
    output: Path | None,
    refresh: Path | None,
    policy: Path | None,
    *,
    format_: str | None,
    quiet: bool,
    **asked: object,
) -> int:
    """Record what `check` reads, for offline replay.

    Replay it with `check --fixture FILE`. The same chain state gives the same bytes. No endpoint and no key is stored.
    Without ADDRESS: the wallets and markets of the policy file, into the recording that it names.

    \b
    Examples:
      defirisk record 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed -o wallet.json.gz
      defirisk record --refresh wallet.json.gz

    Exit codes: 0 done; 2 wrong usage or input; 3 the chain could not be read in full: nothing is written.
    """  # noqa: D301 - click reads the backspace
    from defirisk.cli.recording import record_policy, record_to, refresh_to  # noqa: PLC0415 - nothing heavy for --help

    if refresh is not None:
        if addresses or policy or asked["markets"]:
            raise click.UsageError("--refresh records the wallets and markets of its recording: name no others.")
        return refresh_to(refresh, output or refresh, asked, format_=format_ or "table", quiet=quiet)
    if format_ is not None:
        raise click.UsageError("--format is of --refresh: what it changed is what there is to print.")
    if not addresses:
        return record_policy(policy, output, asked, quiet=quiet)
    if policy is not None:
        raise click.UsageError("Give either ADDRESS... or --policy FILE.")
    if output is None:
        raise click.UsageError("Where to write the recording was not given: --output FILE.")
    return record_to(output, addresses, asked, quiet=quiet)
