"""Recording what a run asks of a chain, and replaying it offline.

``Recorder`` wraps any chain and remembers; ``load_fixture`` gives a :class:`ReplayChain`, which answers from a file
and asks for nothing else.
"""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import BinaryIO, Final, cast

from defirisk.chain.calls import Answer, Block, Call, Chain
from defirisk.chain.fixture import Fixture, FixtureMarket, decode_fixture, encode_fixture
from defirisk.chain.symbols import quoted
from defirisk.chain.wrapping import Wrapping
from defirisk.errors import FixtureError, MissingCall, UnwritableOutput
from defirisk.model import Warning as Notice

__all__ = ["Fixture", "FixtureMarket", "Recorder", "ReplayChain", "load_fixture", "pack_fixture", "write_fixture"]

MAX_FILE_BYTES: Final = 256 << 20
MAX_DOCUMENT_BYTES: Final = 512 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"


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
    """A chain that passes everything on and remembers every answer."""

    def __init__(self, chain: Chain) -> None:
        super().__init__(chain)
        self.answers: dict[Call, Answer] = {}

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        """Ask the wrapped chain, and remember."""
        answers = await self._chain.calls(calls)
        self.answers.update(zip(calls, answers, strict=True))
        return answers

    async def verify(self) -> None:
        """Check the wrapped chain."""
        await self._chain.verify()

    def fixture(self, *, markets: Iterable[FixtureMarket], wallets: Iterable[str], recorded_by: str) -> Fixture:
        """Return what was asked so far as a fixture."""
        return Fixture(self.chain_id, self.block, recorded_by, tuple(markets), tuple(wallets), dict(self.answers))


def write_fixture(path: Path, fixture: Fixture) -> None:
    """Write ``fixture`` whole or not at all; gzipped if the name ends in ``.gz``.

    Raises:
        UnwritableOutput: the path cannot be written.

    """
    document = encode_fixture(fixture)
    content = pack_fixture(document) if path.name.endswith(".gz") else document
    try:
        _replace(path, content)
    except OSError as problem:
        raise UnwritableOutput(f"{path} cannot be written: {problem.strerror}") from problem


def _replace(path: Path, content: bytes) -> None:
    """Write beside ``path`` and move into its place, so that a full disk leaves the old file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def pack_fixture(document: bytes) -> bytes:
    """Gzip without time and name: the same bytes for the same document."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(document)
    return packed.getvalue()


def load_fixture(source: str | Path | Traversable | bytes, name: str | None = None) -> ReplayChain:
    """Load a recording from a path, a packaged resource or bytes; ``name`` stands for it in results and messages.

    Raises:
        FixtureError: it cannot be read, is too large, or is not a sound recording.

    """
    if isinstance(source, bytes):
        shown, raw = name or "the recording", source
    else:
        place = Path(source) if isinstance(source, str) else source
        shown = name or place.name
        raw = _read_file(place, shown)
    return ReplayChain(decode_fixture(_unpack(raw, shown), shown), shown)


def _read_file(place: Path | Traversable, name: str) -> bytes:
    try:
        with place.open("rb") as file:
            return _read_bounded(cast("BinaryIO", file), MAX_FILE_BYTES, name)
    except OSError as problem:
        raise FixtureError(f"{name} cannot be read: {problem.strerror or problem}") from problem


def _unpack(raw: bytes, name: str) -> bytes:
    """Decompress what starts as gzip does; the name's ending decides nothing."""
    if not raw.startswith(_GZIP_MAGIC):
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            document = _read_bounded(cast("BinaryIO", file), MAX_DOCUMENT_BYTES, name)
    except (EOFError, zlib.error, OSError) as problem:
        raise FixtureError(
            f"{name} is not sound gzip: {problem}", hint="it may be cut off; record it again"
        ) from problem
    if document.startswith(_GZIP_MAGIC):
        raise FixtureError(f"{name} is gzipped twice", hint="unzip it once")
    return document


def _read_bounded(file: BinaryIO, limit: int, name: str) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise FixtureError(f"{name} is larger than {limit >> 20} MiB: too large to be a recording")
    return content


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
