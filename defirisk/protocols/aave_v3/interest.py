"""Interest: stored indices and rates brought to the block, as ``MathUtils`` and ``ReserveLogic`` do.

The reader calls this once a reserve; the rules then know no rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from defirisk.fixedpoint import RAY, SECONDS_PER_YEAR, div_down, ray_mul_half_up

Compounding = Callable[[int, int], int]
"""(rate a year, ray; seconds) to the growth of one ray."""

_YEAR_SQUARED: Final = SECONDS_PER_YEAR * SECONDS_PER_YEAR


def linear(rate: int, elapsed: int) -> int:
    """``MathUtils.calculateLinearInterest``: growth over ``elapsed`` seconds, ray."""
    return RAY + div_down(rate * elapsed, SECONDS_PER_YEAR)


def compounded_binomial(rate: int, elapsed: int) -> int:
    """``MathUtils.calculateCompoundedInterest`` of 3.0 to 3.3: three binomial terms, each divided by the year; ray."""
    power_two = div_down(ray_mul_half_up(rate, rate), _YEAR_SQUARED)
    power_three = div_down(ray_mul_half_up(power_two, rate), SECONDS_PER_YEAR)
    return three_terms(div_down(rate * elapsed, SECONDS_PER_YEAR), power_two, power_three, elapsed)


def three_terms(first: int, power_two: int, power_three: int, elapsed: int) -> int:
    """(1 + x)^n cut after its third term: ``first`` and the powers of a second's rate, ray; n is ``elapsed``."""
    pairs = elapsed * max(elapsed - 1, 0)
    second = div_down(pairs * power_two, 2)
    third = div_down(pairs * max(elapsed - 2, 0) * power_three, 6)
    return RAY + first + second + third


def compounded_series(rate: int, elapsed: int) -> int:
    """``MathUtils.calculateCompoundedInterest`` from 3.4 on: 1 + x + x * (x / 2 + x * x / 6); ray."""
    x = div_down(rate * elapsed, SECONDS_PER_YEAR)
    return RAY + x + ray_mul_half_up(x, div_down(x, 2) + ray_mul_half_up(x, div_down(x, 6)))


def liquidity_index_at(stored: int, rate: int, elapsed: int) -> int:
    """``ReserveLogic.getNormalizedIncome``: the liquidity index ``elapsed`` seconds after it was stored, ray."""
    return ray_mul_half_up(linear(rate, elapsed), stored) if elapsed else stored


def variable_borrow_index_at(stored: int, rate: int, elapsed: int, compounded: Compounding) -> int:
    """``ReserveLogic.getNormalizedDebt``: the borrow index ``elapsed`` seconds after it was stored, ray."""
    return ray_mul_half_up(compounded(rate, elapsed), stored) if elapsed else stored
