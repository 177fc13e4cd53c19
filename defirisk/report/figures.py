"""Integers as people read them: exact decimals with grouped thousands, never a float, never an exponent.

What is cut is cut in a named direction, so that no figure looks safer than it is: a health factor is rounded down,
a distance to liquidation towards zero.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Final

from defirisk.fixedpoint import WAD
from defirisk.model import Unit

NONE: Final = "-"
_EXACT: Final = Context(prec=800)
_DIGITS: Final = 6
_SMALLEST_PLACES: Final = 18
_HEALTH_SHOWN_TO: Final = 10**6 * WAD
_WHOLE_FROM: Final = 10**4
_MILLIONS_FROM: Final = 10**8
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def money(raw: int, unit: Unit) -> str:
    """A value in unit base units: ``$12,345.67``, ``-$0.50``, ``1.25 ETH``; tiny ones with two digits that matter."""
    if unit.symbol != "USD":
        return f"{number(raw, unit.decimals)} {unit.symbol}"
    text = number(abs(raw), unit.decimals, digits=2, fixed=2)
    return f"-${text}" if raw < 0 else f"${text}"


def short_money(raw: int, unit: Unit) -> str:
    """A value for a narrow column: whole dollars from 10,000 on, ``$123.46 M`` from 100 million on; ``-`` for 0."""
    if raw == 0:
        return NONE
    size = Decimal(abs(raw)).scaleb(-unit.decimals)
    if unit.symbol != "USD" or size < _WHOLE_FROM:
        return money(raw, unit)
    scale, mark = (1, "") if size < _MILLIONS_FROM else (6, " M")
    with localcontext(_EXACT):
        places = Decimal("0.01") if mark else Decimal(1)
        shown = size.scaleb(-scale if mark else 0).quantize(places, rounding=ROUND_HALF_UP)
    return f"{'-' if raw < 0 else ''}${shown:,f}{mark}"


def price(over: int, under: int, unit: Unit, rounding: str = ROUND_HALF_UP) -> str:
    """A price of ``over / under`` units, to six digits and at least to the cent: ``$2,345.67``, ``$0.999871``."""
    with localcontext(_EXACT):
        text = _significant(Decimal(over) / Decimal(under), _DIGITS, 2, rounding)
    return f"${text}" if unit.symbol == "USD" else f"{text} {unit.symbol}"


def number(raw: int, decimals: int, *, digits: int = _DIGITS, fixed: int = 0, rounding: str = ROUND_HALF_UP) -> str:
    """``raw / 10**decimals`` to ``digits`` significant digits; the whole part is never cut, ``fixed`` decimals stay."""
    with localcontext(_EXACT):
        return _significant(Decimal(raw).scaleb(-decimals), digits, fixed, rounding)


def percent(move: int) -> str:
    """A move (wad), cut towards zero so that no distance looks larger than it is: ``-12.34 %``, ``+0.0012 %``."""
    sign = "+" if move > 0 else ""
    return f"{sign}{number(move, 16, digits=2, fixed=2, rounding=ROUND_DOWN)} %"


def ratio(wad: int) -> str:
    """A share (wad): ``82.5 %``."""
    return f"{number(wad, 16)} %"


def health(raw: int | None) -> str:
    """A health factor (wad), cut down to four decimals so that below 1 never reads as 1; ``-`` without debt."""
    if raw is None:
        return NONE
    if raw > _HEALTH_SHOWN_TO:
        return "over 1,000,000"
    if 0 < raw < 10**14:
        return number(raw, 18, digits=2, rounding=ROUND_DOWN)
    with localcontext(_EXACT):
        return f"{Decimal(raw).scaleb(-18).quantize(Decimal('0.0001'), rounding=ROUND_DOWN):,f}"


def age(seconds: int) -> str:
    """``42 s``, ``3 min``, ``2 h 5 min``, ``3 days``; rounded down."""
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{_whole(seconds, _MINUTE)} min"
    if seconds < _DAY:
        return f"{_whole(seconds, _HOUR)} h {_whole(seconds % _HOUR, _MINUTE)} min"
    days = _whole(seconds, _DAY)
    return f"{days:,} day{'' if days == 1 else 's'}"


def span(seconds: int) -> str:
    """``3 h``, ``1 day 12 h 5 s``: exact, where two of them are compared."""
    parts, left = [], seconds
    for size, name in ((_DAY, "day"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        count, left = _whole(left, size), left % size
        plural = "s" if name == "day" and count > 1 else ""
        parts += [f"{count:,} {name}{plural}"] if count else []
    return " ".join(parts) or "0 s"


def counted(count: int, noun: str) -> str:
    """``1 wallet``, ``1,234 wallets``: any noun whose plural takes an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def moment(timestamp: int) -> str:
    """``2026-11-22 00:20:11 UTC``; the bare number where a chain's clock is beyond any calendar."""
    try:
        return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"second {timestamp}"


def _whole(seconds: int, unit: int) -> int:
    return divmod(seconds, unit)[0]


def _significant(value: Decimal, digits: int, fixed: int, rounding: str) -> str:
    if value == 0:
        return f"{Decimal(0):.{fixed}f}"
    if value.adjusted() < -_SMALLEST_PLACES:
        return f"{'-' if value < 0 else ''}<0.{'0' * (_SMALLEST_PLACES - 1)}1"
    places = max(fixed, digits - 1 - value.adjusted())
    return _grouped(value.quantize(Decimal(1).scaleb(-places), rounding=rounding), fixed)


def _grouped(value: Decimal, fixed: int) -> str:
    """Grouped thousands; trailing zeros go, but ``fixed`` decimals stay."""
    text = f"{value:,f}"
    if "." not in text:
        return text
    whole, fraction = text.split(".")
    fraction = fraction.rstrip("0").ljust(fixed, "0")
    return f"{whole}.{fraction}" if fraction else whole
