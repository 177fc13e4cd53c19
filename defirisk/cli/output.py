"""Where results and messages go: results to stdout or whole to a file, messages to stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from defirisk.errors import UnwritableOutput

_MODE: Final = 0o666


def say(message: str) -> None:
    """One line on stderr, whatever its encoding is; a closed stderr is nobody's concern."""
    if sys.stderr is None:
        return
    encoding = sys.stderr.encoding or "ascii"
    line = message.encode(encoding, "backslashreplace").decode(encoding)
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is where messages leave


def print_out(text: str) -> None:
    """Text on stdout, whole.

    Raises:
        UnwritableOutput: stdout is closed or full.
    """
    with written_out():
        sys.stdout.write(text)
        sys.stdout.flush()


@contextlib.contextmanager
def written_out() -> Iterator[None]:
    """Around whatever writes to stdout: what its encoding lacks becomes an escape, a reader that has gone is no error.

    Raises:
        UnwritableOutput: stdout is closed or full.
    """
    if sys.stdout is None:
        raise UnwritableOutput("standard output is closed", hint="write to a file with --output")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except BrokenPipeError:
        forget_stdout()
    except OSError as problem:
        forget_stdout()
        raise UnwritableOutput(f"standard output cannot be written: {problem.strerror}") from problem


def forget_stdout() -> None:
    """The reader has gone (``| head``): say nothing more, not even when Python flushes at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_writable(path: Path) -> None:
    """Refuse an output path that cannot be written before any work is done for it.

    Raises:
        UnwritableOutput: no such folder, a folder, or no permission.
    """
    if path.is_dir():
        raise UnwritableOutput(f"{path} is a folder", hint="name a file in it")
    if not path.parent.is_dir():
        raise UnwritableOutput(f"{path.parent} is not a folder", hint="make it first")
    if not os.access(path if path.exists() and not path.is_file() else path.parent, os.W_OK):
        raise UnwritableOutput(f"{path} cannot be written: permission denied")


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all: under another name first, then renamed. A device or pipe is written directly.

    Raises:
        UnwritableOutput: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            _replace(path.resolve(), text)
    except OSError as problem:
        raise UnwritableOutput(f"{path} cannot be written: {problem.strerror}") from problem


def _replace(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(_mode_of(path))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _mode_of(path: Path) -> int:
    """The mode of the file that is replaced, or that of any new file here."""
    if path.exists():
        return path.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return _MODE & ~mask
