"""An audit of a snapshot: the same tables and figures as of the chain that it was taken of, without a chain.

The work is cut at row groups, each judged by the one function of all audits (:mod:`defirisk.auditing.partition`), in
this process, in worker processes, or on a cluster; what comes of it does not depend on where.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from defirisk.auditing import assembly
from defirisk.auditing.ask import Ask
from defirisk.auditing.begin import Begun, kept_unless_empty, manifest_of, refuse_another
from defirisk.auditing.binding import Planner
from defirisk.auditing.listing import Wallet, put_wallets
from defirisk.auditing.result import AuditResult, RunFigures
from defirisk.auditing.saving import Record, judged, save
from defirisk.auditing.state import State, state_for
from defirisk.auditing.summary import Summary, merged
from defirisk.auditing.workers import MOST, in_worker, usual, workers
from defirisk.errors import BadSnapshot, InputError
from defirisk.model import AccountReading, Snapshot
from defirisk.run import ProgressHook, refuse_fallbacks
from defirisk.snapshots.asking import cluster_of
from defirisk.snapshots.cluster import on_cluster
from defirisk.snapshots.reading import SnapshotFile

if TYPE_CHECKING:
    import pyarrow as pa

STEP: Final = 2000
"""Wallets that are decoded and judged at a time: what a worker holds."""
DONE: Final = "replaying"


class Piece(NamedTuple):
    """What came of a row group: its record, and its tables by kind."""

    record: Record
    tables: dict[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs: the snapshot's path and digest, and what was asked for."""

    path: str
    digest: str
    ask: Ask


def replay_part(job: Job, number: int) -> Piece:
    """Judge one row group of a snapshot; runs in a worker, which finds the file under the same path.

    Raises:
        BadSnapshot: the file there is not the one that was asked for, or not sound.
        InputError: a scenario names what no market lists.
    """
    file = _opened(job.path, job.digest)
    planner = Planner(job.ask, begun_of(file))
    if summed(job.ask, planner.engine):
        from defirisk.snapshots.sums import summary_of_part  # noqa: PLC0415 - numpy, only where it is used

        plan = planner.plan(_known(file))
        return Piece(Record(summary_of_part(file, number, plan), Summary(plan.keep), {}), {})
    readings = file.readings(number)
    pieces = [_step(file, planner, part) for part in _parts(readings, STEP)]
    return _joined(pieces, job.ask.keep())


def _known(file: SnapshotFile) -> Snapshot:
    """Nobody, and all assets that the markets list or price."""
    priced = (token for _, token, _, _ in file.head.assets)
    return replace(_of(file, ()), assets=tuple(dict.fromkeys((*file.head.listed, *priced))))


def _step(file: SnapshotFile, planner: Planner, readings: list[AccountReading]) -> Piece:
    try:
        return Piece(*judged(readings, planner.plan(_of(file, readings))))
    except ArithmeticError as problem:
        raise BadSnapshot(f"{file.path.name} holds a position that nothing can be reckoned of: {problem}") from problem


def _of(file: SnapshotFile, readings: Sequence[AccountReading]) -> Snapshot:
    head = file.head
    block = head.block
    return Snapshot(head.chain_id, block.number, block.timestamp, head.source, tuple(readings), assets=head.listed)


def summed(ask: Ask, engine: str) -> bool:
    """Whether only sums are wanted that floats may find: then no position is made but those that they cannot decide."""
    return engine == "fast" and not (ask.output or ask.outcomes or ask.top or ask.terms.thresholds)


@lru_cache(maxsize=4)
def _opened(path: str, digest: str) -> SnapshotFile:
    file = SnapshotFile(Path(path))
    if file.head.digest != digest:
        raise InputError(f"{file.path.name} is another snapshot here", hint="every worker reads it under the same path")
    return file


def begun_of(file: SnapshotFile) -> Begun:
    """A run whose list and block are the snapshot's."""
    head = file.head
    return Begun(head.listing, None, head.chain_id, head.block, head.asked)


def _joined(pieces: list[Piece], keep: int) -> Piece:
    import pyarrow as pa  # noqa: PLC0415 - late

    tables = {kind: pa.concat_tables([one.tables[kind] for one in pieces]) for kind in pieces[0].tables}
    failed = {address: codes for one in pieces for address, codes in one.record.failed.items()}
    complete = merged((one.record.complete for one in pieces), keep)
    rest = merged((one.record.rest for one in pieces), keep)
    return Piece(Record(complete, rest, failed), tables)


def _parts(items: list[AccountReading], size: int) -> Iterator[list[AccountReading]]:
    return (items[start : start + size] for start in range(0, max(1, len(items)), size))


# --- the run ------------------------------------------------------------------------------------------------------


async def replay(
    ask: Ask,
    *,
    progress: ProgressHook | None = None,
    deliver: Callable[[AuditResult], None] | None = None,
) -> AuditResult:
    """Audit a snapshot.

    Raises:
        InputError: an option that belongs to a chain, an engine that does not exist, a scenario that does not fit.
        BadSnapshot: the file is not sound.
        ClusterFailed: the cluster is not there, or loses its workers.
    """
    started = time.monotonic()
    _refuse_what_is_a_chain_s(ask)
    cluster = cluster_of(ask.engine)
    ask = replace(ask, engine="auto") if cluster is not None else ask
    file = SnapshotFile(Path(ask.source))
    refuse_fallbacks(_told(file), strict=ask.strict)
    job = Job(str(file.path.absolute()), file.head.digest, ask)
    with state_for(ask.state_of(), resume=ask.resume) as state:
        begun = _begun(ask, state, file)
        with kept_unless_empty(state, begun):
            done = await _Replaying(state, file, progress).run(job, cluster)
            result = _concluded(ask, begun, file, state, done)
        result = replace(result, run=replace(result.run, seconds=round(time.monotonic() - started, 3)))
        if deliver:
            deliver(result)
        if ask.state_of() is not None:
            state.remove()
    return result


def _begun(ask: Ask, state: State, file: SnapshotFile) -> Begun:
    """A replay that begins, or goes on if it is of the same snapshot with the same options.

    Raises:
        StateUnusable: it is not.
    """
    stored = state.manifest()
    if stored is None:
        state.begin(manifest_of(ask, {"digest": file.head.digest}))
    else:
        refuse_another(stored, ask, file.head.digest)
    return replace(begun_of(file), stored=stored)


def _refuse_what_is_a_chain_s(ask: Ask) -> None:
    where = ask.where
    given = [
        name
        for name, one in (
            ("--rpc", where.rpc),
            ("--chain", where.chains),
            ("--fixture", where.fixture),
            ("--block", where.block is not None),
            ("--market", where.markets),
            ("--set", ask.terms.what_if.changes),
        )
        if one
    ]
    if given:
        raise InputError(
            f"{Path(ask.source).name} is a snapshot, which holds its own chain, block and markets as they are: leave "
            f"out {', '.join(given)}",
            hint="take another snapshot for others; --set is of a chain or a recording",
        )


def _told(file: SnapshotFile) -> Snapshot:
    head = file.head
    return Snapshot(head.chain_id, head.block.number, head.block.timestamp, head.source, (), warnings=head.warnings)


class _Replaying:
    """Row groups judged somewhere, kept as they come."""

    def __init__(self, state: State, file: SnapshotFile, progress: ProgressHook | None) -> None:
        self._state, self._file, self._progress = state, file, progress
        parts = range(len(file.head.parts))
        self._done = {number for number in parts if state.record_file(number).exists()}
        self._left = [number for number in parts if number not in self._done]
        self._wallets = sum(file.head.parts[number].wallets for number in self._done)

    async def run(self, job: Job, cluster: Any) -> Collection[int]:
        numbers = self._left
        if cluster is not None:
            await asyncio.to_thread(self._keep_all, on_cluster(cluster, replay_part, job, numbers))
            return self._done
        distinct = self._file.head.listing.distinct - self._wallets
        count = min(_processes(distinct) if job.ask.workers is None else job.ask.workers, len(numbers))
        with workers(count) as pool:
            waiting = {asyncio.ensure_future(self._here(pool, job, number)) for number in numbers}
            try:
                await asyncio.gather(*waiting)
            finally:
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
        return self._done

    async def _here(self, pool: Any, job: Job, number: int) -> None:
        self._keep(number, await in_worker(pool, replay_part, job, number))

    def _keep_all(self, found: Iterable[tuple[int, Piece]]) -> None:
        for number, piece in found:
            self._keep(number, piece)

    def _keep(self, number: int, piece: Piece) -> None:
        labelled = self._file.labels(number) if self._file.head.listing.labels else ()
        put_wallets(self._state, number, (Wallet(address, labels) for address, labels in labelled))
        save(self._state, number, piece.tables, piece.record)
        self._done.add(number)
        self._wallets += self._file.head.parts[number].wallets
        if self._progress:
            self._progress(DONE, self._wallets, self._file.head.listing.distinct)


def _processes(wallets: int) -> int:
    """As many as there are cores: nothing else is to be done here meanwhile."""
    return min(MOST, os.cpu_count() or 1) if usual(wallets) else 0


def _concluded(ask: Ask, begun: Begun, file: SnapshotFile, state: State, done: Collection[int]) -> AuditResult:
    planner = Planner(ask, begun)
    pieces = assembly.Pieces(state, begun, done, planner.failing_plan(), ("", ""))
    summary = pieces.summary()
    if any(one.statuses.get("failed") == file.head.listing.distinct for one in summary.markets.values()):
        planner.look_at(_known(file))
    planner.complain(summary)
    files = assembly.write_tables(ask, begun, pieces)
    top = ask.top_file()
    if top is not None:
        files["top"] = top
        assembly.write_top(top, begun, _snapshots(file, assembly.worst_wallets(summary, ask.top)), ask)
    return assembly.result_of(
        ask,
        begun,
        summary,
        files,
        engine=planner.engine,
        warnings=file.head.warnings,
        source=file.path.name,
        resumable=False,
        figures=RunFigures(requests=None, retried=0, resumed=begun.resumed, seconds=0.0),
    )


def _snapshots(file: SnapshotFile, wanted: list[str]) -> list[Snapshot]:
    """The readings of these wallets, in that order."""
    found: dict[str, AccountReading] = {}
    for number in range(len(file.head.parts)):
        held = set(file.table(number)["address"].to_pylist())
        if held.intersection(wanted):
            found |= {one.address: one for one in file.readings(number) if one.address in wanted}
    told = _told(file)
    return [replace(told, accounts=tuple(found[one] for one in wanted), assets=file.head.listed)] if wanted else []
