"""Every number that the original contracts were recorded to answer, again and to the last digit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from defirisk.protocols.compound_v2.account import stored_liquidity, supply_of
from defirisk.protocols.compound_v2.interest import Totals, accrued, books_of, debt_at, debt_bounds
from defirisk.protocols.compound_v2.rules import ORIGINAL
from defirisk.protocols.compound_v2.state import CompoundState, Holding
from defirisk.protocols.interface import Pair, Refused

from .recording import liquidated, market, recorded, state_of, totals_of

SHOCKS = recorded()["shocks"]
WALLETS = range(len(recorded()["base"]["wallets"]))
MARKETS = range(len(recorded()["base"]["markets"]))
RECORDED_NUMBERS = 39_398
"""How many of our numbers meet a recorded one; changed only together with the data."""


# --- prices move --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shock", SHOCKS, ids=lambda shock: shock["name"])
def test_liquidity_of_every_wallet(shock: Any) -> None:
    for wallet in WALLETS:
        told = ["0", *(str(side) for side in stored_liquidity(state_of(wallet, shock["prices"])))]
        assert told == shock["liquidity"][wallet], wallet


@pytest.mark.parametrize("shock", SHOCKS, ids=lambda shock: shock["name"])
def test_every_step_of_every_liquidation(shock: Any) -> None:
    expected = {one["wallet"]: one for one in shock["liquidations"]}
    for wallet in WALLETS:
        state = state_of(wallet, shock["prices"])
        assert ORIGINAL.standing(state).liquidatable == (wallet in expected), wallet
        if wallet in expected:
            assert {"wallet": wallet, **liquidated(state)} == expected[wallet]


@pytest.mark.parametrize("shock", SHOCKS, ids=lambda shock: shock["name"])
def test_health_factor_is_below_one_exactly_with_a_shortfall(shock: Any) -> None:
    for wallet in WALLETS:
        health = ORIGINAL.standing(state_of(wallet, shock["prices"])).health_factor
        assert (health is not None and health < 10**18) == (shock["liquidity"][wallet][2] != "0"), wallet


# --- time passes --------------------------------------------------------------------------------------------------


def brought_to(index: int, block: int) -> Totals:
    raw = recorded()["accrual"]["markets_stored"][index]
    return accrued(
        totals_of(raw),
        borrow_rate=int(raw["borrowRatePerBlock"]),
        elapsed=block - int(raw["accrualBlockNumber"]),
        reserve_factor=int(raw["reserveFactor"]),
    )


@pytest.mark.parametrize("index", MARKETS)
def test_exchange_rates_and_total_borrows_at_the_block(index: int) -> None:
    accrual = recorded()["accrual"]
    stored = accrual["markets_stored"][index]
    now = brought_to(index, int(accrual["block"]))
    assert str(books_of(totals_of(stored), 0).rate) == stored["exchangeRateStored"]
    assert {
        "exchangeRateCurrent": str(books_of(now, 0).rate),
        "totalBorrowsCurrent": str(now.borrows),
    } == accrual["markets_current"][index]


@pytest.mark.parametrize("index", MARKETS)
def test_accrue_interest_as_its_event_says(index: int) -> None:
    event = recorded()["accrual"]["accrueInterest"][index]
    before, after = totals_of(recorded()["accrual"]["markets_stored"][index]), brought_to(index, int(event["block"]))
    assert {
        "block": event["block"],
        "cashPrior": str(before.cash),
        "interestAccumulated": str(after.borrows - before.borrows),
        "borrowIndex": str(after.borrow_index),
        "totalBorrows": str(after.borrows),
        "totalReserves": str(after.reserves),
    } == event


def test_balances_and_debts_of_every_position() -> None:
    accrual = recorded()["accrual"]
    for raw in accrual["wallets"]:
        stored = accrual["markets_stored"][raw["market"]]
        now = brought_to(raw["market"], int(accrual["block"]))
        principal, index = int(raw["principal"]), int(raw["interestIndex"])
        held = Holding(market(raw["market"]), books_of(now, 0), int(raw["tokens"]), 0, True)
        ours = {
            "borrowStored": str(debt_at(principal, int(stored["borrowIndex"]), index)),
            "borrowCurrent": str(debt_at(principal, now.borrow_index, index)),
            "underlyingCurrent": str(supply_of(held)),
        }
        assert ours == {name: raw[name] for name in ours}, raw


def test_a_debt_is_bounded_by_what_the_market_tells() -> None:
    """A reader knows the stored debt and both indices only: the real debt lies within one or two units."""
    accrual = recorded()["accrual"]
    for raw in accrual["wallets"]:
        stored = int(accrual["markets_stored"][raw["market"]]["borrowIndex"])
        low, high = debt_bounds(
            int(raw["borrowStored"]), stored, brought_to(raw["market"], int(accrual["block"])).borrow_index
        )
        assert low <= int(raw["borrowCurrent"]) <= high <= low + 2, raw


# --- single questions ---------------------------------------------------------------------------------------------


def moved(wallet: int, index: int, bps: int) -> CompoundState:
    """A wallet's state after one price fell by so many basis points."""
    prices = [int(raw["price"]) for raw in recorded()["base"]["markets"]]
    prices[index] = prices[index] * (10_000 - bps) // 10_000
    return state_of(wallet, [str(price) for price in prices])


def asked(name: str, state: CompoundState) -> Any:
    """What our rules make of a recorded question, in the recording's shape."""
    probe = recorded()["probes"][name]
    pair = Pair(collateral=probe["collateral"], debt=probe["debt"])
    repay = int(probe.get("repay") or probe["detail"]["repaid"])
    step = ORIGINAL.liquidate(state, ORIGINAL.standing(state), pair, repay)
    seized = step.seized[0]
    before, after = state.holdings[probe["collateral"]].books, step.state.holdings[probe["collateral"]].books
    numbers = {
        "repaid": step.repaid.raw,
        "seize_tokens": (seized.shares or 0) + (seized.protocol_shares or 0),
        "liquidator_tokens": seized.shares,
        "protocol_tokens": seized.protocol_shares,
        "reserves_added": after.reserves - before.reserves,
        "collateral_reserves_after": after.reserves,
    }
    return {name: str(number) for name, number in numbers.items()}


def test_a_market_never_entered_can_be_seized() -> None:
    probe = recorded()["probes"]["seize_from_market_not_entered"]
    state = moved(probe["wallet"], 1, 9_500)
    assert not state.holdings[probe["collateral"]].entered
    assert asked("seize_from_market_not_entered", state) == probe["detail"]
    with pytest.raises(Refused, match="MARKET_NOT_COLLATERAL"):
        asked("seize_from_market_not_entered", replace(state, entered_only=True))


def test_a_deprecated_market_is_repaid_whole_without_a_shortfall() -> None:
    probe = recorded()["probes"]["deprecated_market_full_repay"]
    state = moved(probe["wallet"], 5, 3_000)
    assert ["0", *(str(side) for side in stored_liquidity(state))] == probe["getAccountLiquidity"]
    with pytest.raises(Refused, match="INSUFFICIENT_SHORTFALL"):
        asked("deprecated_market_full_repay", state)
    holdings = list(state.holdings)
    owed = holdings[probe["debt"]]
    holdings[probe["debt"]] = replace(owed, market=replace(owed.market, forced=True))
    forced = replace(state, holdings=tuple(holdings))
    assert asked("deprecated_market_full_repay", forced) == probe["detail"]
    assert ORIGINAL.standing(forced).liquidatable
    pair = Pair(collateral=probe["collateral"], debt=probe["debt"])
    assert ORIGINAL.liquidate(forced, ORIGINAL.standing(forced), pair).repaid.raw == int(probe["repay"])
    with pytest.raises(Refused, match="TOO_MUCH_REPAY"):
        ORIGINAL.liquidate(forced, ORIGINAL.standing(forced), pair, int(probe["repay"]) + 1)


def test_what_the_collateral_covers_and_one_unit_more() -> None:
    probe, more = (recorded()["probes"][name] for name in ("repay_what_collateral_covers", "repay_one_more"))
    state = moved(probe["wallet"], 5, 9_750)
    assert str(state.holdings[probe["collateral"]].tokens) == probe["tokens"]
    assert asked("repay_what_collateral_covers", state) == probe["detail"]
    pair = Pair(collateral=probe["collateral"], debt=probe["debt"])
    assert str(ORIGINAL.liquidate(state, ORIGINAL.standing(state), pair).repaid.raw) == probe["repay"]
    with pytest.raises(Refused, match="LIQUIDATE_SEIZE_TOO_MUCH"):
        ORIGINAL.liquidate(state, ORIGINAL.standing(state), pair, int(more["repay"]))


def test_what_is_refused() -> None:
    healthy, probe = moved(2, 5, 0), recorded()["probes"]["repay_over_close_factor"]
    pair = Pair(collateral=probe["collateral"], debt=probe["debt"])
    with pytest.raises(Refused, match="INSUFFICIENT_SHORTFALL"):
        ORIGINAL.liquidate(healthy, ORIGINAL.standing(healthy), pair)
    below = moved(2, 5, 9_000)
    with pytest.raises(Refused, match="TOO_MUCH_REPAY"):
        ORIGINAL.liquidate(below, ORIGINAL.standing(below), pair, int(probe["repay"]))
    with pytest.raises(Refused, match="LIQUIDATE_CLOSE_AMOUNT_IS_ZERO"):
        ORIGINAL.liquidate(below, ORIGINAL.standing(below), pair, 0)


# --- nothing left out ---------------------------------------------------------------------------------------------


def test_nothing_recorded_is_left_out() -> None:
    """The comparison is of whole records, so that the count of recorded numbers is the count of comparisons."""
    accrual = recorded()["accrual"]
    total = len(MARKETS) + leaves(accrual["markets_current"]) + leaves(accrual["accrueInterest"])
    total += 3 * len(accrual["wallets"])
    total += sum(leaves(shock["liquidity"]) + leaves(shock["liquidations"]) for shock in SHOCKS)
    assert total == RECORDED_NUMBERS
    assert sum(len(one["steps"]) for shock in SHOCKS for one in shock["liquidations"]) == 1213


def leaves(node: Any) -> int:
    """How many values stand in a record."""
    if isinstance(node, dict):
        return sum(leaves(child) for child in node.values())
    if isinstance(node, list):
        return sum(leaves(child) for child in node)
    return 1
