"""One audit, start to end: list, chain, chunks, failed wallets once more, tables. The only async core of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Final

from defirisk.auditing import assembly, begin
from defirisk.auditing.ask import Ask
from defirisk.auditing.begin import Begun
from defirisk.auditing.binding import Planner
from defirisk.auditing.listing import wallets_of
from defirisk.auditing.partition import UNPRICED
from defirisk.auditing.result import AuditResult, Endpoint, RunFigures
from defirisk.auditing.saving import judge_and_save, mend_and_save, saved
from defirisk.auditing.state import State, state_for
from defirisk.auditing.workers import in_worker, usual, workers
from defirisk.chain.calls import Chain
from defirisk.chain.recording import ReplayChain
from defirisk.errors import BlockUnavailable, ReadError, UnsupportedRules
from defirisk.model import AccountReading, Snapshot
from defirisk.model import Warning as Notice
from defirisk.protocols.interface import Scope
from defirisk.reading import WaveReader
from defirisk.risk.population.engine import chosen
from defirisk.run import ProgressHook, one_chain, refuse_fallbacks
from defirisk.snapshots.asking import is_snapshot, refuse_cluster
from defirisk.sources import deployments_for, opened

ROUNDS: Final = 2
"""How often what failed is tried again at the end."""
PAUSE: Final = 1.0
"""Seconds before the first of these rounds, doubled before each further one."""
GIVE_UP: Final = 3
"""After so many chunks in a row of which no endpoint answered anything, no more are asked for; when they are asked for
again, after one."""
_GONE: Final = frozenset({"endpoint-unreachable", "endpoint-refused", "state-unavailable"})
_BLOCK_GONE: Final = frozenset({"block-unavailable", "block-reorganised"})
_FINAL: Final = frozenset({UNPRICED, UnsupportedRules.code})
"""Failures that another attempt at the same block cannot mend."""

Failed = Mapping[str, Sequence[str]]
"""The wallets of a chunk that failed, with the codes of their failures."""
Said = Callable[[str], None]
"""Told, in a line, what people should know while the run goes on."""


async def run(
    ask: Ask,
    *,
    progress: ProgressHook | None = None,
    say: Said | None = None,
    deliver: Callable[[AuditResult], None] | None = None,
) -> AuditResult:
    """Audit a list of wallets, or a snapshot of them. Errors: see :func:`defirisk.audit`.

    ``deliver`` is given the result when the tables are written and before the state is removed: if it fails, the run
    can still be resumed.
    """
    if is_snapshot(ask.source):
        from defirisk.snapshots.replaying import replay  # noqa: PLC0415 - only for a snapshot

        return await replay(ask, progress=progress, deliver=deliver)
    refuse_cluster(ask.engine)
    started = time.monotonic()
    chosen(ask.engine, liquidator=ask.terms.liquidator)
    chain_name = one_chain(ask.where)
    with state_for(ask.state_of(), resume=ask.resume) as state:
        begun = begin.take_list(ask, state, progress, say)
        with begin.kept_unless_empty(state, begun):
            async with opened(replace(ask.where, block=begun.block_of(ask)), chain_name) as chain:
                begun = await begin.resolved(begun, ask, state, chain, progress=progress, say=say)
                deployments = deployments_for(ask.where, chain)
                begun = begin.pin(ask, state, begun, chain, deployments)
                reader = WaveReader(chain, deployments, Scope.LISTED if ask.terms.what_if.changes else Scope.USED)
                audit = _Audit(ask, state, begun, chain=chain, reader=reader, progress=progress)
                await audit.read_all()
                await audit.verify()
                result = await audit.result(started)
        if deliver:
            deliver(result)
        if not result.resumable and ask.state_of() is not None:
            state.remove()
    return result


class _Audit:
    """A run whose block is pinned."""

    def __init__(
        self,
        ask: Ask,
        state: State,
        begun: Begun,
        *,
        chain: Chain,
        reader: WaveReader,
        progress: ProgressHook | None,
    ) -> None:
        self._ask, self._state, self._begun = ask, state, begun
        self._chain, self._reader, self._progress = chain, reader, progress
        self._planner = Planner(ask, begun)
        self._done: dict[int, Failed] = {}
        self._warnings: dict[Notice, None] = {}
        self._retried = 0
        self._gone_in_a_row = 0
        self._lost = ("endpoint-unreachable", "it was not read")

    async def read_all(self) -> None:
        """Every chunk, then what failed, in bounded rounds."""
        for chunk in range(self._begun.listing.chunks):
            if self._state.record_file(chunk).exists():
                self._done[chunk] = saved(self._state, chunk).failed
        unread = min(self._begun.listing.distinct, len(self._unread()) * self._ask.chunk)
        count = usual(unread) if self._ask.workers is None else self._ask.workers
        with workers(count) as pool:
            self._tell("reading wallets")
            await self._round(pool, self._unread(), max(1, count))
            if self._live():
                await self._again(pool, max(1, count))

    async def _again(self, pool: Executor, side_by_side: int) -> None:
        for attempt in range(ROUNDS):
            left = [*self._unread(), *self._mendable()]
            if not left:
                return
            await asyncio.sleep(PAUSE * 2**attempt)
            self._gone_in_a_row = GIVE_UP - 1
            await self._round(pool, sorted(left), side_by_side)

    def _live(self) -> bool:
        """Whether asking once more may give another answer."""
        return not isinstance(self._chain, ReplayChain)

    def _unread(self) -> list[int]:
        return [chunk for chunk in range(self._begun.listing.chunks) if chunk not in self._done]

    def _mendable(self) -> list[int]:
        return [chunk for chunk, failed in self._done.items() if any(_may_mend(codes) for codes in failed.values())]

    async def _round(self, pool: Executor, chunks: Sequence[int], side_by_side: int) -> None:
        """Read one chunk while those before it are judged."""
        judging: set[asyncio.Task[None]] = set()
        try:
            for chunk in chunks:
                snapshot = await self._read(chunk)
                if snapshot is None:
                    if self._gone_in_a_row >= GIVE_UP:
                        break
                    continue
                while len(judging) > side_by_side:
                    done, judging = await asyncio.wait(judging, return_when=asyncio.FIRST_COMPLETED)
                    _raise_first(done)
                judging.add(asyncio.ensure_future(self._judge(pool, chunk, snapshot)))
            await asyncio.gather(*judging)
        finally:
            for task in judging:
                task.cancel()
            await asyncio.gather(*judging, return_exceptions=True)

    async def _read(self, chunk: int) -> Snapshot | None:
        """The readings of a chunk, or of those of its wallets that had failed; ``None`` where nothing answers."""
        failed = self._done.get(chunk)
        addresses = [wallet.address for wallet in wallets_of(self._state, chunk)]
        if failed is not None:
            addresses = [address for address in addresses if _may_mend(failed.get(address, ()))]
            self._retried += len(addresses)
        snapshot = await self._reader.read(addresses)
        refuse_fallbacks(snapshot, strict=self._ask.strict)
        self._warnings.update(dict.fromkeys(snapshot.warnings))
        codes = {failure.code: failure.message for one in snapshot.accounts for failure in one.failures}
        for code in _BLOCK_GONE & codes.keys():
            raise BlockUnavailable(f"the pinned block {self._chain.block.number} is gone: {codes[code]}")
        if not nothing_answered(snapshot.accounts, len(self._begun.markets)):
            self._gone_in_a_row = 0
            return snapshot
        self._lost = next(iter(codes.items()))
        self._gone_in_a_row += 1
        return None if self._live() else snapshot

    async def _judge(self, pool: Executor, chunk: int, snapshot: Snapshot) -> None:
        plan = self._planner.plan(snapshot)
        work = mend_and_save if chunk in self._done else judge_and_save
        record = await in_worker(pool, work, self._state.folder, chunk, snapshot.accounts, plan)
        self._done[chunk] = record.failed  # the rest is on disk, and is added up at the end
        self._tell("auditing")

    async def verify(self) -> None:
        """See that the pinned block is still the chain's own; what is incomplete anyway need not be proved to be.

        Raises:
            BlockReorganised: it is not.
            ReadError: nobody answers, and nothing else is missing.
        """
        try:
            await self._chain.verify()
        except BlockUnavailable:
            raise
        except ReadError as problem:
            if not (self._unread() or self._mendable()):
                raise
            text = f"whether the block still stands could not be asked: {problem.message}"
            self._warnings[Notice("block-unverified", text)] = None

    async def result(self, started: float) -> AuditResult:
        """Tables, full replays of the worst, and the figures."""
        pieces = assembly.Pieces(self._state, self._begun, self._done, self._planner.failing_plan(), self._lost)
        summary = pieces.summary()
        self._planner.complain(summary)
        self._stage("writing the tables")
        files = assembly.write_tables(self._ask, self._begun, pieces)
        top = self._ask.top_file()
        if top is not None:
            files["top"] = top
            wanted = assembly.worst_wallets(summary, self._ask.top)
            snapshots = [await self._reader.read(part) for part in _parts(wanted, self._ask.chunk)]
            assembly.write_top(top, self._begun, snapshots, self._ask)
        return assembly.result_of(
            self._ask,
            self._begun,
            summary,
            files,
            engine=self._planner.engine,
            warnings=(*self._planner.notices(), *self._begun.warnings, *self._warnings, *self._chain.warnings),
            source=self._chain.source,
            resumable=self._live() and bool(self._unread() or self._mendable()),
            figures=RunFigures(
                requests=getattr(self._chain, "requests", None),
                retried=self._retried,
                resumed=self._begun.resumed,
                seconds=round(time.monotonic() - started, 3),
                endpoints=tuple(
                    Endpoint(one.host, one.requests, one.retries, one.complaints, one.left_out)
                    for one in getattr(self._chain, "usage", ())
                ),
            ),
        )

    def _tell(self, stage: str) -> None:
        done = min(len(self._done) * self._ask.chunk, self._begun.listing.distinct)
        if self._progress:
            self._progress(stage, done, self._begun.listing.distinct)

    def _stage(self, stage: str) -> None:
        if self._progress:
            self._progress(stage, 0, 0)


def _may_mend(codes: Sequence[str]) -> bool:
    return any(code not in _FINAL for code in codes)


def nothing_answered(readings: Iterable[AccountReading], markets: int) -> bool:
    """Whether no market of no wallet was answered, for a reason that is the endpoint's."""
    return all(
        len(one.failures) == markets and all(failure.code in _GONE for failure in one.failures) for one in readings
    )


def _raise_first(done: set[asyncio.Task[None]]) -> None:
    """All are looked at: of a failure that nobody looks at asyncio writes a traceback."""
    failed = [problem for problem in [task.exception() for task in done] if problem is not None]
    if failed:
        raise failed[0]


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
