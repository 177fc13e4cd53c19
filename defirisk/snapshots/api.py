"""The public API of snapshots; :mod:`defirisk` offers it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from defirisk.auditing.api import listed
from defirisk.calling import Texts, blocking, where

if TYPE_CHECKING:
    from defirisk.run import ProgressHook
    from defirisk.snapshots.taking import SnapshotResult
    from defirisk.sources import Recording


async def snapshot_async(
    wallets: str | Path | Iterable[str],
    output: str | Path,
    *,
    rpc: Texts = (),
    chain: str | None = None,
    block: int | None = None,
    fixture: Recording | None = None,
    markets: Texts = (),
    strict: bool = False,
    resume: bool = False,
    chunk: int = 2000,
    progress: ProgressHook | None = None,
) -> SnapshotResult:
    """Write the positions of many wallets at one block to a file that :func:`audit` takes in place of a list.

    Args:
        wallets: the list's path (CSV, JSON lines, Parquet, one address a line), or the addresses themselves.
        output: where to, a ``.parquet`` file.
        rpc: as in :func:`check`; so are the other arguments that it has too.
        chain: a chain's name.
        block: the block's number.
        fixture: a recording.
        markets: the markets.
        strict: take a malformed or doubled wallet, and any fallback while reading, for an error.
        resume: go on with an interrupted run of the same output, list and options, at its block.
        chunk: wallets that are read and saved at a time.
        progress: called with what is being done, how much is done, how much there is.

    Returns:
        What the file holds, and which wallets could not be read: they are ``failed`` in it.

    Raises:
        InputError: what was asked for makes no sense: the list, the name of the file, another run's state.
        ReadError: the chain could not be read at all, or no more, or the pinned block is gone.
    """
    from defirisk.snapshots.taking import asked, take  # noqa: PLC0415 - only to take one

    with listed(wallets) as source:
        place = where(rpc, chain, block, fixture, markets)
        path = Path(output)
        ask = asked(source, place, path, strict=strict, chunk=chunk, resume=resume)
        return await take(ask, path, progress=progress)


snapshot = blocking(snapshot_async)
