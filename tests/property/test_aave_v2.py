"""Aave V2 keeps the invariants of the engine that it shares with Aave V3, under both of its close factors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.fixedpoint import UINT256_MAX
from defirisk.model import Standing
from defirisk.protocols.aave_v2.rules import RULES
from defirisk.protocols.aave_v3.state import AaveState
from defirisk.protocols.interface import Pair
from tests.property import aave_worlds, test_aave_v3
from tests.property.aave_worlds import World
from tests.property.test_aave_v3 import attempt, drawn, steps_of
from tests.support.aave_v3 import owed, state, supplied

NAMES = tuple(RULES)
SHARED: dict[str, Callable[..., None]] = {
    number: getattr(test_aave_v3, function).hypothesis.inner_test
    for number, function in {
        "INV-01": "test_inv_01_bad_debt_is_neither_negative_nor_more_than_the_debt",
        "INV-02": "test_inv_02_a_step_conserves_collateral_over_bonus_less_debt",
        "INV-03": "test_inv_03_a_replay_ends",
        "INV-05": "test_inv_05_a_step_increases_nothing",
        "INV-06": "test_inv_06_liquidatable_exactly_below_one",
        "INV-07": "test_inv_07_by_default_all_is_repaid_or_else_the_largest_amount",
        "INV-08": "test_inv_08_intervals_hold_every_point",
        "INV-09": "test_inv_09_the_slack_is_sound",
        "INV-10": "test_inv_10_the_liquidator_and_the_protocol_share_what_is_seized",
        "INV-11": "test_inv_11_bad_debt_does_not_depend_on_the_order",
        "INV-12": "test_inv_12_before_3_3_nothing_is_written_off",
    }.items()
}
each = pytest.mark.parametrize("name", NAMES)


@st.composite
def worlds(draw: st.DrawFn, name: str, **shape: Any) -> World:
    """A world of V3.0 without what V2 lacks: eMode, fees, ceilings."""
    made = draw(aave_worlds.worlds("3.0", **{**shape, "emodes": False}))
    return World(name, RULES[name], without_v3(made.state))


def without_v3(at: AaveState) -> AaveState:
    plain = {"protocol_fee": 0, "emode_category": 0, "debt_ceiling": 0, "isolation_total_debt": 0}
    return replace(at, holdings=tuple(replace(h, reserve=replace(h.reserve, **plain)) for h in at.holdings))


@pytest.fixture(scope="module", autouse=True)
def of_v2() -> Iterator[None]:
    """The shared invariants draw their worlds here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_aave_v3, "worlds", worlds)
        yield


@each
@pytest.mark.parametrize("invariant", SHARED)
@drawn
@given(data=st.data())
def test_an_invariant_of_the_engine(invariant: str, name: str, data: st.DataObject) -> None:
    SHARED[invariant](name, data)


@each
@drawn
@given(
    supply=st.integers(1, 40),
    debt=st.integers(1, 40),
    prices=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    bonus=st.sampled_from([10_001, 10_500, 15_000]),
)
def test_the_default_is_the_largest_of_all_amounts(
    name: str, supply: int, debt: int, prices: tuple[int, int], bonus: int
) -> None:
    """INV-07 against every amount there is: units so coarse that each rounding shows."""
    given_ = {"decimals": 0, "liquidation_bonus": bonus}
    at = state((supplied("ART", supply, **given_), prices[0]), (owed("CAR", debt, decimals=0), prices[1]))
    world = World(name, RULES[name], at)
    standing: Standing = world.rules.standing(at)
    descending = [attempt(world, standing, Pair(0, 1), ask) for ask in (UINT256_MAX, *range(debt + 1, -1, -1))]
    first = next((step for step in descending if step is not None), None)
    assert attempt(world, standing, Pair(0, 1), None) == first


@drawn
@given(data=st.data())
def test_the_close_factor_is_half_at_any_health(data: st.DataObject) -> None:
    """No call repays more than half of what is owed of its asset, rounded half up; none is refused for health alone."""
    world = data.draw(worlds("2.0"))
    for standing, pair, step in steps_of(world):
        owed_ = next(leg.amount for leg in standing.debt if leg.slot == pair.debt)
        assert step.repaid.raw <= (owed_ + 1) // 2
