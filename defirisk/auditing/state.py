"""The state of a run on disk: ``<output>.resume/``, locked, with all that makes an interrupted run go on the same.

    lock                 who works on it
    wallets/000000.jsonl the list, checked, each wallet once, in chunks
    manifest.json        block and hash, markets, options, digests: written once, before the first chunk is read
    chunks/000000.*      finished chunks: positions, outcomes, and last the record that says that they are complete

Every file is written under another name and renamed, so that whatever has its name is whole.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from defirisk.errors import StateExists, StateUnusable, UnwritableOutput
from defirisk.files import locked, replaced, writing_to

FORMAT: Final = "defirisk-audit-state/2"
MANIFEST: Final = "manifest.json"
_LOCK: Final = "lock"
_OURS: Final = frozenset({_LOCK, MANIFEST, "wallets", "chunks", "list", "rejected.csv"})
_PART: Final = ".part"


class State:
    """A state folder that this process has locked. Use :func:`state_for`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wallets = folder / "wallets"
        self.chunks = folder / "chunks"

    def manifest(self) -> dict[str, Any] | None:
        """What the run began with; ``None`` where it was interrupted before it had begun.

        Raises:
            StateUnusable: it is no manifest of this format.
        """
        path = self.folder / MANIFEST
        if not path.exists():
            return None
        manifest = read_json(path)
        if manifest.get("format") != FORMAT:
            raise StateUnusable(f"{path} is not of the format {FORMAT}", hint=f"remove {self.folder} to begin anew")
        return manifest

    def begin(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest: from here on the run can go on."""
        write_json(self.folder / MANIFEST, {"format": FORMAT, **manifest})

    def clear(self) -> None:
        """Empty a folder in which nothing has begun.

        Raises:
            UnwritableOutput: it holds what no run of ours left there, which is not ours to remove.
        """
        for path in self.folder.iterdir():
            if path.name not in _OURS and not path.name.endswith(_PART):
                raise UnwritableOutput(f"{self.folder} is in the way: it holds {path.name!a}", hint="move it away")
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()
        self.wallets.mkdir()
        self.chunks.mkdir()

    def wallets_file(self, chunk: int) -> Path:
        """Where the wallets of a chunk stand."""
        return self.wallets / f"{chunk:06}.jsonl"

    def part(self, chunk: int, kind: str) -> Path:
        """Where a table's part of a chunk stands."""
        return self.chunks / f"{chunk:06}.{kind}.parquet"

    def record_file(self, chunk: int) -> Path:
        """Where the record of a chunk stands."""
        return self.chunks / f"{chunk:06}.json"

    def record(self, chunk: int) -> dict[str, Any] | None:
        """The record of a finished chunk; ``None`` if it is not finished."""
        path = self.record_file(chunk)
        return read_json(path) if path.exists() else None

    def has_nothing(self, *, refused: bool) -> bool:
        """Whether there is nothing to go on with: no block is pinned, or a new run is ``refused`` with nothing done."""
        begun = (self.folder / MANIFEST).exists()
        return not begun or (refused and not any(self.chunks.glob("*.json")))

    def remove(self) -> None:
        """Done: nothing is left to go on from."""
        shutil.rmtree(self.folder)


def folder_beside(output: Path) -> Path:
    """Where the state of a run that writes ``output`` lies."""
    return output.with_name(f"{output.name}.resume")


@contextmanager
def state_for(output: Path | None, *, resume: bool) -> Iterator[State]:
    """The locked state of a run that writes ``output``; a folder that vanishes where there is no output.

    Raises:
        StateExists: an interrupted run's state lies there, and ``resume`` was not asked for.
        RunInProgress: another run works on it.
        UnwritableOutput: it cannot be made.
    """
    if output is None:
        with tempfile.TemporaryDirectory(prefix="defirisk-audit-") as vanishing:
            state = State(Path(vanishing))
            state.clear()
            yield state
        return
    folder = folder_beside(output)
    fresh = _make(folder)
    with locked(folder / _LOCK):
        if not fresh and not resume and (folder / MANIFEST).exists():
            raise StateExists(
                f"{folder} holds the state of an interrupted audit",
                hint=f"--resume goes on with it; to begin anew, remove it: rm -r {folder}",
            )
        state = State(folder)
        if not (folder / MANIFEST).exists():
            with writing_to(folder):
                state.clear()
        yield state


def _make(folder: Path) -> bool:
    """Make the folder; whether it was not there."""
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise UnwritableOutput(f"{folder} is in the way: it is no folder") from None
        return False
    except OSError as problem:
        raise UnwritableOutput(f"{folder} cannot be made: {problem.strerror}") from problem
    return True


def replace_with(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file whole or not at all; a device or pipe directly.

    Raises:
        UnwritableOutput: it cannot be written.
    """
    with writing_to(path), replaced(path, known=True) as file:
        write(file)


def put_beside(target: Path, source: Path, *, wanted: bool) -> None:
    """Copy a finished file to its name, whole or not at all; or take away what an earlier run left there.

    Raises:
        UnwritableOutput: it cannot be written.
    """
    if not wanted:
        with writing_to(target):
            target.unlink(missing_ok=True)
        return
    with source.open("rb") as finished:
        replace_with(target, lambda file: shutil.copyfileobj(finished, file))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """One JSON document, whole or not at all."""
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    replace_with(path, lambda file: put(file, text.encode()))


def put(file: BinaryIO, content: bytes) -> None:
    """Write all of it."""
    file.write(content)


def read_json(path: Path) -> dict[str, Any]:
    """A document of ours.

    Raises:
        StateUnusable: it is not what was written.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as problem:
        raise StateUnusable(f"{path} cannot be read: {problem}", hint="remove the folder to begin anew") from problem
    if not isinstance(document, dict):
        raise StateUnusable(f"{path} holds no JSON object", hint="remove the folder to begin anew")
    return document
