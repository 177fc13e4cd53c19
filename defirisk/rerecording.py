"""Recording: what a check reads, kept; and the same again at another block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Final

from defirisk.chain.calls import Chain
from defirisk.chain.endpoints import chain_with_id
from defirisk.chain.recording import Fixture, FixtureMarket, Recorder, ReplayChain
from defirisk.comparing import Change, compare
from defirisk.errors import BlockUnavailable, IncompleteRecording, InputError
from defirisk.model import Snapshot
from defirisk.protocols.interface import Deployment, Scope
from defirisk.reading import read_snapshot
from defirisk.run import one_chain, refuse_fallbacks, unique, verified, wallets_of
from defirisk.sources import Where, deployments_for, opened

_AT_ONCE: Final = 1000
_FAILURES_TOLD: Final = 3


async def record(addresses: Sequence[str], where: Where, *, strict: bool = False) -> Fixture:
    """Read what a check reads, and keep it. Errors: see :func:`defirisk.record`."""
    async with opened(where, one_chain(where)) as chain:
        recorder = Recorder(chain)
        wallets = unique((await wallets_of(recorder, addresses)).values())
        deployments = deployments_for(where, chain)
        async for _ in _recording(recorder, deployments, wallets, strict=strict):
            pass
        await verified(chain)
        return _kept(recorder, deployments, wallets)


async def refresh(old: ReplayChain, where: Where, *, strict: bool = False) -> tuple[Fixture, list[Change]]:
    """Record the wallets and markets of a recording again at another block, and tell what changed.

    Args:
        old: the recording.
        where: the endpoint and the block; the chain is the recording's.
        strict: take any fallback for an error.

    Raises:
        InputError: the recording names no wallets, or its chain has no endpoint but the one to be given.
        BlockUnavailable: the endpoint is behind the recording, and no block was asked for.
        IncompleteRecording, ReadError: not everything could be read again.
    """
    if not old.fixture.wallets:
        raise InputError(f"{old.source} names no wallets to record again", hint="record them by their addresses")
    deployments = deployments_for(Where(), old)
    markets = tuple(f"{one.protocol}@{one.entry}" for one in deployments)
    async with opened(replace(where, markets=markets), _chain_of(old, where)) as chain:
        _refuse_older(chain, old, where)
        recorder, wallets, changes = Recorder(chain), list(old.fixture.wallets), list[Change]()
        async for snapshot in _recording(recorder, deployments, wallets, strict=strict):
            before = await read_snapshot(old, deployments, [account.address for account in snapshot.accounts])
            changes += compare(before, snapshot)
        await verified(chain)
        return _kept(recorder, deployments, wallets), changes


async def _recording(
    recorder: Recorder, deployments: Sequence[Deployment], wallets: Sequence[str], *, strict: bool
) -> AsyncIterator[Snapshot]:
    """Read wallets a thousand at a time: what was read of them is forgotten before the next, what was asked is not."""
    for start in range(0, len(wallets), _AT_ONCE):
        snapshot = await read_snapshot(recorder, deployments, wallets[start : start + _AT_ONCE], Scope.LISTED)
        refuse_fallbacks(snapshot, strict=strict)
        _refuse_failures(snapshot)
        yield snapshot


def _kept(recorder: Recorder, deployments: Sequence[Deployment], wallets: Sequence[str]) -> Fixture:
    return recorder.fixture(
        markets=[FixtureMarket(one.protocol, one.entry, _plain_name(one)) for one in deployments],
        wallets=wallets,
        recorded_by=f"defirisk {version('defirisk')}",
    )


def _chain_of(old: ReplayChain, where: Where) -> str:
    """The chain to open: the recording's, which an endpoint must be of."""
    known = chain_with_id(old.chain_id)
    asserted = one_chain(where)
    expected = known.name if known else str(old.chain_id)
    if asserted not in (None, expected):
        raise InputError(f"{old.source} is a recording of {expected}, not of {asserted}", hint="leave out --chain")
    if known is None and not where.rpc and where.fixture is None:
        raise InputError(f"no public endpoint is known for chain id {expected}", hint="give one with --rpc")
    return expected


def _refuse_older(chain: Chain, old: ReplayChain, where: Where) -> None:
    if where.block is None and chain.block.number < old.block.number:
        raise BlockUnavailable(
            f"{chain.source} is at block {chain.block.number}, behind the recording's {old.block.number}",
            hint=f"to go back on purpose: --block {chain.block.number}",
        )


def _refuse_failures(snapshot: Snapshot) -> None:
    failed = [(account.address, failure) for account in snapshot.accounts for failure in account.failures]
    if failed:
        causes = [f"{failure.market} of {address}: {failure.message}" for address, failure in failed]
        more = f"; and {len(causes) - _FAILURES_TOLD} more" if len(causes) > _FAILURES_TOLD else ""
        raise IncompleteRecording(
            f"nothing was recorded, because this could not be read: {'; '.join(causes[:_FAILURES_TOLD])}{more}",
            hint="name the markets that you need with --market",
        )


def _plain_name(deployment: Deployment) -> str | None:
    """A name worth recording; ``PROTOCOL@0xENTRY`` says nothing that the entry does not."""
    return None if "@" in deployment.name else deployment.name
