"""What a market of Aave lists beside what an owner has: all that a new supply or debt would be judged by.

Nothing here is needed to judge a position as it stands; :mod:`~defirisk.protocols.aave_v3.acts` asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from defirisk.protocols.aave_v3.state import Reserve


@dataclass(frozen=True, slots=True)
class Books:
    """A reserve's own totals at the block, as a call finds them once it has brought the reserve up to date.

    ``supply`` and ``variable_debt`` are shares of all suppliers and borrowers, ``treasury`` shares not yet minted;
    ``stable_debt`` (up to 3.1) and ``cash`` token base units; ``cash`` is ``None`` where it was not asked
    (outside of a what-if), and where what is lent is minted, not taken from what was supplied (GHO before 3.4).
    """

    supply: int
    variable_debt: int
    treasury: int
    cash: int | None
    stable_debt: int = 0


@dataclass(frozen=True, slots=True)
class Caps:
    """What a reserve's configuration limits: caps in whole tokens, 0 for none; whether it may be borrowed against an
    isolated collateral, and whether it must be an owner's only debt (``siloed``).
    """

    supply_cap: int = 0
    borrow_cap: int = 0
    in_isolation: bool = False
    siloed: bool = False


NO_CAPS: Final = Caps()


@dataclass(frozen=True, slots=True)
class Offer:
    """A reserve that can be supplied or borrowed: its ``price`` oracle units, 0 with a ``cause`` where there is none.

    ``price_time`` seconds. ``books`` is ``None`` where they were not read: then caps and cash are not looked at.
    """

    reserve: Reserve
    price: int
    cause: str | None = None
    price_time: int | None = None
    caps: Caps = NO_CAPS
    books: Books | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All reserves of a market, by id. ``borrow_allowed`` is what the price oracle sentinel says, ``None`` where there
    is none or it was not asked.
    """

    offers: tuple[Offer, ...]
    borrow_allowed: bool | None = None

    def offer(self, reserve_id: int) -> Offer:
        """The offer of a reserve, which is there: an owner's acts name what the listing lists."""
        return next(offer for offer in self.offers if offer.reserve.id == reserve_id)

    def with_offer(self, changed: Offer) -> Listing:
        """The same listing with one offer in another's place."""
        same = changed.reserve.id
        return replace(self, offers=tuple(changed if one.reserve.id == same else one for one in self.offers))
