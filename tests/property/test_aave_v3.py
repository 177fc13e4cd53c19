"""Invariants of Aave V3's rules, each with an ID and the revisions that it holds for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from defirisk.fixedpoint import RAY, UINT256_MAX, WAD
from defirisk.model import Ended, Standing
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import AaveState, EMode, Holding
from defirisk.protocols.interface import Pair, Refused, Step
from defirisk.risk.interval import Interval, Undecided
from defirisk.risk.replay import Replay, replay
from tests.property.aave_worlds import World, every, exact_value, worlds
from tests.support.aave_v3 import EVERY, USD, owed, state, supplied

BEFORE_EXACT = ("3.0", "3.1", "3.2", "3.3", "3.4")
DEFICIT = every(but=("3.0", "3.1", "3.2"))
ORDERS = ("largest", "best-bonus", "worst-case")

drawn = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

each = pytest.mark.parametrize("name", EVERY)


def steps_of(world: World) -> list[tuple[Standing, Pair, Step]]:
    """Every call that the rules accept from a state, each pair at its largest amount."""
    standing = world.rules.standing(world.state)
    found = []
    for collateral in standing.collateral:
        for debt in standing.debt:
            pair = Pair(collateral.slot, debt.slot)
            step = attempt(world, standing, pair, None)
            if step is not None:
                found.append((standing, pair, step))
    return found


def attempt(world: World, standing: Standing, pair: Pair, repay: int | None) -> Step | None:
    try:
        return world.rules.liquidate(world.state, standing, pair, repay)
    except Refused:
        return None


def debts(rules_: object, holdings: tuple[Holding, ...]) -> list[int]:
    return [rules_.debt_of(holding) for holding in holdings]


# --- INV-01 ---------------------------------------------------------------------------------------------------------


@each
@drawn
@given(data=st.data())
def test_inv_01_bad_debt_is_neither_negative_nor_more_than_the_debt(name: str, data: st.DataObject) -> None:
    """INV-01 (3.0 to 3.7): bad debt is above 0 where it is named, and at most the debt that was owed in that token."""
    world = data.draw(worlds(name))
    owed_before = {leg.token: leg.amount for leg in world.rules.standing(world.state).debt}
    for order in ORDERS:
        done = replay(world.rules, world.state, liquidator=order)
        for lost in done.bad_debt():
            assert 0 < lost.amount <= owed_before[lost.token]
            assert lost.value >= 0
        assert done.uncovered() >= 0


# --- INV-02 ---------------------------------------------------------------------------------------------------------


def bonused_equity(world: World, at: AaveState) -> Fraction:
    """sum(collateral / bonus) - debt, exactly, at the state's prices."""
    standing = world.rules.standing(at)
    total = Fraction(0)
    for index, holding in enumerate(at.holdings):
        slot = at.slot_of(index)
        bonus = world.rules.revision.terms(at, holding).bonus
        supply = world.rules.supply_of(holding)
        total += exact_value(supply, at.prices[slot], at.scales[slot]) * Fraction(10_000, bonus)
    for leg in standing.debt:
        total -= exact_value(leg.amount, leg.price, at.scales[leg.slot])
    return total


def rounding_of(world: World, standing: Standing, step: Step) -> Fraction:
    """What one call's roundings may move, in value: base, bonus and balance round by a unit of collateral each, the
    two burns by a share each; the repaid amount rounds twice, its burn by a share."""
    at = world.state
    collateral = at.holdings[at.index_at(step.seized[0].slot)].reserve
    debt = next(h.reserve for h in at.holdings if h.reserve.token == step.repaid.token)
    collateral_unit = exact_value(1, at.prices[step.seized[0].slot], 10**collateral.token.decimals)
    debt_slot = next(leg.slot for leg in standing.debt if leg.token == debt.token)
    debt_unit = exact_value(1, at.prices[debt_slot], 10**debt.token.decimals)
    shares = Fraction(collateral.liquidity_index, RAY)
    return collateral_unit * (3 + 2 * shares) + debt_unit * (3 + Fraction(debt.variable_borrow_index, RAY))


@each
@drawn
@given(data=st.data())
def test_inv_02_a_step_conserves_collateral_over_bonus_less_debt(name: str, data: st.DataObject) -> None:
    """INV-02 (3.0 to 3.7): sum(collateral / bonus) - debt stays as it was, up to rounding, what is written off added.

    Not where an eMode's price source (3.0, 3.1) prices a call otherwise than the account.
    """
    world = data.draw(worlds(name))
    assume(world.rules.health_slack(world.state, world.rules.standing(world.state)).conserves)
    before = bonused_equity(world, world.state)
    for standing, _, step in steps_of(world):
        after = bonused_equity(world, step.state)
        for lost in step.written_off:
            slot = next(leg.slot for leg in standing.debt if leg.token == lost.token)
            after -= exact_value(lost.raw, world.state.prices[slot], world.state.scales[slot])
        assert abs(after - before) <= rounding_of(world, standing, step)


def test_inv_02_does_not_hold_under_a_price_source() -> None:
    """The account values the debt at 4 dollars, the call at the source's 2."""
    ether = 10**18
    at = state(
        (supplied("WETH", 1000 * ether, emode_category=1), 9 * USD),
        (owed("LINK", 500 * ether), 4 * USD),
        emode=EMode(1, 9000, 9300, 10_100),
        source=2 * USD,
    )
    world = World("3.0", rules_named("3.0"), at)
    (standing, _, step), *_ = steps_of(world)
    lost = bonused_equity(world, at) - bonused_equity(world, step.state)
    assert lost == -Fraction(2 * USD * step.repaid.raw, ether)
    assert not world.rules.health_slack(at, standing).conserves


# --- INV-03 ---------------------------------------------------------------------------------------------------------


@each
@drawn
@given(data=st.data())
def test_inv_03_a_replay_ends(name: str, data: st.DataObject) -> None:
    """INV-03 (3.0 to 3.7): a replay ends, and says why: healthy, nothing counted is left, or no pair is accepted."""
    world = data.draw(worlds(name))
    done = replay(world.rules, world.state)
    assert len(done.liquidations) < 200
    assert done.ended is not Ended.LIQUIDATOR
    if done.ended is Ended.HEALTHY:
        assert not done.after.liquidatable
    if done.ended is Ended.RULES:
        assert steps_of(replace(world, state=done.state)) == []
    if done.ended is Ended.NOTHING_TO_SEIZE:
        assert done.written_off or done.after.collateral_value == 0


# --- INV-04 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", every(but=BEFORE_EXACT))
@drawn
@given(data=st.data())
def test_inv_04_more_collateral_never_lowers_health(name: str, data: st.DataObject) -> None:
    """INV-04 (3.5 to 3.7): one more share of any supply, or a higher price of one, never lowers the health factor."""
    world = data.draw(worlds(name))
    index = data.draw(st.integers(0, len(world.state.holdings) - 1))
    more = data.draw(st.integers(1, 10**20))
    holdings = list(world.state.holdings)
    holdings[index] = replace(holdings[index], scaled_supply=holdings[index].scaled_supply + more)
    grown = world.rules.standing(replace(world.state, holdings=tuple(holdings)))
    before = world.rules.standing(world.state)
    assert (before.health_factor is None) == (grown.health_factor is None)
    if before.health_factor is not None and grown.health_factor is not None:
        assert grown.health_factor >= before.health_factor


@pytest.mark.parametrize("name", BEFORE_EXACT)
def test_inv_04_does_not_hold_before_3_5(name: str) -> None:
    """A dollar more of the weaker collateral cuts the average threshold by a whole basis point of all collateral."""
    ether = 10**18

    def health(weaker: int) -> int | None:
        world = state(
            (supplied("WETH", 10**6 * ether), USD),
            (supplied("LINK", weaker * ether, liquidation_threshold=8200), USD),
            (owed("DAI", 830_000 * ether), USD),
        )
        return rules_named(name).standing(world).health_factor

    assert health(0) == WAD
    assert health(1) == 999_880_517_951_807_229  # 83.00 % became 82.99 %
    assert health(1) < health(0)


# --- INV-05 ---------------------------------------------------------------------------------------------------------


@each
@drawn
@given(data=st.data())
def test_inv_05_a_step_increases_nothing(name: str, data: st.DataObject) -> None:
    """INV-05 (3.0 to 3.7): no debt and no supply grows, no share count falls below 0, flags only fall."""
    world = data.draw(worlds(name))
    for _, pair, step in steps_of(world):
        for index, (before, after) in enumerate(zip(world.state.holdings, step.state.holdings, strict=True)):
            assert 0 <= after.scaled_supply <= before.scaled_supply
            assert 0 <= after.scaled_variable_debt <= before.scaled_variable_debt
            assert 0 <= after.stable_debt <= before.stable_debt
            assert world.rules.debt_of(after) <= world.rules.debt_of(before)
            assert after.collateral <= before.collateral
            assert after.borrowing <= before.borrowing
            if index == world.state.index_at(pair.debt):
                assert world.rules.debt_of(after) < world.rules.debt_of(before)
        assert step.state.prices == world.state.prices


# --- INV-06 ---------------------------------------------------------------------------------------------------------


@each
@drawn
@given(data=st.data())
def test_inv_06_liquidatable_exactly_below_one(name: str, data: st.DataObject) -> None:
    """INV-06 (3.0 to 3.7): liquidatable exactly when the health factor is below 1e18, which needs a debt of value."""
    world = data.draw(worlds(name))
    standing = world.rules.standing(world.state)
    health = standing.health_factor
    assert standing.liquidatable == (health is not None and health < WAD)
    assert (health is None) == (standing.debt_value == 0)
    account = world.rules.account_data(world.state)
    assert account.health_factor == (UINT256_MAX if health is None else health)
    if not standing.liquidatable:
        assert steps_of(world) == []


# --- INV-07 ---------------------------------------------------------------------------------------------------------


@each
@drawn
@given(data=st.data())
def test_inv_07_by_default_all_is_repaid_or_else_the_largest_amount(name: str, data: st.DataObject) -> None:
    """INV-07 (3.0 to 3.7): the default call is the one that asks for all where that is accepted; where it is refused,
    the default is accepted when asked for, and no larger ask is."""
    world = data.draw(worlds(name))
    for standing, pair, step in steps_of(world):
        asked_all = attempt(world, standing, pair, UINT256_MAX)
        if asked_all is not None:
            assert step == asked_all
            continue
        assert step == attempt(world, standing, pair, step.repaid.raw)
        more = step.repaid.raw + data.draw(st.one_of(st.just(1), st.integers(1, 10**24)))
        assert attempt(world, standing, pair, more) is None


@each
@drawn
@given(
    supply=st.integers(1, 60),
    debt=st.integers(1, 60),
    other=st.integers(0, 60),
    prices=st.tuples(st.integers(40, 150), st.integers(40, 150)),
    fee=st.sampled_from([0, 1000]),
    bonus=st.sampled_from([10_500, 11_000]),
)
@example(supply=36, debt=20, other=10, prices=(100, 100), fee=0, bonus=10_500)
def test_inv_07_against_all_amounts(
    name: str, supply: int, debt: int, other: int, prices: tuple[int, int], fee: int, bonus: int
) -> None:
    """INV-07 again, against every amount there is: units of about $100, so that all the dollar limits matter."""
    given = {"decimals": 0, "protocol_fee": fee, "liquidation_bonus": bonus}
    at = state(
        (supplied("ART", supply, **given), prices[0] * USD),
        (owed("CAR", debt, decimals=0), prices[1] * USD),
        (owed("DAI", other * 10**18), 100 * USD),
    )
    world = World(name, rules_named(name), at)
    standing = world.rules.standing(at)
    descending = [attempt(world, standing, Pair(0, 1), ask) for ask in (UINT256_MAX, *range(debt + 1, -1, -1))]
    first = next((step for step in descending if step is not None), None)
    assert attempt(world, standing, Pair(0, 1), None) == first


# --- INV-08 ---------------------------------------------------------------------------------------------------------


def holds(outer: object, inner: object) -> bool:
    """Whether a result on intervals holds a result on integers; a leg that may be nothing may be missing in it."""
    if isinstance(outer, Interval):
        return outer.lo <= inner <= outer.hi
    if isinstance(outer, Standing):
        sides = ("collateral", "debt")
        return all(
            holds(_held(getattr(outer, field), getattr(inner, field)), getattr(inner, field))
            if field in sides
            else holds(getattr(outer, field), getattr(inner, field))
            for field in outer.__dataclass_fields__
        )
    if hasattr(outer, "__dataclass_fields__"):
        return type(outer) is type(inner) and all(
            holds(getattr(outer, field), getattr(inner, field)) for field in outer.__dataclass_fields__
        )
    if isinstance(outer, tuple):
        return len(outer) == len(inner) and all(holds(a, b) for a, b in zip(outer, inner, strict=True))
    return outer == inner


def _held(outer: tuple, inner: tuple) -> tuple:
    present = {leg.slot for leg in inner}
    missing = [leg for leg in outer if leg.slot not in present]
    assert all(isinstance(leg.amount, Interval) and leg.amount.lo <= 0 for leg in missing)
    return tuple(leg for leg in outer if leg.slot in present)


@each
@drawn
@given(data=st.data())
def test_inv_08_intervals_hold_every_point(name: str, data: st.DataObject) -> None:
    """INV-08 (3.0 to 3.7): on price ranges a standing and a whole replay hold those of every price in the range."""
    world = data.draw(worlds(name))
    width = data.draw(st.sampled_from([0, 1, 10**3, 10**6]))
    around = tuple(
        Interval(max(1, price - data.draw(st.integers(0, width))), price + data.draw(st.integers(0, width)))
        for price in world.state.prices
    )
    ranged = world.rules.reprice(world.state, around)
    try:
        standing = world.rules.standing(ranged)
    except Undecided:
        return
    assert holds(standing, world.rules.standing(world.state))
    try:
        done = replay(world.rules, ranged)
    except Undecided:
        return
    point = replay(world.rules, world.state)
    assert holds(done.liquidations, point.liquidations)
    assert holds(done.state.holdings, point.state.holdings)
    assert done.ended is point.ended


@each
def test_inv_08_decides_wherever_it_matters(name: str) -> None:
    """Ranges are of use only if they decide: a fall is followed through several calls over a range of prices."""
    ether = 10**18
    world = state(
        (supplied("WETH", 100 * ether, protocol_fee=1000), 2000 * USD),
        (supplied("LINK", 1000 * ether, liquidation_threshold=7500), 10 * USD),
        (owed("DAI", 190_000 * ether), USD),
    )
    rules = rules_named(name)
    fallen = rules.reprice(world, (Interval(1500 * USD, 1500 * USD + 10**4), 10 * USD, USD))
    done = replay(rules, fallen)
    assert len(done.liquidations) == 2
    assert done.loses()


# --- INV-09 ---------------------------------------------------------------------------------------------------------


@each
@drawn
@given(data=st.data())
def test_inv_09_the_slack_is_sound(name: str, data: st.DataObject) -> None:
    """INV-09 (3.0 to 3.7): with a margin of the slack in exact arithmetic a position is not liquidatable."""
    world = data.draw(worlds(name, near=data.draw(st.booleans())))
    world = near_the_limit(world, data)
    standing = world.rules.standing(world.state)
    if standing.liquidatable:
        slack = world.rules.health_slack(world.state, standing)
        assert margin(world.state, standing, slack.threshold) < slack.value


def margin(at: AaveState, standing: Standing, slack: int) -> Fraction:
    total = Fraction(0)
    for leg in standing.collateral:
        if leg.counts:
            rate = Fraction(leg.liquidation_threshold - slack, WAD)
            total += exact_value(leg.amount, at.prices[leg.slot], at.scales[leg.slot]) * rate
    return total - sum(exact_value(leg.amount, at.prices[leg.slot], at.scales[leg.slot]) for leg in standing.debt)


def near_the_limit(world: World, data: st.DataObject) -> World:
    """The same position with its last debt's price moved to where the margin is about nothing."""
    standing = world.rules.standing(world.state)
    last = standing.debt[-1]
    rest = margin(world.state, standing, 0)
    own = exact_value(last.amount, last.price, world.state.scales[last.slot])
    target = (rest + own) * world.state.scales[last.slot] / last.amount
    prices = list(world.state.prices)
    prices[last.slot] = max(1, int(target) + data.draw(st.integers(-3, 3)))
    return replace(world, state=world.rules.reprice(world.state, tuple(prices)))


# --- INV-10 ---------------------------------------------------------------------------------------------------------


@each
@drawn
@given(data=st.data())
def test_inv_10_the_liquidator_and_the_protocol_share_what_is_seized(name: str, data: st.DataObject) -> None:
    """INV-10 (3.0 to 3.7): both parts together are at most the balance plus a share, the fee is at most the bonus."""
    world = data.draw(worlds(name))
    for standing, pair, step in steps_of(world):
        seized = step.seized[0]
        collateral = world.state.holdings[world.state.index_at(seized.slot)]
        balance = next(leg.amount for leg in standing.collateral if leg.slot == pair.collateral)
        assert seized.amount > 0
        assert seized.protocol_fee >= 0
        assert seized.amount + seized.protocol_fee <= balance
        bonus = world.rules.revision.terms(world.state, collateral).bonus
        taken = seized.amount + seized.protocol_fee
        assert seized.protocol_fee <= taken - taken * 10_000 // bonus + 1


# --- INV-11 ---------------------------------------------------------------------------------------------------------


def lost_value(done: Replay) -> Fraction:
    slots = {token.address: slot for slot, token in reversed(list(enumerate(done.state.tokens)))}
    return sum(
        (exact_value(d.amount, done.market[slots[d.token.address]], done.state.scales[slots[d.token.address]]))
        for d in done.bad_debt()
    )


@each
@drawn
@given(data=st.data())
def test_inv_11_bad_debt_does_not_depend_on_the_order(name: str, data: st.DataObject) -> None:
    """INV-11 (3.0 to 3.7): where everything is seized, each order of liquidations leaves the same bad debt, up to
    rounding. Not under an eMode's price source (INV-02)."""
    world = data.draw(worlds(name))
    assume(world.rules.health_slack(world.state, world.rules.standing(world.state)).conserves)
    done = [replay(world.rules, world.state, liquidator=order) for order in ORDERS[:2]]
    assume(all(one.ended is Ended.NOTHING_TO_SEIZE for one in done))
    calls = sum(len(one.liquidations) for one in done)
    unit = max(
        exact_value(1, price, scale) for price, scale in zip(world.state.prices, world.state.scales, strict=True)
    )
    assert abs(lost_value(done[0]) - lost_value(done[1])) <= (calls + 1) * (20 * unit + 4)


# --- INV-12 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEFICIT)
@drawn
@given(data=st.data())
def test_inv_12_a_write_off_leaves_no_debt(name: str, data: st.DataObject) -> None:
    """INV-12 (3.3 to 3.7): a call that writes off leaves no debt in any active reserve, and no counted value."""
    world = data.draw(worlds(name))
    for _, _, step in steps_of(world):
        assert step.written_off == step.bad_debt
        if step.bad_debt:
            assert all(h.scaled_variable_debt == 0 for h in step.state.holdings if h.reserve.active)


@pytest.mark.parametrize("name", every(but=DEFICIT))
@drawn
@given(data=st.data())
def test_inv_12_before_3_3_nothing_is_written_off(name: str, data: st.DataObject) -> None:
    """INV-12's other side (3.0 to 3.2): debt stays, with a health factor of 0."""
    world = data.draw(worlds(name))
    assert all(not step.bad_debt for _, _, step in steps_of(world))
