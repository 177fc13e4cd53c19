"""Figures that people read: exact, grouped, cut in the direction that flatters nobody."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.model import Unit
from defirisk.report.figures import age, health, moment, money, number, percent, price, ratio, short_money

USD = Unit("USD", 8)
ETH = Unit("ETH", 18, "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2")
WAD = 10**18


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.00000001"),
        (1_234_567, "$0.012"),
        (50_000_000, "$0.50"),
        (123_456_789_012, "$1,234.57"),
        (-50_000_000, "-$0.50"),
        (10**40, "$100,000,000,000,000,000,000,000,000,000,000.00"),
    ],
)
def test_dollars(raw: int, shown: str) -> None:
    assert money(raw, USD) == shown


def test_another_unit_is_named() -> None:
    assert money(15 * 10**17, ETH) == "1.5 ETH"
    assert price(1, 3, ETH) == "0.333333 ETH"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (0, "-"),
        (999_999_000_000, "$9,999.99"),
        (10**12, "$10,000"),
        (1_234_549_999_999, "$12,345"),
        (-1_234_550_000_000, "-$12,346"),
        (12_345_678_900_000_000, "$123.46 M"),
        (10**22, "$100,000,000.00 M"),
    ],
)
def test_narrow_dollars(raw: int, shown: str) -> None:
    assert short_money(raw, USD) == shown


@pytest.mark.parametrize(
    ("raw", "decimals", "shown"),
    [
        (1_500_000, 6, "1.5"),
        (123_456_789, 8, "1.23457"),
        (10**23, 18, "100,000"),
        (1_234_567_891, 3, "1,234,568"),
        (1, 18, "0.000000000000000001"),
        (1, 255, "<0.000000000000000001"),
        (2**256 - 1, 60, "115,792,089,237,316,195"),
    ],
)
def test_amounts(raw: int, decimals: int, shown: str) -> None:
    assert number(raw, decimals) == shown


@pytest.mark.parametrize(
    ("over", "under", "shown"),
    [
        (234_567_000_000, 10**8, "$2,345.67"),
        (99_987_123, 10**8, "$0.999871"),
        (10**8, 10**8, "$1.00"),
        (1, 10**8, "$0.00000001"),
    ],
)
def test_prices(over: int, under: int, shown: str) -> None:
    assert price(over, under, USD) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (None, "-"),
        (0, "0.0000"),
        (1, "0.000000000000000001"),
        (WAD - 1, "0.9999"),
        (WAD, "1.0000"),
        (1_034_599_999_999_999_999, "1.0345"),
        (2**255, "over 1,000,000"),
    ],
)
def test_health(raw: int | None, shown: str) -> None:
    assert health(raw) == shown


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_what_is_below_1_never_reads_as_1(raw: int) -> None:
    shown = health(raw)
    if not shown.startswith("over"):
        assert (Fraction(shown.replace(",", "")) >= 1) == (raw >= WAD)


@given(st.integers(min_value=-WAD + 1, max_value=10**24))
def test_a_distance_is_never_overstated(move: int) -> None:
    shown = percent(move)
    assert shown.endswith(" %")
    assert abs(Fraction(shown[:-2].replace(",", ""))) <= abs(Fraction(move, 10**16))
    assert "e" not in shown.lower()


@pytest.mark.parametrize(
    ("move", "shown"),
    [
        (-123_456_789_012_345_678, "-12.34 %"),
        (-1, "-0.0000000000000001 %"),
        (5 * 10**17, "+50.00 %"),
        (-WAD + 1, "-99.99 %"),
        (30 * WAD, "+3,000.00 %"),
    ],
)
def test_moves(move: int, shown: str) -> None:
    assert percent(move) == shown


def test_shares_ages_and_moments() -> None:
    assert [ratio(825 * 10**15), ratio(5 * 10**16), ratio(10**14)] == ["82.5 %", "5 %", "0.01 %"]
    assert [age(s) for s in (0, 59, 60, 3_661, 86_400, 200_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 h 1 min",
        "1 day",
        "2 days",
    ]
    assert moment(0) == "1970-01-01 00:00:00 UTC"
    assert moment(2**64) == "second 18446744073709551616"
