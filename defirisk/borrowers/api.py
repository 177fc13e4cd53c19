"""The public API of borrowers; :mod:`defirisk` offers it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from defirisk.borrowers.run import Asked, Borrowers, Row, find_borrowers_resumably
from defirisk.borrowers.run import find_borrowers as find
from defirisk.calling import Texts, blocking, where
from defirisk.errors import InputError

if TYPE_CHECKING:
    from defirisk.run import ProgressHook


@dataclass(frozen=True, slots=True)
class BorrowersResult:
    """Who ever borrowed in a market between two blocks: each wallet once, in the order of its first appearance."""

    chain_id: int
    market: str
    first_block: int
    last_block: int
    wallets: tuple[Row, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """The wallets alone, EIP-55: a list for :func:`defirisk.audit`."""
        return tuple(one.address for one in self.wallets)

    def __repr__(self) -> str:
        """One line, not all who were found."""
        blocks = f"blocks {self.first_block} to {self.last_block}"
        return f"<BorrowersResult {self.market}, {blocks}, {len(self.wallets)} wallet(s)>"


async def find_borrowers_async(
    market: str,
    first_block: int,
    last_block: int | None = None,
    output: str | Path | None = None,
    *,
    rpc: Texts = (),
    chain: str | None = None,
    resume: bool = False,
    progress: ProgressHook | None = None,
) -> BorrowersResult:
    """Find the wallets that ever borrowed in a market, from its own events.

    Args:
        market: a name as :func:`markets` lists it, or ``PROTOCOL@0xENTRY``.
        first_block: the market's own first one finds everybody.
        last_block: ``None`` for the latest, pinned.
        output: a file to write too: CSV, or what its name ends in, ``.jsonl`` or ``.parquet``.
        rpc: as in :func:`check`.
        chain: a chain's name.
        resume: go on with an unfinished run of the same output.
        progress: called with what is being done, how much is done, how much there is.

    Returns:
        Who was found. Compound V3 has no event for it: its wallets are of the kind ``candidate``, a superset.

    Raises:
        InputError: the market, the blocks or the source cannot be, or there is no run to go on with.
        ReadError: the chain cannot be read in full, or the block that the unfinished run was pinned to is gone.
    """
    if resume and output is None:
        raise InputError("a run without an output cannot be resumed", hint="name one")
    asked = Asked(where(rpc, chain, last_block, None, market), first_block)
    if output is None:
        return _result(await find(asked, progress))
    return _result(await find_to(asked, Path(output), resume=resume, progress=progress))


find_borrowers = blocking(find_borrowers_async)


async def find_to(asked: Asked, path: Path, *, resume: bool, progress: ProgressHook | None) -> Borrowers:
    """Find them into a file, resumably. Errors: see :func:`find_borrowers_async`."""
    from defirisk.auditing.state import folder_beside  # noqa: PLC0415 - only for a file
    from defirisk.borrowers.output import write  # noqa: PLC0415 - only for a file

    def keep(found: Borrowers) -> None:
        write(path, found.rows())

    return await find_borrowers_resumably(asked, folder_beside(path), keep, resume=resume, progress=progress)


def _result(found: Borrowers) -> BorrowersResult:
    plan = found.plan
    return BorrowersResult(plan.chain_id, plan.market, plan.first, plan.last.number, tuple(found.rows()))
