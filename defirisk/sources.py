"""Which chain a run reads and from where: a recording, the user's endpoint, the environment's, or a public one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from defirisk.chain.calls import Call, Chain
from defirisk.chain.endpoints import ChainEntry, chain_named, choose_source, known_chains
from defirisk.chain.recording import ReplayChain, load_fixture
from defirisk.errors import FixtureError, InputError, UnknownChain, UnknownMarket, WrongChain
from defirisk.protocols import registry
from defirisk.protocols.interface import Deployment

ALL: Final = "all"
DEFAULT_CHAIN: Final = "ethereum"
DEMO: Final = "demo.json.gz"
_RENAME: Final = "a recording lists each market once, under a name of its own: record it again with `defirisk record`"
Recording = str | Path | Traversable | ReplayChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where to read, as it was asked for.

    ``rpc`` URLs, in the order to try; ``chains`` names (``all`` for every chain with a known market); ``block`` a
    number, ``None`` for the latest; ``fixture`` a recording; ``markets`` names or ``PROTOCOL@0xENTRY``.
    """

    rpc: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    block: int | None = None
    fixture: Recording | None = None
    markets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InputError: an endpoint and a recording, or several chains with one of them.
        """
        if self.rpc and self.fixture is not None:
            raise InputError("both an endpoint and a recording were given", hint="leave out --rpc or --fixture")
        if (self.rpc or self.fixture is not None) and len(self.chain_names()) > 1:
            raise InputError("several chains cannot be read from one endpoint or recording", hint="give one --chain")

    def chain_names(self) -> tuple[str, ...]:
        """The chains asked for, each once; empty where none was named.

        Raises:
            UnknownChain: no such chain is known.
        """
        if ALL in self.chains:
            return tuple(entry.name for entry in known_chains() if registry.deployments_on(entry.chain_id))
        return tuple(dict.fromkeys(_chain_name(name, bool(self.rpc or self.fixture)) for name in self.chains))


def _chain_name(name: str, asserted: bool) -> str:
    """The chain's own name; a bare id may be asserted of a chain that nobody knows, such as a local one."""
    try:
        return chain_named(name).name
    except UnknownChain:
        if asserted and name.isdecimal():
            return name
        raise


@asynccontextmanager
async def opened(
    where: Where, chain_name: str | None, *, only: bool = True, early: bool = True
) -> AsyncIterator[Chain]:
    """Open the source of one chain; ``only`` that no other chain is asked in the same run.

    ``early`` sends what a reading asks first together with the opening, which needs the block's state.

    Raises:
        InputError: wrong chain, unknown market, a block that the recording is not of.
        ReadError: the source cannot be used.
    """
    if where.fixture is not None:
        yield _recorded(where.fixture, where.block, chain_name)
        return
    from defirisk.chain.client import open_chain  # noqa: PLC0415 - aiohttp only for a live chain

    _refuse_bad_entries(where.markets)
    known = _known(chain_name or DEFAULT_CHAIN)
    urls = where.rpc or choose_source((), known or chain_named(DEFAULT_CHAIN), os.environ, only=only).urls
    expected = known.chain_id if known else int(chain_name or 0)
    async with open_chain(
        urls,
        block=where.block,
        expected_chain_id=expected if chain_name or not where.rpc else None,
        early=_early(where, expected) if early else (),
    ) as chain:
        yield chain


def _refuse_bad_entries(markets: Sequence[str]) -> None:
    """Whether ``PROTOCOL@0xENTRY`` can be meant depends on no chain: it is said before one is asked."""
    for market in markets:
        protocol, at, entry = market.strip().partition("@")
        if at:
            registry.deployment_at(protocol.lower(), entry, 0)


def deployments_for(where: Where, chain: Chain) -> tuple[Deployment, ...]:
    """The markets to read on an open chain, each once.

    Raises:
        UnknownMarket: a name that is not known there, or none was given where none is known.
        InvalidAddress: an entry that is no address.
        FixtureError: a recording gives one name to two markets, or two names to one.
    """
    recorded = _recorded_markets(chain)
    if where.markets:
        by_name = {one.name: one for one in recorded}  # a recording may name what no registry knows
        named = (by_name.get(name.strip()) or registry.find_deployment(name, chain.chain_id) for name in where.markets)
        return tuple(dict.fromkeys(named))
    if recorded:
        return recorded
    known = registry.deployments_on(chain.chain_id)
    if not known:
        raise UnknownMarket(
            f"no market is known on chain id {chain.chain_id}",
            hint="name one: --market PROTOCOL@0xENTRY, e.g. aave-v3@ and the address of its PoolAddressesProvider",
        )
    return known


def _recorded_markets(chain: Chain) -> tuple[Deployment, ...]:
    """The markets of a recording; none of a live chain."""
    if not isinstance(chain, ReplayChain):
        return ()
    held = (registry.deployment_at(one.protocol, one.entry, chain.chain_id, one.name) for one in chain.fixture.markets)
    found = tuple(dict.fromkeys(held))
    _refuse_twice(found, chain.source)
    return found


def _refuse_twice(found: Sequence[Deployment], source: str) -> None:
    """A market's name stands for it in every table and sum, and a market listed twice would count twice."""
    names, entries = [one.name for one in found], [(one.protocol, one.entry) for one in found]
    for index, one in enumerate(found):
        if one.name in names[:index]:
            raise FixtureError(f"{source}: two markets are called {one.name!a}", hint=_RENAME)
        if entries[index] in entries[:index]:
            raise FixtureError(f"{source}: {one.entry} is listed twice, once as {one.name!a}", hint=_RENAME)


def markets_on(where: Where, chain_name: str) -> Where:
    """The same, with only those named markets that are on one chain; for a run over several chains.

    Raises:
        InputError: an entry contract, which cannot be of several chains at once.
    """
    if any("@" in market for market in where.markets):
        raise InputError("--market PROTOCOL@0xENTRY is of one chain", hint="give one --chain")
    chain_id = chain_named(chain_name).chain_id
    here = tuple(market for market in where.markets if _is_on(market, chain_id))
    return Where(chains=(chain_name,), block=where.block, markets=here)


def demo_recording() -> Traversable:
    """The recording that ships with the package.

    Raises:
        InputError: the package was built without it.
    """
    shipped = files("defirisk").joinpath("fixtures", DEMO)
    beside = Path(__file__).parent.parent / "fixtures" / DEMO  # an editable install does not map the folder
    for place in (shipped, beside):
        if place.is_file():
            return place
    raise InputError(f"this installation does not hold the recording {DEMO}", hint="reinstall defirisk")


def _recorded(recording: Recording, block: int | None, chain_name: str | None) -> ReplayChain:
    chain = recording if isinstance(recording, ReplayChain) else load_fixture(recording)
    known = _known(chain_name) if chain_name else None
    expected = chain.chain_id if chain_name is None else known.chain_id if known else int(chain_name)
    if expected != chain.chain_id:
        raise WrongChain(expected, chain.chain_id, hint=f"{chain.source} is a recording of chain id {chain.chain_id}")
    if block not in (None, chain.block.number):
        raise InputError(
            f"{chain.source} is a recording of block {chain.block.number}, not {block}",
            hint="leave out --block, or record that block",
        )
    return chain


def _known(chain_name: str) -> ChainEntry | None:
    try:
        return chain_named(chain_name)
    except UnknownChain:
        return None


def _is_on(market: str, chain_id: int) -> bool:
    """Whether a named market is on a chain; a name that no chain knows is an error."""
    try:
        registry.find_deployment(market, chain_id)
    except UnknownMarket:
        if any(market.strip().lower() in (one.name, *one.aliases) for one in registry.deployments()):
            return False
        raise
    return True


def _early(where: Where, chain_id: int) -> Sequence[Call]:
    """What will be asked first if the endpoint is of the chain that we take it for; else it is asked in vain."""
    from defirisk.reading import early_calls  # noqa: PLC0415 - with the rest of a live chain

    try:
        wanted = tuple(registry.find_deployment(name, chain_id) for name in where.markets)
    except InputError:
        return ()  # refused in earnest once the chain is known
    return early_calls(wanted or registry.deployments_on(chain_id))
