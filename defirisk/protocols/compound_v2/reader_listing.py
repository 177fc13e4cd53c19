"""Reading what a Comptroller lists for acts: every market, on each owner's terms, and the prices that acts go by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from defirisk.chain.abi import ZERO_ADDRESS
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import CallReverted, DefiriskError, MalformedAnswer, ReadError
from defirisk.protocols.compound_v2.listing import Bounds, Listing, Offer
from defirisk.protocols.compound_v2.reader_accounts import Account
from defirisk.protocols.compound_v2.reader_comptroller import ABI, Comptroller
from defirisk.protocols.compound_v2.reader_markets import Listed, is_newer
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
            bounds = _bounds(answers, book.site, one) if in_full else None
            offers.append(Offer(terms, one.books, one.price, one.cause, bounds))
    return Listing(tuple(offers))


# --- bounded prices -------------------------------------------------------------------------------------------------


def bounding_calls(site: Comptroller) -> Iterator[Call]:
    """Ask newer Venus who bounds the prices of what is borrowed and redeemed."""
    if is_newer(site):
        yield ABI["deviationBoundedOracle"](site.entry)


def bounds_calls(answers: Answers, site: Comptroller, listed: Iterable[str]) -> Iterator[Call]:
    """Ask that oracle; who it is must be known."""
    try:
        oracle = _bounding(answers, site)
    except ReadError:
        return
    if oracle is not None:
        yield from (ABI["getBoundedPricesView"](oracle, market) for market in listed)


def _bounding(answers: Answers, site: Comptroller) -> str | None:
    """The oracle that bounds prices; ``None`` where there is none, as before it was invented.

    Raises:
        ReadError: a recording does not say.
    """
    if not is_newer(site):
        return None
    found: str | None = answers.probe(ABI["deviationBoundedOracle"], site.entry)
    return None if found == ZERO_ADDRESS else found


def _bounds(answers: Answers, site: Comptroller, one: Listed) -> Bounds | None:
    """A market's bounds: its price where nobody bounds it, 0 where it has none, ``None`` where that is not known."""
    try:
        oracle = _bounding(answers, site)
        if oracle is None:
            return Bounds(one.price, one.price)
        return Bounds(*answers.read(ABI["getBoundedPricesView"], oracle, one.address))
    except (CallReverted, MalformedAnswer):
        return Bounds(0, 0)
    except ReadError:
        return None
