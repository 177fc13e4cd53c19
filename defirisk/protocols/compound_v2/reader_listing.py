"""Reading what a Comptroller lists for acts: every market, on each owner's terms."""

from __future__ import annotations

from collections.abc import Collection

from defirisk.chain.answers import Answers
from defirisk.errors import DefiriskError
from defirisk.protocols.compound_v2.listing import Listing, Offer
from defirisk.protocols.compound_v2.reader_accounts import Account
from defirisk.protocols.compound_v2.reader_markets import Listed
from defirisk.protocols.compound_v2.reader_positions import Book, terms_of


def read_listing(answers: Answers, book: Book, account: Account, used: Collection[str], *, in_full: bool) -> Listing:
    """The markets that were read, as offers to one owner: those ``used``, or all. An unreadable one is left out."""
    offers = []
    for one in (book.listed[market] for market in book.listed if in_full or market in used):
        if isinstance(one, Listed) and one.listing.listed:
            try:
                terms = terms_of(answers, book, account, one)
            except DefiriskError:  # its name or its terms are not known: it cannot be named, and spoils nothing else
                continue
            offers.append(Offer(terms, one.books, one.price, one.cause))
    return Listing(tuple(offers))
