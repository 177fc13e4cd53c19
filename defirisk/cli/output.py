"""Where results and messages go: results to stdout or whole to a file, messages to stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from defirisk.errors import UnwritableOutput
from defirisk.files import replaced, writing_to

HINT_LENGTH: Final = 1000
"""A hint may list all that could have been meant, such as every preset."""


def say(message: str) -> None:
    """One line on stderr, whatever its encoding is; a closed stderr is nobody's concern."""
    if sys.stderr is None:
        return
    encoding = sys.stderr.encoding or "ascii"
    line = message.encode(encoding, "backslashreplace").decode(encoding)
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is where messages leave


def say_error(code: str, text: str, hint: str | None) -> None:
    """``error[code]: text`` and the hint on stderr, harmless for a terminal and a CI system."""
    from defirisk.report.sanitize import clean  # noqa: PLC0415 - only when there is something to say

    say(f"error[{code}]: {clean(text)}")
    if hint:
        say(f"hint: {clean(hint, HINT_LENGTH)}")


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
        UnwritableOutput: no such folder, a folder, no permission, or no name that a file can have.
    """
    with writing_to(path):
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
    with writing_to(path), replaced(path) as file:
        file.write(text.encode())
