"""Every rounding against exact fractions: the name says which side, the test holds it to that."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk import fixedpoint as fp

amounts = st.integers(0, 2**128)
divisors = st.integers(1, 2**96)


def half_up(x: Fraction) -> int:
    return floor(x + Fraction(1, 2))


BY_SCALE = [
    (fp.percent_mul_half_up, half_up, fp.BPS),
    (fp.percent_mul_down, floor, fp.BPS),
    (fp.percent_mul_up, ceil, fp.BPS),
    (fp.wad_mul_down, floor, fp.WAD),
    (fp.ray_mul_half_up, half_up, fp.RAY),
    (fp.ray_mul_down, floor, fp.RAY),
    (fp.ray_mul_up, ceil, fp.RAY),
]
INTO_SCALE = [
    (fp.percent_div_half_up, fp.BPS),
    (fp.wad_div_half_up, fp.WAD),
    (fp.ray_div_half_up, fp.RAY),
]
INTO_SCALE_EXACT = [
    (fp.percent_div_down, floor, fp.BPS),
    (fp.percent_div_up, ceil, fp.BPS),
    (fp.wad_div_down, floor, fp.WAD),
    (fp.ray_div_down, floor, fp.RAY),
    (fp.ray_div_up, ceil, fp.RAY),
]


@pytest.mark.parametrize(("function", "rounding", "scale"), BY_SCALE, ids=lambda x: getattr(x, "__name__", None))
@given(a=amounts, b=amounts)
def test_products_round_as_named(function, rounding, scale, a, b):
    assert function(a, b) == rounding(Fraction(a * b, scale))


@pytest.mark.parametrize(
    ("function", "rounding", "scale"), INTO_SCALE_EXACT, ids=lambda x: getattr(x, "__name__", None)
)
@given(a=amounts, b=divisors)
def test_quotients_round_as_named(function, rounding, scale, a, b):
    assert function(a, b) == rounding(Fraction(a * scale, b))


@pytest.mark.parametrize(("function", "scale"), INTO_SCALE, ids=lambda x: getattr(x, "__name__", None))
@given(a=amounts, b=divisors)
def test_half_up_quotients_add_half_the_divisor_rounded_down_as_solidity_does(function, scale, a, b):
    assert function(a, b) == floor(Fraction(a * scale + b // 2, b))


@given(a=amounts, b=amounts, c=divisors)
def test_mul_div(a, b, c):
    exact = Fraction(a * b, c)
    assert fp.mul_div_down(a, b, c) == floor(exact)
    assert fp.mul_div_up(a, b, c) == ceil(exact)
    assert fp.mul_div_half_up(a, b, c) == floor(Fraction(a * b + c // 2, c))
    assert fp.div_down(a, c) == floor(Fraction(a, c))
    assert fp.div_up(a, c) == ceil(Fraction(a, c))


@given(a=amounts, b=amounts)
def test_zero_floor_sub(a, b):
    assert fp.zero_floor_sub(a, b) == max(0, a - b)


@pytest.mark.parametrize(
    ("raw", "decimals", "short", "full"),
    [
        (1_500_000, 6, "1.5", "1.500000"),
        (0, 18, "0", "0.000000000000000000"),
        (-1, 18, "-0.000000000000000001", "-0.000000000000000001"),
        (7, 0, "7", "7"),
        (10**18, 18, "1", "1.000000000000000000"),
        (-123_456, 2, "-1234.56", "-1234.56"),
    ],
)
def test_decimal_strings(raw, decimals, short, full):
    assert fp.decimal_string(raw, decimals) == short
    assert fp.fixed_string(raw, decimals) == full
