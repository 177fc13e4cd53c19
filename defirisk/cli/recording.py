"""``defirisk record``: addresses, a policy file's wallets, or those of an earlier recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from defirisk.chain.recording import write_fixture
from defirisk.cli.flow import Asked, where_of
from defirisk.cli.output import check_writable, print_out, say
from defirisk.cli.progress import progress
from defirisk.cli.stopping import STOP, nothing_kept
from defirisk.errors import InputError, UnwritableOutput
from defirisk.report.figures import counted
from defirisk.report.sanitize import clean
from defirisk.rerecording import record
from defirisk.sources import Where


def record_to(output: Path, addresses: Sequence[str], asked: Asked, *, quiet: bool) -> int:
    """Record these wallets."""
    return _record(output, addresses, where_of(asked), strict=asked["strict"], quiet=quiet)


def record_policy(path: Path | None, output: Path | None, asked: Asked, *, quiet: bool) -> int:
    """Record the wallets of a policy file: the one named or found, into the recording that it names unless told.

    Raises:
        InputError: there is no policy file, or nothing says where to write.
        BadPolicy: it is not sound.
    """
    from defirisk.policy.gate import where_of as policy_where  # noqa: PLC0415 - only with a policy
    from defirisk.policy.load import find_policy, for_wallets, load_policy  # noqa: PLC0415 - only with a policy

    found = path or find_policy(Path.cwd())
    if found is None:
        raise InputError("no wallet was given", hint="ADDRESS..., --refresh FILE, or a policy file that names wallets")
    policy = for_wallets(load_policy(found), ())
    target = output or (Path(policy.source.fixture) if policy.source.fixture else None)
    if target is None:
        raise InputError("where to write the recording was not given", hint="--output FILE, or fixture in the policy")
    if not quiet:
        say(f"policy: {clean(policy.file)}")
    wallets = [wallet.address for wallet in policy.wallets]
    live = replace(policy, source=replace(policy.source, fixture=None))  # never from what is to be made
    return _record(target, wallets, policy_where(live, where_of(asked)), strict=asked["strict"], quiet=quiet)


def refresh_to(old: Path, output: Path, asked: Asked, *, format_: str, quiet: bool) -> int:
    """Record the wallets and markets of a recording again, and print what changed."""
    from defirisk.refreshing import read_again  # noqa: PLC0415 - only to refresh
    from defirisk.report.json import dumps  # noqa: PLC0415 - only to refresh
    from defirisk.report.table import piped_width  # noqa: PLC0415 - only to refresh

    check_writable(output)
    with progress(quiet=quiet) as hook:
        if hook:
            hook("recording", 0, 0)
        again = STOP.run(read_again(old, where_of(asked), strict=asked["strict"]), nothing_kept)
    found = again.written(output)
    try:
        print_out(dumps(found.to_dict()) if format_ == "json" else found.to_text(piped_width()))
    except UnwritableOutput as problem:
        hint = f"the new recording is written all the same, to {output}: only what changed could not be told"
        raise UnwritableOutput(problem.message, hint=hint) from problem
    return 0


def _record(output: Path, addresses: Sequence[str], where: Where, *, strict: bool, quiet: bool) -> int:
    check_writable(output)
    with progress(quiet=quiet) as hook:
        if hook:
            hook("recording", 0, 0)
        fixture = STOP.run(record(addresses, where, strict=strict), nothing_kept)
    write_fixture(output, fixture)
    if not quiet:
        wallets, markets = counted(len(fixture.wallets), "wallet"), counted(len(fixture.markets), "market")
        say(f"recorded {wallets} in {markets} at block {fixture.block.number} to {output}")
    return 0
