"""One run: open the chain, find the market's emitters, scan, and hand over whom they named."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from defirisk.borrowers.decoding import Debts, Sighting
from defirisk.borrowers.journal import Journal, Plan, opened
from defirisk.borrowers.scan import Scan, Stretch
from defirisk.chain.addresses import checksum
from defirisk.errors import BadFile, BlockReorganised, InputError, WrongChain
from defirisk.protocols import registry
from defirisk.protocols.interface import Deployment
from defirisk.sources import Where, deployments_for
from defirisk.sources import opened as opened_chain

if TYPE_CHECKING:
    from defirisk.chain.client import LiveChain
    from defirisk.run import ProgressHook

BORROWER: Final = "borrower"
CANDIDATE: Final = "candidate"
_VERIFIED_EVERY: Final = 64
"""Stretches after which the pinned block is looked at again: one that is gone should not be found out at the end."""


@dataclass(frozen=True, slots=True)
class Row:
    """A wallet (EIP-55), the block of the first event that names it, and whether it borrowed or only may have."""

    address: str
    first_block: int
    kind: str


@dataclass(slots=True)
class Borrowers:
    """Whom a market's events named from block ``plan.first`` to ``plan.last``."""

    plan: Plan
    _found: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def add(self, sighting: Sighting) -> None:
        """Take a sighting; the first one gives the block, a certain one the kind."""
        block, certain = self._found.get(sighting.address, (sighting.block, False))
        self._found[sighting.address] = block, certain or sighting.certain

    def __len__(self) -> int:
        return len(self._found)

    def rows(self) -> list[Row]:
        """Every wallet once, in the order of its first appearance."""
        return [
            Row(checksum(address), block, BORROWER if certain else CANDIDATE)
            for address, (block, certain) in self._found.items()
        ]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: ``where`` names one market and, with ``block``, the last block; ``first`` the first one."""

    where: Where
    first: int


async def find_borrowers(asked: Asked, progress: ProgressHook | None = None) -> Borrowers:
    """Find a market's borrowers, keeping nothing on disk.

    Raises:
        InputError: the market, the blocks or the source cannot be.
        ReadError: the chain cannot be read in full.

    """
    async with opened_chain(asked.where, _one_chain(asked)) as chain:
        live = _live(chain)
        plan = await _planned(asked, live)
        found = Borrowers(plan)
        await _scan(live, found, plan.first, None, progress)
        return found


async def find_borrowers_resumably(
    asked: Asked,
    folder: Path,
    write: Callable[[Borrowers], None],
    *,
    resume: bool = False,
    progress: ProgressHook | None = None,
) -> Borrowers:
    """Find a market's borrowers, keeping in ``folder`` what was found until ``write`` has written it.

    Raises:
        InputError: as above; or there is another run's folder, or none to resume, or one of something else.
        ReadError: the chain cannot be read in full, or the block that the unfinished run was pinned to is gone.

    """
    with opened(folder, resume=resume) as journal:
        found = await (
            _go_on(asked, journal.plan, journal, progress) if journal.plan else _begin(asked, journal, progress)
        )
        write(found)
        journal.remove()
        return found


async def _begin(asked: Asked, journal: Journal, progress: ProgressHook | None) -> Borrowers:
    async with opened_chain(asked.where, _one_chain(asked)) as chain:
        live = _live(chain)
        plan = await _planned(asked, live)
        journal.begin(plan)
        found = Borrowers(plan)
        await _scan(live, found, plan.first, journal, progress)
        return found


async def _go_on(asked: Asked, plan: Plan, journal: Journal, progress: ProgressHook | None) -> Borrowers:
    _refuse_another_block(asked, plan)
    at_block = replace(asked.where, block=plan.last.number)
    async with opened_chain(at_block, _one_chain(asked), early=False) as chain:  # its state may be pruned by now
        live = _live(chain)
        _refuse_another_chain(asked, plan, live)
        found = Borrowers(plan)
        done = _recall(journal, found)
        if done is not None:
            await _refuse_a_replaced_block(live, found, done)
        await _scan(live, found, plan.first if done is None else done.last.number + 1, journal, progress)
        return found


async def _scan(
    chain: LiveChain, found: Borrowers, first: int, journal: Journal | None, progress: ProgressHook | None
) -> None:
    plan, started, count = found.plan, time.monotonic(), 0
    async for stretch in Scan(chain, Debts(plan.emitters), first, plan.last.number).stretches():
        if journal is not None:
            journal.add(stretch)
        for sighting in stretch.found:
            found.add(sighting)
        count += 1
        if count % _VERIFIED_EVERY == 0:
            await chain.verify()
        if progress is not None:
            rate = (stretch.last.number + 1 - first) / max(time.monotonic() - started, 1e-3)
            stage = f"block {stretch.last.number:,}, {rate:,.0f} blocks/s, {len(found):,} wallets"
            progress(stage, stretch.last.number + 1 - plan.first, plan.last.number + 1 - plan.first)
    await chain.verify()


# --- what is asked for --------------------------------------------------------------------------------------------


def _one_chain(asked: Asked) -> str | None:
    names = asked.where.chain_names()
    if len(names) > 1:
        raise InputError(f"one chain at a time, not {', '.join(names)}", hint="give one chain")
    return names[0] if names else None


def _live(chain: object) -> LiveChain:
    from defirisk.chain.client import LiveChain  # noqa: PLC0415 - loaded already where it matters

    if not isinstance(chain, LiveChain):
        raise InputError("a recording holds no events", hint="read them from an endpoint: --rpc URL")
    return chain


def _market(asked: Asked, chain: LiveChain) -> Deployment:
    found = deployments_for(asked.where, chain)
    if len(asked.where.markets) != 1:
        raise InputError("one market at a time", hint="give one --market, a list for each")
    return found[0]


async def _planned(asked: Asked, chain: LiveChain) -> Plan:
    market = _market(asked, chain)
    if asked.first > chain.block.number:
        raise InputError(f"the first block, {asked.first}, is after the last, {chain.block.number}")
    events = registry.family(market.protocol).debt_events
    if events is None:
        raise InputError(f"the protocol {market.protocol} does not say which of its events tell of debts")
    emitters = tuple(await events.emitters(chain, market))
    return Plan(chain.chain_id, market.name, market.entry, asked.first, chain.block, emitters)


# --- what an unfinished run has found -----------------------------------------------------------------------------


def _recall(journal: Journal, found: Borrowers) -> Stretch | None:
    """Take up what was found; the last finished stretch, ``None`` if there is none."""
    done: Stretch | None = None
    expected = found.plan.first
    for stretch in journal.stretches():
        if not expected <= stretch.last.number <= found.plan.last.number:
            raise BadFile(
                f"the unfinished run goes on to block {stretch.last.number} after block {expected - 1}",
                hint="remove its folder to start anew",
            )
        for sighting in stretch.found:
            found.add(sighting)
        done, expected = stretch, stretch.last.number + 1
    return done


def _refuse_another_block(asked: Asked, plan: Plan) -> None:
    if asked.first != plan.first or asked.where.block not in (None, plan.last.number):
        raise InputError(
            f"the unfinished run is of the blocks {plan.first} to {plan.last.number}",
            hint="resume it with its own --from-block, and its own --to-block or none",
        )


def _refuse_another_chain(asked: Asked, plan: Plan, chain: LiveChain) -> None:
    if chain.chain_id != plan.chain_id:
        raise WrongChain(plan.chain_id, chain.chain_id, hint="the unfinished run is of another chain")
    market = _market(asked, chain)
    if market.entry.lower() != plan.entry.lower():
        raise InputError(f"the unfinished run is of {plan.market}, not of {market.name}")
    if chain.block != plan.last:
        raise BlockReorganised(
            f"block {plan.last.number}, at which the unfinished run was to end, was replaced by another",
            hint="remove its folder to start anew",
        )


async def _refuse_a_replaced_block(chain: LiveChain, found: Borrowers, done: Stretch) -> None:
    """What was read before is of this chain only if its last block is."""
    number = done.last.number
    now = await chain.logs(Debts(found.plan.emitters).wanted, number, number)
    if now.last != done.last:
        raise BlockReorganised(
            f"block {number}, which the unfinished run had read, was replaced by another",
            hint="remove its folder to start anew",
        )
