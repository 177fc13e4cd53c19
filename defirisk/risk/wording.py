"""Figures in sentences: cut so that what is said stays true. A distance to liquidation is never overstated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from defirisk.fixedpoint import WAD, div_down, div_up, fixed_string, mul_div_down, mul_div_up
from defirisk.model import Borne, Direction, Position, Threshold
from defirisk.risk.naming import label

_PERCENT: Final = WAD // 100
_BEARERS: Final = {
    "reserves": "the protocol's reserves",
    "deficit": "the protocol and its lenders, as a deficit",
    "umbrella": "those who staked in Umbrella",
    "suppliers": "the other suppliers",
}


def move_text(position: Position, threshold: Threshold, move: int, price: int | None) -> str:
    """``a fall of WETH by 12.3 % to 2,345.68 USD``: a move (wad) no larger and a price no farther than they are."""
    fall = threshold.direction is Direction.DOWN
    text = f"a {'fall' if fall else 'rise'} of {_mover(position, threshold)} by {distance_text(move)}"
    if price is None or threshold.asset is None:
        return text
    return f"{text} to {price_text(position, threshold.asset, price, up=fall)}"


def distance_text(move: int) -> str:
    """The size of a move (wad) in percent, cut towards zero: ``12.3 %``, ``4.56 %``, ``0.0012 %``."""
    size = abs(move)
    places = 1 if size >= 10 * _PERCENT else 2 if size >= _PERCENT else 4
    cut = mul_div_down(size, 10**places, _PERCENT)
    return f"{_grouped(cut, places)} %" if cut else "less than 0.0001 %"


def price_text(position: Position, asset: str, price: int, *, up: bool) -> str:
    """An oracle price as what a whole token is worth in the unit of account, rounded to at least six digits."""
    slot = next(i for i, token in enumerate(position.tokens) if token.address == asset)
    unit = position.market.unit
    over = price * 10 ** position.tokens[slot].decimals
    under = position.state.scales[slot] * 10**unit.decimals
    places = _places(over, under)
    cut = mul_div_up(over, 10**places, under) if up else mul_div_down(over, 10**places, under)
    return f"{_grouped(cut, places)} {unit.symbol}"


def value_text(position: Position, value: int, *, up: bool) -> str:
    """A value (unit base units) to the cent, or to six digits where the unit is a coin."""
    unit = position.market.unit
    under = 10**unit.decimals
    places = 2 if unit.asset is None else _places(abs(value), under)
    sign = "-" if value < 0 else ""
    scaled = abs(value) * 10**places
    cut = div_up(scaled, under) if up != (value < 0) else div_down(scaled, under)
    return f"{sign}{_grouped(cut, places)} {unit.symbol}"


def health_text(health_factor: int | None) -> str:
    """A health factor cut to four digits, so that what is below 1 never reads as 1."""
    return "none" if health_factor is None else _grouped(div_down(health_factor, 10**14), 4)


def bearers_text(borne: Sequence[Borne]) -> str:
    """Who bears a loss, first-loss first."""
    return ", then ".join(dict.fromkeys(_BEARERS.get(share.who, share.who) for share in borne)) or "the lenders"


def _mover(position: Position, threshold: Threshold) -> str:
    for token in position.tokens:
        if token.address == threshold.asset:
            return label(token)
    return f"all {threshold.move.removeprefix('all ').removeprefix('family:')} assets"


def _places(over: int, under: int) -> int:
    """Decimals for six significant digits of over / under, at least two, at most eighteen."""
    whole = div_down(over, under)
    if whole > 0:
        return max(2, 6 - len(str(whole)))
    return next((n + 5 for n in range(1, 13) if over * 10**n >= under), 18)


def _grouped(scaled: int, places: int) -> str:
    whole, _, fraction = fixed_string(scaled, places).partition(".")
    return f"{int(whole):,}.{fraction}" if fraction else f"{int(whole):,}"
