"""From a chain, or the recording of one, to a snapshot: a list of wallets read chunk after chunk at one block."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from defirisk.auditing.ask import Ask
from defirisk.auditing.begin import Begun, resolved, stored_listing, take_list
from defirisk.auditing.listing import wallets_of
from defirisk.auditing.state import State, state_for
from defirisk.chain.calls import Chain
from defirisk.errors import BlockUnavailable
from defirisk.files import replaced, writing_to
from defirisk.model import AccountReading, Snapshot, Token
from defirisk.model import Warning as Notice
from defirisk.protocols.interface import Deployment
from defirisk.reading import WaveReader
from defirisk.run import ProgressHook, one_chain, refuse_fallbacks
from defirisk.snapshots.layout import types_of
from defirisk.snapshots.writing import SnapshotWriter
from defirisk.sources import deployments_for, opened

ROUNDS: Final = 3
"""How often wallets that failed are asked for again."""
PAUSE: Final = 0.5
"""Seconds before the first of these, doubled before each further one."""
_BLOCK_GONE: Final = frozenset({"block-unavailable", "block-reorganised"})
_FINAL: Final = frozenset({"unsupported-rules"})


@dataclass(frozen=True, slots=True)
class Taken:
    """What a snapshot holds: the block, how many wallets, how many positions, and which wallets failed, and why."""

    block: int
    wallets: int
    positions: int
    failures: tuple[tuple[str, str, str], ...]
    """(address, market, what went wrong) of each failure."""


async def take(ask: Ask, path: Path, *, progress: ProgressHook | None = None, say: Any = None) -> Taken:
    """Read a list of wallets and write their positions; whole or not at all.

    Raises:
        InputError: the list, the source, a market, or the file cannot be.
        ReadError: the chain could not be read at all, or the block is gone.
    """
    with state_for(None, resume=False) as state:
        begun = take_list(ask, state, progress, say)
        async with opened(ask.where, one_chain(ask.where)) as chain:
            begun = await resolved(begun, ask, state, chain, progress=progress, say=say)
            deployments = deployments_for(ask.where, chain)
            for one in deployments:
                types_of(one.protocol)
            with writing_to(path), replaced(path) as file:
                taking = _Taking(ask, state, begun, chain=chain, deployments=deployments, progress=progress)
                return await taking.run(file)


class _Taking:
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
        self._deployments = deployments
        self._reader = WaveReader(chain, deployments)
        self._listed: dict[Token, None] = {}
        self._warnings: dict[Notice, None] = {}
        self._positions = 0
        self._failures: list[tuple[str, str, str]] = []

    async def run(self, file: BinaryIO) -> Taken:
        listing = self._begun.listing
        asked = [(one.name, one.protocol) for one in self._deployments]
        writer = SnapshotWriter(file, asked, chain_id=self._chain.chain_id, block=self._chain.block.number)
        for chunk in range(listing.chunks):
            wallets = wallets_of(self._state, chunk)
            readings = await self._read([wallet.address for wallet in wallets])
            writer.add(readings, [wallet.labels for wallet in wallets])
            self._count(readings)
            if self._progress:
                done = min((chunk + 1) * self._ask.chunk, listing.distinct)
                self._progress("reading wallets", done, listing.distinct)
        await self._chain.verify()
        writer.finish(
            chain_id=self._chain.chain_id,
            block=self._chain.block,
            source=self._chain.source,
            listing=stored_listing(listing),
            assets=tuple(self._listed),
            warnings=tuple(self._warnings),
        )
        return Taken(self._chain.block.number, listing.distinct, self._positions, tuple(self._failures))

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
        return [found[address] for address in addresses]

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

    def _count(self, readings: list[AccountReading]) -> None:
        for one in readings:
            self._positions += len(one.positions)
            self._failures += [(one.address, failure.market, failure.message) for failure in one.failures]


def _may_mend(reading: AccountReading) -> bool:
    return any(failure.code not in _FINAL for failure in reading.failures)
