"""Being stopped, by Ctrl-C or SIGTERM: both end a run the same way, and what is kept of it is said in one line."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

import click

T = TypeVar("T")
EXIT_CODES: Final = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""As a shell tells them: 128 and the signal's number."""


class Stop:
    """What this process was stopped by, and what it was about. A signal is of the whole process: there is one of it."""

    def __init__(self) -> None:
        self._by = signal.SIGINT
        self._cancel: Callable[[], object] | None = None

    @property
    def exit_code(self) -> int:
        """That of the signal."""
        return EXIT_CODES[self._by]

    @contextmanager
    def also_by_term(self) -> Iterator[None]:
        """SIGTERM does what Ctrl-C does: workers are ended, temporary files removed. In the main thread alone."""
        self._by = signal.SIGINT
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, self._on_term)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def run(self, work: Coroutine[Any, Any, T], kept: Callable[[], str]) -> T:
        """Run to the end.

        Raises:
            click.Abort: it was stopped; with what ``kept`` says of what is left, and how to go on.
        """
        import asyncio  # noqa: PLC0415 - 0.05 s, which no --help needs

        try:
            return asyncio.run(self._cancellable(work))
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise click.Abort(kept()) from None

    async def _cancellable(self, work: Coroutine[Any, Any, T]) -> T:
        import asyncio  # noqa: PLC0415 - as above

        task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
        self._cancel = lambda: (task.cancel(), loop.call_soon_threadsafe(lambda: None))  # the second wakes it up
        try:
            return await task
        finally:
            self._cancel = None

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        self._by = signal.SIGTERM
        cancel, self._cancel = self._cancel, None
        if cancel is None:
            raise KeyboardInterrupt  # for the second time, or where nothing is awaited
        cancel()


STOP: Final = Stop()


def nothing_kept() -> str:
    """Of a run that leaves nothing."""
    return "nothing was written, nothing is kept"


def kept_in(folder: Path | None, begun: str) -> Callable[[], str]:
    """Of a run that keeps what it did in ``folder``, once the file ``begun`` is in it; ``None``: it has no output."""

    def said() -> str:
        if folder is None:
            return f"{nothing_kept()}: with -o FILE a run can go on"
        if (folder / begun).is_file():
            return f"what was read is kept in {folder}; the same command with --resume goes on"
        return nothing_kept()

    return said
