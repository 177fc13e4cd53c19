"""Whether an owner may borrow a reserve at all, whatever the amount: what acts are refused for and limits tell.

``ValidationLogic.validateBorrow``: flags of the reserve, of the owner's eMode, isolation and siloed borrowing.
"""

from __future__ import annotations

from typing import Final

from defirisk.protocols.aave_v3.conduct import Conduct
from defirisk.protocols.aave_v3.listing import Listing, Offer
from defirisk.protocols.aave_v3.revisions import Revision
from defirisk.protocols.aave_v3.state import AaveState, Reserve

_CEILING_DECIMALS: Final = 2
"""``ReserveConfiguration.DEBT_CEILING_DECIMALS``."""


def is_enabled(conduct: Conduct, state: AaveState, reserve: Reserve) -> bool:
    """Whether borrowing is enabled; from 3.6 on an eMode's own list stands in the place of that flag."""
    return reserve.borrowing or (conduct.borrowable_by_emode and state.emode is not None)


def is_in_emode(revision: Revision, state: AaveState, reserve: Reserve) -> bool:
    """Whether the owner's eMode, if any, lets the reserve be borrowed."""
    emode = state.emode
    if emode is None:
        return True
    if revision.name in ("3.0", "3.1"):
        return reserve.emode_category == emode.id
    return bool(emode.borrowable_bitmap >> reserve.id & 1)


def is_siloed_off(state: AaveState, listing: Listing, offer: Offer) -> bool:
    """``UserConfiguration.getSiloedBorrowingState``: a siloed debt is the only one."""
    owed = [one.reserve.id for one in state.holdings if one.borrowing]
    if not owed:
        return False
    alone = listing.offer(owed[0])
    bound = len(owed) == 1 and alone.caps.siloed
    return alone.reserve.id != offer.reserve.id if bound else offer.caps.siloed


def ceiling_unit(reserve: Reserve) -> int:
    """How much of a reserve raises a debt ceiling's counter by one; listed tokens have more than two decimals."""
    unit: int = 10 ** max(0, reserve.token.decimals - _CEILING_DECIMALS)
    return unit
