"""Invariants of Compound V2's rules, each with an ID."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from defirisk.fixedpoint import WAD
from defirisk.model import Amount, Direction, Ended
from defirisk.protocols.compound_v2.account import accrued_sums
from defirisk.protocols.compound_v2.interest import Totals, accrued, debt_at, debt_bounds
from defirisk.protocols.compound_v2.rules import ORIGINAL, VENUS
from defirisk.protocols.compound_v2.state import Books, CompoundState, CToken, Holding
from defirisk.protocols.interface import Pair, Refused, Step
from defirisk.risk.interval import Interval, Undecided
from defirisk.risk.paths import Axis
from defirisk.risk.replay import replay
from defirisk.risk.thresholds import thresholds_of
from tests.property.rule_sets import World, placed
from tests.unit.compound_v2.worlds import states, token

drawn = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def calls(state: CompoundState) -> list[tuple[Pair, Step]]:
    """Every call that the rules accept, each pair at its largest amount."""
    found = []
    for collateral, held in enumerate(state.holdings):
        for debt, owed in enumerate(state.holdings):
            if held.tokens and owed.debt:
                pair = Pair(collateral, debt)
                step = attempt(state, pair)
                if step is not None:
                    found.append((pair, step))
    return found


def attempt(state: CompoundState, pair: Pair, repay: int | None = None) -> Step | None:
    try:
        return ORIGINAL.liquidate(state, ORIGINAL.standing(state), pair, repay)
    except Refused:
        return None


@drawn
@given(states())
def test_inv_v2_01_a_call_moves_what_it_says_and_nothing_else(state: CompoundState) -> None:
    for pair, step in calls(state):
        seized = step.seized[0]
        before, after = state.holdings, step.state.holdings
        taken = (seized.shares or 0) + (seized.protocol_shares or 0)
        assert before[pair.collateral].tokens == after[pair.collateral].tokens + taken
        assert before[pair.debt].debt == after[pair.debt].debt + step.repaid.raw
        assert before[pair.debt].books.borrows == after[pair.debt].books.borrows + step.repaid.raw
        burned = before[pair.collateral].books.supply - after[pair.collateral].books.supply
        assert burned in {0, seized.protocol_shares}
        redeemed, kept = (
            (seized.protocol_fee, 0) if state.cut else (0, seized.protocol_fee)
        )  # by whom the part is burned
        for slot, (one, other) in enumerate(zip(before, after, strict=True)):
            paid = redeemed if burned and slot == pair.collateral else 0
            assert one.books.gross == other.books.gross + paid
            if slot not in (pair.collateral, pair.debt):
                assert one == other
        added = after[pair.collateral].books.reserves - before[pair.collateral].books.reserves
        assert added == (kept if burned else 0)


@drawn
@given(states())
def test_inv_v2_02_the_largest_repayment_is_accepted_and_one_unit_more_is_not(state: CompoundState) -> None:
    for pair, step in calls(state):
        assert attempt(state, pair, step.repaid.raw) == step
        assert attempt(state, pair, step.repaid.raw + 1) is None
        assert attempt(state, pair, 0) is None


@drawn
@given(states())
def test_inv_v2_03_health_is_below_one_exactly_with_a_shortfall(state: CompoundState) -> None:
    standing, sums = ORIGINAL.standing(state), accrued_sums(state)
    assert (standing.health_factor is None) == (sums.debts == 0)
    assert standing.liquidatable == (sums.collateral < sums.debts)
    assert standing.liquidatable == (standing.health_factor is not None and standing.health_factor < WAD)


@drawn
@given(states())
def test_inv_v2_04_an_exchange_rate_never_falls(state: CompoundState) -> None:
    for pair, step in calls(state):
        for slot, (one, other) in enumerate(zip(state.holdings, step.state.holdings, strict=True)):
            assert other.books.rate >= one.books.rate
            if slot != pair.collateral:
                assert other.books.rate == one.books.rate


def surplus(state: CompoundState) -> Fraction:
    """What all that was entered can repay, less the debts: exact, USD with 18 decimals."""
    total = Fraction(0)
    for leg in ORIGINAL.standing(state).collateral:
        held = state.holdings[leg.slot]
        if leg.counts:
            total += Fraction(held.tokens * held.books.rate * leg.price, WAD * held.market.incentive)
    return total - sum(Fraction(one.debt * price, WAD) for one, price in zip(state.holdings, state.prices, strict=True))


@drawn
@given(states())
def test_inv_v2_05_a_call_leaves_the_lenders_no_worse(state: CompoundState) -> None:
    """Seizing at the incentive is what bad debt reckons with; what rounding takes is below tokens / 1e18, and a grain
    of underlying that the last cToken is worth."""
    for pair, step in calls(state):
        if state.holdings[pair.collateral].entered:
            held, price = state.holdings[pair.collateral], state.prices[pair.collateral]
            grain = Fraction(price, WAD) + 1
            assert surplus(step.state) - surplus(state) >= -(Fraction(held.tokens, WAD) + grain)


@drawn
@given(states(), st.data())
def test_inv_v2_06_a_stretch_of_prices_contains_every_price_in_it(state: CompoundState, data: st.DataObject) -> None:
    slot = data.draw(st.integers(0, len(state.prices) - 1))
    low = state.prices[slot]
    high = low + data.draw(st.integers(0, low // 10**6 + 1))
    inside = data.draw(st.integers(low, high))
    wide = ORIGINAL.reprice(state, tuple(Interval(low, high) if i == slot else p for i, p in enumerate(state.prices)))
    point = ORIGINAL.reprice(state, tuple(inside if i == slot else p for i, p in enumerate(state.prices)))
    try:
        broad, exact = ORIGINAL.standing(wide), ORIGINAL.standing(point)
        assert broad.liquidatable == exact.liquidatable
    except Undecided:
        return
    for pair, step in calls(point):
        try:
            stretched = ORIGINAL.liquidate(wide, broad, pair)
        except Undecided:
            continue
        holds(stretched.repaid.raw, step.repaid.raw)
        for one, other in zip(stretched.state.holdings, step.state.holdings, strict=True):
            for number, value in (
                (one.tokens, other.tokens),
                (one.debt, other.debt),
                (one.books.rate, other.books.rate),
            ):
                holds(number, value)


def holds(number: Any, value: int) -> None:
    low, high = (number.lo, number.hi) if isinstance(number, Interval) else (number, number)
    assert low <= value <= high


@drawn
@given(states(), st.integers(-10, 10), st.integers(0, 10**6))
def test_inv_v2_07_what_the_slack_calls_safe_is_not_liquidatable(state: CompoundState, near: int, spread: int) -> None:
    """Debts are set to the very line where exact arithmetic, less the slack, says safe."""
    owed = [slot for slot, one in enumerate(state.holdings) if one.debt]
    assume(owed)
    standing = ORIGINAL.standing(state)
    slack = ORIGINAL.health_slack(state, standing)
    counted = [leg for leg in standing.collateral if leg.counts]
    safe = sum(
        Fraction(leg.amount * leg.price * (leg.liquidation_threshold - slack.threshold), WAD**2) for leg in counted
    )
    debts = [Fraction(one.debt * price, WAD) for one, price in zip(state.holdings, state.prices, strict=True)]
    rest = sum(debts) - debts[owed[0]]
    room = safe - slack.value - rest
    debt = int(room * WAD / state.prices[owed[0]]) + near - spread
    assume(debt > 0)
    holdings = list(state.holdings)
    holdings[owed[0]] = replace(holdings[owed[0]], debt=debt)
    lined = replace(state, holdings=tuple(holdings))
    margin = safe - rest - Fraction(debt * state.prices[owed[0]], WAD)
    if margin >= slack.value:
        assert not ORIGINAL.standing(lined).liquidatable


@drawn
@given(states(), st.lists(st.integers(1, 10**30), min_size=4, max_size=4))
def test_inv_v2_08_every_loss_is_borne_in_full(state: CompoundState, raws: list[int]) -> None:
    losses = [Amount(one.market.token, raw) for one, raw in zip(state.holdings, raws, strict=False) if one.debt]
    borne = ORIGINAL.borne_by(state, losses)
    for loss in losses:
        parts = {part.who: part.amount for part in borne if part.token == loss.token}
        assert sum(parts.values()) == loss.raw
        reserves = next(one.books.reserves for one in state.holdings if one.market.token == loss.token)
        assert parts.get("reserves", 0) == min(loss.raw, reserves)
        assert set(parts) <= {"reserves", "suppliers"}


@drawn
@given(
    st.integers(1, 10**30),
    st.integers(10**18, 10**20),
    st.integers(10**18, 10**20),
    st.integers(0, 10**14),
    st.integers(0, 10**7),
)
def test_inv_v2_09_a_debt_at_the_block_lies_within_its_bounds(
    principal: int, interest_index: int, index: int, rate: int, elapsed: int
) -> None:
    stored_index = max(index, interest_index)
    now = accrued(Totals(0, 10**24, 0, 1, stored_index), borrow_rate=rate, elapsed=elapsed, reserve_factor=WAD // 10)
    assert now.borrow_index >= stored_index
    stored = debt_at(principal, stored_index, interest_index)
    low, high = debt_bounds(stored, stored_index, now.borrow_index)
    assert low <= debt_at(principal, now.borrow_index, interest_index) <= high
    assert high - low <= now.borrow_index // stored_index + 1


@settings(drawn, max_examples=30)
@given(states(), st.integers(1, 99))
def test_inv_v2_10_a_replay_ends_and_says_how(state: CompoundState, percent: int) -> None:
    done = replay(ORIGINAL, ORIGINAL.reprice(state, tuple(max(1, p * percent // 100) for p in state.prices)))
    if done.ended is Ended.HEALTHY:
        assert not done.after.liquidatable
    if done.ended is Ended.NOTHING_TO_SEIZE:
        assert done.after.collateral_value == 0
        assert done.bad_debt()
    if done.ended is Ended.RULES:
        assert all(
            attempt(done.state, Pair(c.slot, d.slot)) is None
            for c in done.after.collateral
            if c.counts
            for d in done.after.debt
        )


def dust(number: int, decimals: int, factor: int, books: Books, tokens: int, debt: int, incentive: int) -> Holding:
    market = CToken(f"0x{number + 100:040x}", f"cT{number}", token(number, decimals), factor, factor, incentive, 0)
    return Holding(market, books, tokens, debt, entered=True)


def test_a_proof_that_takes_some_thousand_calls_is_seen_to_its_end() -> None:
    """Nearer than where a loss probably begins, roundings of dust leave one: whoever gives up early tells the farther."""
    held = (
        dust(0, 8, 0, Books(26562, 2000, 142, 117311, 225213321853875595), 88, 2000, 105 * WAD // 100),
        dust(2, 8, 825 * WAD // 1000, Books(241, 36, 1, 2131, 112623181604880337), 1619, 36, 108 * WAD // 100),
    )
    prices = (10**23, 17815698276606640000000000)
    state = CompoundState(held, tuple(one.market.token for one in held), prices, WAD // 2, 0)
    axis = Axis("asset", "T2", frozenset([1]))
    down = next(
        one for one in thresholds_of(placed(World("venus", VENUS, state)), [axis]) if one.direction is Direction.DOWN
    )
    assert (down.bad_debt_price, down.proved) == (1489052795031055912117852, True)
