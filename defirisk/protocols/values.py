"""Values as people write them, exactly: ``0.80``, ``80%``, ``1.5``. No float anywhere. Pure."""

from __future__ import annotations

import re
from typing import Final

from defirisk.errors import BadParameter
from defirisk.fixedpoint import BPS, WAD, decimal_string, div_down

_NUMBER: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_LONGEST: Final = 80
_WAD_PLACES: Final = 18
_PERCENT_PLACES: Final = 16
_BPS_IN_WAD: Final = div_down(WAD, BPS)


def parse_fixed(text: str, places: int, what: str) -> int:
    """A plain decimal as an integer with ``places`` digits after the point.

    Raises:
        BadParameter: not a plain decimal, or finer than that.
    """
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        raise BadParameter(f"{what}: {text[:_LONGEST]!a} is not a plain number", hint="digits with at most one point")
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > places:
        raise BadParameter(
            f"{what}: {text!a} is finer than can be counted", hint=f"at most {places} digits after the point"
        )
    return int(match[1] + fraction.ljust(places, "0"))


def parse_ratio(text: str, what: str) -> int:
    """A share such as ``0.80`` or ``80%``, wad.

    Raises:
        BadParameter: neither.
    """
    text = text.strip()
    if text.endswith("%"):
        return parse_fixed(text[:-1].strip(), _PERCENT_PLACES, what)
    return parse_fixed(text, _WAD_PLACES, what)


def parse_bps(text: str, what: str, *, most: int = BPS) -> int:
    """A share in whole basis points.

    Raises:
        BadParameter: it is no such share, has a fraction of a basis point, or is above ``most`` bps.
    """
    ratio = parse_ratio(text, what)
    if ratio % _BPS_IN_WAD:
        raise BadParameter(
            f"{what}: {text.strip()!a} is not a whole number of basis points, which is what the protocol keeps",
            hint="four digits after the point, or two of a percentage",
        )
    bps = div_down(ratio, _BPS_IN_WAD)
    if bps > most:
        raise BadParameter(f"{what}: {text.strip()!a} is above {shown_bps(most)}, the most that the protocol keeps")
    return bps


def parse_flag(text: str, what: str) -> bool:
    """``true`` or ``false``.

    Raises:
        BadParameter: neither.
    """
    flag = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(text.strip().lower())
    if flag is None:
        raise BadParameter(f"{what}: {text[:_LONGEST]!a} is neither true nor false")
    return flag


def shown_ratio(wad: int) -> str:
    """A share for people: ``80 %``."""
    return f"{decimal_string(wad, _PERCENT_PLACES)} %"


def shown_bps(bps: int) -> str:
    """The same of basis points."""
    return shown_ratio(bps * _BPS_IN_WAD)
