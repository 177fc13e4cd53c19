"""Invariants of all rule sets, each with an ID, a sentence and the rule sets that it holds for.

INV-E1   liquidatable exactly when health is below 1e18, asked alone or not; no health factor exactly without a debt
INV-E2   the same prices again change nothing, and the last prices count, however often they were moved
INV-E3   no call makes a debt or a collateral grow or fall below 0; a replay ends, and as it says
INV-E4   what the owner loses = moves + bonus + fees - what others bear, and what is left is never negative
INV-E5   what is borne adds up to the bad debt, token by token; what is named is above 0 and was owed
INV-E6   no order that was tried loses more than the worst case, where that looked at all of them
INV-E7   the same question has the same answer
INV-E8   a stretch of prices never contradicts a price in it
INV-E9   at a threshold it holds, one unit nearer to today it does not
INV-E10  where a linear form proves that nothing happens, nothing happens: at the edge of the proof and anywhere in it
INV-E11  what is foretold of a replay is what it leaves, in whatever order the calls come
INV-E12  contract views follow stored numbers alone, our figures accrued ones alone; both are the same where nothing accrued
INV-E13  where rules say where to look for bad debt, there it is; in Compound V2 where the market keeps no share
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from defirisk.fixedpoint import WAD
from defirisk.model import Direction, Ended, Position
from defirisk.protocols.interface import Pair, likely_loses
from defirisk.protocols.interface import liquidatable as told_alone
from defirisk.risk import thresholds
from defirisk.risk.interval import Undecided, unanimous
from defirisk.risk.losing import foretold
from defirisk.risk.outcome import Prices, outcome_of
from defirisk.risk.paths import Axis, road
from defirisk.risk.replay import Course, Replay, advance, attempt, replay, settled
from defirisk.risk.thresholds import thresholds_of
from tests.property.rule_sets import HALVING, WORLDS, World, placed, sets

ACCRUING = sets("compound-v2", "compound-v3")

few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
every = pytest.mark.parametrize("name", WORLDS)


def shocked(world: World, data: st.DataObject) -> tuple[int, ...]:
    """Prices a little, or a lot, off today's."""
    return tuple(max(1, price * data.draw(st.integers(1, 300)) // 150) for price in world.state.prices)


def liquidatable(position: Position, prices: tuple[int, ...]) -> bool:
    return position.rules.standing(position.rules.reprice(position.state, prices)).liquidatable


def loses(position: Position, prices: tuple[int, ...], liquidator: str = "largest") -> bool:
    return replay(position.rules, position.rules.reprice(position.state, prices), liquidator=liquidator).loses()


@every
@few
@given(data=st.data())
def test_inv_e1_liquidatable_exactly_below_one(name: str, data: st.DataObject) -> None:
    world = data.draw(WORLDS[name])
    for prices in (world.state.prices, shocked(world, data)):
        moved = world.rules.reprice(world.state, prices)
        standing = world.rules.standing(moved)
        assert told_alone(world.rules, moved) == standing.liquidatable
        assert standing.liquidatable == (standing.health_factor is not None and standing.health_factor < WAD)
        assert (standing.health_factor is None) == (standing.debt_value == 0)


@pytest.mark.parametrize("name", sets("aave-v3", "aave-v2", "compound-v2"))
@few
@given(data=st.data())
def test_inv_e1_asked_alone_at_the_line_too(name: str, data: st.DataObject) -> None:
    """On both sides of where the answer turns, which is where another rounding would show."""
    world = data.draw(WORLDS[name])
    slot = data.draw(st.integers(0, len(world.state.prices) - 1))

    def at(price: int) -> Any:
        return world.rules.reprice(world.state, (*world.state.prices[:slot], price, *world.state.prices[slot + 1 :]))

    low, high = 1, 1000 * world.state.prices[slot]
    first = world.rules.standing(at(low)).liquidatable
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if world.rules.standing(at(middle)).liquidatable == first else (low, middle)
    for price in (low, high):
        assert told_alone(world.rules, at(price)) == world.rules.standing(at(price)).liquidatable


@every
@few
@given(data=st.data())
def test_inv_e2_the_last_prices_count(name: str, data: st.DataObject) -> None:
    world = data.draw(WORLDS[name])
    moved = world.rules.reprice(world.state, shocked(world, data))
    assert world.rules.reprice(moved, world.state.prices) == world.state
    assert world.rules.reprice(world.state, world.state.prices) == world.state


@every
@few
@given(data=st.data())
def test_inv_e3_nothing_grows_and_a_replay_ends_as_it_says(name: str, data: st.DataObject) -> None:
    world = data.draw(WORLDS[name])
    course = Course(world.state, world.rules.standing(world.state))
    states = [course]
    while settled(world.rules, course) is None and len(states) < 300:
        further = next(_further(world.rules, course), None)
        if further is None:
            break
        states.append(course := further)
    for before, after in pairwise(states):
        assert _no_more(before.standing.debt, after.standing.debt)
        if not world.rules.whole_account:
            assert _no_more(before.standing.collateral, after.standing.collateral)
    done = replay(world.rules, world.state)
    assert done.ended is not Ended.LIQUIDATOR
    if done.ended is Ended.HEALTHY:
        assert not done.after.liquidatable
    if done.ended is Ended.NOTHING_TO_SEIZE:
        assert done.written_off or done.after.collateral_value == 0
        assert done.bad_debt() or done.written_off
    if done.ended is Ended.RULES:
        assert list(_further(world.rules, Course(done.state, done.after))) == []


def _further(rules: Any, course: Course) -> Any:
    """Every call that the rules accept, counted collateral only, as a liquidator would find it."""
    standing = course.standing
    legs = [None] if rules.whole_account else [leg.slot for leg in standing.collateral if leg.counts]
    for pair in (Pair(leg, debt.slot) for leg in legs for debt in standing.debt):
        step = attempt(rules, course, pair)
        if step is not None:
            yield advance(rules, course, step, pair)


def _no_more(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    held = {leg.slot: leg.amount for leg in before}
    return all(0 < leg.amount <= held[leg.slot] for leg in after)


@every
@few
@given(data=st.data())
def test_inv_e4_e5_who_loses_what(name: str, data: st.DataObject) -> None:
    position = placed(data.draw(WORLDS[name]))
    found = outcome_of(position, "x", Prices(shocked(position, data)))
    loss = found.owner_loss
    assert loss.total == loss.move + loss.bonus + loss.protocol_fee - loss.borne_by_others
    assert min(loss.left, loss.borne_by_others) == 0 <= max(loss.left, loss.borne_by_others)
    borne: dict[str, int] = {}
    for part in found.borne_by:
        assert part.amount > 0
        borne[part.token.address] = borne.get(part.token.address, 0) + part.amount
    assert borne == {lost.token.address: lost.amount for lost in found.bad_debt}
    assert found.bad_debt_value == sum(lost.value for lost in found.bad_debt)


@pytest.mark.parametrize("name", ["aave-v3 3.0", "aave-v3 3.6", "aave-v2 2.0-cf100", *ACCRUING])
@settings(few, max_examples=6)
@given(data=st.data())
def test_inv_e6_no_order_loses_more_than_the_worst_case(name: str, data: st.DataObject) -> None:
    world = data.draw(WORLDS[name])
    worst = replay(world.rules, world.state, liquidator="worst-case")
    if worst.search == "exhaustive":
        for order in ("largest", "best-bonus"):
            assert replay(world.rules, world.state, liquidator=order).loss() <= worst.loss()


@every
@settings(few, max_examples=6)
@given(data=st.data())
def test_inv_e7_the_same_question_has_the_same_answer(name: str, data: st.DataObject) -> None:
    position = placed(data.draw(WORLDS[name]))
    prices = Prices(shocked(position, data))
    assert outcome_of(position, "x", prices) == outcome_of(position, "x", prices)
    standing = position.rules.standing(position.state)
    assert replay(position.rules, position.state) == replay(position.rules, position.state, standing=standing)


@every
@few
@given(data=st.data())
def test_inv_e8_a_stretch_speaks_for_every_price_in_it(name: str, data: st.DataObject) -> None:
    position = placed(data.draw(WORLDS[name]))
    slots = data.draw(st.frozensets(st.integers(0, len(position.prices) - 1), min_size=1))
    axis = Axis("group", "some", slots, unit_moves=data.draw(st.booleans()))
    way = road(position.prices, axis, data.draw(st.sampled_from(Direction)))
    near = data.draw(st.integers(0, max(0, way.end)))
    far = min(max(near, way.end), near + data.draw(st.one_of(st.integers(1, 10**4), st.integers(1, WAD))))
    at = data.draw(st.integers(near, far))
    search = thresholds._Search(position, position.rules.standing(position.state), "largest")
    for holds in (search._liquidatable, search._loses):
        try:
            said = unanimous(partial(holds, way.price_ranges(near, far)))
        except Undecided:
            continue
        assert said is holds(way.prices(at))
        assert said is (liquidatable if holds == search._liquidatable else loses)(position, way.prices(at))


@every
@settings(few, max_examples=6)
@given(data=st.data())
def test_inv_e9_at_a_threshold_it_holds_and_not_one_unit_nearer(name: str, data: st.DataObject) -> None:
    position = placed(data.draw(WORLDS[name]))
    slot = data.draw(st.integers(0, len(position.prices) - 1))
    for threshold in thresholds_of(position, [Axis("asset", "X", frozenset([slot]))]):
        nearer = 1 if threshold.direction is Direction.DOWN else -1
        for price, holds in ((threshold.liquidation_price, liquidatable), (threshold.bad_debt_price, loses)):
            if price is None:
                continue
            prices = position.prices
            assert holds(position, (*prices[:slot], price, *prices[slot + 1 :]))
            if price != prices[slot]:
                assert not holds(position, (*prices[:slot], price + nearer, *prices[slot + 1 :]))


@every
@pytest.mark.parametrize("liquidator", ["largest", "best-bonus"])
@few
@given(data=st.data())
def test_inv_e10_what_a_linear_form_proves_is_so(name: str, liquidator: str, data: st.DataObject) -> None:
    position = placed(data.draw(WORLDS[name]))
    slots = data.draw(st.frozensets(st.integers(0, len(position.prices) - 1), min_size=1, max_size=2))
    axis = Axis("asset" if len(slots) == 1 else "group", "some", slots, unit_moves=data.draw(st.booleans()))
    way = road(position.prices, axis, data.draw(st.sampled_from(Direction)))
    search = thresholds._Search(position, position.rules.standing(position.state), liquidator)
    unsafe = thresholds._line(search._safety, search._safety_loss * search._common, way).doubtful(way.end)
    uncovered = search._uncovered(way)
    for doubtful, holds in ((unsafe, liquidatable), (uncovered, partial(loses, liquidator=liquidator))):
        first, last = (way.end + 1, way.end) if doubtful is None else doubtful
        proved = [(0, first - 1), (last + 1, way.end)]
        for near, far in proved:
            for at in {near, far, data.draw(st.integers(min(near, far), max(near, far)))} if near <= far else ():
                assert not holds(position, way.prices(at))


@pytest.mark.parametrize("name", HALVING)
@settings(few, max_examples=80)
@given(data=st.data())
def test_inv_e11_what_is_foretold_comes_true_in_any_order(name: str, data: st.DataObject) -> None:
    """The last debt's price is moved to where the surplus is a few units, which is where roundings would show."""
    world = at_the_end_of_the_surplus(data.draw(WORLDS[name]), data)
    course = Course(world.state, world.rules.standing(world.state))
    assume(settled(world.rules, course) is None)
    said: list[bool] = []
    luck = data.draw(st.randoms(use_true_random=False))
    ended = None
    while ended is None:
        told = foretold(world.rules, course.state, course.standing)
        said += [] if told is None else [told]
        steps = list(_further(world.rules, course))
        if not steps:
            ended = Ended.RULES
        else:
            course = luck.choice(steps)
            ended = settled(world.rules, course)
    end = Replay(
        course.standing, course.standing, course.state, course.liquidations, course.written_off, ended,
        course.state.prices,
    )  # fmt: skip
    assert set(said) <= {end.loses()}


def at_the_end_of_the_surplus(world: World, data: st.DataObject) -> World:
    standing = world.rules.standing(world.state)
    last, scales = standing.debt[-1], world.state.scales
    covered = sum(
        leg.amount * leg.price * leg.recovery // (scales[leg.slot] * WAD) for leg in standing.collateral if leg.counts
    )
    rest = covered - sum(leg.value for leg in standing.debt[:-1])
    prices = list(world.state.prices)
    step = max(1, prices[last.slot] // data.draw(st.sampled_from([10**18, 10**9, 10**6, 100])))
    prices[last.slot] = max(1, rest * scales[last.slot] // last.amount + step * data.draw(st.integers(-5, 5)))
    return replace(world, state=world.rules.reprice(world.state, tuple(prices)))


@pytest.mark.parametrize("name", [*HALVING, *sets("compound-v2")])
@settings(few, max_examples=25)
@given(data=st.data())
def test_inv_e13_where_to_look_is_where_it_is(name: str, data: st.DataObject) -> None:
    world = data.draw(WORLDS[name])
    if name in sets("compound-v2"):
        kept = tuple(replace(one, market=replace(one.market, seize_share=0)) for one in world.state.holdings)
        world = replace(world, state=replace(world.state, holdings=kept, cut=0))
    if data.draw(st.booleans()) and world.rules.standing(world.state).debt:
        world = at_the_end_of_the_surplus(world, data)
    prices = data.draw(st.sampled_from([world.state.prices, shocked(world, data)]))
    assert likely_loses(world.rules)(world.rules.reprice(world.state, prices)) is loses(placed(world), prices)


@pytest.mark.parametrize("name", sets("compound-v2"))
@few
@given(data=st.data())
def test_inv_e12_stored_and_accrued_numbers_do_not_mix_in_compound_v2(name: str, data: st.DataObject) -> None:
    world = data.draw(WORLDS[name])
    rate, debt = data.draw(st.integers(1, 10**30)), data.draw(st.integers(0, 10**30))
    others = tuple(replace(one, stored_rate=rate, stored_debt=debt if one.debt else 0) for one in world.state.holdings)
    stored = replace(world.state, holdings=others)
    assert world.rules.standing(stored) == world.rules.standing(world.state)
    assert replay(world.rules, stored).liquidations == replay(world.rules, world.state).liquidations
    fresh = tuple(replace(one, stored_rate=one.books.rate, stored_debt=one.debt) for one in world.state.holdings)
    level = replace(world.state, holdings=fresh)
    entered = all(one.entered or not one.debt for one in fresh)
    view = world.rules.contract_view(level)
    assert not entered or view.liquidatable == world.rules.standing(level).liquidatable


@pytest.mark.parametrize("name", sets("compound-v3"))
@few
@given(data=st.data())
def test_inv_e12_stored_and_accrued_numbers_do_not_mix_in_comet(name: str, data: st.DataObject) -> None:
    """An absorb accrues first: judged by the stored index a debt is no larger, so nobody is absorbed by it alone."""
    world = data.draw(WORLDS[name])
    totals = world.state.comet.accrued
    more = replace(totals, borrow_index=totals.borrow_index + data.draw(st.integers(0, 10**15)))
    grown = replace(world.state, totals=more)
    assert grown.as_stored() == world.state.as_stored()
    before, after = (world.rules.standing(one) for one in (grown.as_stored(), grown))
    assert before.debt_value <= after.debt_value
    assert after.liquidatable or not before.liquidatable
