"""Reading wallets in markets: all markets of a chain side by side, their questions merged into common round trips.

:func:`read_snapshot` reads a few wallets in full, :class:`WaveReader` many, chunk after chunk, as far as they are used.
"""

from __future__ import annotations

import inspect
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Answer, Call, Chain
from defirisk.chain.keeping import Kept
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
from defirisk.protocols.interface import Deployment, MarketReading, Reader, Scope

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
    chain: Chain, deployments: Sequence[Deployment], wallets: Sequence[str], scope: Scope = Scope.ALL
) -> Snapshot:
    """Read these wallets (EIP-55) in these markets at the chain's pinned block.

    A market that cannot be read is a failure of every account, a wallet that cannot be read in one only its own.

    Raises:
        NotAMarket: a market that the registry does not know is none.
        ReadError: the chain itself could not be read.

    """
    unique = list(dict.fromkeys(wallets))
    outcomes, kinds = await _meet(chain, deployments, unique, scope)
    _raise_mistakes(deployments, outcomes)
    _raise_what_concerns_all(outcomes)
    snapshot = _snapshot(chain, deployments, unique, outcomes)
    accounts = (_with_kind(account, kinds[account.address]) for account in snapshot.accounts)
    return replace(snapshot, accounts=tuple(accounts), warnings=(*snapshot.warnings, *_unknown_kinds(kinds)))


class WaveReader:
    """Reads many wallets at a chain's pinned block, chunk after chunk, as far as they are used (:data:`Scope.USED`).

    What does not depend on a wallet (markets, reserves, prices, feeds) is asked once and kept; of a chunk nothing is,
    so that memory does not grow with the number of wallets. Chunks may be read at the same time.
    """

    def __init__(self, chain: Chain, deployments: Sequence[Deployment], scope: Scope = Scope.USED) -> None:
        self._chain = chain
        self._scope = scope
        self._deployments = tuple(deployments)
        self._kept = Kept(chain)

    async def read(self, wallets: Sequence[str]) -> Snapshot:
        """Read these wallets (EIP-55), accounts in the order given, each once.

        A wallet without debt and counted collateral in a market has no position there. A market that cannot be read is
        a failure of each account, also where that is because no endpoint answers; a wallet that cannot be read in one
        market is only its own. Nothing of a failure is kept: to try again, call again with those wallets.

        Raises:
            NotAMarket: a market that the registry does not know is none.

        """
        unique = list(dict.fromkeys(wallets))
        chunk = self._kept.for_wallets(unique)
        meeting = Rendezvous(chunk)
        readings = [_read(meeting, one, unique, self._scope) for one in self._deployments]
        outcomes: list[Outcome] = await meeting.gather(readings)
        _raise_mistakes(self._deployments, outcomes)
        snapshot = _snapshot(chunk, self._deployments, unique, [_only_used(outcome) for outcome in outcomes])
        notices = dict.fromkeys((*self._chain.warnings, *snapshot.warnings))
        return replace(snapshot, warnings=tuple(notices))


# --- asking -------------------------------------------------------------------------------------------------------


async def _meet(
    chain: Chain, deployments: Sequence[Deployment], wallets: Sequence[str], scope: Scope
) -> tuple[list[Outcome], dict[str, Kind]]:
    meeting = Rendezvous(chain)
    readings = [_read(meeting, one, wallets, scope) for one in deployments]
    parties: list[Coroutine[Any, Any, Any]] = [*readings, _look_at(meeting, deployments, wallets)]
    *outcomes, kinds = await meeting.gather(parties)
    return outcomes, dict.fromkeys(wallets, kinds) if isinstance(kinds, DefiriskError) else kinds


async def _read(chain: Chain, deployment: Deployment, wallets: Sequence[str], scope: Scope) -> MarketReading:
    reader = registry.family(deployment.protocol).reader
    if _knows_scopes(type(reader)):
        return await reader.read(chain, deployment, wallets, scope)
    return await reader.read(chain, deployment, wallets)


@cache
def _knows_scopes(reader: type[Reader]) -> bool:
    """Whether a reader takes a scope: a third party's may have been written before there were any."""
    return "scope" in inspect.signature(reader.read).parameters


def _only_used(outcome: Outcome) -> Outcome:
    """Drop positions without debt and counted collateral: not every reader can tell before it has read them."""
    if not isinstance(outcome, MarketReading):
        return outcome
    positions = (None if isinstance(one, Position) and not _is_used(one) else one for one in outcome.positions)
    return replace(outcome, positions=tuple(positions))


def _is_used(position: Position) -> bool:
    return position.rules.standing(position.state).at_stake


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


def _snapshot(
    chain: Chain, deployments: Sequence[Deployment], wallets: Sequence[str], outcomes: Sequence[Outcome]
) -> Snapshot:
    readings = [outcome for outcome in outcomes if isinstance(outcome, MarketReading)]
    return Snapshot(
        chain_id=chain.chain_id,
        block=chain.block.number,
        timestamp=chain.block.timestamp,
        source=chain.source,
        accounts=tuple(_account(place, wallet, deployments, outcomes) for place, wallet in enumerate(wallets)),
        warnings=(*chain.warnings, *_not_deployed(deployments, outcomes)),
        assets=tuple(dict.fromkeys(asset for one in readings for asset in one.assets)),
    )


def _raise_mistakes(deployments: Sequence[Deployment], outcomes: Sequence[Outcome]) -> None:
    """An entry that the user mistyped is no matter of one account."""
    for deployment, outcome in zip(deployments, outcomes, strict=True):
        if isinstance(outcome, InputError) and not registry.is_registered(deployment):
            raise outcome


def _raise_what_concerns_all(outcomes: Sequence[Outcome]) -> None:
    """A chain that answers nobody is no matter of one account either."""
    gone = [outcome for outcome in outcomes if isinstance(outcome, _CHAIN_IS_GONE)]
    if gone and len(gone) == len(outcomes):
        raise gone[0]


def _not_deployed(deployments: Sequence[Deployment], outcomes: Sequence[Outcome]) -> Iterator[Notice]:
    for deployment, outcome in zip(deployments, outcomes, strict=True):
        if isinstance(outcome, NotDeployed):
            yield Notice("market-not-deployed", f"{deployment.name} does not exist at this block")


def _unknown_kinds(kinds: Mapping[str, Kind]) -> Iterator[Notice]:
    unknown = sum(isinstance(kind, DefiriskError) for kind in kinds.values())
    if unknown:
        yield Notice(
            "wallet-kind-unread",
            f"whether {unknown} of {len(kinds)} addresses are contracts or own proxy wallets could not be read",
        )


def _account(place: int, wallet: str, deployments: Sequence[Deployment], outcomes: Sequence[Outcome]) -> AccountReading:
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
    return AccountReading(wallet, tuple(positions), tuple(failures))


def _with_kind(account: AccountReading, kind: Kind) -> AccountReading:
    notices = () if isinstance(kind, DefiriskError) else tuple(_kind_notices(kind))
    return replace(account, warnings=notices)


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
