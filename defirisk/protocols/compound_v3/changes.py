"""What Comet's rules know of changes (:class:`defirisk.protocols.interface.Changes`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from defirisk.errors import BadParameter
from defirisk.fixedpoint import BPS, WAD, decimal_string, div_down
from defirisk.model import Position
from defirisk.model import Warning as Notice
from defirisk.protocols.compound_v3.account import borrow_balance
from defirisk.protocols.compound_v3.acts import (
    rebuilt,
    supply_base,
    supply_collateral,
    withdraw_base,
    withdraw_collateral,
)
from defirisk.protocols.compound_v3.listing import Listing, Offer
from defirisk.protocols.compound_v3.state import Asset, Comet, CometState, ask_factor
from defirisk.protocols.interface import Act, Acted, ActKind, Altered, Named, Refused, Setting
from defirisk.protocols.values import parse_bps, parse_fixed, parse_ratio, shown_ratio
from defirisk.risk.interval import Undecided, linear

_FACTOR: Final = div_down(WAD, BPS)
"""``getPackedAssetInternal`` keeps four decimals of each factor."""


class Kept(NamedTuple):
    """A factor of a collateral: the field, and whether the parameter is what it lacks to 1."""

    field: str
    rest: bool = False


_FACTORS: Final = {
    "borrow_collateral_factor": Kept("borrow_collateral_factor"),
    "liquidate_collateral_factor": Kept("liquidate_collateral_factor"),
    "liquidation_threshold": Kept("liquidate_collateral_factor"),
    "liquidation_factor": Kept("liquidation_factor"),
    "liquidation_penalty": Kept("liquidation_factor", rest=True),
}
_MARKET: Final = ("store_front_price_factor", "base_borrow_min")


class CometChanges:
    """Changes in one Comet."""

    __slots__ = ("asset_parameters", "emode_parameters", "market_parameters")

    def __init__(self) -> None:
        self.asset_parameters = tuple(_FACTORS)
        self.market_parameters = _MARKET
        self.emode_parameters: tuple[str, ...] = ()

    def assets(self, position: Position) -> Sequence[Named]:
        """The base token and every collateral that was read."""
        listing: Listing = position.listing
        tokens = (position.state.comet.base, *(offer.asset.token for offer in listing.offers))
        return tuple(Named(token, token.address) for token in tokens)

    def set(self, position: Position, setting: Setting) -> Altered:
        """One factor of a collateral, or a parameter of the market."""
        if setting.emode is not None:
            raise _unknown(setting, (), "a Comet's e-mode")
        if setting.asset is None:
            return _set_market(position, setting)
        return _set_factor(position, setting, setting.asset)

    def act(self, position: Position, act: Act) -> Acted:
        """``Comet.supply`` and ``withdraw``: of the base token they repay and borrow too."""
        offer = position.listing.offer(act.asset.key)
        supplies = act.kind in (ActKind.DEPOSIT, ActKind.REPAY)
        if offer is None:
            return _act_base(position, act, supplies=supplies)
        if act.kind in (ActKind.BORROW, ActKind.REPAY):
            raise Refused(f"only {position.state.comet.base.symbol} is borrowed here")
        if not supplies:
            return Acted(*withdraw_collateral(position, offer, act.amount))
        amount = act.amount or 0
        return Acted(supply_collateral(position, offer, amount), amount)

    def hull(self, near: CometState, far: CometState) -> CometState:
        """Principal and balances between those of two states of the same collaterals."""
        if [one.offset for one in near.assets] != [one.offset for one in far.assets]:
            raise Undecided
        pairs = zip(near.balances, far.balances, strict=True)
        change: Any = {
            "balances": tuple(linear(one, other) for one, other in pairs),
            "principal": linear(near.principal, far.principal),
        }
        return replace(near, **change)


def _act_base(position: Position, act: Act, *, supplies: bool) -> Acted:
    if supplies:
        if act.kind is ActKind.REPAY and borrow_balance(position.state) == 0:
            raise Refused("nothing is owed")
        return Acted(*supply_base(position, act.amount))
    unread = position.listing.cash is None
    return Acted(*withdraw_base(position, act.amount), _unread(act) if unread else ())


def _unread(act: Act) -> tuple[Notice, ...]:
    what = act.asset.token.symbol
    text = f"what if {act.kind.value} {what}: caps and cash were not read, so nothing is said of them"
    return (Notice("limits-unread", text),)


# --- parameters -----------------------------------------------------------------------------------------------------


def _set_factor(position: Position, setting: Setting, named: Named) -> Altered:
    offer = position.listing.offer(named.key)
    if setting.name not in _FACTORS or offer is None:
        what = f"{named.token.symbol}, the base token," if offer is None else f"a collateral of {position.market.name}"
        raise _unknown(setting, () if offer is None else tuple(_FACTORS), what)
    kept = _FACTORS[setting.name]
    value = parse_bps(setting.text, f"{named.token.symbol}.{setting.name}") * _FACTOR
    was: int = getattr(offer.asset, kept.field)
    change: Any = {kept.field: WAD - value if kept.rest else value}
    changed = replace(offer.asset, **change)
    factor = position.state.comet.store_front_price_factor
    changed = replace(changed, ask=ask_factor(factor, changed.liquidation_factor))
    doubts: tuple[Notice, ...] = ()
    if changed.borrow_collateral_factor >= changed.liquidate_collateral_factor:
        doubts = (_refused(named.token.symbol, "BorrowCFTooLarge"),)
    before = shown_ratio(WAD - was if kept.rest else was)
    return Altered(
        _with_assets(position, lambda one: changed if one.offset == changed.offset else one),
        before,
        shown_ratio(value),
        doubts,
    )


def _set_market(position: Position, setting: Setting) -> Altered:
    comet: Comet = position.state.comet
    if setting.name not in _MARKET:
        raise _unknown(setting, _MARKET, position.market.name)
    if setting.name == "base_borrow_min":
        least = parse_fixed(setting.text, comet.base.decimals, setting.name)
        after = _with_comet(position, replace(comet, base_borrow_min=least))
        return Altered(after, _amount(comet, comet.base_borrow_min), _amount(comet, least))
    factor = parse_ratio(setting.text, setting.name)
    if factor > WAD:
        raise BadParameter(f"{setting.name}: {setting.text[:40]!a} is above 100 %, which Comet refuses (BadDiscount)")
    after = _with_comet(position, replace(comet, store_front_price_factor=factor))
    after = _with_assets(after, lambda one: replace(one, ask=ask_factor(factor, one.liquidation_factor)))
    return Altered(after, shown_ratio(comet.store_front_price_factor), shown_ratio(factor))


def _amount(comet: Comet, raw: int) -> str:
    return f"{decimal_string(raw, comet.base.decimals)} {comet.base.symbol}"


def _with_comet(position: Position, comet: Comet) -> Position:
    state: CometState = position.state
    held = list(zip(state.assets, state.balances, strict=True))
    return rebuilt(replace(position, state=replace(state, comet=comet)), state.principal, held)


def _with_assets(position: Position, change: Callable[[Asset], Asset]) -> Position:
    state: CometState = position.state
    listing: Listing = position.listing
    offers: tuple[Offer, ...] = tuple(replace(one, asset=change(one.asset)) for one in listing.offers)
    held = [(change(asset), balance) for asset, balance in zip(state.assets, state.balances, strict=True)]
    return rebuilt(replace(position, listing=replace(listing, offers=offers)), state.principal, held)


def _refused(what: str, why: str) -> Notice:
    return Notice("configurator-refuses", f"what if {what}: Comet's constructor refuses this by itself ({why})")


def _unknown(setting: Setting, known: tuple[str, ...], what: str) -> BadParameter:
    hint = f"one of {', '.join(known)}" if known else None
    return BadParameter(f"{what} has no parameter {setting.name[:60]!a}", hint=hint)


CHANGES: Final = CometChanges()
