"""Invariants of thresholds by brute force; what else holds of them, of every rule set, stands in test_every_rule_set.

INV-T1  what is found is the first of all: no price nearer is liquidatable (leaves bad debt). The small worlds are those
        of Aave V3 and V2, where all is jagged.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from defirisk.fixedpoint import RAY, WAD
from defirisk.model import Direction
from defirisk.protocols.aave_v2.rules import RULES as AAVE_V2
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import Holding, Reserve, state_of
from defirisk.risk import paths, stretches
from defirisk.risk.paths import Axis, road
from defirisk.risk.thresholds import thresholds_of
from tests.property.aave_worlds import World
from tests.property.rule_sets import placed
from tests.property.test_aave_v2 import without_v3
from tests.property.test_every_rule_set import liquidatable, loses
from tests.support.aave_v3 import EVERY, NOW, token

RISE = 3
"""How far up brute force follows: three times today's price on top of it."""

thorough = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@st.composite
def small_worlds(draw: st.DrawFn, name: str) -> World:
    """Prices of a few hundred units, so that all of them can be tried; amounts from a crumb to much more."""
    holdings, prices = [], []
    covered = 0
    for number in range(draw(st.integers(1, 2))):
        bonus = draw(st.integers(10_100, 11_500))
        reserve = Reserve(
            number, token(f"C{number}", draw(st.sampled_from([0, 2, 8]))), 7000,
            draw(st.integers(3000, 10**8 // bonus)), bonus, draw(st.sampled_from([0, 1000])),
            draw(st.integers(RAY, 2 * RAY)), draw(st.integers(RAY, 2 * RAY)),
        )  # fmt: skip
        price = draw(st.integers(2, 200))
        shares = draw(st.one_of(st.integers(1, 40), st.integers(1, 10**6), st.integers(1, 10**13)))
        covered += shares * price * reserve.liquidation_threshold // 10 ** (reserve.token.decimals + 4)
        same = draw(st.integers(0, 5)) == 0
        debt = draw(st.integers(1, max(1, shares // 2))) if same else 0
        holdings.append(Holding(reserve, shares, debt, collateral=True, borrowing=bool(debt)))
        prices.append(price)
    for number in range(2, 2 + draw(st.integers(1, 2))):
        reserve = Reserve(
            number,
            token(f"D{number}", draw(st.sampled_from([0, 2, 8]))),
            0,
            0,
            0,
            0,
            RAY,
            draw(st.integers(RAY, 2 * RAY)),
        )
        price = draw(st.integers(2, 200))
        owed = (covered * draw(st.integers(5, 130)) // 100 + 1) * 10**reserve.token.decimals // price + 1
        holdings.append(Holding(reserve, 0, owed, borrowing=True))
        prices.append(price)
    state = state_of(tuple(holdings), tuple(prices), NOW)
    if name in AAVE_V2:
        return World(name, AAVE_V2[name], without_v3(state))
    return World(name, rules_named(name), state)


SMALL = (*EVERY, *AAVE_V2)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("liquidator", ["largest", "best-bonus"])
@thorough
@given(data=st.data())
def test_inv_t1_the_first_of_all_prices(name, liquidator, data):
    world = data.draw(small_worlds(name))
    position = placed(world)
    slot = data.draw(st.integers(0, len(world.state.holdings) - 1))
    axis = Axis("asset", "X", frozenset([slot]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "MOST_RISE", RISE)
        patch.setattr(stretches, "MOST_STEPS", 10**6)
        found = thresholds_of(position, [axis], liquidator=liquidator)
    for threshold in found:
        way = (
            range(position.prices[slot], 0, -1)
            if threshold.direction is Direction.DOWN
            else range(position.prices[slot], position.prices[slot] * (RISE + 1) + 1)
        )
        tried = [(*position.prices[:slot], price, *position.prices[slot + 1 :]) for price in way]
        assert threshold.proved
        assert threshold.liquidation_price == next((p[slot] for p in tried if liquidatable(position, p)), None)
        assert threshold.bad_debt_price == next((p[slot] for p in tried if loses(position, p, liquidator)), None)


@pytest.mark.parametrize("name", SMALL)
@thorough
@given(data=st.data())
def test_inv_t1_the_first_of_all_moves_of_a_group(name, data):
    world = data.draw(small_worlds(name))
    position = placed(world)
    slots = data.draw(st.frozensets(st.integers(0, len(world.state.holdings) - 1), min_size=2))
    axis = Axis("group", "some", slots)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "MOST_RISE", RISE)
        patch.setattr(stretches, "MOST_STEPS", 10**6)
        found = {threshold.direction: threshold for threshold in thresholds_of(position, [axis])}
        for direction in Direction:
            way = road(position.prices, axis, direction)
            at, first, losing = 0, None, None
            while at <= way.end:
                prices = way.prices(at)
                first = at if first is None and liquidatable(position, prices) else first
                losing = at if losing is None and loses(position, prices) else losing
                at = way.same_until(at)[0] + 1
            sign = -1 if direction is Direction.DOWN else 1
            assert found[direction].proved
            assert found[direction].liquidation == (None if first is None else sign * first)
            assert found[direction].bad_debt == (None if losing is None else sign * losing)


def test_a_threshold_that_holds_today_is_no_move_at_all():
    world = World("3.6", rules_named("3.6"), _one_against_one(debt=90))
    (down, up) = thresholds_of(placed(world), [Axis("asset", "C", frozenset([0]))])
    assert (down.liquidation, down.liquidation_price) == (0, 100)
    assert (up.liquidation, up.liquidation_price) == (0, 100)


def test_no_price_of_the_debt_that_falls_liquidates():
    world = World("3.6", rules_named("3.6"), _one_against_one(debt=50))
    (down, up) = thresholds_of(placed(world), [Axis("asset", "D", frozenset([1]))])
    assert (down.liquidation, down.bad_debt, down.proved) == (None, None, True)
    assert up.liquidation_price is not None
    assert down.searched_to == -99 * WAD // 100


def test_moves_are_rounded_away_from_zero():
    way = road((300, 7), Axis("asset", "C", frozenset([0])), Direction.DOWN)
    assert way.move(1) == -(WAD // 300) - 1
    assert road((300, 7), Axis("asset", "C", frozenset([0])), Direction.UP).move(1) == WAD // 300 + 1


def test_when_the_unit_of_account_moves_every_other_price_moves_against_it():
    way = road((WAD, 500), Axis("asset", "ETH", frozenset([0]), unit_moves=True), Direction.DOWN)
    assert way.prices(WAD // 2) == (WAD, 1000)
    assert road((WAD, 500), Axis("asset", "ETH", frozenset([0]), unit_moves=True), Direction.UP).prices(WAD) == (
        WAD,
        250,
    )


def test_no_price_is_moved_to_nothing():
    up = road((WAD, 3, 500), Axis("asset", "ETH", frozenset([0]), unit_moves=True), Direction.UP)
    assert up.prices(up.end) == (WAD, 1, 166)
    assert up.prices(up.end + 1)[1] == 0
    down = road((300, 40), Axis("group", "some", frozenset([0, 1])), Direction.DOWN)
    assert down.prices(down.end)[1] == 1
    assert down.prices(down.end + 1)[1] == 0


def _one_against_one(debt: int):
    collateral = Reserve(0, token("C", 0), 8000, 8000, 10_500, 0, RAY, RAY)
    owed = Reserve(1, token("D", 0), 0, 0, 0, 0, RAY, RAY)
    holdings = (Holding(collateral, 10**12, collateral=True), Holding(owed, 0, debt * 10**10, borrowing=True))
    return state_of(holdings, (100, 100), NOW)
