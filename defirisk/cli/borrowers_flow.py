"""From the options of ``defirisk borrowers`` to its result, on stdout or in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defirisk.cli.output import check_writable, print_out, say
from defirisk.cli.progress import progress
from defirisk.cli.stopping import STOP, kept_in
from defirisk.errors import InputError
from defirisk.report.figures import counted
from defirisk.sources import Where

if TYPE_CHECKING:
    from defirisk.borrowers.run import Asked, Borrowers


def borrowers_to(output: Path | None, asked: Mapping[str, Any], *, resume: bool, quiet: bool) -> int:
    """Run it, write it, and say on stderr how far it goes."""
    from defirisk.borrowers.run import Asked  # noqa: PLC0415 - after the options are known to be sound

    path = None if output is None or str(output) == "-" else output
    chains = () if asked["chain"] is None else (asked["chain"],)
    where = Where(rpc=tuple(asked["rpc"]), chains=chains, block=asked["last"], markets=(asked["market"],))
    wanted = Asked(where, asked["first"])
    if path is None and resume:
        raise InputError("what goes to stdout cannot be resumed", hint="name a file: -o wallets.csv")
    found = _to_stdout(wanted, quiet=quiet) if path is None else _to_file(path, wanted, resume=resume, quiet=quiet)
    if not quiet:
        _say_how_far(found.plan.market, len(found), found.plan.first, found.plan.last.number)
    return 0


def _to_stdout(wanted: Asked, *, quiet: bool) -> Borrowers:
    from defirisk.borrowers.journal import RUN  # noqa: PLC0415 - as above
    from defirisk.borrowers.output import text  # noqa: PLC0415 - as above
    from defirisk.borrowers.run import find_borrowers  # noqa: PLC0415 - as above

    with progress(quiet=quiet) as hook:
        found = STOP.run(find_borrowers(wanted, hook), kept_in(None, RUN))
    print_out(text(found.rows(), None))
    return found


def _to_file(path: Path, wanted: Asked, *, resume: bool, quiet: bool) -> Borrowers:
    from defirisk.auditing.state import folder_beside  # noqa: PLC0415 - as above
    from defirisk.borrowers.api import find_to  # noqa: PLC0415 - as above
    from defirisk.borrowers.journal import RUN  # noqa: PLC0415 - as above

    check_writable(path)
    with progress(quiet=quiet) as hook:
        return STOP.run(find_to(wanted, path, resume=resume, progress=hook), kept_in(folder_beside(path), RUN))


def _say_how_far(market: str, wallets: int, first: int, last: int) -> None:
    who = counted(wallets, "wallet")
    say(f"{who} in {market} from block {first} to {last}; later ones: --from-block {last + 1}")
