"""A progress bar on stderr, only for a terminal and only once the work takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from defirisk.run import ProgressHook

PATIENCE: Final = 1.0


class Bar:
    """Shows nothing until ``PATIENCE`` seconds have passed since it was made; then a bar that is erased at the end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Told by the work how far it is."""
        if self._progress is None:
            if time.monotonic() - self._began < PATIENCE:
                return
            self._show()
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=stage, completed=done, total=total or None)

    def close(self) -> None:
        """Erase the bar."""
        if self._progress is not None:
            self._progress.stop()

    def _show(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - only when it is shown
        from rich.progress import Progress  # noqa: PLC0415 - only when it is shown

        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=None)
        self._progress.start()


@contextmanager
def progress(*, quiet: bool) -> Iterator[ProgressHook | None]:
    """A hook for the api; ``None`` where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar = Bar()
    try:
        yield bar
    finally:
        bar.close()
