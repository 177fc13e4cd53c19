"""One liquidation call, stage by stage: who may be liquidated, how much, what moves, what is written off."""

from dataclasses import replace

import pytest

from defirisk.fixedpoint import RAY
from defirisk.model import Amount
from defirisk.protocols.aave_v3.liquidation import emptied_by_amount
from defirisk.protocols.aave_v3.revisions import V3_7
from defirisk.protocols.aave_v3.rules import AaveV3Rules, rules_named
from defirisk.protocols.aave_v3.state import EMode, Holding
from defirisk.protocols.interface import Pair, Refused
from tests.support.aave_v3 import (
    ALL,
    EVERY,
    NAMED,
    NOW,
    NUMBERED,
    USD,
    call,
    owed,
    refusal,
    reserve,
    state,
    supplied,
    token,
)

BEFORE_DEFICIT = ("3.0", "3.1", "3.2")
DEFICIT = ("3.3", "3.4", "3.5", "3.6", "3.7")
ETHER = 10**18


def reason(name, number, error):
    return number if name in NUMBERED else error


def dollars(collateral, debt, *, price=USD, **given):
    """Collateral and one debt, both in dollars of 18 decimals."""
    return state((supplied("WETH", collateral * ETHER, **given), price), (owed("DAI", debt * ETHER), USD))


# --- eligibility ----------------------------------------------------------------------------------------------------


def changed(world, index, **fields):
    holdings = list(world.holdings)
    holdings[index] = replace(holdings[index], reserve=replace(holdings[index].reserve, **fields))
    return replace(world, holdings=tuple(holdings))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("fields", "number", "error"),
    [
        ({"active": False}, "27", "ReserveInactive()"),
        ({"paused": True}, "29", "ReservePaused()"),
        ({"grace_until": NOW}, "97", "LiquidationGraceSentinelCheckFailed()"),
        ({"frozen": True}, None, None),
        ({"borrowing": False}, None, None),
        ({"grace_until": NOW - 1}, None, None),
    ],
)
def test_what_either_reserve_can_forbid(name, side, fields, number, error):
    world = changed(dollars(1000, 900), side, **fields)
    assert refusal(rules_named(name), world) == reason(name, number, error)


@pytest.mark.parametrize("name", EVERY)
def test_grace_ends_one_second_after(name):
    world = changed(dollars(1000, 900), 0, grace_until=NOW + 100)
    within = reason(name, "97", "LiquidationGraceSentinelCheckFailed()")
    assert refusal(rules_named(name), replace(world, timestamp=NOW + 100)) == within
    assert refusal(rules_named(name), replace(world, timestamp=NOW + 101)) is None


@pytest.mark.parametrize("name", EVERY)
def test_the_sentinel_forbids_only_near_one_and_not_in_3_7(name):
    rules = rules_named(name)
    near = replace(dollars(950, 830), liquidations_allowed=False)  # health 0.95 exactly
    deep = replace(dollars(949, 830), liquidations_allowed=False)
    forbidden = None if name == "3.7" else reason(name, "59", "PriceOracleSentinelCheckFailed()")
    assert refusal(rules, near) == forbidden
    assert refusal(rules, deep) is None
    assert refusal(rules, replace(near, liquidations_allowed=True)) is None
    assert refusal(rules, replace(near, liquidations_allowed=None)) is None


@pytest.mark.parametrize("name", EVERY)
def test_a_healthy_position_is_left_alone(name):
    healthy = reason(name, "45", "HealthFactorNotBelowThreshold()")
    assert refusal(rules_named(name), dollars(1000, 830)) == healthy
    assert refusal(rules_named(name), state((supplied("WETH", ETHER), USD), (supplied("DAI", 1), USD))) == healthy


@pytest.mark.parametrize("name", EVERY)
def test_collateral_without_its_flag_cannot_be_chosen(name):
    world = state((supplied("WETH", ETHER, collateral=False), 900 * USD), (owed("DAI", 900 * ETHER), USD))
    assert refusal(rules_named(name), world) == reason(name, "46", "CollateralCannotBeLiquidated()")
    assert refusal(rules_named(name), world, pair=(None, 1)) == reason(name, "46", "CollateralCannotBeLiquidated()")


@pytest.mark.parametrize("name", EVERY)
def test_collateral_of_threshold_zero_gives_nothing(name):
    world = dollars(1000, 900, liquidation_threshold=0, liquidation_bonus=0, ltv=0, protocol_fee=1000)
    if name in ("3.6", "3.7"):
        assert refusal(rules_named(name), world) == "InvalidBurnAmount()"
    else:
        assert refusal(rules_named(name), world) == reason(name, "46", "CollateralCannotBeLiquidated()")


@pytest.mark.parametrize("name", EVERY)
def test_a_debt_that_is_not_there(name):
    world = state((supplied("WETH", ETHER), 900 * USD), (owed("DAI", 900 * ETHER), USD), (supplied("LINK", 1), 1))
    assert refusal(rules_named(name), world, pair=(0, 2)) == reason(name, "47", "SpecifiedCurrencyNotBorrowedByUser()")


@pytest.mark.parametrize("name", EVERY)
def test_checks_come_in_the_contracts_order(name):
    world = changed(changed(dollars(1000, 830), 0, active=False, paused=True), 1, grace_until=NOW)
    world = replace(world, liquidations_allowed=False)
    assert refusal(rules_named(name), world) == reason(name, "27", "ReserveInactive()")
    world = changed(world, 0, active=True)
    assert refusal(rules_named(name), world) == reason(name, "29", "ReservePaused()")
    world = changed(world, 0, paused=False)
    if name != "3.7":
        assert refusal(rules_named(name), world) == reason(name, "59", "PriceOracleSentinelCheckFailed()")
    world = replace(world, liquidations_allowed=None)
    assert refusal(rules_named(name), world) == reason(name, "97", "LiquidationGraceSentinelCheckFailed()")


# --- amounts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_a_debt_bound_call_takes_the_bonus_and_shares_it(name):
    step = call(rules_named(name), dollars(2000, 1700, protocol_fee=1000), 100 * ETHER)
    assert step.repaid == Amount(token("DAI"), 100 * ETHER)
    assert len(step.seized) == 1
    assert step.seized[0].amount + step.seized[0].protocol_fee == 105 * ETHER
    assert step.seized[0].protocol_fee == ETHER // 2
    assert (step.bad_debt, step.written_off) == ((), ())
    after = step.state.holdings
    assert (after[0].scaled_supply, after[1].scaled_variable_debt) == (1895 * ETHER, 1600 * ETHER)
    assert after[0].collateral
    assert after[1].borrowing


@pytest.mark.parametrize("name", EVERY)
def test_a_collateral_bound_call_rounds_its_debt(name):
    step = call(rules_named(name), dollars(1000, 5000))
    exact = 1000 * ETHER * 10_000
    up = name in ("3.5", "3.6", "3.7")
    assert step.repaid.raw == (-(-exact // 10_500) if up else (exact + 5250) // 10_500)
    assert step.seized[0].amount == 1000 * ETHER
    assert not step.state.holdings[0].collateral


@pytest.mark.parametrize("name", EVERY)
def test_the_bonus_rounds_half_up_and_down_in_3_7(name):
    world = state((supplied("WETH", 10**7, decimals=3), USD), (owed("GUSD", 10**7, decimals=3), USD))
    # 10 units and 5 % are 10.5
    assert call(rules_named(name), world, 10).seized[0].amount == (10 if name == "3.7" else 11)


@pytest.mark.parametrize("name", EVERY)
def test_the_fee_rounds_half_up_and_up_in_3_7(name):
    world = state((supplied("WETH", 10**7, decimals=3, protocol_fee=1000), USD), (owed("GUSD", 10**7, decimals=3), USD))
    # 105 seized for 100; the bonus is 5, a tenth of it 0.5
    assert call(rules_named(name), world, 100).seized[0].protocol_fee == 1
    # 42 seized for 40; the bonus is 2, a tenth of it 0.2
    assert call(rules_named(name), world, 40).seized[0].protocol_fee == (1 if name == "3.7" else 0)


@pytest.mark.parametrize("name", EVERY)
def test_the_category_bonus_applies_to_its_collateral(name):
    emode = EMode(1, 9000, 9300, 10100, collateral_bitmap=0b1)
    given = {"emode_category": 1} if name in ("3.0", "3.1") else {}
    world = state((supplied("WETH", 10_000 * ETHER, **given), USD), (owed("DAI", 9400 * ETHER), USD), emode=emode)
    assert call(rules_named(name), world, 100 * ETHER).seized[0].amount == 101 * ETHER
    other = replace(emode, collateral_bitmap=0b10)
    world = state((supplied("LINK", 10_000 * ETHER), USD), (owed("DAI", 9400 * ETHER), USD), emode=other)
    assert call(rules_named(name), world, 100 * ETHER).seized[0].amount == 105 * ETHER


@pytest.mark.parametrize("name", ["3.0", "3.1"])
def test_a_price_source_prices_the_debt_of_a_call_always(name):
    emode = EMode(1, 9000, 9300, 10100)
    world = state(
        (supplied("WETH", 1000 * ETHER, emode_category=1), 9 * USD),
        (owed("LINK", 500 * ETHER), 4 * USD),  # not of the category: 4 dollars in the health factor, 2 in the call
        emode=emode,
        source=2 * USD,
    )
    rules = rules_named(name)
    standing = rules.standing(world)
    assert (standing.collateral_value, standing.debt_value) == (2000 * USD, 2000 * USD)
    step = rules.liquidate(world, standing, Pair(standing.collateral[0].slot, standing.debt[0].slot), 100 * ETHER)
    assert step.seized[0].amount == 101 * ETHER
    assert step.seized[0].slot == standing.collateral[0].slot == 2


@pytest.mark.parametrize("name", ["3.0", "3.1"])
def test_variable_debt_is_repaid_before_stable(name):
    rules = rules_named(name)
    world = state((supplied("WETH", 1000 * ETHER), USD), (owed("DAI", 300 * ETHER, stable_debt=600 * ETHER), USD))
    some = call(rules, world, 200 * ETHER).state.holdings[1]
    assert (some.scaled_variable_debt, some.stable_debt) == (100 * ETHER, 600 * ETHER)
    more = call(rules, world, 400 * ETHER).state.holdings[1]
    assert (more.scaled_variable_debt, more.stable_debt, more.borrowing) == (0, 500 * ETHER, True)
    whole = call(rules, state(*zip(world.holdings, (7 * USD // 10, USD), strict=True)), ALL)
    assert whole.repaid.raw < 900 * ETHER
    only_stable = state((supplied("WETH", 1000 * ETHER), USD), (owed("DAI", 0, stable_debt=900 * ETHER), USD))
    assert call(rules, only_stable, 100 * ETHER).state.holdings[1].stable_debt == 800 * ETHER


@pytest.mark.parametrize("name", EVERY)
def test_one_asset_on_both_sides(name):
    both = Holding(reserve("DAI"), 10_000 * ETHER, 9000 * ETHER, collateral=True, borrowing=True)
    step = call(rules_named(name), state((both, USD)), 100 * ETHER, pair=(0, 0))
    left = replace(both, scaled_supply=9895 * ETHER, scaled_variable_debt=8900 * ETHER)
    assert step.state.holdings == (left,)


@pytest.mark.parametrize("name", EVERY)
def test_a_product_over_256_bits_reverts(name):
    world = state((supplied("BIG", 10**36, decimals=27), 10**17), (owed("DEBT", 10**36, decimals=27), 10**17))
    assert refusal(rules_named(name), world) == "Panic(0x11)"
    small = rules_named(name).reprice(world, (10**8, 10**8))
    assert refusal(rules_named(name), small) is None


@pytest.mark.parametrize("name", EVERY)
def test_nothing_asked_is_nothing_burned(name):
    assert refusal(rules_named(name), dollars(10_000, 9000), 0) == reason(name, "25", "InvalidBurnAmount()")


# --- close factor ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BEFORE_DEFICIT)
def test_half_of_the_reserve_above_a_health_of_095(name):
    rules = rules_named(name)
    assert call(rules, dollars(950, 830)).repaid.raw == 830 * ETHER
    above = call(rules, rules.reprice(dollars(950, 830), (USD + 1, USD)))
    assert above.repaid.raw == 415 * ETHER


@pytest.mark.parametrize("name", BEFORE_DEFICIT)
def test_half_of_one_unit_is_one_unit(name):
    world = state((supplied("WETH", ETHER), 1000 * USD), (owed("ART", 1, decimals=0), 840 * USD))
    step = call(rules_named(name), world)
    assert step.repaid.raw == 1
    assert not step.state.holdings[1].borrowing


@pytest.mark.parametrize("name", DEFICIT)
def test_half_of_the_total_debt_if_all_is_large(name):
    rules = rules_named(name)
    world = state(
        (supplied("WETH", 10_000 * ETHER), USD), (owed("DAI", 6000 * ETHER), USD), (owed("USDC", 2400 * ETHER), USD)
    )
    assert call(rules, world, pair=(0, 1)).repaid.raw == 4200 * ETHER
    assert call(rules, world, pair=(0, 2)).repaid.raw == 2400 * ETHER  # less than half of the total: whole
    deep = rules.reprice(world, (95 * USD // 100, USD, USD))
    assert call(rules, deep, pair=(0, 1)).repaid.raw == 6000 * ETHER


@pytest.mark.parametrize("name", DEFICIT)
def test_below_2000_dollars_all_may_be_repaid(name):
    rules = rules_named(name)
    assert call(rules, dollars(2400, 2000)).repaid.raw == 1000 * ETHER
    less = state((supplied("WETH", 2400 * ETHER), USD), (owed("DAI", 2000 * ETHER - 10**10), USD))
    assert call(rules, less).repaid.raw == 2000 * ETHER - 10**10
    little_collateral = state(
        (supplied("WETH", 1999 * ETHER), USD),
        (owed("DAI", 2800 * ETHER), USD),
        (supplied("LINK", 1350 * ETHER), USD),
    )
    assert call(rules, little_collateral).seized[0].amount == 1999 * ETHER


@pytest.mark.parametrize("name", DEFICIT)
def test_a_fraction_below_2000_dollars_counts_up_from_3_5(name):
    """The debt is worth 1999.99999999 and a fraction: whole in 3.3 and 3.4, half from 3.5 on."""
    world = state((supplied("WETH", 2400 * ETHER), USD), (owed("DAI", 2000 * ETHER - 10**9), USD))
    step = call(rules_named(name), world)
    if name in ("3.3", "3.4"):
        assert step.repaid.raw == 2000 * ETHER - 10**9
    else:
        assert step.repaid.raw == 1000 * ETHER


# --- dust -----------------------------------------------------------------------------------------------------------


def dust(name):
    return reason(name, "103", "MustNotLeaveDust()")


@pytest.mark.parametrize("name", EVERY)
def test_the_1000_dollar_rule_binds_small_requests_too(name):
    """Of $1,270 of debt on $1,504 of collateral, paying $100 passes, $400 and $1,200 do not."""
    rules, world = rules_named(name), dollars(1504, 1270)
    outcomes = [refusal(rules, world, amount * ETHER) for amount in (100, 400, 1200)]
    assert outcomes == ([None] * 3 if name in BEFORE_DEFICIT else [None, dust(name), dust(name)])
    assert refusal(rules, world) is None


@pytest.mark.parametrize("name", DEFICIT)
def test_what_is_left_of_the_debt_is_exactly_1000(name):
    rules, world = rules_named(name), dollars(1504, 1270)
    assert refusal(rules, world, 270 * ETHER) is None
    # one unit more leaves 999.99999999 and a fraction: dust by floor, $1000 by ceil
    assert refusal(rules, world, 270 * ETHER + 1) == (dust(name) if name in ("3.3", "3.4") else None)
    assert refusal(rules, world, 270 * ETHER + 10**10) == dust(name)


@pytest.mark.parametrize("name", DEFICIT)
def test_what_is_left_of_the_collateral_is_exactly_1000(name):
    rules, world = rules_named(name), dollars(1210, 1205)
    assert refusal(rules, world, 200 * ETHER) is None  # 210 go
    assert refusal(rules, world, 200 * ETHER + 1) == dust(name)


@pytest.mark.parametrize("name", DEFICIT)
def test_the_largest_amount_that_leaves_no_dust(name):
    """Half of the total is $1,500: of a $2,000 debt that would leave $500."""
    rules = rules_named(name)
    world = state(
        (supplied("WETH", 3600 * ETHER), USD), (owed("DAI", 2000 * ETHER), USD), (owed("USDC", 1000 * ETHER), USD)
    )
    assert refusal(rules, world) == dust(name)
    most = call(rules, world, None).repaid.raw
    assert most == (1000 * ETHER if name in ("3.3", "3.4") else 1000 * ETHER + 10**10 - 1)
    assert call(rules, world, most).repaid.raw == most
    assert refusal(rules, world, most + 1) == dust(name)


@pytest.mark.parametrize("name", DEFICIT)
def test_wherever_the_maximum_leaves_dust_some_amount_does_not(name):
    """A cap needs $2,000 on both sides, so $900 or so can always be repaid; without a cap one side goes whole."""
    rules = rules_named(name)
    world = state(
        (supplied("WETH", 2000 * ETHER), USD),
        (supplied("LINK", 1900 * ETHER), USD),
        (owed("DAI", 2000 * ETHER), USD),
        (owed("USDC", 1350 * ETHER), USD),
    )
    assert refusal(rules, world, pair=(0, 2)) == dust(name)  # $1,675 leaves $325 of debt
    most = call(rules, world, None, pair=(0, 2))
    # $1,000 of collateral must be left, so that $1,000 / 1.05 is repaid, up to the last unit
    assert most.seized[0].amount == 1000 * ETHER
    assert most.repaid.raw == 952_380_952_380_952_380_952 + (name == "3.7")  # 3.7 cuts the bonus of the next unit
    assert refusal(rules, world, most.repaid.raw + 1, pair=(0, 2)) == dust(name)


# --- burns and flags ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_crumbs_worth_no_unit_of_debt_cannot_be_liquidated(name):
    world = state((supplied("WETH", 3), 2000 * USD), (owed("USDC", 10**6, decimals=6), USD))
    if name in BEFORE_DEFICIT:
        assert refusal(rules_named(name), world) == "25"
    else:  # nothing is left by value, so the whole debt is burned, and that is not nothing
        step = call(rules_named(name), world)
        assert step.repaid.raw == 0
        assert step.bad_debt == (Amount(token("USDC", 6), 10**6),)


@pytest.mark.parametrize("name", EVERY)
def test_a_bound_call_that_repays_nothing_still_leaves_smaller_ones(name):
    """One unit against debt worth a trifle more: the maximum seizes all for nothing and reverts, one unit passes."""
    world = state(
        (supplied("USDT", 1, decimals=6), USD),
        (owed("USDC", 10, decimals=6), USD + 1),
        (supplied("WETH", 10**12), 100 * USD),
        (owed("DAI", 10**18), USD),
    )
    rules, refused = rules_named(name), reason(name, "25", "InvalidBurnAmount()")
    assert refusal(rules, world, pair=(0, 1)) == refused
    assert call(rules, world, None, pair=(0, 1)).repaid.raw == 1
    assert refusal(rules, world, 2, pair=(0, 1)) == refused


@pytest.mark.parametrize("name", EVERY)
def test_one_scaled_unit_with_a_fee(name):
    """3.7 rounds the fee up to the whole unit, so nothing is left for the liquidator and the burn reverts."""
    world = state(
        (supplied("WBTC", 1, decimals=8, protocol_fee=1000), 60_000 * USD),
        (supplied("LINK", 10**12), USD),
        (owed("DAI", ETHER), USD),
    )
    expected = "InvalidBurnAmount()" if name == "3.7" else None
    assert refusal(rules_named(name), world, pair=(0, 2)) == expected
    if expected is None:
        assert call(rules_named(name), world, pair=(0, 2)).seized[0].protocol_fee == 0
    world = state(
        (supplied("WBTC", 1, decimals=8), 60_000 * USD), (supplied("LINK", 10**12), USD), (owed("DAI", ETHER), USD)
    )
    assert refusal(rules_named(name), world, pair=(0, 2)) is None


BY_HALVES = ("3.0", "3.1", "3.2", "3.3", "3.4")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("shares", "tenths", "bonus", "by_halves", "by_ceils"),
    [
        # 5 shares of 1.4 are 7 units: 6 and 1 are 4 and 1 shares by halves, 5 and 1 by ceils, of which none is left
        (5, 14, 14_000, (6, 1), (6, 0)),
        # 3 shares of 1.5 are 5 units by halves: 4 and 1 are 3 and 1 shares; 4 units down: 3 and 1 are 2 and 1
        (3, 15, 12_500, (4, 0), (3, 1)),
    ],
)
def test_a_fee_is_cut_to_the_shares_that_are_left(name, shares, tenths, bonus, by_halves, by_ceils):
    given = {"protocol_fee": 5000, "liquidation_bonus": bonus, "liquidity_index": RAY * tenths // 10}
    world = state((supplied("WBTC", shares, decimals=2, **given), 50 * USD), (owed("DAI", ETHER), 100 * USD))
    step = call(rules_named(name), world)
    seized, after = step.seized[0], step.state.holdings[0]
    assert (seized.amount, seized.protocol_fee) == (by_halves if name in BY_HALVES else by_ceils)
    assert (after.scaled_supply, after.collateral) == (0, False)


@pytest.mark.parametrize("name", EVERY)
def test_the_whole_debt_clears_the_borrowing_flag_and_keeps_the_collateral(name):
    step = call(rules_named(name), dollars(1000, 900))
    assert step.repaid.raw == 900 * ETHER
    assert step.state.holdings[1] == replace(dollars(1000, 900).holdings[1], scaled_variable_debt=0, borrowing=False)
    assert step.state.holdings[0].collateral
    assert rules_named(name).standing(step.state).health_factor is None


# --- write-off ------------------------------------------------------------------------------------------------------


def underwater(**given):
    return state(
        (supplied("WETH", 1000 * ETHER), USD),
        (owed("DAI", 5000 * ETHER), USD),
        (owed("USDC", 700 * 10**6, decimals=6, **given), USD),
    )


@pytest.mark.parametrize("name", EVERY)
def test_without_collateral_left_all_debt_is_written_off_from_3_3(name):
    rules = rules_named(name)
    step = call(rules, underwater())
    left = 5000 * ETHER - step.repaid.raw
    if name in BEFORE_DEFICIT:
        assert step.bad_debt == ()
        assert [debt.amount for debt in rules.standing(step.state).debt] == [left, 700 * 10**6]
        assert rules.standing(step.state).health_factor == 0
    else:
        assert step.bad_debt == (Amount(token("DAI"), left), Amount(token("USDC", 6), 700 * 10**6))
        assert step.written_off == step.bad_debt
        assert rules.standing(step.state).debt == ()


@pytest.mark.parametrize("name", DEFICIT)
def test_bad_debt_of_a_paused_reserve_is_written_off_of_an_inactive_one_not(name):
    assert len(call(rules_named(name), underwater(paused=True)).bad_debt) == 2
    step = call(rules_named(name), underwater(active=False))
    assert [amount.token.symbol for amount in step.bad_debt] == ["DAI"]
    assert [debt.amount for debt in rules_named(name).standing(step.state).debt] == [700 * 10**6]


@pytest.mark.parametrize("name", DEFICIT)
def test_nothing_is_written_off_while_other_collateral_has_value(name):
    crumb = state(
        (supplied("WETH", 1000 * ETHER), USD), (owed("DAI", 5000 * ETHER), USD), (supplied("LINK", 10**10), USD)
    )
    assert call(rules_named(name), crumb).bad_debt == ()
    worthless = state(
        (supplied("WETH", 1000 * ETHER), USD), (owed("DAI", 5000 * ETHER), USD), (supplied("LINK", 10**10 - 1), USD)
    )
    step = call(rules_named(name), worthless)
    assert len(step.bad_debt) == 1
    assert step.state.holdings[2].collateral  # the crumb that was not chosen keeps its flag
    assert step.state.holdings[2].scaled_supply == 10**10 - 1


def test_3_7_looks_at_the_shares_that_are_really_left():
    """18 of 19 units are seized, 17 + 1 in shares of 1.8: 10 + 1 of 11. By amount a unit would be left."""
    world = state(
        (supplied("WBTC", 11, decimals=8, protocol_fee=1000, liquidity_index=RAY * 18 // 10), 60_000 * USD),
        (owed("DAI", 1080 * 10**13), USD),
        (owed("USDC", 10**6, decimals=6), USD),
    )
    by_shares, by_amount = rules_named("3.7"), AaveV3Rules(replace(V3_7, emptied=emptied_by_amount))
    step = call(by_shares, world)
    assert (step.seized[0].amount, step.seized[0].protocol_fee) == (17, 1)
    assert (step.state.holdings[0].scaled_supply, step.state.holdings[0].collateral) == (0, False)
    assert step.bad_debt == (Amount(token("USDC", 6), 10**6),)
    step = call(by_amount, world)
    assert (step.state.holdings[0].scaled_supply, step.state.holdings[0].collateral) == (0, True)
    assert step.bad_debt == ()
    assert by_amount.standing(step.state).health_factor == 0


@pytest.mark.parametrize("name", ["3.6", "3.7"])
def test_3_7_leaves_a_worthless_rest_with_the_owner(name):
    """Of 32,057,769 wei 27,834,304 are seized and the rest is worth nothing: from 3.7 on its flag falls."""
    world = state(
        (supplied("WSTETH", 32_057_769), 370 * USD), (owed("DAI", 9_808_278_400), USD), (owed("USDC", 7), USD)
    )
    step = call(rules_named(name), world)
    left = step.state.holdings[0]
    assert 0 < left.scaled_supply < 5_000_000
    assert left.collateral == (name == "3.6")
    assert step.bad_debt == (Amount(token("USDC"), 7),)


# --- isolated debt --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_the_isolated_debt_falls_by_what_is_repaid(name):
    rules = rules_named(name)
    step = call(rules, dollars(10_000, 9000, debt_ceiling=10**9), 100 * ETHER)
    assert rules.isolated_debt_after(step, 50_000) == (50_000 if name == "3.7" else 40_000)
    assert rules.isolated_debt_after(step, 9_999) == (9_999 if name == "3.7" else 0)
    plain = call(rules, dollars(10_000, 9000), 100 * ETHER)
    assert rules.isolated_debt_after(plain, 50_000) == 50_000


@pytest.mark.parametrize("name", EVERY)
def test_up_to_3_2_emptied_collateral_keeps_its_isolated_debt(name):
    rules = rules_named(name)
    step = call(rules, dollars(1000, 9000, debt_ceiling=10**9))
    expected = {"3.7": 500_000} | dict.fromkeys(BEFORE_DEFICIT, 500_000)
    assert rules.isolated_debt_after(step, 500_000) == expected.get(name, 500_000 - 95_238)


# --- errors of ours -------------------------------------------------------------------------------------------------


def test_a_refusal_carries_its_reason():
    with pytest.raises(Refused) as caught:
        call(rules_named("3.6"), dollars(1000, 1))
    assert caught.value.reason == "HealthFactorNotBelowThreshold()"
    assert set(NAMED).isdisjoint(NUMBERED)
