"""The command line as a user runs it, against a real node: what it prints is what the contracts say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .deploy import MULTICALL3
from .evm import MAX
from .shocks import ETH, STABLE
from .test_positions import health
from .test_trouble import hostile_wallet
from .world import Liquidated, Refusal, World

VOLATILE_DROP = 40
KINDS = (
    "one-one",
    "many-many",
    "emode-eth",
    "collateral-off",
    "dusty",
    "toxic",
    "isolation",
    "wide",
    "same-asset",
    "supply-only",
    "empty",
)


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def defirisk(*args: str) -> Ran:
    """Run the program in a process of its own."""
    command = [sys.executable, "-m", "defirisk", *args]
    done = subprocess.run(command, capture_output=True, check=False)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def source(chain: World) -> list[str]:
    return ["--rpc", chain.rpc.url, "--market", f"aave-v3@{chain.entry}"]


def some_of_every_kind(chain: World, most: int = 2) -> list[str]:
    return [w.address for kind in KINDS for w in [w for w in chain.wallets if w.kind == kind][:most]]


def check(chain: World, *args: str, wallets: Sequence[str] = ()) -> dict[str, Any]:
    asked = wallets or some_of_every_kind(chain)
    ran = defirisk("check", *asked, *source(chain), "--format", "json", *args)
    assert ran.code == 0, ran.err
    assert "Traceback" not in ran.err
    document: dict[str, Any] = json.loads(ran.out)
    assert document["schema"] == "defirisk/check/1"
    return document


def positions_in(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {a["address"]: a["positions"][0] for a in document["accounts"] if a["positions"]}


def health_text(raw: int) -> str | None:
    own = health(raw)
    return None if own is None else str(own)


def test_what_check_says_is_what_the_contracts_say(chain: World) -> None:
    document = check(chain, "--no-thresholds")
    assert (document["chain_id"], document["source"]) == (31337, chain.rpc.url.removeprefix("http://"))
    assert document["timestamp"] == chain.now()
    held = chain.holdings(chain.addresses)
    prices = chain.prices()
    for account in document["accounts"]:
        wallet = account["address"]
        rows = {symbol: row for symbol, row in held[wallet].items() if row.supply or row.debt}
        assert account["status"] == ("ok" if rows else "no-position")
    for wallet, position in positions_in(document).items():
        truth = chain.account(wallet)
        assert position["rules"] == chain.market.rules
        assert position["health_factor_raw"] == health_text(truth.health_factor)
        assert position["contract_health_factor_raw"] == position["health_factor_raw"]
        assert position["liquidatable"] == (truth.health_factor < 10**18)
        totals = position["totals"]
        assert totals["collateral_value_raw"] == str(truth.collateral)
        assert totals["debt_value_raw"] == str(truth.debt)
        legs = {leg["asset"]: (leg["amount_raw"], leg["price_raw"]) for leg in position["collateral"]}
        assert legs == {chain.asset(s): (str(r.supply), str(prices[s])) for s, r in held[wallet].items() if r.supply}
        debts = {leg["asset"]: (leg["amount_raw"], leg["price_raw"]) for leg in position["debt"]}
        assert debts == {chain.asset(s): (str(r.debt), str(prices[s])) for s, r in held[wallet].items() if r.debt}


def dropped(chain: World, percent: int) -> dict[str, int]:
    """`--drop`: every volatile asset, rounded down; the stand-in of an eMode stays."""
    prices = chain.prices()
    return {s: p * (100 - percent) // 100 for s, p in prices.items() if s not in STABLE and s in chain.market.tokens}


def test_a_drop_is_replayed_as_the_chain_does_it(chain: World) -> None:
    document = check(chain, "--no-thresholds", "--drop", str(VOLATILE_DROP))
    replayed = 0
    with chain.shock(dropped(chain, VOLATILE_DROP)):
        for wallet, position in positions_in(document).items():
            scenario = next(s for s in position["scenarios"] if s["name"] == f"-{VOLATILE_DROP}%")
            replayed += replay_json(chain, wallet, scenario)
    assert replayed > 5


def test_a_shock_moves_one_asset_and_a_family_all_of_it(chain: World) -> None:
    document = check(chain, "--no-thresholds", "--shock", "LINK=-55%", "--shock", "family:ETH=+70%")
    prices = chain.prices()
    moved = {"LINK": prices["LINK"] * 45 // 100, **{s: prices[s] * 170 // 100 for s in ETH}}
    with chain.shock(moved):
        for wallet, position in positions_in(document).items():
            scenario = next(s for s in position["scenarios"] if "LINK" in s["name"])
            assert scenario["name"] == "LINK=-55%,family:ETH=+70%"
            replay_json(chain, wallet, scenario)


def replay_json(chain: World, wallet: str, scenario: dict[str, Any]) -> int:
    """Send the liquidations that a scenario lists; how many there were."""
    assert scenario["health_factor_raw"] == health_text(chain.health_factor(wallet)), (wallet, scenario["name"])
    for step in scenario["liquidations"]:
        [seized] = step["seized"]
        pair = (chain.symbol_of(seized["asset"]), chain.symbol_of(step["repaid"]["asset"]))
        sent = chain.liquidate(wallet, *pair, MAX)
        if isinstance(sent, Refusal):
            sent = chain.liquidate(wallet, *pair, int(step["repaid"]["amount_raw"]))
        assert isinstance(sent, Liquidated), (wallet, pair, sent)
        ours = (step["repaid"]["amount_raw"], seized["amount_raw"], seized["protocol_fee_raw"])
        assert ours == (str(sent.repaid), str(sent.to_liquidator), str(sent.fee)), (wallet, pair)
        assert step["health_factor_after_raw"] == health_text(sent.health_factor), (wallet, pair)
    left = {a["asset"]: a["amount_raw"] for a in scenario["assets_left"]}
    held = chain.holdings([wallet])[wallet]
    assert left == {chain.asset(s): str(row.supply) for s, row in held.items() if row.supply}, wallet
    return len(scenario["liquidations"])


@contextmanager
def no_multicall(chain: World) -> Iterator[None]:
    with chain.reverting():
        chain.rpc("anvil_setCode", MULTICALL3, "0x")
        yield


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in names}


def test_without_multicall3_the_answer_is_the_same_and_says_so(chain: World) -> None:
    few = some_of_every_kind(chain)[:1]  # every call is a request of its own then, and requests are paced
    usual = check(chain, "--no-thresholds", wallets=few)
    with no_multicall(chain):
        document = check(chain, "--no-thresholds", wallets=few)
    assert document["warnings"] != usual["warnings"]
    assert without(document, "warnings", "block") == without(usual, "warnings", "block")


def test_a_recording_gives_the_same_answer(chain: World, tmp_path: Path) -> None:
    file = tmp_path / "recorded.json.gz"
    wallets = some_of_every_kind(chain, most=1)  # every position costs the command its proofs of thresholds
    ran = defirisk("record", *wallets, *source(chain), "--output", str(file))
    assert ran.code == 0, ran.err
    replayed = defirisk("check", *wallets, "--fixture", str(file), "--format", "json", "--drop", "10,40")
    assert replayed.code == 0, replayed.err
    live = check(chain, "--drop", "10,40", wallets=wallets)
    differing = ("source", "warnings")
    assert without(json.loads(replayed.out), *differing) == without(live, *differing)


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_hostile_symbols_reach_no_terminal(v36: World, form: str) -> None:
    with hostile_wallet(v36) as wallet:
        ran = defirisk("check", wallet, *source(v36), "--format", form, "--drop", "40")
        assert ran.code == 0, ran.err
        printed = ran.out + ran.err
        assert not {c for c in printed if c < " " and c not in "\n\r\t"} - ({"\x1b"} if form == "table" else set())
        assert "\x1b]0;" not in printed
        assert "\u202e" not in printed
        assert "L" * 300 not in printed


def test_an_ordinary_token_is_no_market(v36: World) -> None:
    wallet = v36.addresses[0]
    ran = defirisk("check", wallet, "--rpc", v36.rpc.url, "--market", f"aave-v3@{v36.asset('USDC')}")
    assert ran.code in {2, 3}
    assert "Traceback" not in ran.err
    assert ran.err.strip()


def test_an_unpriced_position_is_listed_and_the_code_is_3(v36: World) -> None:
    holder = next(w.address for w in v36.wallets if w.kind == "same-asset")
    other = next(w.address for w in v36.wallets if w.kind == "isolation")
    with v36.reverting():
        v36.break_feed("WETH")
        ran = defirisk("check", holder, other, *source(v36), "--format", "json")
        document = json.loads(ran.out)
        truth = v36.health_factor(other)
    positions = positions_in(document)
    assert positions[holder]["status"] == "unpriced"
    assert positions[holder]["health_factor_raw"] is None
    assert positions[other]["health_factor_raw"] == str(truth)
    assert ran.code == 3
