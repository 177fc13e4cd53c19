"""Chain to positions in a market of Aave V2, in four round trips, three where the registry's hints hold.

1. where the contracts are (sent with the client's opening); with hints, what the pool is and lists
2. what the pool and its collateral manager are, what the pool lists and knows of the owners; with hints, the reserves
3. the reserves, their grace periods; with hints, the balances too
4. balances, feeds' times
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Chain
from defirisk.protocols.aave_v2 import reader_market as market
from defirisk.protocols.aave_v2 import reader_reserves as reserves
from defirisk.protocols.aave_v2.revisions import V2
from defirisk.protocols.aave_v2.rules import RULES
from defirisk.protocols.aave_v3.reader import Book, Owners, attempt, conclude
from defirisk.protocols.aave_v3.reader_listing import listing_calls
from defirisk.protocols.aave_v3.reader_market import ABI as V3_ABI
from defirisk.protocols.aave_v3.reader_market import Listing, Site, hinted_site, is_at
from defirisk.protocols.aave_v3.reader_owners import Owner, account_call, balance_calls
from defirisk.protocols.aave_v3.reader_reserves import Listed, feed_calls
from defirisk.protocols.interface import Deployment, MarketReading, Scope


class AaveV2Reader:
    """Reads Aave V2 and its forks (:class:`defirisk.protocols.interface.Reader`)."""

    def early_calls(self, deployment: Deployment) -> Sequence[Call]:
        """Return the first calls of :meth:`read`, so that a client can send them together with its opening."""
        hinted = hinted_site(deployment)
        return [*market.provider_calls(deployment.entry), *(market.market_calls(hinted) if hinted else ())]

    async def read(
        self, chain: Chain, deployment: Deployment, wallets: Sequence[str], scope: Scope = Scope.ALL
    ) -> MarketReading:
        """Read these wallets (EIP-55) in one market at the chain's pinned block.

        Raises:
            ReadError: the market could not be read at all.
            NotAMarket: the entry is no LendingPoolAddressesProvider.

        """
        answers = Answers(chain)
        await answers.ask(self.early_calls(deployment))
        site = market.read_site(answers, deployment.entry)
        ahead = is_at(site, hinted_site(deployment))
        asks = list(_second_calls(answers, site, wallets, ahead=ahead))
        if scope is not Scope.USED:
            asks += [account_call(site, one) for one in wallets]
        await answers.ask(asks)
        listing = market.read_listing(answers, site)
        owners = [attempt(_read_owner, answers, site, one, scope) for one in wallets]
        await answers.ask(_third_calls(answers, site, listing, owners, ahead=ahead))
        book = _read_book(answers, site, listing)
        more = listing_calls(site, book.listed) if scope is Scope.LISTED else ()  # V2 has no caps
        await answers.ask([*_balance_calls(site, book.listed, owners), *more])
        return conclude(answers, deployment, book, owners, {})


# --- stages: asking again what is known costs nothing -------------------------------------------------------------


def _second_calls(answers: Answers, site: Site, wallets: Sequence[str], *, ahead: bool) -> Iterator[Call]:
    yield from market.market_calls(site)
    yield from market.manager_calls(answers, site)
    for wallet in wallets:
        yield V3_ABI["getUserConfiguration"](site.pool, wallet)
    if ahead:
        yield from reserves.reserve_calls(site, market.read_listing(answers, site))


def _third_calls(answers: Answers, site: Site, listing: Listing, owners: Owners, *, ahead: bool) -> Iterator[Call]:
    manager = market.read_manager(answers, site)
    yield from reserves.reserve_calls(site, listing)
    yield from reserves.grace_calls(listing, manager)
    if ahead:
        listed = reserves.read_reserves(answers, site, listing, RULES[V2.name])
        yield from _balance_calls(site, listed, owners)


def _balance_calls(site: Site, listed: Sequence[Listed], owners: Owners) -> Iterator[Call]:
    yield from feed_calls(one.price for one in listed)
    for owner in owners:
        if isinstance(owner, Owner) and owner.asked:
            yield account_call(site, owner.address)
            for one in listed:
                if owner.asks(one.reserve.id):
                    yield from balance_calls(one, owner, RULES[V2.name])


# --- what was read ------------------------------------------------------------------------------------------------


def _read_owner(answers: Answers, site: Site, wallet: str, scope: Scope) -> Owner:
    """What the pool knows of a wallet; V2 has no eMode.

    Raises:
        ReadError: it does not say.

    """
    flags = answers.word(V3_ABI["getUserConfiguration"], site.pool, wallet)
    return Owner(wallet, flags, 0, scope)


def _read_book(answers: Answers, site: Site, listing: Listing) -> Book:
    market.check_unit(answers, site, listing)
    manager = market.read_manager(answers, site)
    choice = market.choose_rules(listing.revision, manager)
    rules = tuple(RULES[revision.name] for revision in choice.candidates)
    listed = reserves.read_reserves(answers, site, listing, rules[0])
    return Book(site, listing, choice, rules, reserves.with_grace(answers, manager, listed))
