"""What holds for every Comet account, whatever its market: invariants with an ID and a sentence."""

from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from defirisk.model import Ended
from defirisk.protocols.compound_v3 import absorb as storefront
from defirisk.protocols.compound_v3.account import borrow_balance, is_liquidatable, supply_balance
from defirisk.protocols.compound_v3.interest import Curve, accrue, borrow_principal, present_value, supply_principal
from defirisk.protocols.compound_v3.rules import COMET
from defirisk.protocols.compound_v3.state import BASE, Asset, CometState, Totals
from defirisk.protocols.interface import Pair, Refused
from defirisk.risk.interval import Interval, Undecided
from defirisk.risk.replay import replay
from defirisk.risk.thresholds import ROUNDING_UNITS
from tests.property.compound_v3.worlds import WAD, amounts, asset, assets, comet, raw_prices, states

ABSORB = Pair(None, BASE)
SCALE = 10**15


# --- selling ------------------------------------------------------------------------------------------------------


def quote(state: CometState, one: Asset, price: int, base: int) -> int:
    """``Comet.quoteCollateral`` as it stands there."""
    return state.prices[BASE] * base * one.scale // storefront.ask_price(price, one) // state.comet.base_scale


@given(st.data(), amounts(), raw_prices(), raw_prices(), st.sampled_from([6, 8, 18]))
@settings(max_examples=150)
def test_inv_c8_the_least_payment_for_the_most_that_can_be_bought(
    data: st.DataObject, amount: int, price: int, base_price: int, decimals: int
) -> None:
    """INV-C8: one unit of base less buys less, and no payment buys more without asking for more than is held."""
    one = data.draw(assets(0, WAD // 2))
    state = CometState.of(comet(decimals), -1, [(one, amount)], (base_price, price))
    assume(storefront.ask_price(price, one) > 0)
    paid = storefront.fetched(state, one, amount, price)
    bought = quote(state, one, price, paid)
    assert bought <= amount
    assert paid == 0 or quote(state, one, price, paid - 1) < bought
    more = next_quote(state, one, price, bought)
    assert more > amount or bought == amount


def next_quote(state: CometState, one: Asset, price: int, bought: int) -> int:
    """The smallest quote above one: by the payment that first exceeds it, found from the exact quotient."""
    rate = Fraction(state.prices[BASE] * one.scale, storefront.ask_price(price, one) * state.comet.base_scale)
    base = -((-(bought + 1)) // rate)
    return quote(state, one, price, int(base))


@given(states())
@settings(max_examples=150)
def test_inv_c9_the_shortcut_changes_no_answer(state: CometState) -> None:
    """INV-C9: where a sale is said to cover the credit, it fetches at least as much, to the unit."""
    done = storefront.absorption(state)
    if storefront._sale_covers_credit(state):
        assert storefront.proceeds(state) >= storefront.credit_of(state)
    assert storefront.loss(state, done) == max(0, done.paid_out - storefront.proceeds(state))


def test_inv_c9_is_not_empty() -> None:
    """Each way in which the shortcut can hold, and one in which it cannot."""

    def covers(decimals: int, price: int, liquidation: int, spf: int) -> bool:
        one = asset(0, decimals, WAD // 2, liquidation, spf)
        state = CometState.of(comet(6, spf), -1, [(one, 10 ** (decimals + 1))], (10**8, price))
        return storefront._sale_covers_credit(state)

    assert covers(18, 2000 * 10**8, 95 * 10**16, WAD // 2)
    assert covers(2, 2000 * 10**8, 95 * 10**16, WAD // 2)
    assert covers(2, 2000 * 10**8, WAD, WAD)
    assert covers(2, 2000 * 10**8, 95 * 10**16, WAD)
    assert not covers(18, 1, 95 * 10**16, WAD // 2)
    assert not covers(18, 2000 * 10**8 + 1, 95 * 10**16, WAD)


# --- absorbing ----------------------------------------------------------------------------------------------------


@given(states())
@settings(max_examples=150)
def test_inv_c10_an_absorb_takes_all_and_leaves_no_debt(state: CometState) -> None:
    """INV-C10: all or nothing; reserves pay the whole debt; surplus and forgiven debt exclude each other."""
    standing = COMET.standing(state)
    if not standing.liquidatable:
        assert_refused(state)
        return
    step = COMET.liquidate(state, standing, ABSORB)
    debt, credit = borrow_balance(state), storefront.credit_of(state)
    assert {one.slot: one.amount for one in step.seized} == dict(enumerate(state.balances, start=1))
    assert all(one.protocol_fee == 0 for one in step.seized)
    assert step.repaid.raw == max(debt, credit)
    assert sum(a.raw for a in step.written_off) == max(0, debt - credit)
    assert not (step.written_off and step.state.principal)
    assert step.state.prices == state.prices
    assert step.state.tokens == state.tokens
    after = COMET.standing(step.state)
    assert not after.liquidatable
    assert after.debt == ()
    assert supply_balance(step.state) <= max(0, credit - debt)


def assert_refused(state: CometState) -> None:
    with pytest.raises(Refused, match="NotLiquidatable"):
        COMET.liquidate(state, COMET.standing(state), ABSORB)


@given(states().filter(lambda state: COMET.standing(state).liquidatable))
@settings(max_examples=100)
def test_inv_c11_reserves_fall_by_what_they_pay_but_for_one_unit(state: CometState) -> None:
    """INV-C11: the books and ``basePaidOut`` tell the same fall of the reserves, to within a unit of each index."""
    step = COMET.liquidate(state, COMET.standing(state), ABSORB)
    fall = storefront.reserves(state) - storefront.reserves(step.state)
    assert abs(fall - step.repaid.raw) <= 2


@given(states())
@settings(max_examples=100)
def test_inv_c12_the_replay_ends_after_one_absorb(state: CometState) -> None:
    """INV-C12: the engine needs at most one liquidation, and it never ends in ``rules``."""
    done = replay(COMET, state)
    assert len(done.liquidations) == int(done.before.liquidatable)
    assert done.ended in (Ended.HEALTHY, Ended.NOTHING_TO_SEIZE)
    assert done.uncovered() == 0
    assert bool(done.written_off) == (done.ended is Ended.NOTHING_TO_SEIZE)


# --- health -------------------------------------------------------------------------------------------------------


@given(states() | states(indebted=False))
@settings(max_examples=100)
def test_inv_c13_health_below_one_is_liquidatable(state: CometState) -> None:
    """INV-C13: the factor, the flag and the contract's loop with its early exit agree."""
    standing = COMET.standing(state)
    assert standing.liquidatable == is_liquidatable(state)
    if standing.health_factor is not None:
        assert (standing.health_factor < WAD) == standing.liquidatable
    else:
        assert standing.debt_value == 0


@given(states(), st.data())
@settings(max_examples=100)
def test_inv_c14_within_the_slack_nobody_is_liquidatable(state: CometState, data: st.DataObject) -> None:
    """INV-C14: exact arithmetic, less the stated slack, proves safety at every price (thresholds rest on it)."""
    slack = COMET.health_slack(state, COMET.standing(state))
    prices = tuple(data.draw(raw_prices()) for _ in state.prices)
    moved = COMET.reprice(state, prices)
    standing = COMET.standing(moved)
    margin = sum(
        Fraction(leg.amount * leg.price * (leg.liquidation_threshold - slack.threshold), moved.scales[leg.slot] * WAD)
        for leg in standing.collateral
    ) - sum(Fraction(debt.amount * debt.price, moved.scales[debt.slot]) for debt in standing.debt)
    if margin >= slack.value:
        assert not standing.liquidatable


def test_inv_c14_the_slack_is_needed() -> None:
    """Without it the proof would be wrong: each leg's two roundings take almost two units of 1.999999."""
    legs = [(asset(offset, 6, 5 * 10**17, 9 * 10**17), 1) for offset in range(2)]
    state = CometState.of(comet(), -10, legs, (10**5, 1_999_999, 1_999_999))
    standing = COMET.standing(state)
    owed = Fraction(borrow_balance(state) * 10**5, 10**6)
    assert 2 * Fraction(1_999_999, 10**6) / 2 > owed >= standing.debt_value == 1
    assert standing.liquidatable


@given(states(), st.data())
@settings(max_examples=150)
def test_inv_c18_where_sales_conserve_the_engine_s_line_holds(state: CometState, data: st.DataObject) -> None:
    """INV-C18: collateral times recovery above the debt by the engine's margin is no loss, where the rules say so."""
    assume(COMET.health_slack(state, COMET.standing(state)).conserves)
    for _ in range(8):
        moved = COMET.reprice(state, tuple(data.draw(raw_prices()) for _ in state.prices))
        if engine_margin(moved) >= 0:
            assert not replay(COMET, moved).loses()


def engine_margin(state: CometState) -> Fraction:
    """The cover line of ``risk.thresholds`` at a state's own prices, unit base units."""
    today = COMET.standing(state)
    covered = sum(
        Fraction(((leg.amount - ROUNDING_UNITS) * leg.recovery - leg.amount) * leg.price, state.scales[leg.slot] * WAD)
        for leg in today.collateral
    )
    owed = sum(Fraction((one.amount + ROUNDING_UNITS) * one.price, state.scales[one.slot]) for one in today.debt)
    return covered - owed - ROUNDING_UNITS


def test_inv_c18_is_not_empty() -> None:
    """An ordinary loan has the promise; many whole tokens, a small debt or a discount of the whole penalty have not."""

    def conserves(amount: int, debt: int, spf: int) -> bool:
        one = asset(0, 18, 8 * 10**17, 9 * 10**17, spf)
        state = CometState.of(comet(6, spf), -debt, [(one, amount)], (10**8, 2000 * 10**8))
        return COMET.health_slack(state, COMET.standing(state)).conserves

    assert conserves(10 * 10**18, 10**10, WAD // 2)
    assert not conserves(513 * 10**18, 10**13, WAD // 2)
    assert not conserves(10 * 10**18, 10**8, WAD // 2)
    assert not conserves(10 * 10**18, 10**10, WAD)


def test_inv_c18_the_promise_is_needed() -> None:
    """A billion tokens at two units each: the ask rounds down to one, and half of the value is not fetched."""
    one = asset(0, 0, 5 * 10**17, 98 * 10**16)
    state = CometState.of(comet(6), -16_000_000, [(one, 10**9)], (10**8, 2))
    assert COMET.standing(state).liquidatable
    assert engine_margin(state) > 0
    assert replay(COMET, state).loses()
    assert not COMET.health_slack(state, COMET.standing(state)).conserves


# --- the same on intervals ----------------------------------------------------------------------------------------


@st.composite
def ranges(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    return tuple(
        (low, low + draw(st.integers(0, 3) | st.integers(0, low)))
        for low in draw(st.lists(raw_prices(), min_size=5, max_size=5))
    )


@given(states(most=4), ranges(), st.data())
@settings(max_examples=150)
def test_inv_c15_intervals_bound_every_point(state: CometState, bounds: tuple, data: st.DataObject) -> None:
    """INV-C15: run on ranges of prices, the rules either do not know or hold for each price in them."""
    bounds = bounds[: len(state.prices)]
    wide = COMET.reprice(state, tuple(Interval(*bound) for bound in bounds))  # type: ignore[arg-type]
    try:
        liquidatable = COMET.standing(wide).liquidatable
        loses = replay(COMET, wide).loses()
    except Undecided:
        return
    points = tuple(data.draw(st.integers(*bound)) for bound in bounds)
    point = COMET.reprice(state, points)
    assert COMET.standing(point).liquidatable == liquidatable
    assert replay(COMET, point).loses() == loses


def test_inv_c15_is_not_empty() -> None:
    """A fall of a tenth is decided at once on either side of the line."""
    one = asset(0, 18, 8 * 10**17, 9 * 10**17)
    state = CometState.of(comet(), -1_000 * 10**6, [(one, 10**18)], (10**8, 2000 * 10**8))
    for low, expected in ((1500, (False, False)), (1260, (True, False)), (600, (True, True))):
        wide = COMET.reprice(state, (10**8, Interval(low * 10**8, (low + low // 20) * 10**8)))  # type: ignore[arg-type]
        assert (COMET.standing(wide).liquidatable, replay(COMET, wide).loses()) == expected


# --- interest -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**30), st.integers(SCALE, 10 * SCALE))
def test_inv_c16_principals_round_against_the_owner(value: int, index: int) -> None:
    """INV-C16: a supply is never worth more, nor a debt less, than what was put in or taken out."""
    assert present_value(supply_principal(value, index), index) <= value
    assert present_value(borrow_principal(value, index), index) >= value
    assert supply_principal(value, index) <= borrow_principal(value, index) <= supply_principal(value, index) + 1


@given(
    st.integers(0, 10**30),
    st.integers(0, 10**30),
    st.integers(0, 4 * 10**7),
    st.integers(0, 10**18),
    st.integers(0, 10**11),
)
@example(0, 1, 1, 1, 1)
def test_inv_c17_indices_never_fall(supply: int, borrow: int, elapsed: int, kink: int, slope: int) -> None:
    """INV-C17: time only adds interest, and none passes in no time; no supply is no utilisation, not an error."""
    stored = Totals(SCALE, SCALE + 7, supply, borrow)
    curve = Curve(kink, 317097919, slope, 10 * slope)
    later = accrue(stored, curve, curve, elapsed)
    assert later.supply_index >= stored.supply_index
    assert later.borrow_index >= stored.borrow_index
    assert accrue(stored, curve, curve, 0) == stored
