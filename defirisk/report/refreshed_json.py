"""``defirisk/refresh/1``: what a refreshed recording changed, exact, for other programs.

The shape is published as a JSON Schema, ``schema/refresh-1.schema.json``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from defirisk.comparing import Change, PositionChange, PriceChange, SettingChange, Side
from defirisk.fixedpoint import WAD, decimal_string, fixed_string, mul_div_down
from defirisk.report.sanitize import clean, symbol

if TYPE_CHECKING:
    from defirisk.chain.calls import Block
    from defirisk.model import Unit

Json = dict[str, Any]
REFRESH: Final = "defirisk/refresh/1"
_PRICE_PLACES: Final = 36
"""No oracle here counts finer; what did would be cut."""


def schema() -> Json:
    """The published JSON Schema."""
    text = files("defirisk.report").joinpath("schema/refresh-1.schema.json").read_text(encoding="utf-8")
    loaded: Json = json.loads(text)
    return loaded


def document(name: str, chain_id: int, before: Block, after: Block, changes: Sequence[Change]) -> Json:
    """What a refresh changed in the recording ``name``; every position is listed, changed or not."""
    settings = Counter(one for one in changes if isinstance(one, SettingChange))
    return {
        "schema": REFRESH,
        "recording": clean(name),
        "chain_id": chain_id,
        "before": _block(before),
        "after": _block(after),
        "positions": [_position(one) for one in changes if isinstance(one, PositionChange)],
        "prices": [_price(one) for one in dict.fromkeys(c for c in changes if isinstance(c, PriceChange))],
        "settings": [_setting(one, wallets) for one, wallets in settings.items()],
    }


def _block(block: Block) -> Json:
    return {"block": block.number, "timestamp": block.timestamp, "block_hash": block.hash}


def _position(change: PositionChange) -> Json:
    held = change.after.position or change.before.position
    return {
        "wallet": change.wallet,
        "market": clean(change.market),
        "change": _kind(change),
        "unit": None if held is None else _unit(held.market.unit),
        "before": _side(change.before),
        "after": _side(change.after),
        "unread_before": None if change.before.unread is None else clean(change.before.unread),
    }


def _kind(change: PositionChange) -> str:
    if change.before.unread is not None:
        return "not-read-before"
    if not change.differs:
        return "as-before"
    if change.before.position is None:
        return "new"
    return "gone" if change.after.position is None else "changed"


def _side(side: Side) -> Json | None:
    if side.position is None:
        return None
    found = side.standing
    health = None if found is None or found.health_factor is None else str(found.health_factor)
    return {
        "status": side.position.status.value,
        "health_factor_raw": health,
        "liquidatable": None if found is None else found.liquidatable,
        "collateral_value_raw": None if found is None else str(found.collateral_value),
        "debt_value_raw": None if found is None else str(found.debt_value),
    }


def _price(change: PriceChange) -> Json:
    (was, was_under), (now, now_under) = change.before, change.after
    return {
        "market": clean(change.market),
        "asset": change.token.address,
        "symbol": symbol(change.token),
        "unit": _unit(change.unit),
        "before": _decimal(was, was_under),
        "after": _decimal(now, now_under),
        "move": _move(now * was_under, was * now_under) if was else None,
    }


def _move(now: int, was: int) -> str:
    size = mul_div_down(abs(now - was), WAD, was)
    return fixed_string(size if now > was else -size, 18)


def _decimal(over: int, under: int) -> str:
    return decimal_string(mul_div_down(over, 10**_PRICE_PLACES, under), _PRICE_PLACES)


def _setting(change: SettingChange, wallets: int) -> Json:
    return {
        "market": clean(change.market),
        "asset": None if change.token is None else change.token.address,
        "symbol": None if change.token is None else symbol(change.token),
        "setting": change.what,
        "before": _value(change.before),
        "after": _value(change.after),
        "wallets": wallets,
    }


def _value(value: int | bool | str | None) -> str | bool | None:
    if value is None or isinstance(value, bool):
        return value
    return clean(value) if isinstance(value, str) else fixed_string(value, 18)


def _unit(unit: Unit) -> Json:
    return {"symbol": unit.symbol, "decimals": unit.decimals}
