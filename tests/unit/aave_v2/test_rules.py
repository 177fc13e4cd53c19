"""Aave V2 by hand: interest, health, one liquidation call. Figures worked out from the contracts' own formulas."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from defirisk.fixedpoint import RAY, SECONDS_PER_YEAR, UINT256_MAX
from defirisk.model import Borne
from defirisk.protocols.aave_v2.revisions import V2, compounded_by_the_second
from defirisk.protocols.aave_v2.rules import RULES, rules_named
from defirisk.protocols.aave_v3.interest import compounded_binomial
from defirisk.protocols.aave_v3.rules import rules_named as v3_rules
from defirisk.protocols.aave_v3.state import AaveState
from defirisk.risk.interval import Interval
from tests.support.aave_v3 import ALL, NOW, call, owed, refusal, state, supplied

ETHER = 10**18
HALF, WHOLE = (rules_named(name) for name in ("2.0", "2.0-cf100"))


def two(supply: int, debt: int, price: int = ETHER, debt_price: int = ETHER, **given: object) -> AaveState:
    return state((supplied("WETH", supply, **given), price), (owed("DAI", debt), debt_price))


def changed(world: AaveState, index: int, **fields: object) -> AaveState:
    holdings = list(world.holdings)
    holdings[index] = replace(holdings[index], reserve=replace(holdings[index].reserve, **fields))
    return replace(world, holdings=tuple(holdings))


# --- interest -------------------------------------------------------------------------------------------------------


def test_interest_compounds_by_the_second_whose_rest_is_lost() -> None:
    """5 % a year for a day: the rate a second is cut first, and everything after it is made of the cut one."""
    rate, elapsed = RAY // 20, 86_400
    second = rate // SECONDS_PER_YEAR
    squared = (second * second + RAY // 2) // RAY
    cubed = (squared * second + RAY // 2) // RAY
    pairs = elapsed * (elapsed - 1)
    expected = RAY + second * elapsed + pairs * squared // 2 + pairs * (elapsed - 2) * cubed // 6
    assert compounded_by_the_second(rate, elapsed) == expected
    assert compounded_by_the_second(rate, elapsed) != compounded_binomial(rate, elapsed)


@pytest.mark.parametrize(("elapsed", "growth"), [(0, RAY), (1, RAY + 31), (2, RAY + 62)])
def test_the_first_seconds(elapsed: int, growth: int) -> None:
    """A rate of 1e9 ray a year, 31.7 a second: one unit of it is lost each second."""
    assert compounded_by_the_second(10**9, elapsed) == growth


def test_the_rules_compound_so_for_indices_and_for_stable_debt() -> None:
    rate, year = RAY // 10, SECONDS_PER_YEAR
    indices = HALF.indices_at(
        liquidity_index=RAY,
        variable_borrow_index=RAY,
        liquidity_rate=rate,
        variable_borrow_rate=rate,
        last_update=0,
        now=year,
    )
    assert indices.liquidity == RAY + rate
    assert indices.variable_borrow == compounded_by_the_second(rate, year)
    grown = HALF.stable_debt_at(principal=RAY, rate=rate, last_update=0, now=year)
    assert grown == compounded_by_the_second(rate, year)


# --- health ---------------------------------------------------------------------------------------------------------


def test_the_account_is_that_of_v3_0() -> None:
    world = state(
        (supplied("WETH", 3 * ETHER + 7, liquidation_threshold=8250), ETHER),
        (supplied("LINK", 100 * ETHER + 3, liquidation_threshold=7001), ETHER // 150),
        (owed("DAI", 5000 * ETHER + 1), ETHER // 2000),
    )
    assert HALF.account_data(world) == v3_rules("3.0").account_data(world)


def test_a_threshold_of_zero_counts_for_nothing_though_flagged() -> None:
    world = changed(two(10 * ETHER, ETHER), 0, liquidation_threshold=0, liquidation_bonus=0)
    standing = HALF.standing(world)
    assert (standing.collateral_value, standing.health_factor) == (0, 0)
    assert refusal(HALF, world) == "43"


def test_a_debt_worth_less_than_a_unit_is_none() -> None:
    world = two(0, 10**9, debt_price=10**8)
    standing = HALF.standing(world)
    assert (standing.debt_value, standing.health_factor, standing.liquidatable) == (0, None, False)
    assert [leg.amount for leg in standing.debt] == [10**9]


# --- how much -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("debt", [84 * ETHER, 95 * ETHER, 150 * ETHER])
def test_half_of_the_debt_at_any_health(debt: int) -> None:
    """V3.0 lets all of it go below 0.95."""
    assert call(HALF, two(1000 * ETHER, debt, price=ETHER // 10)).repaid.raw == min(
        debt // 2, 100 * ETHER * 10_000 // 10_500 + 1
    )


def test_half_is_rounded_up_so_that_one_unit_is_all() -> None:
    world = state((supplied("ART", 100, decimals=0), 1), (owed("CAR", 1, decimals=0), 90))
    step = call(HALF, world)
    assert (step.repaid.raw, HALF.debt_of(step.state.holdings[1])) == (1, 0)
    assert step.seized[0].amount == 95  # 94.5


def test_all_of_the_debt_where_the_manager_lets() -> None:
    world = two(100 * ETHER, 84 * ETHER)
    step = call(WHOLE, world)
    assert step.repaid.raw == 84 * ETHER
    assert WHOLE.standing(step.state).debt == ()
    assert call(HALF, world).repaid.raw == 42 * ETHER


def test_what_is_asked_is_repaid_below_the_cap() -> None:
    world = two(100 * ETHER, 84 * ETHER)
    assert call(HALF, world, repay=7 * ETHER).repaid.raw == 7 * ETHER
    assert call(HALF, world, repay=43 * ETHER).repaid.raw == 42 * ETHER


# --- collateral for debt --------------------------------------------------------------------------------------------


def test_the_bonus_comes_before_the_division() -> None:
    """10 units repaid at equal prices of tokens without decimals: 10.5 units rounded down, where V3 rounds 10.5 up."""
    world = state((supplied("ART", 21, decimals=0), ETHER), (owed("CAR", 20, decimals=0), ETHER))
    assert call(HALF, world).seized[0].amount == 10
    assert call(v3_rules("3.0"), world, repay=10).seized[0].amount == 11


def test_the_half_of_the_bonus_rounds_the_product_not_the_amount() -> None:
    """debt price * debt * unit * bonus = 3 * 5 * 1 * 10,500 = 157,500 bps: half up 16, over the price of 4: 4."""
    world = state((supplied("ART", 20, decimals=0), 4), (owed("CAR", 30, decimals=0), 3))
    assert call(HALF, world, repay=5).seized[0].amount == 4
    assert call(HALF, world, repay=4).seized[0].amount == 3  # 12.6, half up 13, over 4: 3


def test_collateral_that_does_not_suffice_goes_whole_and_limits_the_debt() -> None:
    world = two(10 * ETHER, 84 * ETHER)
    step = call(HALF, world)
    assert step.seized[0].amount == 10 * ETHER
    assert step.repaid.raw == (10 * ETHER * 10_000 + 5_250) // 10_500
    assert not step.state.holdings[0].collateral
    assert step.bad_debt == ()
    assert HALF.standing(step.state).health_factor == 0


def test_collateral_that_just_suffices_goes_whole_for_all_that_was_asked() -> None:
    """19 units at 9 with the bonus are worth 1.80 units at 100, so 1; that one would repay 10, yet 19 are repaid."""
    world = state((supplied("ART", 1, decimals=0), 100), (owed("CAR", 40, decimals=0), 9))
    step = call(HALF, world, repay=19)
    assert (step.repaid.raw, step.seized[0].amount, step.state.holdings[0].collateral) == (19, 1, False)


def test_there_is_no_fee_whatever_the_reserve_says() -> None:
    step = call(HALF, two(100 * ETHER, 84 * ETHER, protocol_fee=1000))
    assert step.seized[0].protocol_fee == 0
    assert step.seized[0].amount == 42 * ETHER * 10_500 // 10_000


def test_one_reserve_on_both_sides_rounds_like_two_of_one_price() -> None:
    """Prices cancel out, except where they are so small that the half of the bonus is a unit of collateral."""
    for price in (1, 2, 4_999, 5_000, 5_001, ETHER):
        for debt in range(1, 60):
            one = state((replace(supplied("ART", 200, decimals=0), scaled_variable_debt=300, borrowing=True), price))
            two_ = state((supplied("ART", 200, decimals=0), price), (owed("CAR", 300, decimals=0), price))
            here = call(HALF, one, repay=debt, pair=(0, 0))
            assert here.seized[0].amount == call(HALF, two_, repay=debt).seized[0].amount


def test_the_half_of_the_bonus_reaches_a_unit_below_a_price_of_5000() -> None:
    """9,999 x 1.0001 is 9,999.9999: the half that is added to the product makes it 10,000 at 4,999, not at 5,000."""
    for price, expected in ((4_999, 10_000), (5_000, 9_999), (5_001, 9_999)):
        holding = supplied("ART", 10**5, decimals=0, liquidation_bonus=10_001)
        both = replace(holding, scaled_variable_debt=10**5, borrowing=True)
        assert call(HALF, state((both, price)), repay=9_999, pair=(0, 0)).seized[0].amount == expected


# --- 256 bits -------------------------------------------------------------------------------------------------------


def test_an_overflow_is_refused_and_the_default_repays_what_fits() -> None:
    unit = 10**27
    world = state(
        (supplied("LONG", 10**6 * unit, decimals=27), ETHER), (owed("DAI", 9 * 10**5 * unit, decimals=27), ETHER)
    )
    assert refusal(HALF, world) == "23"
    largest = (UINT256_MAX - 5_000) // 10_500 // (ETHER * unit)
    assert call(HALF, world, repay=None).repaid.raw == largest
    assert refusal(HALF, world, repay=largest) is None
    assert refusal(HALF, world, repay=largest + 1) == "23"


def test_what_fits_the_word_is_tried_before_what_the_collateral_covers() -> None:
    """Asking for all overflows; the largest ask that does not takes all the collateral, which repays 10 and not 9."""
    world = state((supplied("ART", 10, decimals=0), 1), (owed("CAR", 2**250, decimals=0), 1))
    assert refusal(HALF, world) == "23"
    step = call(HALF, world, repay=None)
    assert (step.repaid.raw, step.seized[0].amount) == (10, 10)


SHAPES = [
    (supply, price, debt_price, shares, index, bonus)
    for supply, price, debt_price in product(range(1, 7), (1, 3, 10), (1, 2, 7))
    for shares, index, bonus in product((1, 4, 9), (RAY, 3 * RAY, 7 * RAY // 2), (10_001, 15_000))
]


def test_the_default_is_the_largest_amount_that_any_ask_gets() -> None:
    """Every ask from above the debt down to nothing: the first that is accepted is what the default finds."""
    smaller = 0
    for supply, price, debt_price, shares, index, bonus in SHAPES:
        held = supplied("ART", supply, decimals=0, liquidation_bonus=bonus)
        debt = owed("CAR", shares, decimals=0, variable_borrow_index=index)
        world = state((held, price), (debt, debt_price))
        asks = (ALL, *range(HALF.debt_of(debt), 0, -1))
        first = next((ask for ask in asks if refusal(HALF, world, repay=ask) is None), None)
        if first is None:
            assert refusal(HALF, world, repay=None) == refusal(HALF, world) in ("23", "42")
            continue
        assert call(HALF, world, repay=None) == call(HALF, world, repay=first)
        smaller += first != ALL
    assert smaller


def test_the_half_that_is_added_counts_too() -> None:
    bonus = next(bonus for bonus in range(10_001, 11_000) if UINT256_MAX % bonus < 5_000)
    supply = supplied("ART", 2**250, decimals=0, liquidation_bonus=bonus)
    world = state((supply, 1), (owed("CAR", 2**250, decimals=0), 1))
    largest = (UINT256_MAX - 5_000) // bonus
    assert largest + 1 == UINT256_MAX // bonus
    assert refusal(HALF, world, repay=largest) is None
    assert refusal(HALF, world, repay=largest + 1) == "23"
    assert call(HALF, world, repay=None).repaid.raw == largest


def test_the_other_product_overflows_too() -> None:
    """Collateral of a price so high that what it repays cannot be computed; an amount that needs not all of it can."""
    world = state((supplied("LONG", 10**30, decimals=0), 10**48), (owed("DAI", 10**30, decimals=0), 10**48 * 10**12))
    assert refusal(HALF, world) == "23"


def test_smaller_amounts_are_sought_on_price_ranges_too() -> None:
    """One unit of collateral repays one of debt, which is a third of a share: refused at every price near it too."""
    debt = owed("CAR", 30, decimals=0, variable_borrow_index=3 * RAY)
    world = state((supplied("ART", 1, decimals=0), ETHER), (debt, ETHER))
    ranged = HALF.reprice(world, (Interval(ETHER, ETHER + 9), Interval(ETHER, ETHER + 5)))
    assert refusal(HALF, world, repay=None) == refusal(HALF, ranged, repay=None) == "23"


# --- burns ----------------------------------------------------------------------------------------------------------


def stable_and_variable(variable: int, stable: int) -> AaveState:
    debt = owed("DAI", variable, stable_debt=stable)
    return state((supplied("WETH", 100 * ETHER), ETHER), (debt, ETHER))


@pytest.mark.parametrize(
    ("variable", "stable", "left"),
    [(60, 30, (15, 30)), (45, 45, (0, 45)), (20, 70, (0, 45)), (0, 90, (0, 45))],
)
def test_variable_debt_is_burned_first(variable: int, stable: int, left: tuple[int, int]) -> None:
    step = call(HALF, stable_and_variable(variable * ETHER, stable * ETHER))
    debt = step.state.holdings[1]
    assert (debt.scaled_variable_debt // ETHER, debt.stable_debt // ETHER) == left
    assert debt.borrowing


def test_a_burn_of_no_share_is_refused_as_all_failures_of_the_manager() -> None:
    world = two(1, 84 * ETHER)
    assert refusal(HALF, world, repay=0) == "23"
    assert refusal(HALF, changed(two(100 * ETHER, 84 * ETHER), 1, variable_borrow_index=3 * RAY), repay=1) == "23"


def test_nobody_books_the_loss() -> None:
    world = two(ETHER, 84 * ETHER)
    [debt] = HALF.standing(world).debt
    loss = call(HALF, world).repaid
    assert HALF.borne_by(world, [loss]) == (Borne("suppliers", debt.token, loss.raw),)


# --- who may be liquidated ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"active": False}, "2"),
        ({"paused": True}, "64"),
        ({"grace_until": NOW}, "82"),
        ({"grace_until": NOW - 1}, None),
        ({"frozen": True}, None),
        ({"borrowing": False}, None),
    ],
)
def test_what_a_reserve_can_forbid(side: int, fields: dict[str, object], reason: str | None) -> None:
    assert refusal(HALF, changed(two(100 * ETHER, 84 * ETHER), side, **fields)) == reason


def test_who_may_not_be_liquidated() -> None:
    assert refusal(HALF, two(100 * ETHER, 83 * ETHER)) == "42"
    assert refusal(HALF, two(100 * ETHER, 84 * ETHER, collateral=False)) == "43"
    assert refusal(HALF, two(100 * ETHER, 84 * ETHER), pair=(0, 0)) == "44"


def test_no_sentinel_is_asked() -> None:
    assert refusal(HALF, replace(two(100 * ETHER, 84 * ETHER), liquidations_allowed=False)) is None


def test_both_rules_are_known_by_name() -> None:
    assert {name: repr(rules) for name, rules in RULES.items()} == {
        "2.0": "AaveV2Rules(2.0)",
        "2.0-cf100": "AaveV2Rules(2.0-cf100)",
    }
    assert RULES["2.0"].revision is V2
    assert not any(rules.whole_account for rules in RULES.values())
