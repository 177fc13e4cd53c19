"""Every number that the contracts of 3.1 to 3.5 and 3.7 were recorded to answer, again and to the last digit."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from .recording import REVISIONS, Json, Liquidator, Recording, recorded

RECORDED_NUMBERS = 132_793
"""How many of our numbers meet a recorded one; changed only together with the data."""

CASES = [
    pytest.param(revision, shock, id=f"{revision} {recorded(revision)['shocks'][shock]['name']}")
    for revision in REVISIONS
    for shock in range(len(recorded(revision)["shocks"]))
]


@cache
def recording(revision: str) -> Recording:
    return Recording(revision)


@pytest.mark.parametrize("revision", REVISIONS)
def test_indices_at_the_clock(revision: str) -> None:
    rec = recording(revision)
    assert {name: rec.indices(name) for name in rec.data["reserves"]} == {
        name: (int(raw["liquidity_index"]), int(raw["variable_borrow_index"]))
        for name, raw in rec.data["reserves"].items()
    }


@pytest.mark.parametrize("revision", REVISIONS)
def test_balances_at_the_clock(revision: str) -> None:
    rec = recording(revision)
    unshocked = rec.data["shocks"][0]
    for wallet, position in rec.data["positions"].items():
        ours = {
            holding.reserve.token.symbol: (str(rec.rules.supply_of(holding)), str(rec.rules.debt_of(holding)))
            for holding in rec.state(wallet, unshocked).holdings
        }
        theirs = {name: (held["supply"], held["debt"]) for name, held in position["reserves"].items()}
        assert ours == theirs, wallet


@pytest.mark.parametrize(("revision", "number"), CASES)
def test_every_wallet_under_a_shock(revision: str, number: int) -> None:
    rec = recording(revision)
    shock = rec.data["shocks"][number]
    assert set(shock["wallets"]) == set(rec.wallets)
    for wallet, expected in shock["wallets"].items():
        assert replayed(rec, wallet, shock, liquidated="end" in expected) == expected, (wallet, shock["name"])


def replayed(rec: Recording, wallet: str, shock: Json, *, liquidated: bool) -> Json:
    """Our record of a wallet under a shock, in the recording's shape."""
    state = rec.state(wallet, shock)
    account = [str(field) for field in rec.rules.account_data(state)]
    assert rec.rules.standing(state).liquidatable == liquidated, (wallet, shock["name"])
    if not liquidated:
        return {"account": account}
    steps, end = Liquidator(rec, state).run()
    return {"account": account, "steps": steps, "end": end}


def test_nothing_recorded_is_left_out() -> None:
    """The comparison is of whole records, so that the count of recorded numbers is the count of comparisons."""
    total = 0
    for revision in REVISIONS:
        data = recorded(revision)
        total += 2 * len(data["reserves"])
        total += sum(2 * len(position["reserves"]) for position in data["positions"].values())
        total += sum(leaves(wallet) for shock in data["shocks"] for wallet in shock["wallets"].values())
    assert total == RECORDED_NUMBERS


def leaves(node: Any) -> int:
    """How many values stand in a record."""
    if isinstance(node, dict):
        return sum(leaves(child) for child in node.values())
    if isinstance(node, list):
        return sum(leaves(child) for child in node)
    return 1
