"""How a run begins, or goes on: the list taken in, the block pinned, all that must stay the same written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from defirisk.auditing.ask import Ask
from defirisk.auditing.formats import NO_KEY, NOT_JSON
from defirisk.auditing.listing import SAID, Listing, described, digest_of, listing_of, name_of, take_in
from defirisk.auditing.partition import AskedMarket
from defirisk.auditing.state import State, put_beside
from defirisk.chain.calls import Block, Chain
from defirisk.chain.ens import Resolved, resolve_each
from defirisk.errors import BadList, BlockReorganised, InputError, StateUnusable
from defirisk.model import Warning as Notice
from defirisk.protocols.interface import Deployment
from defirisk.run import ProgressHook

_NO_BLOCK: Final = Block(0, 0, None)
_JSON_REASONS: Final = frozenset({NOT_JSON, NO_KEY})
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
    path: Path | None = None
    """The list as a file, while it holds names that no chain has been asked for."""

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
            refuse_another(stored, ask, digest)
            return Begun(listing_of(stored["list"]), stored)
        listing = take_in(path, ask.source, digest, state, ask.chunk, tell=_teller(progress))
        if listing.names:
            return Begun(listing, None, path=path)
        _tell_rejected(ask, state, listing, say)
        _refuse(ask, listing)
    except BaseException:
        if stored is None:
            state.remove()
        raise
    return Begun(listing, None)


def _teller(progress: ProgressHook | None) -> Callable[[int], None] | None:
    return None if progress is None else lambda count: progress("reading the list", count, 0)


async def resolved(
    begun: Begun, ask: Ask, state: State, chain: Chain, *, progress: ProgressHook | None, say: Any
) -> Begun:
    """The list once more where it holds names of ENS, now that a chain can be asked for them, at the pinned block.

    Raises:
        BadList: nothing in it is a wallet, or it is not clean under ``--strict``.
        ReadError: the chain could not be asked.
    """
    if begun.path is None:
        return begun
    asked, names = list(begun.listing.names), dict[str, Resolved]()
    for start in range(0, len(asked), ask.chunk):
        if progress:
            progress("resolving names", start, len(asked))
        some = asked[start : start + ask.chunk]
        names |= zip(some, await resolve_each(chain, some), strict=True)
    digest, tell = begun.listing.digest, _teller(progress)
    listing = take_in(begun.path, ask.source, digest, state, ask.chunk, names=names, tell=tell)
    _tell_rejected(ask, state, listing, say)
    _refuse(ask, listing)
    return replace(begun, listing=listing, path=None)


@contextmanager
def kept_unless_empty(state: State, begun: Begun) -> Iterator[None]:
    """Where the work fails its state is kept, if there is something to go on with."""
    try:
        yield
    except BaseException as problem:
        if state.has_nothing(refused=isinstance(problem, InputError) and not begun.resumed):
            state.remove()
        raise


def _tell_rejected(ask: Ask, state: State, listing: Listing, say: Any) -> None:
    beside = ask.rejected_file()
    if beside is not None:
        put_beside(beside, state.folder / "rejected.csv", wanted=listing.rejected > 0)
    if say and listing.rejected and listing.distinct:
        where = f"; all are in {beside.name}" if beside else ""
        say(f"left out, for not being a wallet: {listing.rejected:,} of {listing.given:,} entries:")
        for line in _complaints(listing):
            say(f"  {line}")
        more = listing.rejected - (listing.leading if listing.leading >= SAID else len(listing.sample))
        if more:
            say(f"  ... and {more:,} more{where}")


def _complaints(listing: Listing) -> Iterator[str]:
    """The first rejected lines; where nothing before them is a wallet, one speaks for all."""
    if listing.leading < SAID:
        yield from map(described, listing.sample)
        return
    yield f"the first {listing.leading:,} are all malformed, beginning with {described(listing.sample[0])}"
    yield f"is {_cause(listing)}?"


def _cause(listing: Listing) -> str:
    """What is likely wrong with a list that begins with nothing but malformed entries."""
    reasons = {one.reason for one in listing.sample}
    if reasons <= _JSON_REASONS:
        return "it a JSON document over several lines? JSON lines are one object a line, with a key `address`"
    if len(reasons) == 1 and reasons.pop().startswith("wrong checksum"):
        return "the case of the hex digits lost? all lower case carries no checksum"
    return "another column, or another file, the one of the wallets? one address a line, or CSV with a column `address`"


def _refuse(ask: Ask, listing: Listing) -> None:
    name = name_of(ask.source)
    if ask.strict and (listing.rejected or listing.duplicates):
        raise BadList(
            f"{name}: not clean: {listing.rejected:,} not a wallet, {listing.duplicates:,} given before",
            hint="correct the list, or leave out --strict to go on with the others",
        )
    if not listing.distinct:
        raise BadList(
            f"{name} holds no wallet: {listing.rejected:,} malformed, beginning with {described(listing.sample[0])}",
            hint=f"is {_cause(listing)}?",
        )


def manifest_of(ask: Ask, listing: Mapping[str, Any]) -> dict[str, Any]:
    """What of any run must stay the same: the list by its ``digest``, the options, and who runs it."""
    return {"version": version("defirisk"), "options": ask.fixed(), "list": listing}


def refuse_another(stored: Mapping[str, Any], ask: Ask, digest: str) -> None:
    """See that a run that is gone on with is the one that was begun.

    Raises:
        StateUnusable: it was begun with another list, by another version, or with other options.
    """
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
        **manifest_of(ask, stored_listing(listing)),
        "chain_id": chain.chain_id,
        "block": {"number": block.number, "timestamp": block.timestamp, "hash": block.hash},
        "markets": markets,
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
