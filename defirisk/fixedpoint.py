"""Integer arithmetic of the protocols; the name of every function says how it rounds.

Bare ``//`` on money stands nowhere else. ``down`` is towards zero, ``up`` away from it, ``half_up`` to the
nearest with ties up; all operands are non-negative unless said. Scales: ``wad`` 1e18, ``ray`` 1e27, ``bps`` 1e4.

Every function is plain arithmetic on its arguments, so it works on :class:`defirisk.risk.interval.Interval`
as well as on ``int``: that is how thresholds are proved. Keep it so (no ``math`` functions, no ``divmod``). The
annotations say ``int``, which is all that the rules need to know; what is ignored below are the interval's own methods.
"""

from __future__ import annotations

from typing import Final

BPS: Final = 10**4
HALF_BPS: Final = BPS // 2
WAD: Final = 10**18
RAY: Final = 10**27
HALF_RAY: Final = RAY // 2
UINT256_MAX: Final = 2**256 - 1
SECONDS_PER_YEAR: Final = 365 * 24 * 3600


def mul_div_down(a: int, b: int, c: int) -> int:
    """a * b / c, rounded down."""
    return a * b // c


def mul_div_up(a: int, b: int, c: int) -> int:
    """a * b / c, rounded up."""
    return -(-(a * b) // c)


def mul_div_half_up(a: int, b: int, c: int) -> int:
    """a * b / c, to the nearest, ties up."""
    return (a * b + c // 2) // c


def div_down(a: int, b: int) -> int:
    """a / b, rounded down."""
    return a // b


def div_up(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def if_positive(x: int, then: int, otherwise: int) -> int:
    """``then`` if x > 0, else ``otherwise``; on intervals the hull of both where that is not decided."""
    if type(x) is int:
        return then if x > 0 else otherwise
    return x.if_positive(then, otherwise)  # type: ignore[attr-defined, no-any-return]


def may_be_positive(x: int) -> bool:
    """x > 0; on intervals whether any number of it is."""
    return x > 0 if type(x) is int else x.hi > 0  # type: ignore[attr-defined]


def known_at_most(x: int, bound: int) -> int:
    """x, of which its caller can prove that it is at most ``bound``: intervals forget such proofs."""
    return x if type(x) is int else x.clipped(bound)  # type: ignore[attr-defined]


def least(x: int) -> int:
    """x; on intervals the least that it may be."""
    return x if type(x) is int else x.lo  # type: ignore[attr-defined]


def most(x: int) -> int:
    """x; on intervals the most that it may be."""
    return x if type(x) is int else x.hi  # type: ignore[attr-defined]


def remainder(a: int, b: int) -> int:
    """What dividing a by b rounds away: a - b * (a / b, down)."""
    return a % b


def same_number(a: int, b: int) -> int:
    """One number written in two ways; an interval keeps only what both allow."""
    return a if type(a) is int else a.meet(b)  # type: ignore[attr-defined]


def zero_floor_sub(a: int, b: int) -> int:
    """a - b, or 0 where that is negative."""
    difference = a - b
    return if_positive(difference, difference, 0)


def percent_mul_half_up(value: int, bps: int) -> int:
    """Aave ``PercentageMath.percentMul``: value * bps / 1e4, ties up."""
    return (value * bps + HALF_BPS) // BPS


def percent_mul_down(value: int, bps: int) -> int:
    """Aave ``PercentageMath.percentMulFloor``: value * bps / 1e4, down."""
    return value * bps // BPS


def percent_mul_up(value: int, bps: int) -> int:
    """Aave ``PercentageMath.percentMulCeil``: value * bps / 1e4, up."""
    return -(-(value * bps) // BPS)


def percent_div_half_up(value: int, bps: int) -> int:
    """Aave ``PercentageMath.percentDiv``: value * 1e4 / bps, ties up."""
    return (value * BPS + bps // 2) // bps


def percent_div_down(value: int, bps: int) -> int:
    """value * 1e4 / bps, down (Aave 3.7 ``LiquidationLogic``)."""
    return value * BPS // bps


def percent_div_up(value: int, bps: int) -> int:
    """Aave ``PercentageMath.percentDivCeil``: value * 1e4 / bps, up."""
    return -(-(value * BPS) // bps)


def wad_mul_down(a: int, b: int) -> int:
    """a * b / 1e18, down (Compound ``mul_ScalarTruncate``, Comet ``mulFactor``)."""
    return a * b // WAD


def wad_div_half_up(a: int, b: int) -> int:
    """Aave ``WadRayMath.wadDiv``: a * 1e18 / b, ties up."""
    return (a * WAD + b // 2) // b


def wad_div_down(a: int, b: int) -> int:
    """a * 1e18 / b, down."""
    return a * WAD // b


def ray_mul_half_up(a: int, b: int) -> int:
    """Aave ``WadRayMath.rayMul``: a * b / 1e27, ties up."""
    return (a * b + HALF_RAY) // RAY


def ray_mul_down(a: int, b: int) -> int:
    """Aave ``WadRayMath.rayMulFloor``: a * b / 1e27, down."""
    return a * b // RAY


def ray_mul_up(a: int, b: int) -> int:
    """Aave ``WadRayMath.rayMulCeil``: a * b / 1e27, up."""
    return -(-(a * b) // RAY)


def ray_div_half_up(a: int, b: int) -> int:
    """Aave ``WadRayMath.rayDiv``: a * 1e27 / b, ties up."""
    return (a * RAY + b // 2) // b


def ray_div_down(a: int, b: int) -> int:
    """Aave ``WadRayMath.rayDivFloor``: a * 1e27 / b, down."""
    return a * RAY // b


def ray_div_up(a: int, b: int) -> int:
    """Aave ``WadRayMath.rayDivCeil``: a * 1e27 / b, up."""
    return -(-(a * RAY) // b)


def decimal_string(raw: int, decimals: int) -> str:
    """An exact decimal of ``raw / 10**decimals`` without trailing zeros: (1500000, 6) is "1.5"."""
    sign = "-" if raw < 0 else ""
    digits = str(abs(raw)).rjust(decimals + 1, "0")
    whole, fraction = (digits[:-decimals], digits[-decimals:].rstrip("0")) if decimals else (digits, "")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def fixed_string(raw: int, decimals: int) -> str:
    """An exact decimal of ``raw / 10**decimals`` with all its digits: (-1, 18) is "-0.000000000000000001"."""
    sign = "-" if raw < 0 else ""
    digits = str(abs(raw)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"
