"""Reading what a Comet lists for acts: every collateral, how much of it there is and may be, the base token's cash.

Asked only where somebody asks what if; a recording that lacks it leaves it unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import DefiriskError, MissingCall
from defirisk.protocols.compound_v3 import reader_accounts as accounts
from defirisk.protocols.compound_v3.listing import Listing, Offer
from defirisk.protocols.compound_v3.reader_accounts import Book
from defirisk.protocols.compound_v3.reader_market import ABI, Site, read_asset_info


def asset_calls(site: Site) -> list[Call]:
    """Ask what every collateral is."""
    return [ABI["getAssetInfo"](site.entry, offset) for offset in range(site.listed)]


def third_calls(answers: Answers, site: Site) -> Iterator[Call]:
    """Ask their names, prices and totals, and the base token's cash; of one that cannot be read nothing is asked."""
    yield ABI["balanceOf"](site.base, site.entry)
    for offset in range(site.listed):
        try:
            info = read_asset_info(answers, site, offset)
        except DefiriskError:  # it cannot be named then, which is said where somebody names it
            continue
        yield from accounts.asset_calls(site, info)


def read_listing(answers: Answers, book: Book, *, in_full: bool) -> Listing:
    """The collaterals that were read, those of the owners or all, as offers."""
    offsets = range(book.site.listed) if in_full else book.assets
    offers = (_offer(answers, book, offset) for offset in offsets)
    return Listing(
        offers=tuple(offer for offer in offers if offer is not None),
        base_cause=book.base_price.cause,
        base_time=book.base_price.updated_at,
        cash=_cash(answers, book.site) if in_full else None,
    )


def _offer(answers: Answers, book: Book, offset: int) -> Offer | None:
    """One collateral; ``None`` for one that cannot be read and that no owner has."""
    site = book.site
    try:
        info = read_asset_info(answers, site, offset)
        asset = accounts.read_asset(answers, site, offset, book.comet.store_front_price_factor)
        price = accounts.read_price(answers, site, info.priceFeed)
    except DefiriskError:
        if offset in book.assets:
            raise
        return None
    return Offer(asset, price.raw, price.cause, price.updated_at)


def _cash(answers: Answers, site: Site) -> int | None:
    try:
        found: int = answers.word(ABI["balanceOf"], site.base, site.entry)
    except MissingCall:
        return None
    return found
