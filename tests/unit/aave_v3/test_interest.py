"""Indices at a block. The long numbers are what contracts of each revision answered on a stopped clock."""

import pytest

from defirisk.fixedpoint import RAY, SECONDS_PER_YEAR
from defirisk.protocols.aave_v3.interest import compounded_binomial, compounded_series, linear
from defirisk.protocols.aave_v3.rules import rules_named

YEARLY = RAY // 10
"""Ten percent a year."""


def test_no_time_no_growth():
    assert linear(YEARLY, 0) == compounded_binomial(YEARLY, 0) == compounded_series(YEARLY, 0) == RAY
    rules = rules_named("3.6")
    indices = rules.indices_at(
        liquidity_index=RAY + 7,
        variable_borrow_index=RAY + 9,
        liquidity_rate=5,
        variable_borrow_rate=5,
        last_update=11,
        now=11,
    )
    assert indices == (RAY + 7, RAY + 9)


def test_supply_grows_linearly():
    assert linear(YEARLY, SECONDS_PER_YEAR) == RAY + YEARLY
    assert linear(YEARLY, 1) == RAY + YEARLY // SECONDS_PER_YEAR


def test_debt_compounds_and_the_two_series_differ():
    exact = 1_105_170_918_075_647_624_811_707_826  # e to the 0.1, ray
    binomial, series = (f(YEARLY, SECONDS_PER_YEAR) for f in (compounded_binomial, compounded_series))
    assert series == 1_105_166_666_666_666_666_666_666_667
    assert binomial < series < exact
    assert series - binomial < RAY // 10**5


def test_the_first_seconds_have_no_higher_terms():
    assert compounded_binomial(YEARLY, 1) == RAY + YEARLY // SECONDS_PER_YEAR
    two = RAY + 2 * YEARLY // SECONDS_PER_YEAR
    assert compounded_binomial(YEARLY, 2) == two + (YEARLY * YEARLY + RAY // 2) // RAY // SECONDS_PER_YEAR**2


@pytest.mark.parametrize(
    ("name", "stored", "rates", "times", "expected"),
    [
        (
            "3.1",
            (1005246058150311582719472510, 1012900909164365419886481394),
            (9904433403668085568090257, 23526220332772489847182439),
            (1717680108, 1721482614),
            (1006446566862307317481342436, 1015778294129217655609992983),
        ),
        (
            "3.7",
            (1016841959016353276011817178, 1025584826760189449110618843),
            (25426869211717633999788443, 37695003375491802316374924),
            (1721390885, 1723617483),
            (1018667457832033103705278428, 1028318009292303862723767150),
        ),
    ],
)
def test_recorded_indices(name, stored, rates, times, expected):
    indices = rules_named(name).indices_at(
        liquidity_index=stored[0],
        variable_borrow_index=stored[1],
        liquidity_rate=rates[0],
        variable_borrow_rate=rates[1],
        last_update=times[0],
        now=times[1],
    )
    assert indices == expected


def test_stable_debt_compounds_from_its_own_time():
    rules = rules_named("3.0")
    assert rules.stable_debt_at(principal=0, rate=YEARLY, last_update=0, now=10**9) == 0
    assert rules.stable_debt_at(principal=10**18, rate=YEARLY, last_update=5, now=5) == 10**18
    year = rules.stable_debt_at(principal=10**18, rate=YEARLY, last_update=5, now=5 + SECONDS_PER_YEAR)
    assert year == (10**18 * compounded_binomial(YEARLY, SECONDS_PER_YEAR) + RAY // 2) // RAY
