"""Chain to positions in one Comet, in three round trips.

1. what the market is, its books; which wallets have anything (sent with the client's opening, except the wallets)
2. the base token, the collaterals that somebody holds, the contract's own views
3. those collaterals' names and prices, the balances

A wallet is read by its asset bits, as the contract itself does; a market in which no wallet asked for has anything
costs one round trip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import ParamSpec, TypeVar

from defirisk.chain.abi import checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Chain
from defirisk.errors import DefiriskError
from defirisk.model import Market, Position
from defirisk.protocols.compound_v3 import reader_accounts as accounts
from defirisk.protocols.compound_v3 import reader_listing as listings
from defirisk.protocols.compound_v3 import reader_market as markets
from defirisk.protocols.compound_v3.listing import Listing
from defirisk.protocols.compound_v3.reader_accounts import Account, Book
from defirisk.protocols.compound_v3.reader_market import ABI, Site
from defirisk.protocols.interface import Deployment, MarketReading, Scope

P = ParamSpec("P")
T = TypeVar("T")
Accounts = Sequence[Account | DefiriskError]


class CometReader:
    """Reads Comet, classic and with the extended asset list (:class:`defirisk.protocols.interface.Reader`)."""

    def early_calls(self, deployment: Deployment) -> Sequence[Call]:
        """Return the first calls of :meth:`read`, so that a client can send them together with its opening."""
        return markets.market_calls(deployment.entry)

    async def read(
        self, chain: Chain, deployment: Deployment, wallets: Sequence[str], scope: Scope = Scope.ALL
    ) -> MarketReading:
        """Read these wallets (EIP-55) in one market at the chain's pinned block.

        Raises:
            ReadError: the market could not be read at all.
            NotAMarket: the entry is no Comet.

        """
        in_full = scope is Scope.LISTED
        answers, entry = Answers(chain), deployment.entry
        users = [call for wallet in wallets for call in accounts.account_calls(entry, wallet)]
        await answers.ask([*self.early_calls(deployment), *users])
        site = markets.read_site(answers, entry)
        owners = [_attempt(accounts.read_account, answers, site, wallet, scope) for wallet in wallets]
        if not list(_active(owners)):
            return MarketReading(tuple(_absent(owner) for owner in owners), site.rules.name)
        await answers.ask([*_second_calls(site, owners), *(listings.asset_calls(site) if in_full else ())])
        more = listings.third_calls(answers, site) if in_full else ()
        await answers.ask([*_third_calls(answers, site, owners), *more])
        book = _read_book(answers, deployment, site, owners)
        listing = listings.read_listing(answers, book, in_full=in_full)
        found = (_position(answers, book, owner) for owner in owners)
        assets = tuple(offer.asset.token for offer in listing.offers) if in_full else ()
        return MarketReading(tuple(_listed(one, listing) for one in found), site.rules.name, assets)


def _attempt(read: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T | DefiriskError:
    """Read one of many: what cannot be read stands as its error and spoils no other."""
    try:
        return read(*arguments, **named)
    except DefiriskError as problem:
        return problem


def _active(owners: Accounts) -> Iterator[Account]:
    return (owner for owner in owners if isinstance(owner, Account) and not owner.empty)


def _absent(owner: Account | DefiriskError) -> DefiriskError | None:
    return owner if isinstance(owner, DefiriskError) else None


def _held(owners: Accounts) -> list[int]:
    """The offsets that somebody holds: no other asset is read, so that a broken one spoils only its holders."""
    return sorted({offset for owner in _active(owners) for offset in owner.held})


def _second_calls(site: Site, owners: Accounts) -> Iterator[Call]:
    yield from markets.base_calls(site)
    for offset in _held(owners):
        yield ABI["getAssetInfo"](site.entry, offset)
    for owner in _active(owners):
        yield from accounts.view_calls(site, owner)


def _third_calls(answers: Answers, site: Site, owners: Accounts) -> Iterator[Call]:
    for offset in _held(owners):
        yield from accounts.asset_calls(site, markets.read_asset_info(answers, site, offset))
    for owner in _active(owners):
        yield from accounts.balance_calls(answers, site, owner)


def _read_book(answers: Answers, deployment: Deployment, site: Site, owners: Accounts) -> Book:
    decimals = markets.decimals_of(answers.word(ABI["baseScale"], site.entry), "the base token")
    base = accounts.read_token(answers, site.base, decimals)
    base_price = accounts.read_price(answers, site, site.base_feed)
    comet = markets.read_comet(answers, site, base)
    infos = {offset: markets.read_asset_info(answers, site, offset) for offset in _held(owners)}
    market = Market(
        name=deployment.name,
        protocol=deployment.protocol,
        rules=site.rules.name,
        chain_id=answers.chain_id,
        entry=checksum(deployment.entry),
        unit=markets.read_unit(answers, site, base, base_price.raw),
    )
    factor = comet.store_front_price_factor
    return Book(
        site=site,
        market=market,
        comet=comet,
        assets={offset: accounts.read_asset(answers, site, offset, factor) for offset in infos},
        base_price=base_price,
        prices={offset: accounts.read_price(answers, site, info.priceFeed) for offset, info in infos.items()},
        warnings=markets.market_warnings(site, comet),
    )


def _position(answers: Answers, book: Book, owner: Account | DefiriskError) -> Position | DefiriskError | None:
    if isinstance(owner, DefiriskError) or owner.empty:
        return _absent(owner)
    return _attempt(accounts.read_position, answers, book, owner)


def _listed(found: Position | DefiriskError | None, listing: Listing) -> Position | DefiriskError | None:
    return replace(found, listing=listing) if isinstance(found, Position) else found
