"""Aave's parameters as governance would set them: of a reserve, and of the eMode category that the owner is in.

What the contract cannot keep is an error; what ``PoolConfigurator`` would refuse of what it could keep is a warning,
since a vote may set another parameter with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from defirisk.errors import BadParameter
from defirisk.fixedpoint import BPS, percent_mul_half_up, zero_floor_sub
from defirisk.model import Position
from defirisk.model import Warning as Notice
from defirisk.protocols.aave_v3.desk import desk_of, rebuilt
from defirisk.protocols.aave_v3.listing import Listing
from defirisk.protocols.aave_v3.state import AaveState, EMode, Reserve
from defirisk.protocols.interface import Altered, Named, Setting
from defirisk.protocols.naming import find_named
from defirisk.protocols.values import parse_bps, parse_fixed, parse_flag, shown_bps

_MOST_BONUS: Final = 2**16 - 1 - BPS
"""A bonus is kept with its principal in 16 bits."""
_MOST_CATEGORY: Final = 255


class Kept(NamedTuple):
    """How a parameter is kept: the field, text to value, and value to text."""

    field: str
    read: Callable[[str, str], int]
    shown: Callable[[int], str]


def _bonus(text: str, what: str) -> int:
    above = parse_bps(text, what, most=_MOST_BONUS)
    return BPS + above if above else 0


def _category(text: str, what: str) -> int:
    number = parse_fixed(text, 0, what)
    if number > _MOST_CATEGORY:
        raise BadParameter(f"{what}: {text!a} is no category: they are numbered from 1 to {_MOST_CATEGORY}, 0 is none")
    return number


def _shown_bonus(kept: int) -> str:
    return shown_bps(zero_floor_sub(kept, BPS))


_LTV: Final = Kept("ltv", parse_bps, shown_bps)
_THRESHOLD: Final = Kept("liquidation_threshold", parse_bps, shown_bps)
_BONUS: Final = Kept("liquidation_bonus", _bonus, _shown_bonus)
_FEE: Final = Kept("protocol_fee", parse_bps, shown_bps)
RESERVE: Final = {
    "ltv": _LTV,
    "liquidation_threshold": _THRESHOLD,
    "liquidation_bonus": _BONUS,
    "protocol_fee": _FEE,
    "liquidation_protocol_fee": _FEE,
    "emode_category": Kept("emode_category", _category, str),
}
"""Of a reserve; ``emode_category`` up to 3.1 only, and no fee in V2."""
CATEGORY: Final = {
    "ltv": _LTV,
    "liquidation_threshold": _THRESHOLD,
    "liquidation_bonus": _BONUS,
}
"""Of a category, beside its members."""
MEMBERS: Final = {"collateral": "collateral_bitmap", "borrowable": "borrowable_bitmap", "ltvzero": "ltvzero_bitmap"}
"""Lists of assets, ``+WETH,-WBTC``: from 3.2 on bitmaps, ``ltvzero`` from 3.6; up to 3.1 ``collateral`` is both."""
ISOLATED: Final = "isolated"
"""From 3.7 on."""
_ISOLATED: Final = Kept(ISOLATED, parse_flag, lambda flag: "true" if flag else "false")


# --- a reserve ------------------------------------------------------------------------------------------------------


def set_reserve(position: Position, setting: Setting, known: tuple[str, ...], named: Named) -> Altered:
    """The same position where one parameter of one reserve is another.

    Raises:
        BadParameter: no such parameter, or no such value.
    """
    if setting.name not in known:
        raise unknown(setting.name, known, f"a reserve of {position.market.name}")
    kept = RESERVE[setting.name]
    desk = desk_of(position)
    offer = next(one for one in desk.listing.offers if one.reserve.token.address == named.key)
    value = kept.read(setting.text, f"{named.token.symbol}.{setting.name}")
    change: Any = {kept.field: value}
    changed = replace(offer.reserve, **change)
    listing = desk.listing.with_offer(replace(offer, reserve=changed))
    after = _with_reserve(replace(position, listing=listing), changed)
    now, was = kept.shown(value), kept.shown(getattr(offer.reserve, kept.field))
    return Altered(after, was, now, tuple(_doubts(changed, named.token.symbol)))


def _with_reserve(position: Position, changed: Reserve) -> Position:
    state: AaveState = position.state
    holdings = [replace(one, reserve=changed) if one.reserve.id == changed.id else one for one in state.holdings]
    return rebuilt(position, holdings)


def _doubts(one: Reserve | EMode, what: str) -> Iterator[Notice]:
    """``PoolConfigurator.configureReserveAsCollateral`` and ``setEModeCategory``: what they require."""
    threshold, bonus = one.liquidation_threshold, one.liquidation_bonus
    if one.ltv > threshold:
        yield _doubt(what, f"its LTV of {shown_bps(one.ltv)} is above the threshold of {shown_bps(threshold)}")
    if threshold and bonus <= BPS:
        yield _doubt(what, "a collateral needs a bonus above 0")
    if percent_mul_half_up(threshold, bonus) > BPS:
        yield _doubt(what, f"threshold times bonus, {shown_bps(threshold)} * {shown_bps(bonus)}, is over 100 %")


def _doubt(what: str, why: str) -> Notice:
    text = f"what if {what}: the configurator would refuse this by itself, since {why}"
    return Notice("configurator-refuses", text)


# --- a category -----------------------------------------------------------------------------------------------------


def set_category(position: Position, setting: Setting, known: tuple[str, ...]) -> Altered:
    """The same position where one parameter of an eMode category is another; felt by an owner who is in it.

    Raises:
        BadParameter: no such parameter, or no such value.
    """
    if setting.name not in known:
        raise unknown(setting.name, known, f"an eMode of {position.market.name}")
    state: AaveState = position.state
    emode = state.emode if state.emode is not None and state.emode.id == setting.emode else None
    if setting.name in MEMBERS:
        return _set_members(position, setting, emode)
    if setting.name == ISOLATED:
        return _altered(position, emode, _ISOLATED, _ISOLATED.read(setting.text, ISOLATED))
    kept = CATEGORY[setting.name]
    value = kept.read(setting.text, f"eMode {setting.emode} {setting.name}")
    return _altered(position, emode, kept, value)


def _altered(position: Position, emode: EMode | None, kept: Kept, value: int) -> Altered:
    if emode is None:
        return Altered(position, None, kept.shown(value))
    change: Any = {kept.field: bool(value) if kept is _ISOLATED else value}
    changed = replace(emode, **change)
    after = rebuilt(position, position.state.holdings, changed)
    was, doubts = kept.shown(getattr(emode, kept.field)), _doubts(changed, f"eMode {emode.id}")
    return Altered(after, was, kept.shown(value), tuple(doubts))


def _set_members(position: Position, setting: Setting, emode: EMode | None) -> Altered:
    moves = list(_moves(position, setting))
    if _by_category(position):
        return _set_categories(position, setting, moves)
    text = ", ".join(f"{sign}{named.token.symbol}" for sign, named in moves)
    if emode is None:
        return Altered(position, None, text)
    field = MEMBERS[setting.name]
    bitmap: int = getattr(emode, field)
    for sign, named in moves:
        bit = 1 << _reserve(position.listing, named).id
        bitmap = bitmap | bit if sign == "+" else bitmap & ~bit
    change: Any = {field: bitmap}
    return Altered(rebuilt(position, position.state.holdings, replace(emode, **change)), None, text)


def _moves(position: Position, setting: Setting) -> Iterator[tuple[str, Named]]:
    for part in setting.text.split(","):
        sign, name = part.strip()[:1], part.strip()[1:].strip()
        if sign not in ("+", "-") or not name:
            raise BadParameter(
                f"{setting.name}: {part[:40]!a} neither adds an asset nor takes one away",
                hint="for example +WETH,-WBTC",
            )
        yield sign, find_named(assets_of(position), name, position.market.name)


def _set_categories(position: Position, setting: Setting, moves: list[tuple[str, Named]]) -> Altered:
    """Up to 3.1 a reserve names its only category: to be in another is to have left this one."""
    text = ", ".join(f"{sign}{named.token.symbol}" for sign, named in moves)
    for sign, named in moves:
        reserve = _reserve(position.listing, named)
        inside = reserve.emode_category == setting.emode
        if inside == (sign == "+"):
            continue
        changed = replace(reserve, emode_category=(setting.emode or 0) if sign == "+" else 0)
        offer = replace(position.listing.offer(reserve.id), reserve=changed)
        position = _with_reserve(replace(position, listing=position.listing.with_offer(offer)), changed)
    return Altered(position, None, text)


def _by_category(position: Position) -> bool:
    return position.rules.name in ("3.0", "3.1")


def _reserve(listing: Listing, named: Named) -> Reserve:
    return next(offer.reserve for offer in listing.offers if offer.reserve.token.address == named.key)


def assets_of(position: Position) -> tuple[Named, ...]:
    """Every reserve of the market, by its token."""
    listing: Listing = position.listing
    return tuple(Named(one.reserve.token, one.reserve.token.address) for one in listing.offers)


def unknown(name: str, known: tuple[str, ...], what: str) -> BadParameter:
    """What to say where something has no such parameter."""
    return BadParameter(f"{what} has no parameter {name[:60]!a}", hint=f"one of {', '.join(known)}" if known else None)
