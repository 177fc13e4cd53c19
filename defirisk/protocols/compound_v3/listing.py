"""What a Comet lists beside what an owner has: all that a new supply or debt would be judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace

from defirisk.protocols.compound_v3.state import Asset


@dataclass(frozen=True, slots=True)
class Offer:
    """A collateral that can be supplied: ``price`` 8 decimals, 0 with a ``cause`` where there is none."""

    asset: Asset
    price: int
    cause: str | None = None
    price_time: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The collaterals that were read, by offset. ``base_cause`` says why the base token has no price; ``cash`` base
    units of the base token that are there, ``None`` where that was not read.
    """

    offers: tuple[Offer, ...]
    base_cause: str | None = None
    base_time: int | None = None
    cash: int | None = None

    def offer(self, address: str) -> Offer | None:
        """The offer of a collateral by its token's address; ``None`` for the base token."""
        return next((offer for offer in self.offers if offer.asset.token.address == address), None)

    def with_offer(self, changed: Offer) -> Listing:
        """The same listing with one offer in another's place."""
        same = changed.asset.offset
        return replace(self, offers=tuple(changed if one.asset.offset == same else one for one in self.offers))
