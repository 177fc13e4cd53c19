"""From a chain, or the recording of one, to a snapshot: a list of wallets read chunk after chunk at one block."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from defirisk.auditing.ask import Ask
from defirisk.auditing.begin import Begun, kept_unless_empty, pin, resolved, stored_listing, take_list
from defirisk.auditing.listing import wallets_of
from defirisk.auditing.pipeline import nothing_answered
from defirisk.auditing.state import State, replace_with, state_for, write_json
from defirisk.auditing.summary import Summary
from defirisk.auditing.tables import read_part, write_part
from defirisk.chain.calls import Chain
from defirisk.errors import BlockUnavailable, EndpointUnreachable, InputError, StateUnusable
from defirisk.judging import Terms
from defirisk.model import AccountReading, Snapshot, Token
from defirisk.model import Warning as Notice
from defirisk.protocols.interface import Deployment
from defirisk.reading import WaveReader
from defirisk.run import ProgressHook, one_chain, refuse_fallbacks
from defirisk.snapshots.asking import is_snapshot
from defirisk.snapshots.encoding import Encoded, Encoder
from defirisk.snapshots.head import token_of
from defirisk.snapshots.layout import types_of
from defirisk.snapshots.numbers import token_json
from defirisk.snapshots.writing import SnapshotWriter
from defirisk.sources import Where, deployments_for, opened

ROWS: Final = "rows"
"""The kind of a chunk's part."""
ROUNDS: Final = 3
"""How often wallets that failed are asked for again."""
PAUSE: Final = 0.5
"""Seconds before the first of these, doubled before each further one."""
_BLOCK_GONE: Final = frozenset({"block-unavailable", "block-reorganised"})
_FINAL: Final = frozenset({"unsupported-rules"})


@dataclass(frozen=True, slots=True)
class SnapshotResult:
    """What a snapshot holds: the block, how many wallets, how many positions, and which wallets failed, and why."""

    block: int
    wallets: int
    positions: int
    failures: tuple[tuple[str, str, str], ...]
    """(address, market, what went wrong) of each failure."""

    @property
    def complete(self) -> bool:
        """Whether every wallet was answered in every market."""
        return not self.failures


def asked(source: str, where: Where, output: Path, *, strict: bool, chunk: int, resume: bool) -> Ask:
    """A snapshot as it is asked for.

    Raises:
        InputError: the name is not one of a snapshot, or the list is one already.
    """
    if output.suffix.lower() != ".parquet":
        raise InputError(f"{output.name}: a snapshot is a Parquet file", hint="for example -o positions.parquet")
    if is_snapshot(source):
        raise InputError(f"{Path(source).name} is a snapshot already", hint="`defirisk audit` replays it")
    how = Terms(())
    return Ask(
        source=source, where=where, terms=how, output=output, strict=strict, chunk=chunk, resume=resume, work="snapshot"
    )


async def take(ask: Ask, path: Path, *, progress: ProgressHook | None = None, say: Any = None) -> SnapshotResult:
    """Read a list of wallets and write their positions to ``path``, the output asked for; whole or not at all.

    An interrupted run is kept as one of an audit is, and goes on with ``ask.resume``.

    Raises:
        InputError: the list, the source, a market, or the file cannot be; or there is no such run to go on with.
        ReadError: the chain could not be read at all, or no more, or the block is gone.
    """
    with state_for(path, resume=ask.resume) as state:
        begun = take_list(ask, state, progress, say)
        with kept_unless_empty(state, begun):
            async with opened(replace(ask.where, block=begun.block_of(ask)), one_chain(ask.where)) as chain:
                begun = await resolved(begun, ask, state, chain, progress=progress, say=say)
                deployments = deployments_for(ask.where, chain)
                for one in deployments:
                    types_of(one.protocol)
                begun = pin(ask, state, begun, chain, deployments)
                taking = _Taking(ask, state, begun, chain=chain, deployments=deployments, progress=progress)
                await taking.read_all()
                replace_with(path, taking.write)
        state.remove()
    return taking.taken()


@dataclass(frozen=True, slots=True)
class Chunk:
    """What came of a chunk; its rows lie beside it."""

    wallets: int
    positions: int
    failures: tuple[tuple[str, str, str], ...]
    today: Summary

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Chunk:
        """From its record."""
        failures = tuple((str(address), str(market), str(message)) for address, market, message in document["failures"])
        return cls(document["wallets"], document["positions"], failures, Summary.from_json(document["today"]))

    def to_json(self) -> dict[str, Any]:
        """For its record."""
        return {
            "wallets": self.wallets,
            "positions": self.positions,
            "failures": [list(one) for one in self.failures],
            "today": self.today.to_json(),
        }


class _Taking:
    """A run whose block is pinned: chunk after chunk to the state, and from there to the file."""

    def __init__(
        self,
        ask: Ask,
        state: State,
        begun: Begun,
        *,
        chain: Chain,
        deployments: tuple[Deployment, ...],
        progress: ProgressHook | None,
    ) -> None:
        self._ask, self._state, self._begun, self._chain, self._progress = ask, state, begun, chain, progress
        asked = [(one.name, one.protocol) for one in deployments]
        self._encoder = Encoder(asked, chain_id=chain.chain_id, block=chain.block.number)
        self._reader = WaveReader(chain, deployments)
        self._listed: dict[Token, None] = {}
        self._warnings: dict[Notice, None] = {}
        self._done: list[Chunk] = []

    async def read_all(self) -> None:
        """Every chunk that is not done yet, in order, since each one's numbers go on from those before it.

        Raises:
            ReadError: nobody answers any more, or the block is gone.
            StateUnusable: what an interrupted run had kept is not sound.
        """
        listing = self._begun.listing
        for number in range(listing.chunks):
            self._done.append(self._recalled(number) or await self._taken(number))
            if self._progress:
                done = min((number + 1) * self._ask.chunk, listing.distinct)
                self._progress("reading wallets", done, listing.distinct)
        await self._chain.verify()

    def write(self, file: BinaryIO) -> None:
        """The file, from all chunks."""
        with SnapshotWriter(file, self._encoder) as writer:
            for number, chunk in enumerate(self._done):
                writer.add(Encoded(read_part(self._state.part(number, ROWS)), chunk.wallets, chunk.today))
            writer.finish(
                chain_id=self._chain.chain_id,
                block=self._chain.block,
                source=self._chain.source,
                listing=stored_listing(self._begun.listing),
                assets=tuple(self._listed),
                warnings=tuple(self._warnings),
            )

    def taken(self) -> SnapshotResult:
        """What the file holds."""
        failures = tuple(one for chunk in self._done for one in chunk.failures)
        positions = sum(chunk.positions for chunk in self._done)
        return SnapshotResult(self._chain.block.number, self._begun.listing.distinct, positions, failures)

    async def _taken(self, number: int) -> Chunk:
        """Read a chunk, encode it, and keep it; its record last, which says that it is complete."""
        wallets = wallets_of(self._state, number)
        readings = await self._read([wallet.address for wallet in wallets])
        encoded = self._encoder.encode(readings, [wallet.labels for wallet in wallets])
        chunk = Chunk(
            encoded.wallets,
            sum(len(one.positions) for one in readings),
            tuple((one.address, failure.market, failure.message) for one in readings for failure in one.failures),
            encoded.today,
        )
        write_part(self._state.part(number, ROWS), encoded.table)
        write_json(self._state.record_file(number), {**chunk.to_json(), **self._common()})
        return chunk

    def _common(self) -> dict[str, Any]:
        """What this chunk and those before it have in common: numbers that are new, tokens, warnings."""
        return {
            "numbers": self._encoder.numbers.news(),
            "listed": [token_json(one) for one in self._listed],
            "warnings": [[one.code, one.text] for one in self._warnings],
        }

    def _recalled(self, number: int) -> Chunk | None:
        """A chunk that an interrupted run had kept."""
        record = self._state.record(number)
        if record is None:
            return None
        try:
            self._encoder.numbers.know(record["numbers"])
            self._listed.update(dict.fromkeys(token_of(one) for one in record["listed"]))
            self._warnings.update(dict.fromkeys(Notice(str(code), str(text)) for code, text in record["warnings"]))
            return Chunk.of(record)
        except (ValueError, KeyError, TypeError, IndexError) as problem:
            raise StateUnusable(
                f"{self._state.record_file(number)} is no record of a chunk",
                hint=f"remove {self._state.folder} to begin anew",
            ) from problem

    async def _read(self, addresses: list[str]) -> list[AccountReading]:
        """These wallets; those that failed asked again, now and then."""
        found: dict[str, AccountReading] = {}
        left = addresses
        for attempt in range(ROUNDS + 1):
            if attempt:
                await asyncio.sleep(PAUSE * 2 ** (attempt - 1))
            found |= {one.address: one for one in (await self._once(left)).accounts}
            left = [address for address in addresses if _may_mend(found[address])]
            if not left or not self._may_change():
                break
        self._refuse_silence(found)
        return [found[address] for address in addresses]

    def _refuse_silence(self, found: Mapping[str, AccountReading]) -> None:
        """A chunk of which no endpoint answers anything is no chunk of failures, but the end of the run for now.

        Raises:
            EndpointUnreachable: so it is.
        """
        if self._may_change() and nothing_answered(found.values(), len(self._begun.markets)):
            cause = next(failure for one in found.values() for failure in one.failures)
            raise EndpointUnreachable(cause.message, hint="what was read is kept: --resume goes on")

    async def _once(self, addresses: list[str]) -> Snapshot:
        snapshot = await self._reader.read(addresses)
        refuse_fallbacks(snapshot, strict=self._ask.strict)
        gone = [f.message for one in snapshot.accounts for f in one.failures if f.code in _BLOCK_GONE]
        if gone:
            raise BlockUnavailable(f"the pinned block {self._chain.block.number} is gone: {gone[0]}")
        self._listed.update(dict.fromkeys(snapshot.assets))
        self._warnings.update(dict.fromkeys(snapshot.warnings))
        return snapshot

    def _may_change(self) -> bool:
        """Whether asking once more may give another answer: not of a recording."""
        return hasattr(self._chain, "requests")


def _may_mend(reading: AccountReading) -> bool:
    return any(failure.code not in _FINAL for failure in reading.failures)
