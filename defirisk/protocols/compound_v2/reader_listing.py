"""Reading what a Comptroller lists for acts: every market, its caps and pauses, on each owner's terms.

Asked only where somebody asks what if; a recording that lacks it leaves it unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import DefiriskError, MissingCall
from defirisk.protocols.compound_v2.listing import Limits, Listing, Offer
from defirisk.protocols.compound_v2.reader_accounts import Account
from defirisk.protocols.compound_v2.reader_comptroller import ABI, Comptroller
from defirisk.protocols.compound_v2.reader_markets import Listed
from defirisk.protocols.compound_v2.reader_positions import Book, terms_of

_MINT, _REDEEM, _BORROW, _REPAY = range(4)
"""Venus's ``ComptrollerTypes.Action``."""
_ACTIONS: Final = (_MINT, _REDEEM, _BORROW, _REPAY)


def limit_calls(site: Comptroller, market: str) -> Iterator[Call]:
    """Ask what acts in one market are limited by."""
    yield ABI["borrowCaps"](site.entry, market)
    yield ABI["supplyCaps"](site.entry, market)
    yield from (ABI["actionPaused"](site.entry, market, action) for action in _ACTIONS)


def read_listing(answers: Answers, book: Book, account: Account, used: Collection[str], *, in_full: bool) -> Listing:
    """The markets that were read, as offers to one owner: those ``used``, or all. An unreadable one is left out."""
    offers = []
    for one in (book.listed[market] for market in book.listed if in_full or market in used):
        if isinstance(one, Listed) and one.listing.listed:
            try:
                terms = terms_of(answers, book, account, one)
            except DefiriskError:  # its name or its terms are not known: it cannot be named, and spoils nothing else
                continue
            limits = _limits(answers, book.site, one) if in_full else None
            offers.append(Offer(terms, one.books, one.price, one.cause, limits))
    return Listing(tuple(offers))


def _limits(answers: Answers, site: Comptroller, one: Listed) -> Limits | None:
    """Caps and pauses; ``None`` where a recording lacks them.

    Venus gives a cap of 0 to a market that takes no more, elsewhere 0 is no cap. Its own pauses have one name for all.
    """
    try:
        paused = [bool(answers.probe(ABI["actionPaused"], site.entry, one.address, action)) for action in _ACTIONS]
        borrow = answers.probe(ABI["borrowCaps"], site.entry, one.address)
        supply = answers.probe(ABI["supplyCaps"], site.entry, one.address)
    except MissingCall:
        return None
    venus = site.vai is not None or answers.probe(ABI["actionPaused"], site.entry, one.address, _MINT) is not None
    return Limits(
        mint_paused=paused[_MINT] or one.flags.mint_paused,
        redeem_paused=paused[_REDEEM],
        borrow_paused=paused[_BORROW] or one.flags.borrow_paused,
        repay_paused=paused[_REPAY],
        supply_cap=supply if venus else supply or None,
        borrow_cap=borrow if one.listing.newer else borrow or None,
        below=not one.listing.newer,
    )
