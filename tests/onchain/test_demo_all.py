"""The recording of `defirisk demo`: all families on one chain, each answer the contracts' own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from defirisk.chain.calls import Call
from defirisk.chain.fixture import encode_fixture
from defirisk.chain.recording import ReplayChain, load_fixture, pack_fixture
from defirisk.model import Position, PositionStatus, Snapshot
from defirisk.protocols import registry
from defirisk.reading import read_snapshot

from .local_chain import LocalChain
from .make_demo import DEMO
from .story import STORY
from .story_all import COMET, END, EVERYWHERE, NAMES, Joined, Told, comet_answers, record_all, story_all
from .test_cli import defirisk, health_text, replay_json

LOCAL = slice(0, 3)


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with story_all() as made:
        yield made


@pytest.fixture(scope="module")
def shipped() -> ReplayChain:
    return load_fixture(str(DEMO))


@pytest.fixture(scope="module")
def shown() -> dict[tuple[str, str], dict[str, Any]]:
    """What `demo` says, by wallet and market."""
    ran = defirisk("demo", "--format", "json", "--drop", "40")
    assert ran.code == 0, ran.err
    return {(a["address"], p["market"]): p for a in json.loads(ran.out)["accounts"] for p in a["positions"]}


def test_recorded_again_it_is_the_same_bytes(told: Told) -> None:
    assert pack_fixture(encode_fixture(record_all(told))) == DEMO.read_bytes()


def test_one_header_fits_both_chains(told: Told, shipped: ReplayChain) -> None:
    comet = COMET.chain().block
    assert (shipped.block.number, shipped.block.timestamp) == (comet.number, comet.timestamp)
    local = LocalChain(told.v3.rpc).block
    assert (local.number, local.timestamp) == (END.number, END.timestamp)
    assert shipped.block.hash is None


def test_every_answer_is_the_chains_own_or_comets(told: Told, shipped: ReplayChain) -> None:
    comet = comet_answers(told.v3.addresses)
    answers = shipped.fixture.answers
    ours = [call for call in answers if call not in comet]
    assert len(ours) > 500
    assert asyncio.run(LocalChain(told.v3.rpc).calls(ours)) == [answers[call] for call in ours]
    theirs = [call for call in answers if call in comet]
    assert len(theirs) > 40
    assert [answers[call] for call in theirs] == [comet[call] for call in theirs]


def test_what_was_not_recorded_of_comet_is_what_the_module_says(told: Told, shipped: ReplayChain) -> None:
    recorded = load_fixture(str(COMET.path)).fixture.answers
    made_up = {call for call in comet_answers(told.v3.addresses) if call not in recorded}
    strangers = {COMET.call("userBasic", wallet) for wallet in told.v3.addresses}
    assert made_up == strangers | {COMET.call("targetHealthFactor")}
    assert made_up <= set(shipped.fixture.answers)


def test_both_chains_agree_on_the_tokens_that_both_know(told: Told) -> None:
    comet, here = comet_answers([]), LocalChain(told.v3.rpc)
    shared = [told.v3.asset(symbol) for symbol in ("WETH", "WBTC", "USDC", "LINK")]
    named = [Call(token.lower(), bytes.fromhex(data)) for token in shared for data in ("95d89b41", "313ce567")]
    both = [call for call in named if call in comet]
    assert len(both) >= len(shared)
    assert asyncio.run(here.calls(both)) == [comet[call] for call in both]


def snapshot(chain: Any, told: Told) -> Snapshot:
    deployments = [registry.deployment_at(one.protocol, one.entry, 31337, one.name) for one in told.markets[LOCAL]]
    return asyncio.run(read_snapshot(chain, deployments, told.wallets))


def test_offline_and_live_are_equal(told: Told, shipped: ReplayChain) -> None:
    """Three markets of the local chain, asked without anything recorded."""
    assert snapshot(shipped, told).accounts == snapshot(LocalChain(told.v3.rpc), told).accounts


def test_the_wallets_and_markets_are_those_of_the_story(told: Told, shipped: ReplayChain) -> None:
    assert list(shipped.fixture.wallets) == told.wallets
    assert [wallet.kind for wallet in told.v3.wallets] == [plan.kind for plan in STORY]
    assert [one.name for one in shipped.fixture.markets] == list(NAMES)
    assert [one.entry.lower() for one in shipped.fixture.markets] == [one.entry.lower() for one in told.markets]


def test_comet_says_there_what_we_say(told: Told) -> None:
    """Of the joined chain: its balances and its views, as it answered them at that second."""
    deployment = registry.deployment_at("compound-v3", COMET.entry, 31337, NAMES[3])
    [account, *_] = asyncio.run(read_snapshot(Joined(told), [deployment], told.wallets)).accounts  # type: ignore[arg-type]
    [position] = account.positions
    assert isinstance(position, Position)
    assert position.status is PositionStatus.OK
    assert position.contract == position.reproduced
    owed = Joined(told).recorded[COMET.call("borrowBalanceOf", EVERYWHERE)]
    assert position.rules.standing(position.state).debt[0].amount == int.from_bytes(owed.data)


def test_every_health_factor_of_aave_is_the_contracts(told: Told, shown: dict[tuple[str, str], dict[str, Any]]) -> None:
    for wallet in told.wallets:
        assert shown[wallet, NAMES[0]]["health_factor_raw"] == health_text(told.v3.health_factor(wallet))
    assert shown[EVERYWHERE, NAMES[1]]["health_factor_raw"] == health_text(told.v2.health_factor(EVERYWHERE))


def test_venus_itself_says_how_much_room_is_left(told: Told, shown: dict[tuple[str, str], dict[str, Any]]) -> None:
    error, room, shortfall = told.venus.comptroller.call("getAccountLiquidity", EVERYWHERE)
    assert (error, shortfall) == (0, 0)
    assert room > 0
    said = {"liquidatable": False, "liquidity_raw": str(room), "shortfall_raw": "0"}
    assert shown[EVERYWHERE, NAMES[2]]["contract"] == said
    assert not shown[EVERYWHERE, NAMES[2]]["liquidatable"]


def test_the_drop_happens_in_aave_v3_as_the_demo_says(told: Told, shown: dict[tuple[str, str], dict[str, Any]]) -> None:
    prices, steps = told.v3.prices(), 0
    volatile = [symbol for symbol in prices if symbol not in {"USDC", "DAI", "USDT"}]
    with told.v3.shock({symbol: prices[symbol] * 60 // 100 for symbol in volatile}):
        told.v3.fund_liquidator()
        for wallet in told.wallets:
            [scenario] = shown[wallet, NAMES[0]]["scenarios"]
            steps += replay_json(told.v3, wallet, scenario)
    assert steps >= 5


def test_the_drop_happens_in_aave_v2_as_the_demo_says(told: Told, shown: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Prices are in ether there: it falls with all that is volatile, so that only stablecoins rise."""
    prices = told.v2.prices()
    [scenario] = shown[EVERYWHERE, NAMES[1]]["scenarios"]
    with told.v2.shock({symbol: prices[symbol] * 100 // 60 for symbol in ("USDC", "DAI", "USDT")}):
        told.v2.fund_liquidator()
        assert replay_json(told.v2, EVERYWHERE, scenario) == len(scenario["liquidations"]) >= 3
