"""VAI: what is taken of what is asked, and what is left. On-chain tests hold the same to the real VAIController."""

from __future__ import annotations

from dataclasses import replace

import pytest

from defirisk.fixedpoint import WAD
from defirisk.model import Token
from defirisk.protocols.compound_v2.interest import Totals, owed, swept
from defirisk.protocols.compound_v2.rules import VENUS
from defirisk.protocols.compound_v2.state import Books, CompoundState, CToken, Holding, VaiDebt
from defirisk.protocols.compound_v2.vai import vai_left, vai_paid
from defirisk.protocols.interface import Pair, Refused

COIN = Token("0x" + "e0" * 20, "BNB", 18)
VAI = Token("0x" + "a1" * 20, "VAI", 18)
ROUND = VaiDebt(minted=3 * WAD, past=0, growth=0)
OLD = VaiDebt(minted=1_000_000 * WAD + 7, past=50_000 * WAD + 3, growth=WAD // 10 + 1)
PAIR = Pair(collateral=0, debt=1)


def world(debt: VaiDebt, *, forced: bool = False) -> CompoundState:
    """Ten coins at a dollar, counted at four fifths, and VAI."""
    market = CToken("0x" + "c0" * 20, "vBNB", COIN, 8 * WAD // 10, 8 * WAD // 10, 11 * WAD // 10)
    own = CToken("0x" + "cc" * 20, "VAI", VAI, 0, 0, 0, forced=forced, caps=None)
    coins = Holding(market, Books(10**30, 0, 0, 10**22, 2 * 10**26), 5 * 10**10, 0, True)
    total = owed(debt)
    owing = Holding(own, Books(total, total, 0, 0, WAD), 0, total, True, WAD, total, debt)
    return CompoundState((coins, owing), (COIN, VAI), (WAD, WAD), WAD // 2, entered_only=True)


def test_a_part_is_taken_a_little_short() -> None:
    """A third of three: the share is 0.333..., of which three times is a base unit less than one."""
    assert vai_paid(ROUND, WAD) == WAD - 1
    assert vai_left(ROUND, WAD) == VaiDebt(2 * WAD + 1, 0, 0)


def test_all_is_taken_whole() -> None:
    assert vai_paid(OLD, owed(OLD)) == owed(OLD)
    assert owed(vai_left(OLD, owed(OLD) + 1)) == 0


def test_each_part_rounds_by_itself_and_what_is_left_goes_on_growing() -> None:
    """Half of it: share 0.5 less a grain where the total is odd, of minted, of all interest, of what is past."""
    assert owed(OLD) == 1_150_000 * WAD + 1_000_010
    share = 500_000 * WAD * WAD // owed(OLD)
    burned = OLD.minted * share // WAD
    interest = (owed(OLD) - OLD.minted) * share // WAD
    assert vai_paid(OLD, 500_000 * WAD) == burned + interest < 500_000 * WAD
    left = vai_left(OLD, 500_000 * WAD)
    assert left == VaiDebt(OLD.minted - burned, OLD.past - OLD.past * share // WAD, OLD.growth)


def test_a_liquidation_seizes_for_what_was_taken() -> None:
    state = world(VaiDebt(9 * WAD, 0, 0))
    step = VENUS.liquidate(state, VENUS.standing(state), PAIR, 3 * WAD)
    assert step.repaid.raw == 3 * WAD - 3
    assert step.state.holdings[1].debt == step.state.holdings[1].books.borrows == 6 * WAD + 3
    assert step.seized[0].shares == (55 * 10**8 * (3 * WAD - 3)) // WAD == 16_499_999_999


def test_a_crumb_of_which_nothing_is_taken_ends_it() -> None:
    """The close factor allows one base unit of three, and three thirds less a grain are none."""
    state = world(VaiDebt(3, 0, 0))
    poor = replace(state, holdings=(replace(state.holdings[0], tokens=0), state.holdings[1]))
    with pytest.raises(Refused, match="LIQUIDATE_CLOSE_AMOUNT_IS_ZERO"):
        VENUS.liquidate(poor, VENUS.standing(poor), PAIR, 1)


def test_forced_vai_is_liquidated_without_a_shortfall_and_whole() -> None:
    state = world(VaiDebt(3 * WAD, 0, 0), forced=True)
    step = VENUS.liquidate(state, VENUS.standing(state), PAIR)
    assert (step.repaid.raw, step.state.holdings[1].debt) == (3 * WAD, 0)


@pytest.mark.parametrize(("first", "why"), [(5 * WAD, "VAIDebtTooHigh"), (5 * WAD + 1, "INSUFFICIENT_SHORTFALL")])
def test_a_liquidator_may_want_vai_liquidated_before_other_debts(first: int, why: str) -> None:
    state = replace(world(VaiDebt(5 * WAD, 0, 0)), vai_first=first)
    coins = replace(state.holdings[0], debt=WAD)
    both = replace(state, holdings=(coins, state.holdings[1]))
    with pytest.raises(Refused, match=why):
        VENUS.liquidate(both, VENUS.standing(both), Pair(collateral=0, debt=0))
    with pytest.raises(Refused, match="INSUFFICIENT_SHORTFALL"):
        VENUS.liquidate(both, VENUS.standing(both), PAIR)


def test_a_liquidator_redeems_its_part_where_there_is_cash() -> None:
    """At a rate of two coins in 1e8 cTokens, rounded down: what it leaves raises the rate of the others."""
    state = replace(world(VaiDebt(9 * WAD, 0, 0)), cut=WAD // 2)
    odd = replace(state.holdings[0], books=Books(2 * 10**11 + 7, 0, 0, 10**3, 2 * 10**26 + 7 * 10**15))
    rich = replace(state, holdings=(odd, state.holdings[1]))
    step = VENUS.liquidate(rich, VENUS.standing(rich), PAIR, 10**10)
    part = step.seized[0].protocol_shares
    left = step.state.holdings[0].books
    assert part == 2
    assert left == Books(odd.books.gross - odd.books.rate * part // WAD, 0, 0, 998, left.gross * WAD // 998)
    assert left.rate > odd.books.rate
    lent = replace(odd, books=replace(odd.books, borrows=odd.books.gross))
    short = replace(rich, holdings=(lent, state.holdings[1]))
    assert VENUS.liquidate(short, VENUS.standing(short), PAIR, 10**10).state.holdings[0].books == lent.books


def test_a_liquidator_finds_no_bonus_where_a_pool_gives_no_incentive() -> None:
    state = replace(world(VaiDebt(9 * WAD, 0, 0)), cut=WAD // 2)
    unlisted = replace(state.holdings[0], market=replace(state.holdings[0].market, incentive=0))
    bare = replace(state, holdings=(unlisted, state.holdings[1]))
    with pytest.raises(Refused, match="LIQUIDATOR_FINDS_NO_BONUS"):
        VENUS.liquidate(bare, VENUS.standing(bare), PAIR)


def test_reserves_leave_with_an_accrual_as_far_as_there_is_cash() -> None:
    assert swept(Totals(100, 50, 30, 7, WAD)) == Totals(70, 50, 0, 7, WAD)
    assert swept(Totals(20, 50, 30, 7, WAD)) == Totals(0, 50, 10, 7, WAD)
