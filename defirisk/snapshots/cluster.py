"""The same work on a Dask cluster: row groups to its workers, what comes of them back, whichever worker is lost.

Every worker reads the snapshot under the same path (a shared disk, or one machine) and sees by its digest that it is
the same file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from defirisk.errors import ClusterFailed, MissingExtra
from defirisk.snapshots.asking import Cluster

T = TypeVar("T")
RETRIES: Final = 2
"""How often a row group is given out again when its work fails for a reason that is not ours."""
_IN_FLIGHT: Final = 4
"""Row groups a worker that are given out at once: what comes back waits in the cluster's memory."""
_PATIENCE: Final = "30s"


def on_cluster(cluster: Cluster, work: Callable[..., T], job: Any, numbers: Sequence[int]) -> Iterator[tuple[int, T]]:
    """Do ``work(job, number)`` for every number, in order.

    Raises:
        MissingExtra: Dask is not installed.
        ClusterFailed: there is no such scheduler, or no worker, or workers are lost again and again.
    """
    distributed = _distributed()
    with ExitStack() as stack:
        client = _client(distributed, cluster, stack)
        try:
            yield from _each(client, work, job, numbers)
        except (distributed.KilledWorker, distributed.CancelledError, TimeoutError, OSError) as problem:
            raise ClusterFailed(
                f"the cluster gave up: {type(problem).__name__}: {problem}",
                hint="workers may lack memory: see their logs, or give fewer of them more",
            ) from problem


def _distributed() -> Any:
    try:
        import distributed  # type: ignore[import-untyped, unused-ignore] # noqa: PLC0415 - an extra
    except ImportError as problem:
        raise MissingExtra("Dask is not installed", hint="pip install 'defirisk[dask]'") from problem
    return distributed


def _client(distributed: Any, cluster: Cluster, stack: ExitStack) -> Any:
    if cluster.address is None:
        made = distributed.LocalCluster(processes=True, threads_per_worker=1, dashboard_address=":0")
        return stack.enter_context(distributed.Client(stack.enter_context(made)))
    try:
        client = stack.enter_context(distributed.Client(cluster.address, timeout=_PATIENCE))
        client.wait_for_workers(1, timeout=_PATIENCE)
    except (OSError, TimeoutError, ValueError) as problem:
        raise ClusterFailed(
            f"no cluster with a worker answers at the scheduler's address ({type(problem).__name__})",
            hint="start one: `dask scheduler` and `dask worker tcp://HOST:8786`",
        ) from problem
    return client


def _each(client: Any, work: Callable[..., T], job: Any, numbers: Sequence[int]) -> Iterator[tuple[int, T]]:
    """A window of row groups at work, taken in their order."""
    width = _IN_FLIGHT * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
    left, flying = iter(numbers), deque[tuple[int, Any]]()
    while True:
        while len(flying) < width and (number := next(left, None)) is not None:
            flying.append((number, client.submit(work, job, number, pure=False, retries=RETRIES)))
        if not flying:
            return
        number, future = flying.popleft()
        yield number, future.result()
        future.release()
