"""Judging beside reading: in worker processes where there is work for them, else in a thread.

Workers are started afresh (``spawn``), so that they hold neither the lock nor a connection, leave Ctrl-C to the one
that started them, and end when it does, even if it was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any, Final, TypeVar

from defirisk.errors import WorkerDied

T = TypeVar("T")
_LOOK_EVERY: Final = 0.5
MOST: Final = 8
WORTH_IT: Final = 4000
"""Wallets from which on processes of their own save more time than they take."""


@contextmanager
def workers(count: int) -> Iterator[Executor]:
    """So many processes; 0: a thread of this one. Work that has not begun is given up where the block is left early."""
    if count == 0:
        pool: Executor = ThreadPoolExecutor(max_workers=1)
    else:
        pool = ProcessPoolExecutor(count, get_context("spawn"), _begin, (os.getpid(),))
    others = set(active_children())
    try:
        yield pool
    except BaseException:
        for worker in set(active_children()) - others:
            worker.terminate()  # what it was about is not saved, and will be done again
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def usual(wallets: int) -> int:
    """How many workers: none for a few wallets (they take a second to start), else one less than there are cores."""
    if wallets < WORTH_IT:
        return 0
    return max(1, min(MOST, (os.cpu_count() or 1) - 1))


async def in_worker(pool: Executor, work: Callable[..., T], *arguments: Any) -> T:
    """Run in the pool.

    Raises:
        WorkerDied: a worker was ended from outside, by want of memory for example.
    """
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
    except BrokenExecutor as problem:
        raise WorkerDied("a process that judged wallets was ended from outside", hint="--resume goes on") from problem


def _begin(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    """End with the parent: a worker whose parent was killed would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os._exit(1)
