"""The recording of the story in Aave V3 alone: it is what the contracts answered, and its wallets tell what they are said to tell."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from .evm import MAX
from .make_demo import AAVE
from .rpc import RpcError
from .story import RECORDED, STORY, story
from .test_cli import defirisk, health_text, positions_in, replay_json
from .world import Liquidated, World


@pytest.fixture(scope="module")
def told() -> Iterator[World]:
    with story() as made:
        yield made


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(gzip.decompress(AAVE.read_bytes()))
    return document


@pytest.fixture(scope="module")
def shown(told: World) -> dict[str, dict[str, Any]]:
    """What a check of the recording says, by the kind of wallet."""
    ran = defirisk("check", "--fixture", str(AAVE), "--format", "json", "--drop", "40")
    assert ran.code == 0, ran.err
    positions = positions_in(json.loads(ran.out))
    return {wallet.kind: positions[wallet.address] for wallet in told.wallets}


def test_every_recorded_answer_is_the_chains_own(told: World, shipped: dict[str, Any]) -> None:
    assert (shipped["chain_id"], shipped["block_timestamp"]) == (31337, RECORDED)
    assert shipped["block_number"] == int(told.rpc("eth_blockNumber"), 16)
    calls = shipped["calls"]
    answers = told.rpc.batch([("eth_call", ({"to": c["to"], "data": c["data"]}, "latest")) for c in calls])
    for call, answer in zip(calls, answers, strict=True):
        if isinstance(answer, RpcError):
            assert call["error"] == answer.revert_data
        else:
            assert call["result"] == answer


def test_the_wallets_are_those_of_the_story(told: World, shipped: dict[str, Any]) -> None:
    assert shipped["wallets"] == told.addresses
    assert [wallet.kind for wallet in told.wallets] == [plan.kind for plan in STORY]
    assert [market["entry"] for market in shipped["markets"]] == [told.entry.lower()]


def test_every_health_factor_is_the_contracts(told: World, shown: dict[str, dict[str, Any]]) -> None:
    for wallet in told.wallets:
        assert shown[wallet.kind]["health_factor_raw"] == health_text(told.health_factor(wallet.address))


def test_the_drop_happens_on_the_chain_as_the_demo_says(told: World, shown: dict[str, dict[str, Any]]) -> None:
    prices = told.prices()
    volatile = [symbol for symbol in prices if symbol not in {"USDC", "DAI", "USDT"}]
    steps = 0
    with told.shock({symbol: prices[symbol] * 60 // 100 for symbol in volatile}):
        told.fund_liquidator()
        for wallet in told.wallets:
            [scenario] = [s for s in shown[wallet.kind]["scenarios"] if s["name"] == "-40%"]
            steps += replay_json(told, wallet.address, scenario)
    assert steps >= 3


def drop_of(shown: dict[str, dict[str, Any]], kind: str) -> dict[str, Any]:
    [scenario] = [s for s in shown[kind]["scenarios"] if s["name"] == "-40%"]
    return dict(scenario)


def test_each_wallet_tells_its_story(shown: dict[str, dict[str, Any]]) -> None:
    assert float(shown["healthy"]["health_factor"]) > 2
    assert not drop_of(shown, "healthy")["liquidatable"]
    assert 1 < float(shown["near the edge"]["health_factor"]) < 1.02
    loop = drop_of(shown, "leveraged loop")
    assert loop["health_factor_raw"][:6] == shown["leveraged loop"]["health_factor_raw"][:6]
    assert shown["leveraged loop"]["collateral"][0]["liquidation_threshold"] == "0.93"
    assert int(drop_of(shown, "bad debt at -40%")["bad_debt_value_raw"]) > 0
    assert not shown["bad debt at -40%"]["liquidatable"]
    assert shown["supply only"]["health_factor_raw"] is None
    assert not shown["supply only"]["debt"]


def test_a_debt_that_rises_is_what_liquidates(shown: dict[str, dict[str, Any]]) -> None:
    moves = {(t["move"], t["direction"]): t for t in shown["debt that rises"]["thresholds"]}
    assert moves["WETH", "up"]["liquidation"] is not None
    assert moves["WETH", "down"]["liquidation"] is None


def test_liquidation_makes_the_toxic_wallet_worse(told: World, shown: dict[str, dict[str, Any]]) -> None:
    assert shown["toxic"]["liquidatable"]
    wallet = next(w.address for w in told.wallets if w.kind == "toxic")
    before = told.health_factor(wallet)
    with told.reverting():
        told.fund_liquidator()
        part = told.liquidate(wallet, "LINK", "USDC", 10_000 * 10**6)
        assert isinstance(part, Liquidated)
        assert part.health_factor < before
        rest = told.liquidate(wallet, "LINK", "USDC", MAX)
        assert isinstance(rest, Liquidated)
        assert rest.deficit["USDC"] > 0
