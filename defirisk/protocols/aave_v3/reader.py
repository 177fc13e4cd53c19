"""Chain to positions in a market of Aave V3, in four round trips, three where the registry's hints hold.

1. where the contracts are (sent with the client's opening); with hints, what the pool is and lists
2. what the pool is and lists, what it knows of the owners; with hints, the reserves too
3. the reserves and which stakes cover them, the owners' eModes; with hints, the balances too
4. balances, what caps are held against, what the stakes hold, feeds' times, prices of eModes with a source of their
   own (3.0, 3.1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from defirisk.chain.abi import checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Chain
from defirisk.errors import DefiriskError
from defirisk.model import Market, Position
from defirisk.protocols.aave_v3 import reader_listing as listings
from defirisk.protocols.aave_v3 import reader_market as market
from defirisk.protocols.aave_v3 import reader_owners as ownership
from defirisk.protocols.aave_v3 import reader_positions as positions
from defirisk.protocols.aave_v3 import reader_reserves as reserves
from defirisk.protocols.aave_v3 import reader_umbrella as umbrella
from defirisk.protocols.aave_v3.listing import Listing as Offers
from defirisk.protocols.aave_v3.reader_market import Listing, Site
from defirisk.protocols.aave_v3.reader_owners import Entered, Owner
from defirisk.protocols.aave_v3.reader_positions import Draft
from defirisk.protocols.aave_v3.reader_revision import Choice, choose_rules
from defirisk.protocols.aave_v3.rules import RULES, AaveV3Rules
from defirisk.protocols.interface import Deployment, MarketReading, Scope

P = ParamSpec("P")
T = TypeVar("T")
Owners = Sequence[Owner | DefiriskError]
Emodes = Mapping[int, Entered | DefiriskError]


@dataclass(frozen=True, slots=True)
class Book:
    """A market whose reserves are read: ``rules`` are the candidates of ``choice``, likeliest first.

    ``umbrella`` is who covers its deficits, ``None`` where there is nobody, or where the rules book no deficit.
    """

    site: Site
    listing: Listing
    choice: Choice
    rules: tuple[AaveV3Rules, ...]
    listed: tuple[reserves.Listed, ...]
    umbrella: str | None = None


class AaveV3Reader:
    """Reads any revision from 3.0 to 3.7, Aave's own or a fork's (:class:`defirisk.protocols.interface.Reader`)."""

    def early_calls(self, deployment: Deployment) -> Sequence[Call]:
        """Return the first calls of :meth:`read`, so that a client can send them together with its opening."""
        hinted = market.hinted_site(deployment)
        return [*market.provider_calls(deployment.entry), *(market.market_calls(hinted) if hinted else ())]

    async def read(
        self, chain: Chain, deployment: Deployment, wallets: Sequence[str], scope: Scope = Scope.ALL
    ) -> MarketReading:
        """Read these wallets (EIP-55) in one market at the chain's pinned block.

        Raises:
            ReadError: the market could not be read at all.
            NotAMarket: the entry is no PoolAddressesProvider.

        """
        answers = Answers(chain)
        await answers.ask(self.early_calls(deployment))
        site = market.read_site(answers, deployment.entry)
        cover = umbrella.hinted_umbrella(deployment)
        ahead = market.is_at(site, market.hinted_site(deployment))
        # Ahead, each stage may ask what the next one would; asking again what is known costs nothing.
        asks = [*market.market_calls(site), *(call for one in wallets for call in ownership.owner_calls(site, one))]
        if scope is not Scope.USED:
            asks += [ownership.account_call(site, one) for one in wallets]
        if ahead:
            asks += _reserve_calls(site, market.read_listing(answers, site), cover)
        await answers.ask(asks)
        listing = market.read_listing(answers, site)
        owners = [attempt(ownership.read_owner, answers, site, one, scope) for one in wallets]
        asks = [*_reserve_calls(site, listing, cover), *_emode_calls(site, owners)]
        if ahead:
            known = _read_book(answers, site, listing, cover)
            asks += [*_balance_calls(answers, known, owners), *listings.calls_for(scope, site, known.listed)]
        await answers.ask(asks)
        book = _read_book(answers, site, listing, cover)
        emodes = _read_emodes(answers, book, owners)
        asks = [*_balance_calls(answers, book, owners), *_key_calls(book, emodes)]
        await answers.ask([*asks, *listings.calls_for(scope, site, book.listed)])
        return conclude(answers, deployment, book, owners, emodes)


# --- stages -------------------------------------------------------------------------------------------------------


def attempt(read: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T | DefiriskError:
    """Read one of many: what cannot be read stands as its error and spoils no other."""
    try:
        return read(*arguments, **named)
    except DefiriskError as problem:
        return problem


def _reserve_calls(site: Site, listing: Listing, cover: str | None) -> list[Call]:
    return [*reserves.reserve_calls(site, listing), *umbrella.config_calls(cover, listing.assets)]


def _categories(owners: Owners) -> list[int]:
    return sorted({owner.emode for owner in owners if isinstance(owner, Owner) and owner.emode})


def _emode_calls(site: Site, owners: Owners) -> Iterator[Call]:
    for category in _categories(owners):
        yield from ownership.emode_calls(site, category)


def _read_book(answers: Answers, site: Site, listing: Listing, cover: str | None) -> Book:
    choice = choose_rules(listing.revision, reserves.probe_deficit(answers, site, listing))
    rules = tuple(RULES[revision.name] for revision in choice.candidates)
    listed = reserves.read_reserves(answers, site, listing, rules[0])
    return Book(site, listing, choice, rules, listed, cover if rules[0].revision.deficit else None)


def _read_emodes(answers: Answers, book: Book, owners: Owners) -> Emodes:
    return {
        category: attempt(ownership.read_emode, answers, book.site, category, book.rules[0])
        for category in _categories(owners)
    }


def _balance_calls(answers: Answers, book: Book, owners: Owners) -> Iterator[Call]:
    yield from reserves.feed_calls(listed.price for listed in book.listed)
    yield from umbrella.stake_calls(answers, book.umbrella, book.site, book.listed)
    for owner in owners:
        if isinstance(owner, Owner) and owner.asked:
            yield ownership.account_call(book.site, owner.address)
            for listed in book.listed:
                if owner.asks(listed.reserve.id):
                    yield from ownership.balance_calls(listed, owner, book.rules[0])


def _key_calls(book: Book, emodes: Emodes) -> Iterator[Call]:
    for source in _price_sources(emodes):
        yield from reserves.price_calls(book.site.oracle, source)


def _price_sources(emodes: Emodes) -> set[str]:
    sources = {one.price_source for one in emodes.values() if isinstance(one, Entered)}
    return {source for source in sources if source is not None}


# --- conclusion ---------------------------------------------------------------------------------------------------


def conclude(answers: Answers, deployment: Deployment, book: Book, owners: Owners, emodes: Emodes) -> MarketReading:
    """Put together what was read of a market and its owners, by the rules that reproduce most of them."""
    read = _gather(answers, book, emodes)
    drafts = [_draft(answers, read, owner, book.rules[0]) for owner in owners]
    rules = positions.settle_rules(book.rules, [draft for draft in drafts if isinstance(draft, Draft)])
    place = Market(
        name=deployment.name,
        protocol=deployment.protocol,
        rules=rules.name,
        chain_id=answers.chain_id,
        entry=checksum(deployment.entry),
        unit=market.unit_of(book.listing, reserves.read_symbols(answers, book.listing)),
    )
    listing = listings.read_listing(answers, book.site, book.listed, rules)
    return MarketReading(
        positions=tuple(_listed(_finish(draft, place, rules, book.choice), listing) for draft in drafts),
        rules=rules.name,
        assets=tuple(listed.reserve.token for listed in book.listed),
    )


def _gather(answers: Answers, book: Book, emodes: Emodes) -> positions.Read:
    oracle = book.site.oracle
    covered = umbrella.read_coverages(answers, book.umbrella, book.site, book.listed)
    return positions.Read(
        site=book.site,
        listed=covered.listed,
        uncovered=covered.causes,
        emodes=emodes,
        key_prices={source: reserves.read_price(answers, oracle, source) for source in _price_sources(emodes)},
        price_times={one.reserve.id: reserves.read_price_time(answers, one.price) for one in book.listed},
        timestamp=answers.block.timestamp,
        liquidations_allowed=reserves.read_liquidations_allowed(answers, book.site, book.rules[0]),
    )


def _draft(
    answers: Answers, read: positions.Read, owner: Owner | DefiriskError, rules: AaveV3Rules
) -> Draft | DefiriskError | None:
    if isinstance(owner, DefiriskError):
        return owner
    return attempt(positions.draft_position, answers, read, owner, rules)


def _finish(
    draft: Draft | DefiriskError | None, place: Market, rules: AaveV3Rules, choice: Choice
) -> Position | DefiriskError | None:
    if not isinstance(draft, Draft):
        return draft
    return attempt(positions.finish_position, draft, place, rules, choice.doubt)


def _listed(found: Position | DefiriskError | None, listing: Offers) -> Position | DefiriskError | None:
    return replace(found, listing=listing) if isinstance(found, Position) else found
