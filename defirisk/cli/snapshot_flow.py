"""From the options of ``defirisk snapshot`` to the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from defirisk.chain.addresses import parse_address
from defirisk.chain.ens import looks_like_name
from defirisk.cli.flow import Asked, where_of
from defirisk.cli.output import check_writable, say
from defirisk.cli.progress import progress
from defirisk.cli.stopping import STOP, kept_in
from defirisk.report.figures import counted
from defirisk.report.sanitize import clean

LISTED: Final = 20
INCOMPLETE: Final = 3


def snapshot_to(output: Path, wallets: tuple[str, ...], asked: Asked, *, quiet: bool) -> int:
    """Take it, and say what it holds."""
    from defirisk.auditing.state import MANIFEST, folder_beside  # noqa: PLC0415 - after the options are known to be sound
    from defirisk.snapshots import taking  # noqa: PLC0415 - as above

    how = {name: asked[name] for name in ("strict", "chunk", "resume")}
    with _listed(wallets) as source, progress(quiet=quiet, rate=True) as hook:
        ask = taking.asked(source, where_of(asked), output, **how)
        check_writable(output)
        taken = STOP.run(taking.take(ask, output, progress=hook, say=say), kept_in(folder_beside(output), MANIFEST))
    for address, market, message in taken.failures[:LISTED]:
        say(f"error: {clean(f'{address} in {market}: {message}')}")
    if len(taken.failures) > LISTED:
        say(f"... and {len(taken.failures) - LISTED:,} more")
    if not quiet:
        held, who = counted(taken.positions, "position"), counted(taken.wallets, "wallet")
        say(f"{held} of {who} at block {taken.block} in {output}")
    return INCOMPLETE if taken.failures else 0


@contextmanager
def _listed(wallets: tuple[str, ...]) -> Iterator[str]:
    """A list: the file that was named, or one made of the addresses and names."""
    if len(wallets) == 1 and (wallets[0] == "-" or Path(wallets[0]).exists()):
        yield wallets[0]
        return
    addresses = [text if looks_like_name(text) else parse_address(text) for text in wallets]
    with TemporaryDirectory(prefix="defirisk-list-") as folder:
        path = Path(folder, "wallets.jsonl")
        path.write_text("".join(f"{json.dumps(text)}\n" for text in addresses), encoding="ascii")
        yield str(path)
