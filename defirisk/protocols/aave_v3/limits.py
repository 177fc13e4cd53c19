"""What a market still takes: ``ValidationLogic.validateSupply``, ``validateBorrow``, as far as reserves' flags say it.

Their caps are not read: they are held against totals of all owners, which the reader does not ask for.
"""

from __future__ import annotations

from defirisk.model import Limit, Limits
from defirisk.protocols.aave_v3.state import AaveState, Reserve


def limits_of(state: AaveState) -> tuple[Limits, ...]:
    """By the slot of each holding's own price."""
    return tuple(_limits(slot, holding.reserve) for slot, holding in enumerate(state.holdings))


def _limits(slot: int, reserve: Reserve) -> Limits:
    """Repaying and withdrawing go on in a frozen reserve, not in a paused one."""
    works = reserve.active and not reserve.paused
    takes = works and not reserve.frozen
    return Limits(
        token=reserve.token,
        slot=slot,
        supply=_limit(takes),
        borrow=_limit(takes and reserve.borrowing),
        repay_open=works,
        withdraw_open=works,
    )


def _limit(is_open: bool) -> Limit:
    return Limit() if is_open else Limit(open=False, room=0)
