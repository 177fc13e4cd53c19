"""Acts in a Comet against what the real contract did with them: principal and balances to the unit, refusals by name."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from defirisk.fixedpoint import WAD
from defirisk.model import ContractView, Market, Position, Token, Unit
from defirisk.protocols.compound_v3.account import borrow_balance, judge
from defirisk.protocols.compound_v3.listing import Listing, Offer
from defirisk.protocols.compound_v3.rules import COMET
from defirisk.protocols.compound_v3.state import Asset, Comet, CometState, Totals, ask_factor
from defirisk.protocols.interface import Act, ActKind, Refused, Setting
from defirisk.whatif.inverse import Goal, health_aim, unchanged, ways_of

RECORDED: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parent / "data" / "comet-acts.json.gz").read_bytes())
)
COLLATERAL = (
    ("WETH", 18, 8250, 8950, 9500, 20000),
    ("WBTC", 8, 7000, 7700, 9300, 500),
    ("LINK", 18, 6000, 7500, 9000, 400000),
)
FACTOR = 10**14
BASE = Token(RECORDED["tokens"][0], "USDC", 6)


def assets() -> list[Asset]:
    return [
        Asset(
            Token(RECORDED["tokens"][i + 1], symbol, decimals), i, 10**decimals, borrow * FACTOR, liquidate * FACTOR,
            factor * FACTOR, ask_factor(WAD // 2, factor * FACTOR), cap * 10**decimals, RECORDED["supplied"][i],
        )
        for i, (symbol, decimals, borrow, liquidate, factor, cap) in enumerate(COLLATERAL)
    ]  # fmt: skip


def position(user: dict[str, Any]) -> Position:
    supply_index, borrow_index, _, _, supplied, borrowed, _, _ = RECORDED["totals"]
    totals = Totals(supply_index, borrow_index, supplied, borrowed)
    comet = Comet(BASE, 10**6, WAD // 2, 5_000_000 * 10**6, 100 * 10**6, totals, totals, RECORDED["reserves"])
    prices = RECORDED["prices"]
    held = [(asset, balance) for asset, balance in zip(assets(), user["balances"], strict=True) if balance]
    state = CometState.of(comet, user["principal"], held, (prices[0], *(prices[a.offset + 1] for a, _ in held)))
    offers = tuple(Offer(asset, prices[asset.offset + 1]) for asset in assets())
    return Position(
        market=Market("comet", "compound-v3", "comet", 1, RECORDED["entry"], Unit("USD", 8)),
        owner=user["owner"],
        rules=COMET,
        state=state,
        price_times=(None,) * len(state.tokens),
        contract=ContractView(),
        reproduced=ContractView(),
        listing=Listing(offers, cash=RECORDED["cash"]),
    )


def act(changed: Position, row: dict[str, Any]) -> Position:
    named = next(one for one in COMET.changes.assets(changed) if one.token.symbol == row["asset"])
    return COMET.changes.act(changed, Act(ActKind(row["kind"]), named, row["amount"])).position


def test_every_act_as_recorded() -> None:
    met: Counter[str] = Counter()
    for user in RECORDED["users"]:
        for rows in user["rows"]:
            changed = position(user)
            for row in rows:
                if row["refused"]:
                    with pytest.raises(Refused) as refused:
                        act(changed, row)
                    assert refused.value.reason == row["refused"].removesuffix("()")
                    met[refused.value.reason] += 1
                    break
                changed = act(changed, row)
                check(changed, row)
                met[row["kind"]] += 1
    assert min(met[kind.value] for kind in ActKind) > 40
    assert {"BorrowTooSmall", "NotCollateralized", "SupplyCapExceeded", "Panic(0x11)"} <= set(met)


def check(changed: Position, row: dict[str, Any]) -> None:
    state: CometState = changed.state
    balances = {asset.offset: balance for asset, balance in zip(state.assets, state.balances, strict=True)}
    assert state.principal == row["principal"]
    assert [balances.get(i, 0) for i in range(len(COLLATERAL))] == row["balances"]
    assert borrow_balance(state) == row["debt"]
    assert judge(state).liquidatable == row["liquidatable"]


def test_the_recorded_numbers_are_met_by_no_other_rounding() -> None:
    """The principal rounds away from the owner on both sides: a unit more or less would have been seen."""
    first = next(
        (user, row) for user in RECORDED["users"] for rows in user["rows"] for row in rows[:1]
        if row["kind"] == "repay" and not row["refused"] and row["amount"]
    )  # fmt: skip
    user, row = first
    moved = act(position({**user, "principal": user["principal"] - 1}), row)
    with pytest.raises(AssertionError):
        check(moved, row)


def test_the_least_amounts_are_least() -> None:
    """One base unit less does not reach the health factor, tried by the act itself."""
    tried = 0
    for user in RECORDED["users"]:
        mine = position(user)
        health = judge(mine.state).health_factor
        if health is None:
            continue
        aim = health * 5 // 4 + 7
        added = (COMET.changes.assets(mine)[3],)
        for way in ways_of(mine, [Goal(health_aim(aim), unchanged)], added):
            assert way.proved
            if way.amount:
                less = {"kind": way.act, "asset": way.asset.symbol if way.asset else "", "amount": way.amount - 1}
                after = judge(act(mine, {**less, "amount": way.amount}).state).health_factor
                assert after is None or after >= aim
                before = judge(act(mine, less).state).health_factor
                assert before is not None
                assert before < aim
                tried += 1
    assert tried > 30


def test_parameters_of_a_comet() -> None:
    mine = position(max(RECORDED["users"], key=lambda user: sum(map(bool, user["balances"]))))
    changes = COMET.changes
    weth = changes.assets(mine)[1]
    changed = changes.set(mine, Setting("liquidation_threshold", "0.9", asset=weth))
    assert (changed.was, changed.now, changed.warnings) == ("89.5 %", "90 %", ())
    assert changed.position.state.assets[0].liquidate_collateral_factor == 9 * WAD // 10
    penalty = changes.set(mine, Setting("liquidation_penalty", "8%", asset=weth)).position.state.assets[0]
    assert (penalty.liquidation_factor, penalty.ask) == (92 * WAD // 100, ask_factor(WAD // 2, 92 * WAD // 100))
    front = changes.set(mine, Setting("store_front_price_factor", "1")).position.state
    assert [one.ask for one in front.assets] == [one.liquidation_factor for one in front.assets]
    refused = changes.set(mine, Setting("borrow_collateral_factor", "0.9", asset=weth))
    assert [one.code for one in refused.warnings] == ["configurator-refuses"]
    assert (
        replace(mine, contract=ContractView()).state
        == changes.set(mine, Setting("base_borrow_min", "100")).position.state
    )
