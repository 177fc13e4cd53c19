"""The inverses by which the largest amount without dust is found, against every number in reach."""

import pytest

from defirisk.fixedpoint import mul_div_down, mul_div_up, percent_mul_down, percent_mul_half_up
from defirisk.protocols.aave_v3.amounts import (
    base_within_down,
    base_within_half_up,
    least_worth_down,
    least_worth_up,
)
from defirisk.protocols.aave_v3.rules import rules_named
from tests.support.aave_v3 import EVERY, USD, call, owed, refusal, state, supplied

ETHER = 10**18
DEFICIT = ("3.3", "3.4", "3.5", "3.6", "3.7")


@pytest.mark.parametrize("bonus", [10_001, 10_500, 11_111, 12_000])
@pytest.mark.parametrize(
    ("within", "with_bonus"), [(base_within_half_up, percent_mul_half_up), (base_within_down, percent_mul_down)]
)
def test_the_largest_base_within_an_amount(within, with_bonus, bonus):
    for taken in range(300):
        assert with_bonus(within(taken, bonus), bonus) <= taken < with_bonus(within(taken, bonus) + 1, bonus)


@pytest.mark.parametrize(("price", "unit"), [(1, 1), (3, 7), (7, 3), (100, 1), (99, 100), (10**8, 10**6)])
@pytest.mark.parametrize(("least", "value_of"), [(least_worth_down, mul_div_down), (least_worth_up, mul_div_up)])
def test_the_least_amount_worth_a_value(least, value_of, price, unit):
    for value in range(1, 300):
        amount = least(value, price, unit)
        assert value_of(amount, price, unit) >= value
        assert amount == 0 or value_of(amount - 1, price, unit) < value


@pytest.mark.parametrize("name", DEFICIT)
@pytest.mark.parametrize("prices", [(3 * USD + 7, USD - 3), (USD // 3, 7 * USD), (1234 * USD + 1, USD + 1)])
def test_one_unit_above_the_largest_amount_is_refused(name, prices):
    """Collateral of $2,600 against $2,300 of $4,300 in all: half leaves $150, so that the dust rule decides."""
    rules, dust = rules_named(name), "103" if name == "3.3" else "MustNotLeaveDust()"
    at = state(
        (supplied("WETH", 2600 * USD * 10**6 // prices[0], decimals=6), prices[0]),
        (owed("DAI", 2300 * USD * ETHER // prices[1]), prices[1]),
        (owed("USDC", 2000 * 10**6, decimals=6), USD),
        (supplied("LINK", 2400 * ETHER), USD),
    )
    assert refusal(rules, at) == dust
    most = call(rules, at, None).repaid.raw
    assert most > 0
    assert refusal(rules, at, most) is None
    assert refusal(rules, at, most + 1) == dust


@pytest.mark.parametrize("name", DEFICIT)
def test_a_debt_worth_exactly_half_of_the_total_goes_whole(name):
    """By ceil the first debt is worth $3,000, which is half; cut to the cap it would leave a fraction of a unit."""
    first = 3000 * ETHER + (0 if name in ("3.3", "3.4") else -(10**9))
    at = state((supplied("WETH", 7000 * ETHER), USD), (owed("DAI", first), USD), (owed("USDC", 3000 * ETHER), USD))
    step = call(rules_named(name), at)
    assert step.repaid.raw == first
    assert not step.state.holdings[1].borrowing


@pytest.mark.parametrize("name", EVERY)
def test_a_collateral_bound_call_that_repays_all_the_debt(name):
    """104 units for 105 due: 104 / 1.05 is 99.05, which is 100 by ceil and 99 by halves."""
    at = state((supplied("WETH", 104, decimals=2), 10 * USD), (owed("GUSD", 100, decimals=2), 10 * USD))
    step = call(rules_named(name), at)
    whole = name in ("3.5", "3.6", "3.7")
    assert step.repaid.raw == (100 if whole else 99)
    assert step.seized[0].amount == 104
    assert step.state.holdings[1].borrowing == (name in ("3.0", "3.1", "3.2"))
    assert (step.bad_debt == ()) == (whole or name in ("3.0", "3.1", "3.2"))


@pytest.mark.parametrize("name", EVERY)
def test_a_half_unit_too_little_still_repays_all_the_debt(name):
    """10 units and the bonus are 10.5: against a balance of 10 that is 11 by halves, whose debt is 9.52, 10 again."""
    at = state((supplied("WETH", 10, decimals=2), 10 * USD), (owed("GUSD", 10, decimals=2), 10 * USD))
    step = call(rules_named(name), at)
    assert (step.repaid.raw, step.seized[0].amount, step.bad_debt) == (10, 10, ())
    assert not step.state.holdings[1].borrowing
    assert not step.state.holdings[0].collateral
