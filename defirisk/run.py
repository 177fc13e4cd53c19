"""One run, start to end: open the source, find the wallets, read the markets, judge. The only async core.

The sync API and the command line are thin faces over it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from defirisk.chain.addresses import parse_address
from defirisk.chain.calls import Chain
from defirisk.chain.endpoints import chain_named, chain_with_id
from defirisk.chain.ens import looks_like_name, resolve
from defirisk.chain.recording import ReplayChain
from defirisk.errors import DefiriskError, FallbackUsed, InputError
from defirisk.judging import Terms, judge
from defirisk.model import Snapshot
from defirisk.model import Warning as Notice
from defirisk.protocols.interface import Scope
from defirisk.reading import read_snapshot
from defirisk.report.check import Account, ChainFailure
from defirisk.result import CheckResult, CheckSetResult
from defirisk.risk.together import shared_losses
from defirisk.sources import DEFAULT_CHAIN, Where, deployments_for, markets_on, opened

ProgressHook = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is (0 where that is not known)."""
_AT_ONCE: Final = 1000
_NO_WALLET: Final = "for example `defirisk check 0x...`, `defirisk demo`, or wallets in a policy file, defirisk.toml"
_FAILURES_TOLD: Final = 3
_FALLBACKS: Final = frozenset({"unverified-revision"})


@dataclass(frozen=True, slots=True)
class Found:
    """One chain as read: ``names`` are the ENS names by address, ``markets`` those asked, ``live`` not a recording."""

    snapshot: Snapshot
    names: Mapping[str, str]
    markets: tuple[str, ...]
    live: bool


async def check_one(
    addresses: Sequence[str],
    where: Where,
    terms: Terms,
    *,
    labels: Mapping[str, str] | None = None,
    strict: bool = False,
    progress: ProgressHook | None = None,
) -> CheckResult:
    """Check wallets on one chain. Errors: see :func:`defirisk.check`."""
    chain_name = one_chain(where)
    scope = _scope(terms)
    found = await _read(addresses, where, chain_name, strict=strict, scope=scope, progress=progress)
    (accounts,) = judge([found.snapshot], terms, found.markets, _judging(progress))
    return _result(found, accounts, labels or {})


async def check_many(
    addresses: Sequence[str],
    where: Where,
    terms: Terms,
    *,
    strict: bool = False,
    progress: ProgressHook | None = None,
) -> CheckSetResult:
    """Check wallets on several chains, read side by side. Errors: see :func:`defirisk.check_chains`."""
    wanted = [(name, markets_on(where, name)) for name in where.chain_names()]
    wanted = [(name, one) for name, one in wanted if one.markets or not where.markets]
    wallets = await _resolved_once(addresses, [name for name, _ in wanted])
    scope = _scope(terms)
    reads = (_attempt(name, _read(wallets, one, name, strict=strict, only=False, scope=scope)) for name, one in wanted)
    outcomes = await asyncio.gather(*reads)
    found = [outcome for outcome in outcomes if isinstance(outcome, Found)]
    markets = [market for one in found for market in one.markets]
    judged = judge([one.snapshot for one in found], terms, markets, _judging(progress))
    return CheckSetResult(
        checks=tuple(_result(one, accounts, {}) for one, accounts in zip(found, judged, strict=True)),
        failures=tuple(outcome for outcome in outcomes if isinstance(outcome, ChainFailure)),
    )


def _scope(terms: Terms) -> Scope:
    """A what-if needs all that the markets list."""
    return Scope.LISTED if terms.what_if.asks else Scope.ALL


async def _read(
    addresses: Sequence[str],
    where: Where,
    chain_name: str | None,
    *,
    strict: bool,
    only: bool = True,
    scope: Scope = Scope.ALL,
    progress: ProgressHook | None = None,
) -> Found:
    if not addresses and where.fixture is None:
        raise InputError("no wallet was given", hint=_NO_WALLET)
    _tell(progress, f"opening {chain_name or DEFAULT_CHAIN}")
    given = {text: None if looks_like_name(text) else parse_address(text) for text in addresses}
    async with opened(where, chain_name, only=only) as chain:
        wallets = await wallets_of(chain, given)
        deployments = deployments_for(where, chain)
        distinct = unique(wallets.values())
        _tell(progress, f"reading {len(deployments)} market(s) for {len(distinct)} wallet(s)")
        snapshot = await read_snapshot(chain, deployments, distinct, scope)
        await verified(chain, budget=_ROUND_TRIPS)
        refuse_fallbacks(snapshot, strict=strict)
    names = {address: text for text, address in wallets.items() if looks_like_name(text)}
    notices = (*snapshot.warnings, *_doubles(addresses, wallets))
    markets = tuple(one.name for one in deployments)
    return Found(replace(snapshot, warnings=notices), names, markets, not isinstance(chain, ReplayChain))


_ROUND_TRIPS: Final = 4
"""A check takes at most this many round trips; one that is left is spent on seeing that the block still stands."""


async def wallets_of(chain: Chain, given: Iterable[str]) -> dict[str, str]:
    """The address of each text: as it is, or what ENS says; a recording's own wallets where none was given.

    Raises:
        InputError: none was given, and the chain is no recording that names any.
        InvalidAddress: a text is neither an address nor a valid name.
        NameNotFound: a name resolves to nothing.
    """
    texts = list(dict.fromkeys(given))
    if not texts:
        if isinstance(chain, ReplayChain) and chain.fixture.wallets:
            return {wallet: wallet for wallet in chain.fixture.wallets}
        raise InputError("no wallet was given", hint=_NO_WALLET)
    names = [text for text in texts if looks_like_name(text)]
    resolved: dict[str, str] = {}
    if names:
        resolved = dict(zip(names, await resolve(chain, names), strict=True))
    return {text: resolved.get(text) or parse_address(text) for text in texts}


async def _resolved_once(addresses: Sequence[str], chains: Sequence[str]) -> list[str]:
    """For several chains: ENS names become addresses once, where ENS is."""
    names = [text for text in dict.fromkeys(addresses) if looks_like_name(text)]
    if not names:
        return [parse_address(text) for text in addresses]
    home = next((name for name in chains if chain_named(name).ens), DEFAULT_CHAIN)
    async with opened(Where(chains=(home,)), home, only=False) as chain:
        found = dict(zip(names, await resolve(chain, names), strict=True))
    return [found.get(text) or parse_address(text) for text in addresses]


async def _attempt(name: str, reading: Awaitable[Found]) -> Found | ChainFailure:
    try:
        return await reading
    except DefiriskError as problem:
        return ChainFailure(name, problem.code, problem.message, problem.hint, problem.exit_code)


async def verified(chain: Chain, budget: int | None = None) -> None:
    """See that a live chain's block was not replaced while it was read, where the budget of round trips allows it."""
    from defirisk.chain.client import LiveChain  # noqa: PLC0415 - loaded already where it matters

    if isinstance(chain, LiveChain) and (budget is None or chain.round_trips < budget):
        await chain.verify()


def _result(found: Found, accounts: Iterable[Account], labels: Mapping[str, str]) -> CheckResult:
    snapshot, accounts = found.snapshot, tuple(accounts)
    known = chain_with_id(snapshot.chain_id)
    return CheckResult(
        chain_id=snapshot.chain_id,
        block=snapshot.block,
        timestamp=snapshot.timestamp,
        source=snapshot.source,
        accounts=tuple(
            replace(account, name=found.names.get(account.address), label=labels.get(account.address))
            for account in accounts
        ),
        warnings=snapshot.warnings,
        chain=known.name if known else None,
        read_at=int(time.time()) if found.live else None,
        markets=found.markets,
        shared_losses=shared_losses(analysis for account in accounts for analysis in account.positions),
    )


def refuse_fallbacks(snapshot: Snapshot, *, strict: bool) -> None:
    """``--strict``: whatever was read in another way than the first one is an error.

    Raises:
        FallbackUsed: ``strict``, and something was.
    """
    used = list(snapshot.warnings)
    used += [w for a in snapshot.accounts for p in a.positions for w in p.warnings if w.code in _FALLBACKS]
    if strict and used:
        raise FallbackUsed("; ".join(dict.fromkeys(f"{notice.text} [{notice.code}]" for notice in used)))


def _doubles(addresses: Sequence[str], wallets: Mapping[str, str]) -> list[Notice]:
    asked = [wallets[text] for text in addresses]
    double = [address for address in dict.fromkeys(asked) if asked.count(address) > 1]
    return [Notice("duplicate-address", f"{address} was given more than once and is listed once") for address in double]


def _judging(progress: ProgressHook | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress("judging positions", done, total)


def _tell(progress: ProgressHook | None, stage: str) -> None:
    if progress:
        progress(stage, 0, 0)


def one_chain(where: Where) -> str | None:
    """The one chain that was asked for; ``None`` where none was named.

    Raises:
        InputError: several.
    """
    names = where.chain_names()
    if len(names) > 1:
        raise InputError(f"one chain at a time, not {', '.join(where.chains)}", hint="give one chain")
    return names[0] if names else None


def unique(addresses: Iterable[str]) -> list[str]:
    """Each address once, in the order of their first."""
    return list(dict.fromkeys(addresses))
