"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

_MODE: Final = 0o666


@contextmanager
def replaced(path: Path, *, known: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` in the end; on any error the old one stays.

    What is no regular file (a device, a pipe) is written directly; a link is followed. ``known``: until then it has a
    name that the next run knows too (``.NAME.part``), so that what a killed one left is overwritten and not kept; for
    files that one run at a time writes.

    Raises:
        OSError: it cannot be written.
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
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _known(path: Path) -> tuple[int, str]:
    """Opened anew, and never through a link that somebody laid there, since the name is known beforehand."""
    temporary = path.with_name(f".{path.name}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(temporary, flags, 0o600), str(temporary)


def _mode_of(path: Path) -> int:
    """The mode of the file that is replaced, or that of any new file here."""
    if path.exists():
        return path.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return _MODE & ~mask
