"""A progress bar on stderr, only for a terminal and only once the work takes long."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, Task, TaskID

    from defirisk.run import ProgressHook

PATIENCE: Final = 1.0


class Bar:
    """Shows itself ``PATIENCE`` seconds after it was made, however long the work is silent; erased at the end."""

    def __init__(self, *, rate: bool = False) -> None:
        self._rate = rate
        self._lock = Lock()
        self._stage, self._done, self._total = "", 0, 0
        self._shown: tuple[Progress, TaskID] | None = None
        self._timer = Timer(PATIENCE, self._show)
        self._timer.daemon = True
        self._timer.start()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Told by the work how far it is."""
        with self._lock:
            self._stage, self._done, self._total = stage, done, total
            self._update()

    def close(self) -> None:
        """Erase the bar, or never show it."""
        self._timer.cancel()
        with self._lock:
            if self._shown is not None:
                self._shown[0].stop()

    def _show(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - only when it is shown
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

        columns = [TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()]
        columns += _rate_columns() if self._rate else []
        with self._lock:
            if self._timer.finished.is_set():
                return
            progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._shown = progress, progress.add_task("", total=None)
            progress.start()
            self._update()

    def _update(self) -> None:
        if self._shown is not None:
            progress, task = self._shown
            progress.update(task, description=self._stage, completed=self._done, total=self._total or None)


def _rate_columns() -> list[ProgressColumn]:
    """How many are done, how many a second, how long it will take."""
    from rich.progress import ProgressColumn, TimeRemainingColumn  # noqa: PLC0415 - only when it is shown
    from rich.text import Text  # noqa: PLC0415 - as above

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            if not task.completed:
                return Text("")
            of = f" of {task.total:,.0f}" if task.total else ""
            return Text(f"{task.completed:,.0f}{of}" + (f", {task.speed:,.0f}/s" if task.speed else ""))

    return [Rate(), TimeRemainingColumn()]


@contextmanager
def progress(*, quiet: bool, rate: bool = False) -> Iterator[ProgressHook | None]:
    """A hook for the api; ``None`` where nobody would see it. With ``rate`` it tells how fast and how long yet."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar = Bar(rate=rate)
    try:
        yield bar
    finally:
        bar.close()
