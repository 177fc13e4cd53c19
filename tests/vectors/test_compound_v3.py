"""Comet's rules against what its bytecode did: 80 wallets, 118 shocks, every absorb and every sale, to the digit."""

from collections import Counter
from typing import Any

import pytest

from defirisk.model import Ended
from defirisk.protocols.compound_v3 import absorb as storefront
from defirisk.protocols.compound_v3.account import (
    borrow_balance,
    is_borrow_collateralized,
    is_liquidatable,
    supply_balance,
)
from defirisk.protocols.compound_v3.interest import borrowed, present_value, supplied, utilization
from defirisk.protocols.compound_v3.state import BASE, CometState
from defirisk.protocols.interface import Pair, Refused
from defirisk.risk.replay import replay
from tests.vectors.comet import MARKETS, Recording, books, flags, recording

ABSORB = Pair(None, BASE)
COMPARED: Counter[str] = Counter()
SHOCK_NUMBERS = {"usdc": 21306, "weth": 17638}


def same(what: str, ours: Any, theirs: Any) -> None:
    """Equal to the digit, and counted."""
    COMPARED[what] += 1
    assert ours == theirs, what


@pytest.fixture(params=MARKETS)
def market(request: pytest.FixtureRequest) -> Recording:
    return recording(request.param)


# --- interest -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["stale", "accrued", "totals_before_accrual", "totals_after_accrual"])
def test_rates_indices_and_sums_are_the_contract_s(market: Recording, moment: str) -> None:
    """INV-C1: stored books give the contract's utilisation and rates, accrued ones its totals and reserves."""
    sections = market.data | market.data["probes"]["time_200_days"]
    totals = sections[moment].get("totals", sections[moment])
    comet = market.comet(totals)
    used = utilization(comet.stored)
    same("utilization", used, int(totals["getUtilization"]))
    same("rate", market.curve("supply").rate(used), int(totals["getSupplyRate"]))
    same("rate", market.curve("borrow").rate(used), int(totals["getBorrowRate"]))
    same("sum", supplied(comet.accrued), int(totals["totalSupply"]))
    same("sum", borrowed(comet.accrued), int(totals["totalBorrow"]))
    balance = int(totals["base_balance"])
    same("reserves", balance - supplied(comet.accrued) + borrowed(comet.accrued), int(totals["getReserves"]))


def test_an_accrual_stores_what_ours_predicted(market: Recording) -> None:
    """INV-C2: the indices that we bring to the block are those that an accrual in it stores."""
    later = market.data["probes"]["time_200_days"]
    pairs = [
        (market.data["stale"]["totals"], market.data["accrued"]["totals"]),
        (later["totals_before_accrual"], later["totals_after_accrual"]),
    ]
    for before, after in pairs:
        assert market.comet(before).accrued != market.comet(before).stored
        same("indices", market.comet(before).accrued, books(after))


# --- accounts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["stale", "accrued"])
def test_balances_accrue_and_flags_do_not(market: Recording, moment: str) -> None:
    """INV-C3: ``borrowBalanceOf`` and ``balanceOf`` by the accrued index, both flags by the stored one."""
    section = market.data[moment]
    states = market.states(section["totals"], market.prices())
    owed, held = (_column(section, name) for name in ("borrowBalanceOf", "balanceOf"))
    for state, debt, supply in zip(states, owed, held, strict=True):
        same("balance", borrow_balance(state), debt)
        same("balance", supply_balance(state), supply)
    stored = [state.as_stored() for state in states]
    for state, liquidatable in zip(stored, section["isLiquidatable"], strict=True):
        same("flag", is_liquidatable(state), liquidatable)
        same("flag", market.rules.standing(state).liquidatable, liquidatable)
    for state, covered in zip(stored, section["isBorrowCollateralized"], strict=True):
        same("flag", is_borrow_collateralized(state), covered)


def _column(section: dict[str, Any], name: str) -> list[int]:
    """A number of every wallet; the stale section has them by wallet, the accrued one by name."""
    return [int(one) for one in section.get(name) or [user[name] for user in section["users"]]]


def test_ours_are_the_flags_after_an_accrual(market: Recording) -> None:
    """INV-C4: what we say of a stale block is what the contract says once somebody has accrued in it; it matters."""
    states = market.states(market.data["stale"]["totals"], market.prices())
    ours = [market.rules.standing(state).liquidatable for state in states]
    same("flags", ours, market.data["accrued"]["isLiquidatable"])
    assert ours != market.data["stale"]["isLiquidatable"]


def test_two_hundred_days_later(market: Recording) -> None:
    """The same far from the last accrual: who can be absorbed without anybody accruing first is who we say."""
    later = market.data["probes"]["time_200_days"]
    states = market.states(later["totals_before_accrual"], market.prices())
    for state, owed in zip(states, later["borrowBalanceOf_before_accrual"], strict=True):
        same("balance", borrow_balance(state), int(owed))
    stored = [state.as_stored() for state in states]
    ours = [market.rules.standing(state).liquidatable for state in states]
    same("flags", [is_liquidatable(one) for one in stored], flags(later["isLiquidatable_before_accrual"]))
    same(
        "flags",
        [is_borrow_collateralized(one) for one in stored],
        flags(later["isBorrowCollateralized_before_accrual"]),
    )
    same("flags", ours, flags(later["absorb_without_accruing_first"]))
    same("flags", ours, flags(later["isLiquidatable_after_accrual"]))
    same(
        "flags", [is_borrow_collateralized(one) for one in states], flags(later["isBorrowCollateralized_after_accrual"])
    )


def test_a_price_of_zero_reverts_where_it_is_read(market: Recording) -> None:
    """The view answers nothing (BadPrice), and by ours it has no answer either."""
    probe = market.data["probes"]["price_zero_isLiquidatable"]
    states = market.states(market.data["accrued"]["totals"], market.prices())
    assert probe["answer"] == "BadPrice"
    assert is_liquidatable(states[probe["wallet"]], unpriced={BASE, 1}) is None


# --- shocks -------------------------------------------------------------------------------------------------------


def test_every_shock_to_the_digit(market: Recording) -> None:
    """INV-C5: flags of every wallet, every absorb, every sale, under every shock."""
    COMPARED.clear()
    for shock in market.data["shocks"]:
        prices = market.prices(shock["prices"], shock["base_price"])
        states = market.states(market.data["accrued"]["totals"], prices)
        for state, liquidatable in zip(states, flags(shock["isLiquidatable"]), strict=True):
            same("shock flag", market.rules.standing(state).liquidatable, liquidatable)
        for state, covered in zip(states, flags(shock["isBorrowCollateralized"]), strict=True):
            same("shock flag", is_borrow_collateralized(state), covered)
        for recorded in shock["absorbs"]:
            _compare_absorb(market, states[recorded["wallet"]], recorded)
        _refuses_the_others(market, states, shock)
        _compare_joint_absorb(market, states, shock)
    assert COMPARED.total() == SHOCK_NUMBERS[market.base["name"]], COMPARED  # a recording cut short is seen here


def _compare_absorb(market: Recording, state: CometState, recorded: dict[str, Any]) -> None:
    standing = market.rules.standing(state)
    step = market.rules.liquidate(state, standing, ABSORB)
    legs = [(leg.slot, leg.amount, leg.value) for leg in standing.collateral]
    taken = [(event["asset"], int(event["amount"]), int(event["value"])) for event in recorded["collateral"]]
    same("seized", [(state.assets[slot - 1].offset, amount, value) for slot, amount, value in legs], taken)
    same("seized", [(one.slot, one.amount) for one in step.seized], [(slot, amount) for slot, amount, _ in legs])
    same("paid out", step.repaid.raw, int(recorded["basePaidOut"]))
    value = step.repaid.raw * state.prices[BASE] // state.comet.base_scale
    same("paid out", value, int(recorded["valueOfBasePaidOut"]))
    _compare_after(market, step.state, recorded)
    _compare_sales(state, step, recorded)


def _compare_after(market: Recording, after: CometState, recorded: dict[str, Any]) -> None:
    same("after", after.principal, int(recorded["after"]["principal"]))
    same("after", supply_balance(after), int(recorded["after"]["balanceOf"]))
    same("after", supply_balance(after), int(recorded.get("minted_to_account", 0)))
    same("after", borrow_balance(after), int(recorded["after"]["borrowBalanceOf"]))
    same("after", sum(after.balances), 0)
    totals = recorded["totals_after"]
    same("totals after", after.totals, books(totals))
    same("reserves after", storefront.reserves(after), int(totals["getReserves"]))
    judged = market.rules.standing(after)
    assert not judged.liquidatable
    assert judged.health_factor is None
    assert not judged.debt


def _compare_sales(state: CometState, step: Any, recorded: dict[str, Any]) -> None:
    slots = {asset.offset: slot for slot, asset in enumerate(state.assets, start=1)}
    for sale in recorded["buys"]:
        slot = slots[sale["asset"]]
        asset, price, amount = state.assets[slot - 1], state.prices[slot], state.balances[slot - 1]
        same("ask", storefront.ask_price(price, asset), int(sale["ask_price"]))
        same("sale", amount, int(sale["collateral_reserves"]))
        same("sale", storefront.fetched(state, asset, amount, price), int(sale.get("paid", 0)))
        same("sale", storefront.fetched(state, asset, amount, price), int(sale["base_amount"]))
    paid = sum(int(sale.get("paid", 0)) for sale in recorded["buys"])
    same("proceeds", storefront.proceeds(state), paid)
    bad_debt = sum(amount.raw for amount in step.bad_debt)
    same("bad debt", bad_debt, max(0, int(recorded["basePaidOut"]) - paid))
    fall = int(recorded["reserves_before"]) - int(recorded["reserves_after_buys"])
    same("reserves after sale", storefront.reserves(step.state) + paid, int(recorded["reserves_after_buys"]))
    assert (bad_debt > 0) == (fall > 0)
    assert abs(bad_debt - max(0, fall)) <= 1


def _refuses_the_others(market: Recording, states: list[CometState], shock: dict[str, Any]) -> None:
    absorbed = {recorded["wallet"] for recorded in shock["absorbs"]}
    same("who", absorbed, {i for i, one in enumerate(flags(shock["isLiquidatable"])) if one})
    for wallet in set(market.wallets) - absorbed:
        standing = market.rules.standing(states[wallet])
        with pytest.raises(Refused, match=market.data["probes"]["absorb_not_liquidatable"]):
            market.rules.liquidate(states[wallet], standing, ABSORB)


def _compare_joint_absorb(market: Recording, states: list[CometState], shock: dict[str, Any]) -> None:
    """All in one transaction: principals simply add up."""
    joint = shock["absorb_all"]
    wallets = [recorded["wallet"] for recorded in shock["absorbs"]]
    before = states[0].comet.accrued
    supply, borrow = before.total_supply, before.total_borrow
    for state in (states[wallet] for wallet in wallets):
        after = market.rules.liquidate(state, market.rules.standing(state), ABSORB).state
        supply += after.principal
        borrow += state.principal
    same("joint", supply, int(joint["totalSupplyBase"]))
    same("joint", borrow, int(joint["totalBorrowBase"]))
    moved = present_value(supply, before.supply_index) - supplied(before)
    moved -= present_value(borrow, before.borrow_index) - borrowed(before)
    same("joint", states[0].comet.reserves - moved, int(joint["reserves_after"]))


def test_the_engine_s_replay_is_the_absorb(market: Recording) -> None:
    """One absorb, its ending by whether debt was forgiven, what is forgiven, and who bears what is lost."""
    endings: Counter[Ended] = Counter()
    for shock in market.data["shocks"]:
        prices = market.prices(shock["prices"], shock["base_price"])
        states = market.states(market.data["accrued"]["totals"], prices)
        for recorded in shock["absorbs"]:
            done = replay(market.rules, states[recorded["wallet"]])
            (absorbed,) = done.liquidations
            surplus = int(recorded["after"]["principal"]) > 0
            forgiven = borrow_balance(states[recorded["wallet"]]) - storefront.credit_of(states[recorded["wallet"]])
            assert absorbed.repaid.raw == int(recorded["basePaidOut"])
            assert done.ended is (Ended.NOTHING_TO_SEIZE if forgiven > 0 else Ended.HEALTHY)
            assert [amount.raw for amount in done.written_off] == ([forgiven] if forgiven > 0 else [])
            assert not (surplus and forgiven > 0)
            endings[done.ended] += 1
            borne = market.rules.borne_by(done.state, absorbed.bad_debt)
            assert sum(one.amount for one in borne) == sum(loss.raw for loss in absorbed.bad_debt)
    assert min(endings.values()) > 100
    assert len(endings) == 2
