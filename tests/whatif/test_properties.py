"""Invariants of changes over random positions of every revision of Aave: W1 to W6."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from defirisk.fixedpoint import RAY, WAD
from defirisk.model import ContractView, Market, Position, Unit
from defirisk.protocols.aave_v3.desk import source_of
from defirisk.protocols.aave_v3.listing import Listing, Offer
from defirisk.protocols.aave_v3.state import AaveState
from defirisk.protocols.interface import Act, Acted, ActKind, Refused, Setting, changes_of
from defirisk.whatif.inverse import Goal, health_aim, unchanged, ways_of
from tests.property.aave_worlds import World, every, worlds

SLOW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
REVISIONS = tuple(name for name in every() if name in ("3.0", "3.3", "3.5", "3.7"))
"""One of each way to round and to judge."""
amounts = st.one_of(st.integers(1, 10**6), st.integers(1, 10**24))


def position(world: World) -> Position:
    state = world.state
    offers = tuple(Offer(one.reserve, state.prices[slot]) for slot, one in enumerate(state.holdings))
    return Position(
        market=Market("random", "aave-v3", world.name, 1, "0x" + "22" * 20, Unit("USD", 8)),
        owner="0x" + "33" * 20,
        rules=world.rules,
        state=state,
        price_times=(None,) * len(state.tokens),
        contract=ContractView(),
        reproduced=ContractView(),
        listing=Listing(offers),
    )


def act(mine: Position, kind: ActKind, place: int, amount: int | None) -> Acted | None:
    changes = changes_of(mine.rules)
    assert changes is not None
    try:
        return changes.act(mine, Act(kind, changes.assets(mine)[place], amount))
    except Refused:
        return None


def health(mine: Position) -> int | None:
    found: int | None = mine.rules.standing(mine.state).health_factor
    return found


def owed_at(mine: Position) -> int:
    """The last reserve is owed in every world."""
    return len(mine.listing.offers) - 1


@pytest.mark.parametrize("name", REVISIONS)
@SLOW
@given(data=st.data())
def test_w1_more_repaid_is_never_less_health(name: str, data: st.DataObject) -> None:
    mine = position(data.draw(worlds(name)))
    place = owed_at(mine)
    some, more = sorted((data.draw(amounts), data.draw(amounts)))
    first, second = act(mine, ActKind.REPAY, place, some), act(mine, ActKind.REPAY, place, more)
    assume(first is not None)
    assert second is not None, "what is accepted of a smaller repayment is accepted of a larger"
    assert first is not None
    before, low, high = health(mine), health(first.position), health(second.position)
    assert high is None or (low is not None and before is not None and before <= low <= high)


@pytest.mark.parametrize("name", REVISIONS)
@SLOW
@given(data=st.data())
def test_w2_repaid_and_borrowed_back_is_what_it_was(name: str, data: st.DataObject) -> None:
    """Within a share, which is what each of the two roundings may cost, and never to the owner's good from 3.5 on."""
    mine = position(data.draw(worlds(name, near=False, emodes=False)))
    place = owed_at(mine)
    paid = act(mine, ActKind.REPAY, place, data.draw(amounts))
    assume(paid is not None)
    assert paid is not None
    back = act(paid.position, ActKind.BORROW, place, paid.amount)
    assume(back is not None)
    assert back is not None
    before, after = shares(mine, place), shares(back.position, place)
    assert abs(after - before) <= 1 or mine.state.holdings[place].stable_debt
    if name >= "3.5":
        assert after >= before
        rules, state = mine.rules, back.position.state
        grown = sum(map(rules.debt_of, state.holdings)) - sum(map(rules.debt_of, paid.position.state.holdings))
        assert grown >= paid.amount, "new debt is rounded up"


def shares(mine: Position, place: int) -> int:
    wanted = mine.listing.offers[place].reserve.id
    state: AaveState = mine.state
    return next((one.scaled_variable_debt for one in state.holdings if one.reserve.id == wanted), 0)


@pytest.mark.parametrize("name", REVISIONS)
@SLOW
@given(data=st.data())
def test_w3_deposited_and_withdrawn_is_what_it_was(name: str, data: st.DataObject) -> None:
    mine = position(data.draw(worlds(name)))
    amount = data.draw(amounts)
    added = act(mine, ActKind.DEPOSIT, 0, amount)
    assume(added is not None)
    assert added is not None
    before, between = mine.state.holdings[0], added.position.state.holdings[0]
    rules = mine.rules
    half_a_share = Fraction(before.reserve.liquidity_index, 2 * RAY)  # minted half up to 3.4
    assert rules.supply_of(between) - rules.supply_of(before) <= amount + half_a_share + 1
    taken = act(added.position, ActKind.WITHDRAW, 0, amount)
    assume(taken is not None)
    assert taken is not None
    left = next((one.scaled_supply for one in taken.position.state.holdings if one.reserve.id == before.reserve.id), 0)
    assert abs(left - before.scaled_supply) <= 1
    if name >= "3.5":
        assert left <= before.scaled_supply


@pytest.mark.parametrize("name", REVISIONS)
@SLOW
@given(data=st.data())
def test_w4_a_parameter_set_to_what_it_is_changes_nothing(name: str, data: st.DataObject) -> None:
    mine = position(data.draw(worlds(name)))
    changes = changes_of(mine.rules)
    assert changes is not None
    for named, holding in zip(changes.assets(mine), mine.state.holdings, strict=True):
        reserve = holding.reserve
        for field in ("ltv", "liquidation_threshold", "protocol_fee", "liquidation_bonus"):
            bps = getattr(reserve, field) - (10_000 if field == "liquidation_bonus" else 0)
            done = changes.set(mine, Setting(field, f"{bps // 100}.{bps % 100:02d}%", asset=named))
            assert done.was == done.now
            assert done.position.state == mine.state
    assert replace(mine, listing=None).state.valued_by == mine.state.valued_by
    assert (source_of(mine.state) is None) == (mine.state.emode is None or mine.state.emode.price_slot is None)


@pytest.mark.parametrize("name", REVISIONS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_w5_the_least_amount_is_the_least(name: str, data: st.DataObject) -> None:
    """It reaches the aim; one unit less, and whatever smaller amount is drawn, does not."""
    mine = position(data.draw(worlds(name, near=True)))
    now = health(mine)
    assume(now is not None)
    assert now is not None
    aim = int(now * Fraction(data.draw(st.integers(101, 180)), 100)) + 1
    changes = changes_of(mine.rules)
    assert changes is not None
    for way in ways_of(mine, [Goal(health_aim(aim), unchanged)], ()):
        if not way.amount or way.act is None or way.asset is None:
            continue
        assert way.proved
        place = next(i for i, one in enumerate(changes.assets(mine)) if one.token == way.asset)
        kind = ActKind(way.act)
        assert reaches(mine, kind, place, way.amount, aim)
        smaller = [way.amount - 1, *(way.amount * part // 1000 for part in (999, 990, 900, 500, 1))]
        smaller.append(data.draw(st.integers(0, way.amount - 1)))
        assert not [amount for amount in smaller if amount > 0 and reaches(mine, kind, place, amount, aim)]


def reaches(mine: Position, kind: ActKind, place: int, amount: int, aim: int) -> bool:
    done = act(mine, kind, place, amount)
    if done is None:
        return False
    found = health(done.position)
    return found is None or found >= aim


def test_w6_an_average_that_falls_is_not_stepped_over() -> None:
    """Up to 3.4 a supply of a lower threshold cuts the average by a whole basis point: health falls before it rises."""
    from tests.whatif.averages import DIP, dips

    mine, aim = dips()
    found = [way for way in ways_of(mine, [Goal(health_aim(aim), unchanged)], ()) if way.act == "deposit"]
    place = 1
    (way,) = [one for one in found if one.asset == mine.state.tokens[place]]
    assert way.amount is not None
    assert way.proved
    assert reaches(mine, ActKind.DEPOSIT, place, way.amount, aim)
    assert not reaches(mine, ActKind.DEPOSIT, place, way.amount + DIP, aim), "the world has no dip: choose another"
    assert aim > WAD
