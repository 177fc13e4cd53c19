"""What a market still takes, as JSON."""

from __future__ import annotations

from typing import Any

from defirisk.model import Limit, Limits


def limits_json(limits: Limits) -> dict[str, Any]:
    """One asset of ``limits`` in ``defirisk/check/1``."""
    return {
        "asset": limits.token.address,
        "supply": _limit(limits.supply),
        "borrow": None if limits.borrow is None else _limit(limits.borrow),
        "repay_open": limits.repay_open,
        "withdraw_open": limits.withdraw_open,
    }


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "open": limit.open,
        "cap_raw": None if limit.cap is None else str(limit.cap),
        "room_raw": None if limit.room is None else str(limit.room),
        "bound_by": limit.bound_by,
    }
