"""Recording what a run asks of a chain, and replaying it offline.

``Recorder`` wraps any chain and remembers; ``load_fixture`` gives a :class:`ReplayChain`, which answers from a file
and asks for nothing else.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import BinaryIO, Final, cast

from defirisk.chain.calls import Answer, Block, Call, Chain
from defirisk.chain.fixture import Fixture, FixtureMarket, decode_fixture, encoded
from defirisk.chain.fixture_stream import OtherLayout, read_stream
from defirisk.chain.store import AnswerStore
from defirisk.chain.symbols import quoted
from defirisk.chain.wrapping import Wrapping
from defirisk.errors import FixtureError, MissingCall
from defirisk.files import replaced, writing_to
from defirisk.model import Warning as Notice

__all__ = ["Fixture", "FixtureMarket", "Recorder", "ReplayChain", "load_fixture", "pack_fixture", "write_fixture"]

MAX_FILE_BYTES: Final = 2 << 30
MAX_DOCUMENT_BYTES: Final = 2 << 30
"""Three times 100,000 wallets; read line by line, they take as much disk and no memory."""
MAX_WHOLE_BYTES: Final = 128 << 20
"""In any other layout than our own a document is parsed whole, which takes about eight times its size in memory."""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_PIECES: Final = 1 << 16


class ReplayChain:
    """A recorded chain: answers what the recording holds, and nothing else."""

    def __init__(self, fixture: Fixture, source: str) -> None:
        self.fixture = fixture
        self.source = source
        self.warnings: list[Notice] = []
        if not fixture.sealed:
            self.warnings.append(
                Notice("unsealed-fixture", f"{source} carries no digest: nobody vouches for its contents")
            )

    @property
    def chain_id(self) -> int:
        """The recorded chain's id."""
        return self.fixture.chain_id

    @property
    def block(self) -> Block:
        """The block that was recorded."""
        return self.fixture.block

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer from the recording.

        Raises:
            MissingCall: the recording lacks one or more of them.

        """
        held = self.fixture.answers
        answers = [held.get(call) for call in calls]
        if None in answers:
            raise _missing([call for call in calls if call not in held], self.source)
        return cast("list[Answer]", answers)

    async def verify(self) -> None:
        """A recording is of one block for ever."""


class Recorder(Wrapping):
    """A chain that remembers every answer, and asks the wrapped one only for what it has not yet asked."""

    def __init__(self, chain: Chain) -> None:
        super().__init__(chain)
        self.answers = AnswerStore()

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer from what is known, ask the wrapped chain for the rest, and remember."""
        fresh = [call for call in dict.fromkeys(calls) if call not in self.answers]
        if fresh:
            self.answers.put(zip(fresh, await self._chain.calls(fresh), strict=True))
        return [self.answers[call] for call in calls]

    async def verify(self) -> None:
        """Check the wrapped chain."""
        await self._chain.verify()

    def fixture(self, *, markets: Iterable[FixtureMarket], wallets: Iterable[str], recorded_by: str) -> Fixture:
        """Return what was asked so far as a fixture; it looks into what this recorder holds."""
        return Fixture(self.chain_id, self.block, recorded_by, tuple(markets), tuple(wallets), self.answers)


# --- writing ------------------------------------------------------------------------------------------------------


def write_fixture(path: Path, fixture: Fixture) -> None:
    """Write ``fixture`` whole or not at all; gzipped if the name ends in ``.gz``.

    Raises:
        UnwritableOutput: the path cannot be written.

    """
    write = _write_packed if path.name.endswith(".gz") else _write_plain
    with writing_to(path), replaced(path) as file:
        write(file, encoded(fixture))


def pack_fixture(document: bytes) -> bytes:
    """Gzip without time and name: the same bytes for the same document."""
    packed = io.BytesIO()
    _write_packed(packed, [document])
    return packed.getvalue()


def _write_packed(file: BinaryIO, pieces: Iterable[bytes]) -> None:
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed:
        _write_plain(cast("BinaryIO", packed), pieces)


def _write_plain(file: BinaryIO, pieces: Iterable[bytes]) -> None:
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) > _PIECES:
            file.write(waiting)
            waiting.clear()
    file.write(waiting)


# --- reading ------------------------------------------------------------------------------------------------------


def load_fixture(source: str | Path | Traversable | bytes, name: str | None = None) -> ReplayChain:
    """Load a recording from a path, a packaged resource or bytes; ``name`` stands for it in results and messages.

    One that `defirisk record` wrote is read line by line; once it is large its calls lie in a temporary file.

    Raises:
        FixtureError: it cannot be read, is too large, or is not a sound recording.
        UnwritableOutput: it is large, and the temporary folder has no room for it.

    """
    if isinstance(source, bytes):
        shown = name or "the recording"
        return ReplayChain(_decoded(io.BytesIO(source), shown), shown)
    place = Path(source) if isinstance(source, str) else source
    shown = name or place.name
    try:
        with place.open("rb") as file:
            return ReplayChain(_decoded(_rewindable(cast("BinaryIO", file), shown), shown), shown)
    except OSError as problem:
        hint = "`defirisk record` makes a recording" if isinstance(problem, FileNotFoundError) else None
        raise FixtureError(f"{shown} cannot be read: {problem.strerror or problem}", hint=hint) from problem


def _rewindable(file: BinaryIO, name: str) -> BinaryIO:
    """The file if it can be read twice, else (a pipe) its content."""
    if not file.seekable():
        return io.BytesIO(_read_bounded(file, MAX_WHOLE_BYTES, name))
    if file.seek(0, os.SEEK_END) > MAX_FILE_BYTES:
        raise _too_large(name, MAX_FILE_BYTES)
    file.seek(0)
    return file


def _decoded(file: BinaryIO, name: str) -> Fixture:
    try:
        return read_stream(_unpacked(file), name, MAX_DOCUMENT_BYTES)
    except OtherLayout as problem:
        difference = str(problem)
    except _NO_GZIP as problem:
        raise _unsound_gzip(problem, name) from problem
    try:
        document = _read_bounded(_unpacked(file), min(MAX_WHOLE_BYTES, MAX_DOCUMENT_BYTES), name, difference)
    except _NO_GZIP as problem:
        raise _unsound_gzip(problem, name) from problem
    if document.startswith(_GZIP_MAGIC):
        raise FixtureError(f"{name} is gzipped twice", hint="unzip it once")
    return decode_fixture(document, name)


_NO_GZIP: Final = (EOFError, zlib.error, gzip.BadGzipFile)


def _unpacked(file: BinaryIO) -> BinaryIO:
    """The file from its beginning, decompressed if it starts as gzip does; the name's ending decides nothing."""
    file.seek(0)
    packed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    file.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file


def _unsound_gzip(problem: Exception, name: str) -> FixtureError:
    return FixtureError(f"{name} is not sound gzip: {problem}", hint="it may be cut off; record it again")


def _read_bounded(file: BinaryIO, limit: int, name: str, difference: str = "") -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise _too_large(name, limit, difference)
    return content


def _too_large(name: str, limit: int, difference: str = "") -> FixtureError:
    """``difference``: why it was not read line by line, for which there is more room."""
    allowed = f"{limit >> 20} MiB: too large"
    if not difference:
        return FixtureError(f"{name} is larger than {allowed} to be a recording")
    return FixtureError(
        f"{name} is larger than {allowed} to be read otherwise than line by line, and {difference}",
        hint="record it again with `defirisk record`",
    )


def _missing(missing: list[Call], source: str) -> MissingCall:
    from defirisk.chain.abi import signature_of  # noqa: PLC0415 - only to say what is missing

    first = missing[0]
    what = signature_of(first.data) or "a function we have no name for"
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return MissingCall(
        f"{source} does not hold {what} of {first.to} with data {quoted('0x' + first.data.hex(), 140)}{more}",
        missing=tuple((call.to, "0x" + call.data.hex()) for call in missing),
        hint="a recording holds what was read for its own wallets and markets: "
        "run `defirisk record` again with this wallet and market",
    )
