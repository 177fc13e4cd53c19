"""The refresh of the public API: ``defirisk.refresh`` and its async twin, and what they give back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defirisk.calling import Texts, blocking
from defirisk.calling import where as where_of
from defirisk.comparing import Change
from defirisk.sources import Where

if TYPE_CHECKING:
    from defirisk.chain.calls import Block
    from defirisk.chain.recording import Fixture, ReplayChain


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """What a refreshed recording changed.

    ``recording`` is the old file's name, ``path`` where the new one was written, ``before`` and ``after`` are the
    blocks, ``changes`` every position, then what else became different.
    """

    recording: str
    path: Path
    chain_id: int
    before: Block
    after: Block
    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of ``defirisk record --refresh --format json``: ``defirisk/refresh/1``, exact."""
        from defirisk.report.refreshed_json import document  # noqa: PLC0415 - only when it is asked for

        return document(self.recording, self.chain_id, self.before, self.after, self.changes)

    def to_text(self, width: int = 80) -> str:
        """What the command line prints, at a width."""
        from defirisk.report.refreshed import text  # noqa: PLC0415 - only when it is asked for

        return text(self.recording, self.before, self.after, self.changes, width=width)

    def __str__(self) -> str:
        """What the command line prints."""
        return self.to_text()

    def __repr__(self) -> str:
        """One line, not everything that changed."""
        return f"<RefreshResult {self.recording}, block {self.before.number} to {self.after.number}>"


@dataclass(frozen=True, slots=True)
class Again:
    """A recording and the one that is to take its place, not written yet: until then a run can be stopped."""

    before: ReplayChain
    fixture: Fixture
    changes: tuple[Change, ...]

    def written(self, path: Path) -> RefreshResult:
        """Write it, whole or not at all.

        Raises:
            UnwritableOutput: it cannot be written.
        """
        from defirisk.chain.recording import write_fixture  # noqa: PLC0415 - only to record

        write_fixture(path, self.fixture)
        old = self.before
        return RefreshResult(old.source, path, old.chain_id, old.block, self.fixture.block, self.changes)


async def refresh_async(
    recording: str | Path,
    output: str | Path | None = None,
    *,
    rpc: Texts = (),
    chain: str | None = None,
    block: int | None = None,
    strict: bool = False,
) -> RefreshResult:
    """Record the wallets and markets of a recording again at a newer block, and tell what changed.

    Args:
        recording: the recording.
        output: where the new one goes; ``None``: into the same file. Written whole or not at all.
        rpc: as in :func:`record`.
        chain: a chain's name, which is only asserted: it is the recording's.
        block: the block's number; ``None`` for the latest.
        strict: take any fallback while reading for an error.

    Raises:
        InputError: the recording names no wallets or is of another chain, or the file cannot be written.
        ReadError: not everything could be read again, or the endpoint is behind; nothing is written then.
    """
    old = Path(recording)
    where = where_of(rpc, chain, block, None, ())
    return (await read_again(old, where, strict=strict)).written(old if output is None else Path(output))


refresh = blocking(refresh_async)


async def read_again(old: Path, where: Where, *, strict: bool) -> Again:
    """Read what a recording holds again. Errors: see :func:`refresh`."""
    from defirisk.chain.recording import load_fixture  # noqa: PLC0415 - only to record
    from defirisk.rerecording import refresh as record_again  # noqa: PLC0415 - only to record

    before = load_fixture(old)
    fixture, changes = await record_again(before, where, strict=strict)
    return Again(before, fixture, tuple(changes))
