"""What a Comptroller lists beside what an owner has: all that a new supply or debt would be judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from defirisk.protocols.compound_v2.state import Books, CToken


class Bounds(NamedTuple):
    """What newer Venus values a market by where something is borrowed or redeemed, oracle mantissas: its collateral no
    higher, its debts no lower than the price.
    """

    collateral: int
    debt: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A market that can be supplied or borrowed, on this owner's terms. ``price`` the oracle's mantissa, 0 with a
    ``cause`` where there is none. ``bounds`` is ``None`` where they were not asked, or a recording lacks them.
    """

    market: CToken
    books: Books
    price: int
    cause: str | None = None
    bounds: Bounds | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The markets that were read, in the Comptroller's order."""

    offers: tuple[Offer, ...]

    def offer(self, market: str) -> Offer | None:
        """The offer of a market (EIP-55); ``None`` for one that is no cToken, or not listed."""
        return next((offer for offer in self.offers if offer.market.address == market), None)

    def with_offer(self, changed: Offer) -> Listing:
        """The same listing with one offer in another's place."""
        same = changed.market.address
        return replace(self, offers=tuple(changed if one.market.address == same else one for one in self.offers))
