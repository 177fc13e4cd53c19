"""Files that are written whole or not at all, and folders that one run at a time works in."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from defirisk.errors import BadFile, InputError, RunInProgress, UnwritableOutput

_MODE: Final = 0o666
_MOST_HOLDER: Final = 200
LARGEST_TEXT: Final = 1_000_000


def bounded_text(path: Path, shown: str, what: str, refuse: Callable[[str, int], BadFile]) -> str:
    """A file that people write, as text: UTF-8, with or without a byte order mark, and of a sensible size.

    Args:
        path: the file.
        shown: what messages call it.
        what: what it is meant to be, such as "a policy file".
        refuse: makes the error of what is no text, from a message and the line.

    Raises:
        BadFile: it cannot be read, is larger than a megabyte (a few kilobytes are usual), or is no text.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise BadFile(f"{shown} cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST_TEXT:
        raise BadFile(f"{shown} is larger than {LARGEST_TEXT:,} bytes, too large for {what}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise refuse("not a text in UTF-8, so not TOML", line) from error


@contextmanager
def replaced(path: Path, *, known: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` in the end; on any error the old one stays.

    What is no regular file (a device, a pipe) is written directly; a link is followed. ``known``: until then it has a
    name that the next run knows too (``.NAME.part``), so that what a killed one left is overwritten and not kept; for
    files that one run at a time writes.

    Raises:
        OSError: it cannot be written.
        RunInProgress: another run is writing it, where its name is ``known``.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    path = path.resolve()
    handle, temporary = _known(path) if known else tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(temporary).chmod(_mode_of(path))
            Path(temporary).replace(path)  # before it is closed: until then nobody else may write to it
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _known(path: Path) -> tuple[int, str]:
    """Opened for one run alone, and never through a link that somebody laid there: the name is known beforehand.

    Raises:
        RunInProgress: another run is writing it.
    """
    temporary = path.with_name(f".{path.name}.part")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if not _alone(handle, temporary):
        os.close(handle)
        raise RunInProgress(f"another run is writing {path}", hint="give each run an output of its own")
    os.ftruncate(handle, 0)
    return handle, str(temporary)


def _alone(handle: int, temporary: Path) -> bool:
    """Whether nobody else holds the file, and it has not just been given its final name."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), temporary.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _mode_of(path: Path) -> int:
    """The mode of the file that is replaced, or that of any new file here."""
    if path.exists():
        return path.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return _MODE & ~mask


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the folder that ``path`` lies in, and say in it who does; it falls with the process.

    Raises:
        RunInProgress: another run holds it, or has just removed the folder.
        UnwritableOutput: the folder cannot be written.
    """
    with writing_to(path.parent):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(path.parent, handle) from None
        if not os.fstat(handle).st_nlink:
            raise RunInProgress(f"another run has just ended and removed {path.parent}", hint="run again")
        with writing_to(path.parent):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _held(folder: Path, handle: int) -> RunInProgress:
    from defirisk.report.sanitize import clean  # noqa: PLC0415 - only to say who

    holder = clean(os.pread(handle, _MOST_HOLDER, 0).decode(errors="replace")) or "another process"
    return RunInProgress(f"{folder} is in use by {holder}", hint="wait for it, or write to another output")


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Around what writes to a file or folder: a full disk or a missing permission becomes an error that names it.

    Raises:
        UnwritableOutput: the operating system refused.
    """
    try:
        yield
    except OSError as problem:
        raise UnwritableOutput(f"{place} cannot be written: {problem.strerror or problem}") from problem


def refuse_overwriting(outputs: Iterable[Path | None], inputs: Iterable[object]) -> None:
    """Refuse to write a result over a file that the run reads: a recording's block may be gone everywhere else.

    Raises:
        InputError: two of them are one file.
    """
    read = [Path(path) for path in inputs if isinstance(path, str | Path)]
    for output in filter(None, outputs):
        if any(_one_file(output, path) for path in read):
            raise InputError(f"{output} is read by this run, and would be written over", hint="name another file")


def _one_file(one: Path, other: Path) -> bool:
    """Whether both name the same file; what cannot be looked at is told where it is read or written."""
    try:
        return one.is_file() and one.samefile(other)
    except OSError:
        return False
