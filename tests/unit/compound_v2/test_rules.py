"""Single cases of Compound V2's rules that drawn positions do not hit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from defirisk.fixedpoint import UINT256_MAX, WAD
from defirisk.model import NATIVE_COIN, Amount, ContractView, Market, Position, Token, Unit
from defirisk.protocols.compound_v2.liquidation import cover
from defirisk.protocols.compound_v2.rules import ORIGINAL
from defirisk.protocols.compound_v2.state import Books, CompoundState, CToken, Holding
from defirisk.protocols.interface import Pair, Refused
from defirisk.risk.paths import Axis
from defirisk.risk.thresholds import thresholds_of

COIN = Token(NATIVE_COIN, "ETH", 18)
DOLLAR = Token("0x" + "d0" * 20, "USDX", 6)
RATE = 2 * 10**26
PAIR = Pair(collateral=0, debt=1)


def c_token(token: Token, factor: int = 80, **more: object) -> CToken:
    terms = CToken("0x" + "c0" * 20, f"c{token.symbol}", token, factor * 10**16, factor * 10**16, 108 * 10**16)
    return replace(terms, **more)


def world(tokens: int, debt: int, *, borrows: int | None = None, price: int = 2000 * WAD) -> CompoundState:
    """Ether supplied, dollars owed."""
    ether = Holding(c_token(COIN), Books(10**30, 0, 0, 10**22, RATE), tokens, 0, True)
    owed = Books(10**30, debt if borrows is None else borrows, 10**9, 10**22, RATE // 10**12)
    dollars = Holding(c_token(DOLLAR), owed, 0, debt, True)
    return CompoundState((ether, dollars), (COIN, DOLLAR), (price, 10**30), WAD // 2)


def liquidate(state: CompoundState, repay: int | None = None):
    return ORIGINAL.liquidate(state, ORIGINAL.standing(state), PAIR, repay)


def but(state: CompoundState, slot: int, **more: object) -> CompoundState:
    """The same with one market configured otherwise."""
    holdings = list(state.holdings)
    holdings[slot] = replace(holdings[slot], market=replace(holdings[slot].market, **more))
    return replace(state, holdings=tuple(holdings))


def test_equal_sums_are_safe() -> None:
    """10 ether at 2000 and a factor of 80 %: 16,000 dollars may be owed, and not one base unit more."""
    line = world(5 * 10**10, 16_000 * 10**6)
    assert ORIGINAL.standing(line).health_factor == WAD
    assert not ORIGINAL.standing(line).liquidatable
    with pytest.raises(Refused, match="INSUFFICIENT_SHORTFALL"):
        liquidate(line)
    over = world(5 * 10**10, 16_000 * 10**6 + 1)
    assert ORIGINAL.standing(over).liquidatable
    assert liquidate(over).repaid.raw == 8_000 * 10**6


def test_a_debt_worth_nothing_has_no_health_factor() -> None:
    crumb = replace(world(1, 1), prices=(WAD, 10**17))
    assert ORIGINAL.standing(crumb).health_factor is None
    assert not ORIGINAL.standing(crumb).liquidatable
    assert [leg.amount for leg in ORIGINAL.standing(crumb).debt] == [1]


def test_one_wei_of_debt_cannot_be_closed() -> None:
    """Half of one unit is none."""
    with pytest.raises(Refused, match="LIQUIDATE_CLOSE_AMOUNT_IS_ZERO"):
        liquidate(world(0, 1))


def test_repaying_more_than_the_market_thinks_it_lent_is_refused() -> None:
    """The sum of debts is not exactly total borrows: the last debtor may owe a unit more than there is."""
    state = but(world(5 * 10**10, 17_000 * 10**6, borrows=1_000 * 10**6), 1, forced=True)
    assert liquidate(state).repaid.raw == 1_000 * 10**6
    with pytest.raises(Refused, match="TOTAL_BALANCE"):
        liquidate(state, 1_000 * 10**6 + 1)


def test_pauses_are_obeyed() -> None:
    state = world(5 * 10**10, 17_000 * 10**6)
    for paused, reason in (
        (but(state, 0, seize_paused=True), "seize is paused"),
        (but(state, 1, liquidate_paused=True), "action is paused"),
        (replace(state, paused=True), "protocol is paused"),
    ):
        with pytest.raises(Refused, match=reason):
            liquidate(paused)
    assert liquidate(but(state, 0, liquidate_paused=True)).repaid == liquidate(state).repaid


def test_nothing_is_seized_without_a_collateral() -> None:
    state = world(5 * 10**10, 17_000 * 10**6)
    with pytest.raises(Refused, match="INVALID_COLLATERAL"):
        ORIGINAL.liquidate(state, ORIGINAL.standing(state), Pair(None, 1))


def test_a_price_too_small_to_seize_by_is_refused() -> None:
    state = world(5 * 10**10, 17_000 * 10**6)
    holdings = (replace(state.holdings[0], books=replace(state.holdings[0].books, rate=10**10)), state.holdings[1])
    with pytest.raises(Refused, match="PRICE_ERROR"):
        liquidate(replace(state, holdings=holdings, prices=(1, 10**30)))


def test_a_collateral_worth_more_than_any_repayment_limits_nothing() -> None:
    assert cover(1, 0) == UINT256_MAX


def test_the_seize_share_is_of_all_and_the_cut_of_the_bonus() -> None:
    state = world(5 * 10**10, 17_000 * 10**6)
    plain = liquidate(state).seized[0]
    seized = plain.shares or 0
    shared = liquidate(but(state, 0, seize_share=28 * 10**15)).seized[0]
    assert (shared.shares, shared.protocol_shares) == (seized - seized * 28 // 1000, seized * 28 // 1000)
    cut = liquidate(replace(state, cut=WAD // 2)).seized[0]
    bonus = seized * 8 // 108
    assert (cut.shares, cut.protocol_shares) == (seized - bonus // 2, bonus // 2)
    assert ORIGINAL.standing(replace(state, cut=WAD // 2)).collateral[0].protocol_fee == WAD // 2
    leg = ORIGINAL.standing(but(state, 0, seize_share=28 * 10**15)).collateral[0]
    assert leg.protocol_fee == 378 * 10**15
    assert leg.liquidation_bonus == 8 * 10**16


def test_the_threshold_slack_is_needed() -> None:
    """Two decimals make a rate of ten digits: factor * rate / 1e18 then loses what a fortune feels."""
    cents = Token("0x" + "ce" * 20, "CENT", 2)
    rate = 10**10 + 7
    held = Holding(c_token(cents, 82), Books(10**30, 0, 0, 10**22, rate), WAD, 0, True)
    exact = 82 * rate * 10**34 // 10**20
    owed = Holding(c_token(COIN), Books(10**40, 10**35, 0, 10**22, RATE), 0, exact - 10**6, True)
    state = CompoundState((held, owed), (cents, COIN), (10**34, WAD), WAD // 2)
    standing = ORIGINAL.standing(state)
    slack = ORIGINAL.health_slack(state, standing)
    leg = standing.collateral[0]
    assert standing.liquidatable
    assert leg.amount * leg.price * leg.liquidation_threshold // WAD**2 - standing.debt_value > slack.value
    assert leg.amount * leg.price * (leg.liquidation_threshold - slack.threshold) // WAD**2 < standing.debt_value


def test_a_forced_debt_is_liquidatable_at_every_price() -> None:
    state = but(world(5 * 10**10, 10**6), 1, forced=True)
    assert ORIGINAL.standing(state).liquidatable
    view = ContractView()
    market = Market("m", "compound-v2", "original", 1, NATIVE_COIN, Unit("USD", 18))
    position = Position(market, NATIVE_COIN, ORIGINAL, state, (None, None), view, view)
    found = thresholds_of(position, [Axis("asset", "ETH", frozenset({0}), NATIVE_COIN)])
    assert [threshold.liquidation for threshold in found] == [0, 0]
    assert liquidate(state).repaid.raw == 10**6


def test_collateral_with_a_factor_of_zero_counts_for_seizing_and_for_nothing_else() -> None:
    state = but(world(5 * 10**10, 17_000 * 10**6), 0, liquidation_threshold=0)
    standing = ORIGINAL.standing(state)
    assert standing.collateral[0].counts
    assert (standing.health_factor, standing.collateral_value) == (0, 20_000 * WAD)
    assert liquidate(state).seized[0].shares


def test_supply_that_was_not_entered_is_listed_and_counts_nothing() -> None:
    state = world(5 * 10**10, 17_000 * 10**6)
    state = replace(state, holdings=(replace(state.holdings[0], entered=False), state.holdings[1]))
    standing = ORIGINAL.standing(state)
    assert not standing.collateral[0].counts
    assert (standing.health_factor, standing.collateral_value) == (0, 0)
    assert liquidate(state).seized[0].shares, "Compound's own contracts let it be seized"


def test_two_markets_of_one_underlying_bear_a_loss_with_both_reserves() -> None:
    state = world(0, 5 * 10**6)
    state = replace(
        state,
        holdings=(*state.holdings, state.holdings[1]),
        tokens=(*state.tokens, DOLLAR),
        prices=(*state.prices, 10**30),
    )
    borne = ORIGINAL.borne_by(state, [Amount(DOLLAR, 10**10)])
    assert [(one.who, one.amount) for one in borne] == [("reserves", 2 * 10**9), ("suppliers", 8 * 10**9)]
