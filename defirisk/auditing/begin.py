"""How a run begins, or goes on: the list taken in, the block pinned, all that must stay the same written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, Final

from defirisk.auditing.ask import Ask
from defirisk.auditing.listing import Listing, digest_of, listing_of, name_of, said, take_in
from defirisk.auditing.partition import AskedMarket
from defirisk.auditing.state import State, put_beside
from defirisk.chain.calls import Block, Chain
from defirisk.errors import BadList, BlockReorganised, StateUnusable
from defirisk.model import Warning as Notice
from defirisk.protocols.interface import Deployment
from defirisk.run import ProgressHook

_NO_BLOCK: Final = Block(0, 0, None)
_ANEW: Final = "run it as it was begun, or remove the folder to begin anew"


@dataclass(frozen=True, slots=True)
class Begun:
    """A run under way: its list, and once the chain is open its block and markets."""

    listing: Listing
    stored: Mapping[str, Any] | None
    chain_id: int = 0
    block: Block = _NO_BLOCK
    markets: tuple[AskedMarket, ...] = ()
    warnings: tuple[Notice, ...] = ()

    @property
    def resumed(self) -> bool:
        """Whether it goes on with an interrupted run."""
        return self.stored is not None

    def block_of(self, ask: Ask) -> int | None:
        """The block to read at: the pinned one, never another.

        Raises:
            StateUnusable: another block was asked for.
        """
        if self.stored is None:
            return ask.where.block
        pinned: int = self.stored["block"]["number"]
        if ask.where.block not in (None, pinned):
            raise StateUnusable(f"the run was begun at block {pinned}, not {ask.where.block}", hint=_ANEW)
        return pinned


def take_list(ask: Ask, state: State, progress: ProgressHook | None, say: Any) -> Begun:
    """The list of a new run, taken in; or that of an interrupted one, if it is the same.

    Raises:
        BadList: it is no list of wallets, or not clean under ``--strict``.
        StateUnusable: the run was begun with another list or other options.
    """
    stored = state.manifest()
    try:
        path, digest = digest_of(ask.source, state)
        if stored is not None:
            _same(stored, ask, digest)
            return Begun(listing_of(stored["list"]), stored)
        tell = (lambda count: progress("reading the list", count, 0)) if progress else None
        listing = take_in(path, ask.source, digest, state, ask.chunk, tell=tell)
        _tell_rejected(ask, state, listing, say)
        _refuse(ask, listing)
    except BaseException:
        if stored is None:
            state.remove()
        raise
    return Begun(listing, None)


def _tell_rejected(ask: Ask, state: State, listing: Listing, say: Any) -> None:
    beside = ask.rejected_file()
    if beside is not None:
        put_beside(beside, state.folder / "rejected.csv", wanted=listing.rejected > 0)
    if say and listing.rejected:
        say(f"left out, for not being a wallet: {listing.rejected:,} of {listing.given:,} entries:")
        for one in listing.sample:
            say(f"  {said(one)}")
        more = listing.rejected - len(listing.sample)
        if more:
            say(f"  ... and {more:,} more" + (f"; all are in {beside.name}" if beside else ""))


def _refuse(ask: Ask, listing: Listing) -> None:
    name = name_of(ask.source)
    if ask.strict and (listing.rejected or listing.duplicates):
        raise BadList(
            f"{name}: not clean: {listing.rejected:,} not a wallet, {listing.duplicates:,} given before",
            hint="correct the list, or leave out --strict to go on with the others",
        )
    if not listing.distinct:
        raise BadList(f"{name} holds no wallet", hint="one address a line, or CSV with a column `address`")


def _same(stored: Mapping[str, Any], ask: Ask, digest: str) -> None:
    if stored["version"] != version("defirisk"):
        raise StateUnusable(f"the run was begun by defirisk {stored['version']}, not {version('defirisk')}", hint=_ANEW)
    if stored["list"]["digest"] != digest:
        raise StateUnusable(f"the run was begun with another list than {name_of(ask.source)} is now", hint=_ANEW)
    fixed = ask.fixed()
    other = sorted(name for name in fixed if stored["options"].get(name) != fixed[name])
    if other:
        raise StateUnusable(f"the run was begun with other options: {', '.join(other)}", hint=_ANEW)


def pin(ask: Ask, state: State, begun: Begun, chain: Chain, deployments: Sequence[Deployment]) -> Begun:
    """Write down the block and all that must stay the same; of an interrupted run, see that it is.

    Raises:
        StateUnusable: the run was begun on another chain or with other markets.
        BlockReorganised: the pinned block is no longer the chain's.
    """
    markets = [[one.name, one.protocol, one.entry] for one in deployments]
    if begun.stored is None:
        state.begin(_manifest(ask, begun.listing, chain, markets))
    else:
        _see_that_it_is_the_same(begun.stored, chain, markets)
    asked = tuple(AskedMarket(one.name, one.protocol) for one in deployments)
    return replace(begun, chain_id=chain.chain_id, block=chain.block, markets=asked)


def _manifest(ask: Ask, listing: Listing, chain: Chain, markets: list[list[str]]) -> dict[str, Any]:
    block = chain.block
    return {
        "version": version("defirisk"),
        "chain_id": chain.chain_id,
        "block": {"number": block.number, "timestamp": block.timestamp, "hash": block.hash},
        "markets": markets,
        "options": ask.fixed(),
        "list": stored_listing(listing),
    }


def stored_listing(listing: Listing) -> dict[str, Any]:
    """A listing's figures, for :func:`defirisk.auditing.listing.listing_of`."""
    return {
        "digest": listing.digest,
        "given": listing.given,
        "distinct": listing.distinct,
        "duplicates": listing.duplicates,
        "rejected": listing.rejected,
        "chunks": listing.chunks,
        "labels": list(listing.labels),
        "sample": [list(one) for one in listing.sample],
    }


def _see_that_it_is_the_same(stored: Mapping[str, Any], chain: Chain, markets: list[list[str]]) -> None:
    if stored["chain_id"] != chain.chain_id:
        raise StateUnusable(f"the run was begun on chain {stored['chain_id']}, not {chain.chain_id}", hint=_ANEW)
    block = chain.block
    if stored["block"] != {"number": block.number, "timestamp": block.timestamp, "hash": block.hash}:
        raise BlockReorganised(
            f"{chain.source} has another block {block.number} than the one that the run was pinned to",
            hint="ask an endpoint that has it; if the chain dropped it, remove the folder to begin anew",
        )
    if stored["markets"] != markets:
        names = ", ".join(name for name, *_ in stored["markets"])
        raise StateUnusable(f"the run was begun with the markets {names}", hint=_ANEW)
