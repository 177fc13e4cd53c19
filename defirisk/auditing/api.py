"""The public API of audits; :mod:`defirisk` offers it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from defirisk.api import Scenarios, scenarios_of
from defirisk.auditing.ask import Ask
from defirisk.calling import Texts, blocking, texts, where
from defirisk.judging import Terms
from defirisk.whatif.asking import NOTHING, WhatIf

if TYPE_CHECKING:
    from defirisk.auditing.result import AuditResult
    from defirisk.run import ProgressHook
    from defirisk.sources import Recording


async def audit_async(
    wallets: str | Path | Iterable[str],
    output: str | Path | None = None,
    outcomes: str | Path | None = None,
    *,
    rpc: Texts = (),
    chain: str | None = None,
    block: int | None = None,
    fixture: Recording | None = None,
    markets: Texts = (),
    scenarios: Scenarios | None = None,
    liquidator: str = "largest",
    families: Mapping[str, str] | None = None,
    thresholds: bool = True,
    what_if: WhatIf | None = None,
    strict: bool = False,
    top: int = 0,
    top_output: str | Path | None = None,
    resume: bool = False,
    engine: str = "auto",
    chunk: int = 2000,
    workers: int = 0,
    progress: ProgressHook | None = None,
) -> AuditResult:
    """Audit many wallets at one block: two tables and a summary; an interrupted run goes on with ``resume``.

    Args:
        wallets: the list's path (CSV, JSON lines, Parquet, one address a line), or the addresses themselves.
        output: table of positions, one row a (wallet, market), by its ending Parquet, CSV or JSON lines.
        outcomes: table of outcomes, one row a (position, scenario).
        rpc: as in :func:`check`; so are the other arguments that it has too.
        chain: a chain's name.
        block: the block's number.
        fixture: a recording.
        markets: the markets.
        scenarios: the scenarios.
        liquidator: the order of liquidations.
        families: asset to family.
        thresholds: whether to look for the nearest liquidation.
        what_if: parameters that are set first; acts and aims are of one owner, and refused.
        strict: take a malformed or doubled wallet, and any fallback while reading, for an error.
        top: how many of the worst positions (of each unit of account) are replayed in full.
        top_output: where to; default: ``output`` with ``.top.json`` behind it.
        resume: go on with an interrupted run of the same output, list and options, at its block.
        engine: ``auto``, ``exact`` or ``fast``.
        chunk: wallets that are read, judged and saved at a time.
        workers: processes that judge beside the one that reads; 0: none. They import the caller's script anew, which
            therefore must call this under ``if __name__ == "__main__"``.
        progress: called with what is being done, how much is done, how much there is.

    Returns:
        The summary; what could not be read is counted and named in it, and is ``failed`` in the table.

    Raises:
        InputError: what was asked for makes no sense: the list, an option, another run's state.
        ReadError: the chain could not be read at all, or the pinned block is gone.
    """
    from defirisk.auditing.pipeline import run  # noqa: PLC0415 - only to audit

    with listed(wallets) as source:
        ask = Ask(
            source=source,
            where=where(rpc, chain, block, fixture, markets),
            terms=Terms(scenarios_of(scenarios), dict(families or {}), liquidator, thresholds, what_if or NOTHING),
            output=_path(output),
            outcomes=_path(outcomes),
            top=top,
            top_output=_path(top_output),
            resume=resume,
            strict=strict,
            engine=engine,
            chunk=chunk,
            workers=workers,
        )
        return await run(ask, progress=progress)


audit = blocking(audit_async)


@contextmanager
def listed(wallets: str | Path | Iterable[str]) -> Iterator[str]:
    """A list as a file: the one that was named, or one made of the addresses, whatever is in them."""
    if isinstance(wallets, str | Path):
        yield str(wallets)
        return
    with TemporaryDirectory(prefix="defirisk-list-") as folder:
        path = Path(folder, "wallets.jsonl")
        path.write_text("".join(f"{json.dumps(text)}\n" for text in texts(wallets)), encoding="ascii")
        yield str(path)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
