"""Account data: what counts, at which terms and prices, and what the health factor makes of it."""

from dataclasses import replace

import pytest

from defirisk.fixedpoint import RAY, UINT256_MAX, WAD
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import EMode, Holding
from tests.support.aave_v3 import EVERY, USD, leg, owed, reserve, state, supplied

BEFORE_EXACT = ("3.0", "3.1", "3.2", "3.3", "3.4")
EXACT = ("3.5", "3.6", "3.7")
CATEGORY = ("3.0", "3.1")
OVERRIDING = ("3.6", "3.7")


def data(name, at):
    return rules_named(name).account_data(at)


@pytest.mark.parametrize("name", EVERY)
def test_nothing_owed_has_no_health_factor(name):
    world = state((supplied("WETH", 10**18), 2000 * USD))
    assert rules_named(name).standing(world).health_factor is None
    assert not rules_named(name).standing(world).liquidatable
    assert data(name, world) == (2000 * USD, 0, 1600 * USD, 8300, 8000, UINT256_MAX)


@pytest.mark.parametrize("name", EVERY)
def test_health_is_covered_debt_over_debt(name):
    world = state((supplied("WETH", 10**18), 2000 * USD), (owed("DAI", 1000 * 10**18), USD))
    standing = rules_named(name).standing(world)
    assert standing.health_factor == 166 * WAD // 100
    assert (standing.collateral_value, standing.debt_value) == (2000 * USD, 1000 * USD)


@pytest.mark.parametrize("name", EVERY)
def test_health_of_exactly_one_is_safe(name):
    world = state((supplied("WETH", 10**18), 1000 * USD), (owed("DAI", 830 * 10**18), USD))
    assert rules_named(name).standing(world).health_factor == WAD
    assert not rules_named(name).standing(world).liquidatable
    less = rules_named(name).reprice(world, (1000 * USD - 2, USD))
    assert rules_named(name).standing(less).liquidatable


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("world", "said"),
    [
        ((supplied("WETH", 10**18), 1000 * USD), False),
        ((supplied("WETH", 10**18), 1000 * USD - 2), True),
        ((supplied("WETH", 10**18, collateral=False), 2000 * USD), True),
    ],
    ids=["exactly-one", "below-one", "no-collateral"],
)
def test_asked_alone_whether_it_is_liquidatable_it_is_what_its_standing_says(name, world, said):
    world = state(world, (owed("DAI", 830 * 10**18), USD))
    assert rules_named(name).liquidatable(world) is rules_named(name).standing(world).liquidatable is said


@pytest.mark.parametrize("name", EVERY)
def test_asked_alone_a_threshold_of_zero_leaves_no_mark_on_the_average(name):
    """With its value in the total, up to 3.4, the average would be cut by some basis points."""
    nothing = supplied("USDT", 10**6, decimals=6, ltv=0, liquidation_threshold=0, liquidation_bonus=0)
    world = state((supplied("WETH", 10**18), 1000 * USD), (nothing, USD), (owed("DAI", 830 * 10**18), USD))
    assert rules_named(name).liquidatable(world) is rules_named(name).standing(world).liquidatable is False


@pytest.mark.parametrize("name", EVERY)
def test_asked_alone_a_debt_below_one_unit_of_value_rounds_as_in_its_standing(name):
    world = state((owed("DAI", 1), USD))
    assert rules_named(name).liquidatable(world) is rules_named(name).standing(world).liquidatable is (name in EXACT)


@pytest.mark.parametrize("name", EVERY)
def test_a_leg_says_what_a_liquidator_asks_for(name):
    world = state((supplied("WETH", 10**18, protocol_fee=1000), 2000 * USD), (owed("DAI", 10**18), USD))
    weth = leg(rules_named(name).standing(world), "WETH")
    assert (weth.liquidation_threshold, weth.liquidation_bonus) == (83 * WAD // 100, 5 * WAD // 100)
    assert weth.recovery == 952380952380952380
    assert weth.protocol_fee == WAD // 10
    assert (weth.slot, weth.counts, weth.amount, weth.price) == (0, True, 10**18, 2000 * USD)


@pytest.mark.parametrize("name", EVERY)
def test_a_supply_without_its_flag_is_shown_and_counts_nothing(name):
    world = state((supplied("WETH", 10**18, collateral=False), 2000 * USD), (owed("DAI", 10**18), USD))
    standing = rules_named(name).standing(world)
    assert standing.collateral_value == 0
    assert standing.health_factor == 0
    assert not leg(standing, "WETH").counts
    assert leg(standing, "WETH").value == 2000 * USD


@pytest.mark.parametrize("name", EVERY)
def test_flagged_collateral_with_threshold_zero(name):
    world = state(
        (supplied("USDT", 10**6, decimals=6, ltv=0, liquidation_threshold=0, liquidation_bonus=0), USD),
        (owed("DAI", 10**18), USD),
    )
    standing = rules_named(name).standing(world)
    counts = name in OVERRIDING
    assert leg(standing, "USDT").counts == counts
    assert standing.collateral_value == (USD if counts else 0)
    assert standing.health_factor == 0
    assert leg(standing, "USDT").recovery == 0


@pytest.mark.parametrize("name", EVERY)
def test_an_average_threshold_is_cut_to_a_basis_point_before_3_5(name):
    world = state(
        (supplied("WETH", 10**18), 1000 * USD),
        (supplied("LINK", 2 * 10**18, liquidation_threshold=8400), 1000 * USD),
        (owed("DAI", 2511 * 10**18), USD),
    )
    # (1 * 83 % + 2 * 84 %) / 3 = 83.6666 %: 2510 of 3000 dollars are covered exactly, 2509.8 with 83.66 %
    cents, debt = (250_980, 251_100) if name in BEFORE_EXACT else (251_000, 251_100)
    rounded = cents * WAD + debt // 2 if name in BEFORE_EXACT else cents * WAD
    assert rules_named(name).standing(world).health_factor == rounded // debt
    assert data(name, world).liquidation_threshold == 8366


@pytest.mark.parametrize("name", EVERY)
def test_a_debt_below_one_unit_of_value(name):
    world = state((supplied("WETH", 10**18), 2000 * USD), (owed("DAI", 10**10 - 1), USD))
    standing = rules_named(name).standing(world)
    assert standing.debt_value == (0 if name in BEFORE_EXACT else 1)
    assert (standing.health_factor is None) == (name in BEFORE_EXACT)
    assert [debt.amount for debt in standing.debt] == [10**10 - 1]


@pytest.mark.parametrize("name", EVERY)
def test_balances_round_for_the_protocol_from_3_5(name):
    index = RAY + RAY // 2
    rules = rules_named(name)
    both = Holding(
        reserve("WETH", liquidity_index=index, variable_borrow_index=index),
        scaled_supply=5,
        scaled_variable_debt=5,
        collateral=True,
        borrowing=True,
    )
    assert (rules.supply_of(both), rules.debt_of(both)) == ((8, 8) if name in BEFORE_EXACT else (7, 8))
    third = replace(both, reserve=replace(both.reserve, liquidity_index=RAY + 1, variable_borrow_index=RAY + 1))
    assert (rules.supply_of(third), rules.debt_of(third)) == ((5, 5) if name in BEFORE_EXACT else (5, 6))


@pytest.mark.parametrize("name", EVERY)
def test_a_debt_without_its_flag_is_shown_and_not_seen_by_the_account(name):
    unseen = replace(owed("DAI", 10**18), borrowing=False)
    world = state((supplied("WETH", 10**18), 2000 * USD), (unseen, USD))
    standing = rules_named(name).standing(world)
    assert (standing.debt_value, standing.health_factor) == (0, None)
    assert leg(standing, "DAI").amount == 10**18


@pytest.mark.parametrize("name", CATEGORY)
def test_stable_and_variable_debt_are_valued_together(name):
    world = state((supplied("WETH", 10**18), 2000 * USD), (owed("DAI", 6 * 10**9, stable_debt=6 * 10**9), USD))
    standing = rules_named(name).standing(world)
    assert standing.debt_value == 1  # each alone would be 0
    assert [debt.amount for debt in standing.debt] == [12 * 10**9]


# --- eMode ----------------------------------------------------------------------------------------------------------

ETH = EMode(id=1, ltv=9000, liquidation_threshold=9300, liquidation_bonus=10100, collateral_bitmap=0b1)


def in_emode(name, **given):
    return supplied("WETH", 10**18, **({"emode_category": 1} if name in CATEGORY else {}), **given)


@pytest.mark.parametrize("name", EVERY)
def test_the_category_replaces_threshold_ltv_and_bonus(name):
    world = state((in_emode(name), 1000 * USD), (owed("DAI", 10**18), USD), emode=ETH)
    account = data(name, world)
    assert (account.liquidation_threshold, account.ltv) == (9300, 9000)
    assert leg(rules_named(name).standing(world), "WETH").liquidation_bonus == WAD // 100


@pytest.mark.parametrize("name", EVERY)
def test_other_collateral_keeps_its_own_terms(name):
    world = state((supplied("LINK", 10**18), 1000 * USD), emode=replace(ETH, collateral_bitmap=0b10))
    assert (data(name, world).liquidation_threshold, data(name, world).ltv) == (8300, 8000)


@pytest.mark.parametrize("name", EVERY)
def test_a_base_ltv_of_zero_in_the_category(name):
    world = state((in_emode(name, ltv=0), 1000 * USD), emode=ETH)
    account = data(name, world)
    assert (account.liquidation_threshold, account.ltv) == (9300, 9000 if name in OVERRIDING else 0)


@pytest.mark.parametrize("name", EVERY)
def test_a_base_threshold_of_zero_in_the_category(name):
    world = state((in_emode(name, ltv=0, liquidation_threshold=0), 1000 * USD), emode=ETH)
    account = data(name, world)
    assert account.total_collateral == (1000 * USD if name in OVERRIDING else 0)
    assert account.liquidation_threshold == (9300 if name in OVERRIDING else 0)


@pytest.mark.parametrize("name", OVERRIDING)
def test_an_asset_in_the_ltvzero_bitmap_keeps_its_threshold(name):
    world = state((in_emode(name), 1000 * USD), emode=replace(ETH, ltvzero_bitmap=0b1))
    assert (data(name, world).liquidation_threshold, data(name, world).ltv) == (9300, 0)


@pytest.mark.parametrize(("name", "ltv"), [("3.6", 8000), ("3.7", 0)])
def test_an_isolated_category_takes_the_ltv_of_what_is_outside(name, ltv):
    emode = EMode(1, 9000, 9300, 10100, collateral_bitmap=0b10, isolated=name == "3.7")
    world = state((supplied("LINK", 10**18), 1000 * USD), emode=emode)
    assert (data(name, world).liquidation_threshold, data(name, world).ltv) == (8300, ltv)


@pytest.mark.parametrize("name", CATEGORY)
def test_a_price_source_prices_what_is_in_the_category(name):
    world = state(
        (in_emode(name), 1000 * USD),
        (supplied("LINK", 10**18), 10 * USD),
        (owed("DAI", 10**18, emode_category=1), 2 * USD),
        emode=ETH,
        source=500 * USD,
    )
    standing = rules_named(name).standing(world)
    assert [(x.price, x.slot) for x in standing.collateral] == [(500 * USD, 3), (10 * USD, 1)]
    assert [(x.price, x.slot) for x in standing.debt] == [(500 * USD, 4)]
    assert [t.symbol for t in world.tokens] == ["WETH", "LINK", "DAI", "SOURCE", "SOURCE"]
    assert [world.index_at(slot) for slot in range(5)] == [0, 1, 2, 0, 2]
    assert not rules_named(name).health_slack(world, standing).conserves


@pytest.mark.parametrize("name", CATEGORY)
def test_a_leg_in_the_category_has_its_own_scale(name):
    world = state(
        (supplied("USDC", 10**6, decimals=6, emode_category=1), USD),
        (supplied("DAI", 10**18, emode_category=1), USD),
        emode=ETH,
        source=2 * USD,
    )
    assert world.scales == (10**6, 10**18, 10**6, 10**18)
    assert rules_named(name).standing(world).collateral_value == 4 * USD


@pytest.mark.parametrize("name", CATEGORY)
def test_a_source_without_anything_in_the_category_still_has_a_slot(name):
    world = state((supplied("LINK", 10**18), USD), emode=ETH, source=7 * USD)
    assert world.prices == (USD, 7 * USD)
    assert world.emode.price_slot == 1
    assert rules_named(name).standing(world).collateral_value == USD


# --- the slack ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_the_slack_of_one_threshold_has_no_truncation(name):
    one = state((supplied("WETH", 10**18), 1000 * USD), (owed("DAI", 10**18), USD))
    two = state((supplied("WETH", 1), USD), (supplied("LINK", 1, liquidation_threshold=1), USD), (owed("DAI", 1), USD))
    rules = rules_named(name)
    slacks = [rules.health_slack(world, rules.standing(world)) for world in (one, two)]
    assert [slack.threshold for slack in slacks] == [0, 10**14 if name in BEFORE_EXACT else 0]
    assert [slack.value for slack in slacks] == [3, 3]
    assert all(slack.conserves for slack in slacks)
