"""What a market still takes: ``Comet.supplyInternal`` and ``withdrawInternal``, as far as they ask no price."""

from __future__ import annotations

from defirisk.fixedpoint import zero_floor_sub
from defirisk.model import Bound, Limit, Limits
from defirisk.protocols.compound_v3.state import BASE, Asset, CometState


def limits_of(state: CometState) -> tuple[Limits, ...]:
    """By slot. Base has no cap: supplying it is also how a debt is repaid, withdrawing it how one is taken up."""
    takes, gives = ("supply" not in state.comet.paused), ("withdraw" not in state.comet.paused)
    base = Limits(state.comet.base, BASE, _limit(None, takes), _limit(None, gives), takes, gives)
    held = [
        Limits(asset.token, slot, _limit(asset, takes), None, takes, gives)
        for slot, asset in enumerate(state.assets, start=1)
    ]
    return (base, *held)


def _limit(asset: Asset | None, is_open: bool) -> Limit:
    """Exactly the cap is accepted (``SupplyCapExceeded`` above it); base and borrowing have none."""
    if not is_open:
        return Limit(open=False, cap=asset.supply_cap if asset else None, room=0, bound_by=Bound.PAUSED)
    if asset is None or asset.supply_cap is None:
        return Limit()
    room = zero_floor_sub(asset.supply_cap, asset.total_supply)
    return Limit(cap=asset.supply_cap, room=room, bound_by=Bound.CAP)
