"""Comet's rules one by one, on numbers small enough to check by hand."""

from __future__ import annotations

from typing import Any

import pytest

from defirisk.fixedpoint import WAD
from defirisk.model import Amount, Borne, Ended
from defirisk.protocols import compound_v3
from defirisk.protocols.compound_v3.absorb import ask_price, fetched
from defirisk.protocols.compound_v3.account import is_borrow_collateralized, is_liquidatable
from defirisk.protocols.compound_v3.family import PROTOCOL
from defirisk.protocols.compound_v3.interest import Curve, accrue, utilization
from defirisk.protocols.compound_v3.rules import COMET, COMET_EXTENDED, RULES, rules_for
from defirisk.protocols.compound_v3.state import BASE, CometState, Totals, ask_factor
from defirisk.protocols.interface import Pair, Refused
from defirisk.risk.replay import replay
from tests.property.compound_v3.worlds import asset, comet

ABSORB = Pair(None, BASE)
ETH, BTC = (asset(0, 18, 8 * 10**17, 9 * 10**17), asset(1, 8, 7 * 10**17, 95 * 10**16))
ONE = 10**6


def account(debt: int, price: int = 2000, **market: Any) -> CometState:
    """One ether at ``price`` USD against ``debt`` base units of principal; the base costs one USD."""
    return CometState.of(comet(**market), -debt, [(ETH, WAD)], (10**8, price * 10**8))


def test_names_and_bits() -> None:
    """Two variants; bits from 16 on exist in one of them; nothing beyond the list is held."""
    assert {name: rules.whole_account for name, rules in RULES.items()} == {"comet": True, "comet-extended": True}
    assert COMET.held(0b101, 0b11, 15) == (0, 2)
    assert COMET_EXTENDED.held(0b101, 0b11, 18) == (0, 2, 16, 17)
    assert COMET_EXTENDED.held(0b101, 0b11, 17) == (0, 2, 16)
    assert [rules_for(most) for most in (0, 12, 15, 16, 17, 24, 25)] == [
        None, COMET, COMET, COMET, COMET_EXTENDED, COMET_EXTENDED, None,
    ]  # fmt: skip
    assert repr(COMET) == "CometRules(comet)"


def test_the_family() -> None:
    assert PROTOCOL.name == "compound-v3"
    assert PROTOCOL.deployments.is_file()
    with pytest.raises(AttributeError):
        _ = compound_v3.NOTHING


def test_a_standing_leg_by_leg() -> None:
    """Debt 1000 * 1.1; one ether at 2000 counts 80 %: 1600 / 1100."""
    standing = COMET.standing(account(1000 * ONE))
    (leg,), (debt,) = standing.collateral, standing.debt
    assert (leg.slot, leg.amount, leg.value, leg.counts) == (1, WAD, 2000 * 10**8, True)
    assert (leg.liquidation_threshold, leg.liquidation_bonus, leg.liquidation_penalty) == (8 * 10**17, None, 10**17)
    assert (leg.recovery, leg.protocol_fee) == (95 * 10**16, 0)
    assert (debt.slot, debt.amount, debt.value) == (0, 1100 * ONE, 1100 * 10**8)
    assert standing.health_factor == 1600 * WAD // 1100
    assert (standing.collateral_value, standing.debt_value) == (2000 * 10**8, 1100 * 10**8)
    assert not standing.liquidatable


def test_equal_is_safe_and_one_unit_less_is_not() -> None:
    """1600 of 2000 against a debt of exactly 1600, and against one oracle unit of price less."""
    market = {"accrued": Totals(10**15, 10**15, 10**12, 10**12), "stored": Totals(10**15, 10**15, 10**12, 10**12)}
    state = account(1600 * ONE, **market)
    assert COMET.standing(state).health_factor == WAD
    assert not COMET.standing(state).liquidatable
    lower = COMET.reprice(state, (10**8, 2000 * 10**8 - 1))
    assert COMET.standing(lower).liquidatable
    assert COMET.standing(lower).health_factor == WAD - 1 - (WAD // (1600 * 10**8) - 1)


def test_a_supply_of_base_is_a_leg_that_does_not_count() -> None:
    state = CometState.of(comet(), 1000 * ONE, [(BTC, 10**8)], (10**8, 60_000 * 10**8))
    standing = COMET.standing(state)
    supply, leg = standing.collateral
    assert (supply.slot, supply.amount, supply.counts, supply.value) == (0, 1050 * ONE, False, 1050 * 10**8)
    assert supply.liquidation_penalty is None
    assert supply.recovery == 0
    assert leg.slot == 1
    assert (standing.health_factor, standing.liquidatable, standing.debt) == (None, False, ())
    assert standing.collateral_value == 60_000 * 10**8
    assert is_borrow_collateralized(state)
    assert not is_liquidatable(state)


def test_a_debt_of_no_value_is_none() -> None:
    """A few wei of an 18-decimals base are worth 0: not liquidatable, even without any collateral."""
    state = CometState.of(comet(18), -5, [], (10**8,))
    standing = COMET.standing(state)
    assert (standing.health_factor, standing.liquidatable, standing.debt_value) == (None, False, 0)
    assert len(standing.debt) == 1
    owed = COMET.standing(CometState.of(comet(18), -(10**10), [], (10**8,)))
    assert owed.liquidatable
    assert owed.health_factor == 0


def test_between_the_lines() -> None:
    """Borrowing counts 72 %, liquidation 80 %: 1100 of 2000 neither, of 1450 between, of 1300 over."""
    borrow = [is_borrow_collateralized(account(1000 * ONE, price)) for price in (2000, 1450, 1300)]
    liquidate = [is_liquidatable(account(1000 * ONE, price)) for price in (2000, 1450, 1300)]
    assert (borrow, liquidate) == ([True, False, False], [False, False, True])


def test_a_feed_is_not_read_once_the_sum_is_covered() -> None:
    """The early exit of the views: a bad feed after the first sufficient asset is never met."""
    holdings = [(ETH, WAD), (BTC, 10**8)]
    state = CometState.of(comet(), -1000 * ONE, holdings, (10**8, 2000 * 10**8, 0))
    assert is_liquidatable(state, {2}) is False
    assert is_liquidatable(state, {1}) is None
    assert is_liquidatable(state, {0}) is None
    assert is_borrow_collateralized(state, {2}) is True
    tight = CometState.of(comet(), -1500 * ONE, holdings, (10**8, 2000 * 10**8, 0))
    assert is_liquidatable(tight, {2}) is None


# --- absorb -------------------------------------------------------------------------------------------------------


def test_an_absorb_with_a_surplus() -> None:
    """1100 owed, ether at 1300 credited at 90 %: 1170 paid out, 70 left to the owner, sold at 95 % for 1235."""
    state = account(1000 * ONE, 1300)
    step = COMET.liquidate(state, COMET.standing(state), ABSORB)
    assert step.repaid == Amount(state.tokens[BASE], 1170 * ONE)
    assert [(one.slot, one.amount, one.protocol_fee) for one in step.seized] == [(1, WAD, 0)]
    assert (step.bad_debt, step.written_off) == ((), ())
    assert step.state.principal == 70 * ONE * 100 // 105
    assert step.state.balances == (0,)
    before, after = state.totals, step.state.totals
    assert after.total_borrow == before.total_borrow - 1000 * ONE
    assert after.total_supply == before.total_supply + step.state.principal


def test_an_absorb_that_forgives() -> None:
    """Ether at 1000: credited 900 of 1100, 200 forgiven, sold for 950: reserves lose 150."""
    state = account(1000 * ONE, 1000)
    done = replay(COMET, state)
    (absorbed,) = done.liquidations
    assert absorbed.repaid.raw == 1100 * ONE
    assert [amount.raw for amount in done.written_off] == [200 * ONE]
    assert [amount.raw for amount in absorbed.bad_debt] == [150 * ONE]
    assert absorbed.health_factor_after is None
    assert done.ended is Ended.NOTHING_TO_SEIZE
    assert done.after.collateral == ()


@pytest.mark.parametrize(("more", "surplus", "forgiven"), [(-1, 0, 1), (0, 0, 0), (1, 1, 0)])
def test_around_a_credit_that_is_the_debt(more: int, surplus: int, forgiven: int) -> None:
    """A credit of exactly the debt leaves nothing on either side; one unit more is the owner's, one less is forgiven."""
    even = Totals(10**15, 10**15, 10**12, 10**12)
    state = account(900 * ONE - more, 1000, accrued=even, stored=even)
    step = COMET.liquidate(state, COMET.standing(state), ABSORB)
    assert step.repaid.raw == 900 * ONE + forgiven
    assert step.state.principal == surplus
    assert sum(amount.raw for amount in step.written_off) == forgiven


def test_forgiven_debt_need_not_be_lost() -> None:
    """Ether at 1180: 38 of 1100 are forgiven, and the storefront fetches 1121 all the same."""
    state = account(1000 * ONE, 1180)
    step = COMET.liquidate(state, COMET.standing(state), ABSORB)
    assert [amount.raw for amount in step.written_off] == [38 * ONE]
    assert step.bad_debt == ()


def test_debt_without_collateral() -> None:
    state = CometState.of(comet(), -1000 * ONE, [], (10**8,))
    step = COMET.liquidate(state, COMET.standing(state), ABSORB)
    assert step.seized == ()
    assert step.repaid.raw == step.bad_debt[0].raw == step.written_off[0].raw == 1100 * ONE


@pytest.mark.parametrize(
    ("state", "pair", "repay", "reason"),
    [
        (account(1000 * ONE, 1000), Pair(1, BASE), None, "whole account"),
        (account(1000 * ONE, 1000), Pair(None, 1), None, "whole account"),
        (account(1000 * ONE, 1000), ABSORB, 5, "whole account"),
        (account(1000 * ONE, 2000), ABSORB, None, "NotLiquidatable"),
        (account(1000 * ONE, 1000, paused=frozenset({"absorb"})), ABSORB, None, "Paused"),
    ],
)
def test_refusals(state: CometState, pair: Pair, repay: int | None, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        COMET.liquidate(state, COMET.standing(state), pair, repay)


def test_a_paused_absorb_leaves_the_hole_uncovered() -> None:
    """Nothing happens, and what the sale could not cover stands as uncovered: 1100 - 950."""
    done = replay(COMET, account(1000 * ONE, 1000, paused=frozenset({"absorb"})))
    assert (done.ended, done.liquidations) == (Ended.RULES, ())
    assert done.uncovered() == 150 * 10**8
    assert done.loses()
    open_for_it = replay(COMET, account(1000 * ONE, 1000, paused=frozenset({"buy", "supply"})))
    assert open_for_it.ended is Ended.NOTHING_TO_SEIZE


# --- the storefront -----------------------------------------------------------------------------------------------


def test_the_discount_is_cut_and_so_is_the_price() -> None:
    """Both floors of ``quoteCollateral``: 1 - 0.5 * (1 - lf) with an odd last digit, then the price."""
    assert ask_factor(WAD // 2, 9 * 10**17) == 95 * 10**16
    assert ask_factor(1, WAD - 1) == WAD
    assert ask_factor(WAD, 0) == 0
    assert ask_price(101, ETH) == 95


def test_what_a_sale_fetches() -> None:
    """By hand: 3 sats at 57,000 are 1.71 thousandths; 3 wei of ether are not worth a unit of base, nor for sale."""
    state = CometState.of(comet(), -ONE, [(BTC, 3), (ETH, 3)], (10**8, 60_000 * 10**8, 2000 * 10**8))
    btc = fetched(state, BTC, 3, 60_000 * 10**8)
    assert btc == -(-3 * 58_500 * 10**6 // 10**8) == 1755
    assert fetched(state, ETH, 3, 2000 * 10**8) == 0
    assert fetched(state, ETH, WAD, 1) == 0  # an ask of 0: the quote would divide by it


# --- who bears it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reserves", "shares"),
    [
        (1000, [("reserves", 100), ("reserves", 50)]),
        (120, [("reserves", 100), ("reserves", 20), ("suppliers", 30)]),
        (100, [("reserves", 100), ("suppliers", 50)]),
        (0, [("suppliers", 100), ("suppliers", 50)]),
        (-7, [("suppliers", 100), ("suppliers", 50)]),
    ],
)
def test_reserves_go_first(reserves: int, shares: list[tuple[str, int]]) -> None:
    state = account(1, reserves=reserves)
    losses = [Amount(state.tokens[BASE], raw) for raw in (100, 50)]
    assert COMET.borne_by(state, losses) == tuple(Borne(who, state.tokens[BASE], raw) for who, raw in shares)


def test_reserves_are_those_before_the_absorb() -> None:
    """The state after an absorb has lower reserves in its books; what was there to bear the loss is asked."""
    state = account(1000 * ONE, 1000, reserves=160 * ONE)
    done = replay(COMET, state)
    assert [one.who for one in COMET.borne_by(done.state, done.liquidations[0].bad_debt)] == ["reserves"]


# --- interest -----------------------------------------------------------------------------------------------------


def test_rates_around_the_kink() -> None:
    """At the kink the low slope still holds; above it the high one counts for what is above."""
    curve = Curve(kink=8 * 10**17, base=7, slope_low=1000, slope_high=10_000)
    assert [curve.rate(used) for used in (0, 8 * 10**17, 9 * 10**17, 2 * WAD)] == [7, 807, 1807, 12_807]
    steep = Curve(kink=100, base=0, slope_low=WAD, slope_high=10 * WAD)
    assert [steep.rate(used) for used in (99, 100, 101)] == [99, 100, 110]


def test_utilisation_of_an_empty_market_and_over_one() -> None:
    assert utilization(Totals(10**15, 10**15, 0, 5)) == 0
    assert utilization(Totals(10**15, 2 * 10**15, 100, 100)) == 2 * WAD


def test_simple_interest() -> None:
    """Index 1.0 at 1e-9 a second for 1000 seconds: one millionth, not compounded."""
    flat = Curve(kink=WAD, base=10**9, slope_low=0, slope_high=0)
    later = accrue(Totals(10**15, 2 * 10**15, 100, 50), flat, flat, 1000)
    assert (later.supply_index, later.borrow_index) == (10**15 + 10**9, 2 * 10**15 + 2 * 10**9)


def test_stored_state_is_valued_by_stored_indices() -> None:
    """What the contract's views see: the same principal, another index."""
    stored = Totals(10**15, 10**15, 10**12, 10**12)
    state = account(1000 * ONE, 1300, stored=stored)
    assert COMET.standing(state).liquidatable
    assert not COMET.standing(state.as_stored()).liquidatable
    assert state.as_stored().totals is stored
