"""What Aave's rules know of changes (:class:`defirisk.protocols.interface.Changes`): V3 of every revision, and V2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from defirisk.model import Position
from defirisk.model import Warning as Notice
from defirisk.protocols.aave_v3 import parameters
from defirisk.protocols.aave_v3.borrowing import borrow, repay
from defirisk.protocols.aave_v3.desk import desk_of
from defirisk.protocols.aave_v3.state import AaveState, Holding
from defirisk.protocols.aave_v3.supplying import deposit, withdraw
from defirisk.protocols.interface import Act, Acted, ActKind, Altered, Named, Setting
from defirisk.risk.interval import Undecided, linear

_AMOUNTS: Final = ("scaled_supply", "scaled_variable_debt", "stable_debt")
_BY_CATEGORY: Final = ("3.0", "3.1")
_LTVZERO: Final = ("3.6", "3.7")


class AaveChanges:
    """Changes under one revision, by its name."""

    __slots__ = ("asset_parameters", "emode_parameters", "market_parameters")

    def __init__(self, revision: str) -> None:
        two = revision.startswith("2.")
        left_out = {"emode_category"} if revision not in _BY_CATEGORY else set()
        left_out |= {"protocol_fee", "liquidation_protocol_fee"} if two else set()
        self.asset_parameters = tuple(name for name in parameters.RESERVE if name not in left_out)
        self.market_parameters: tuple[str, ...] = ()
        self.emode_parameters = () if two else (*parameters.CATEGORY, *_members(revision))

    def assets(self, position: Position) -> Sequence[Named]:
        """Every reserve that the market lists."""
        return parameters.assets_of(position)

    def set(self, position: Position, setting: Setting) -> Altered:
        """One parameter of a reserve, or of an eMode category."""
        if setting.emode is not None:
            return parameters.set_category(position, setting, self.emode_parameters)
        if setting.asset is None:
            raise parameters.unknown(setting.name, self.market_parameters, position.market.name)
        return parameters.set_reserve(position, setting, self.asset_parameters, setting.asset)

    def act(self, position: Position, act: Act) -> Acted:
        """``Pool.supply``, ``withdraw``, ``borrow`` at the variable rate, ``repay``."""
        desk = desk_of(position)
        reserve_id = next(o.reserve.id for o in desk.listing.offers if o.reserve.token.address == act.asset.key)
        amount = act.amount
        if act.kind is ActKind.DEPOSIT and amount is not None:
            done = deposit(desk, reserve_id, amount)
        elif act.kind is ActKind.BORROW and amount is not None:
            done = borrow(desk, reserve_id, amount)
        elif act.kind is ActKind.WITHDRAW:
            done, amount = withdraw(desk, reserve_id, amount)
        else:
            done, amount = repay(desk, reserve_id, amount)
        unread = desk.offer(reserve_id).books is None and act.kind is not ActKind.REPAY
        return Acted(done.position, amount or 0, (_unread(act),) if unread else ())

    def hull(self, near: AaveState, far: AaveState) -> AaveState:
        """Shares between those of two states of the same holdings."""
        if [_shape(one) for one in near.holdings] != [_shape(one) for one in far.holdings]:
            raise Undecided
        pairs = zip(near.holdings, far.holdings, strict=True)
        return replace(near, holdings=tuple(_between(one, other) for one, other in pairs))


def _members(revision: str) -> tuple[str, ...]:
    if revision in _BY_CATEGORY:
        return ("collateral",)
    more = ("ltvzero",) if revision in _LTVZERO else ()
    return ("collateral", "borrowable", *more, *((parameters.ISOLATED,) if revision == "3.7" else ()))


def _unread(act: Act) -> Notice:
    what = act.asset.token.symbol
    text = f"what if {act.kind.value} {what}: its caps and cash were not read, so nothing is said of them"
    return Notice("limits-unread", text)


def _shape(holding: Holding) -> tuple[int, bool, bool]:
    return holding.reserve.id, holding.collateral, holding.borrowing


def _between(near: Holding, far: Holding) -> Holding:
    amounts: Any = {name: linear(getattr(near, name), getattr(far, name)) for name in _AMOUNTS}
    return replace(near, **amounts)


CHANGES: Final = {
    name: AaveChanges(name) for name in ("2.0", "2.0-cf100", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7")
}
"""By the revision's name."""
