"""Reading wallets in markets: all markets of a chain side by side, their questions merged into common round trips."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Answer, Call, Chain
from defirisk.chain.rendezvous import Rendezvous
from defirisk.chain.wallets import WalletKind, follow_up_calls, interpret, probe_calls
from defirisk.errors import (
    BlockUnavailable,
    DefiriskError,
    EndpointRefused,
    EndpointUnreachable,
    InputError,
    MissingCall,
    NotDeployed,
    StateUnavailable,
)
from defirisk.model import AccountReading, Failure, Position, Snapshot
from defirisk.model import Warning as Notice
from defirisk.protocols import registry
from defirisk.protocols.interface import Deployment, ListingReader, MarketReading

_CHAIN_IS_GONE: Final = (EndpointUnreachable, EndpointRefused, BlockUnavailable, StateUnavailable)
Outcome = MarketReading | DefiriskError
Kind = WalletKind | DefiriskError
_KINDS: Final = {
    "contract": "this address is a contract, not a person's account",
    "safe": "this address is a Safe",
    "dsproxy": "this address is a DSProxy, a contract that acts for its owner",
    "dsa": "this address is a DSA (Instadapp), a contract that acts for its owner",
}


def early_calls(deployments: Sequence[Deployment]) -> list[Call]:
    """Return what a reading of these markets asks first, so that a client can send it with its opening."""
    early = (registry.family(one.protocol).reader.early_calls(one) for one in deployments)
    return list(dict.fromkeys(call for calls in early for call in calls))


async def read_snapshot(
    chain: Chain, deployments: Sequence[Deployment], wallets: Sequence[str], *, listing: bool = False
) -> Snapshot:
    """Read these wallets (EIP-55) in these markets at the chain's pinned block.

    ``listing`` asks for all that the markets list too, where their readers can: what a what-if needs.
    A market that cannot be read is a failure of every account, a wallet that cannot be read in one only its own.

    Raises:
        NotAMarket: a market that the registry does not know is none.
        ReadError: the chain itself could not be read.

    """
    unique = list(dict.fromkeys(wallets))
    outcomes, kinds = await _meet(chain, deployments, unique, listing=listing)
    _raise_what_concerns_all(deployments, outcomes)
    return Snapshot(
        chain_id=chain.chain_id,
        block=chain.block.number,
        timestamp=chain.block.timestamp,
        source=chain.source,
        accounts=tuple(
            _account(place, wallet, deployments, outcomes, kinds[wallet]) for place, wallet in enumerate(unique)
        ),
        warnings=(*chain.warnings, *_notices(deployments, outcomes, kinds)),
        assets=tuple(
            dict.fromkeys(asset for one in outcomes if isinstance(one, MarketReading) for asset in one.assets)
        ),
    )


# --- asking -------------------------------------------------------------------------------------------------------


async def _meet(
    chain: Chain, deployments: Sequence[Deployment], wallets: Sequence[str], *, listing: bool
) -> tuple[list[Outcome], dict[str, Kind]]:
    meeting = Rendezvous(chain)
    readings = [_reading(meeting, one, wallets, listing=listing) for one in deployments]
    parties: list[Coroutine[Any, Any, Any]] = [*readings, _look_at(meeting, deployments, wallets)]
    *outcomes, kinds = await meeting.gather(parties)
    return outcomes, dict.fromkeys(wallets, kinds) if isinstance(kinds, DefiriskError) else kinds


def _reading(
    chain: Chain, deployment: Deployment, wallets: Sequence[str], *, listing: bool
) -> Coroutine[Any, Any, MarketReading]:
    reader = registry.family(deployment.protocol).reader
    if listing and isinstance(reader, ListingReader):
        return reader.read_listing(chain, deployment, wallets)
    return reader.read(chain, deployment, wallets)


async def _look_at(chain: Chain, deployments: Sequence[Deployment], wallets: Sequence[str]) -> dict[str, Kind]:
    """Find out what the wallets are, on the round trips that the markets need anyway."""
    answers = Answers(chain)
    await answers.ask(early_calls(deployments))  # in step with the readers: theirs come with the opening
    probes = {wallet: probe_calls(wallet, chain.chain_id) for wallet in wallets}
    await answers.ask(call for calls in probes.values() for call in calls)
    first = {wallet: _all(answers, calls) for wallet, calls in probes.items()}
    more = {
        wallet: follow_up_calls(chain.chain_id, found)
        for wallet, found in first.items()
        if not isinstance(found, MissingCall)
    }
    await answers.ask(call for calls in more.values() for call in calls)
    return {
        wallet: found if isinstance(found, MissingCall) else _judge(chain.chain_id, found, _all(answers, more[wallet]))
        for wallet, found in first.items()
    }


def _all(answers: Answers, calls: Sequence[Call]) -> list[Answer] | MissingCall:
    try:
        return [answers.answer(call) for call in calls]
    except MissingCall as problem:
        return problem


def _judge(chain_id: int, first: Sequence[Answer], more: list[Answer] | MissingCall) -> Kind:
    return more if isinstance(more, MissingCall) else interpret(chain_id, first, more)


# --- what came of it ----------------------------------------------------------------------------------------------


def _raise_what_concerns_all(deployments: Sequence[Deployment], outcomes: Sequence[Outcome]) -> None:
    """An entry that the user mistyped, or a chain that answers nobody, is no matter of one account."""
    for deployment, outcome in zip(deployments, outcomes, strict=True):
        if isinstance(outcome, InputError) and not registry.is_registered(deployment):
            raise outcome
    gone = [outcome for outcome in outcomes if isinstance(outcome, _CHAIN_IS_GONE)]
    if gone and len(gone) == len(outcomes):
        raise gone[0]


def _notices(
    deployments: Sequence[Deployment], outcomes: Sequence[Outcome], kinds: Mapping[str, Kind]
) -> Iterator[Notice]:
    for deployment, outcome in zip(deployments, outcomes, strict=True):
        if isinstance(outcome, NotDeployed):
            yield Notice("market-not-deployed", f"{deployment.name} does not exist at this block")
    unknown = sum(isinstance(kind, DefiriskError) for kind in kinds.values())
    if unknown:
        yield Notice(
            "wallet-kind-unread",
            f"whether {unknown} of {len(kinds)} addresses are contracts or own proxy wallets could not be read",
        )


def _account(
    place: int, wallet: str, deployments: Sequence[Deployment], outcomes: Sequence[Outcome], kind: Kind
) -> AccountReading:
    positions: list[Position] = []
    failures: list[Failure] = []
    for deployment, outcome in zip(deployments, outcomes, strict=True):
        found = outcome.positions[place] if isinstance(outcome, MarketReading) else outcome
        if isinstance(found, Position):
            positions.append(found)
        elif isinstance(found, DefiriskError) and not isinstance(found, NotDeployed):
            failures.append(Failure(deployment.name, deployment.protocol, found.code, _said(found)))
        elif isinstance(found, BaseException) and not isinstance(found, DefiriskError):
            raise found
    notices = () if isinstance(kind, DefiriskError) else tuple(_kind_notices(kind))
    return AccountReading(wallet, tuple(positions), tuple(failures), notices)


def _said(problem: DefiriskError) -> str:
    """The cause and what to do about it: a failure in a result has no other place for a hint."""
    return f"{problem.message} ({problem.hint})" if problem.hint else problem.message


def _kind_notices(kind: WalletKind) -> Iterator[Notice]:
    what = _KINDS.get(kind.kind)
    if what is not None:
        version = f" {kind.version}" if kind.version else ""
        yield Notice(
            "contract-wallet", f"{what}{version}: positions may be held by its owner or by another contract instead"
        )
    for proxy in kind.proxies_owned:
        where = f" {proxy.address}" if proxy.address else ""
        yield Notice(
            "owns-proxy", f"this address owns a {proxy.kind.upper()} wallet{where}: positions may be held there instead"
        )
