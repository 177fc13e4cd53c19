"""What-if over recordings, as a user asks: the changes said aloud, before beside after, JSON by its schema, codes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import defirisk
from defirisk.chain.recording import load_fixture
from defirisk.judging import Terms
from defirisk.report.json import schema
from defirisk.risk.scenario_files import parse_drops
from defirisk.run import check_one
from defirisk.sources import Where
from tests.cli.conftest import CLOSE, LIQUIDATABLE, RECORDING, Run

Check = Callable[..., Any]


def position(done: Any, wallet: int = 0) -> Any:
    jsonschema.validate(done.json, schema())
    return done.json["accounts"][wallet]["positions"][0]


@pytest.fixture
def held(check: Run) -> Any:
    """What the wallet has: symbols and amounts, as JSON tells them."""
    return position(check(CLOSE, "--format", "json", "--drop", "10"))


def test_an_act_is_said_and_the_figures_stand_side_by_side(check: Run, held: Any) -> None:
    owed = held["debt"][0]
    done = check(CLOSE, "--drop", "10", "--repay", f"{owed['symbol']}=0.001")
    assert done.code == 0, done.err
    assert f"What if: repay 0.001 {owed['symbol']}." in done.out
    assert "Before" in done.out
    assert "As it stands:" in done.out
    changed = position(check(CLOSE, "--drop", "10", "--format", "json", "--repay", f"{owed['symbol']}=0.001"))
    asked = changed["what_if"]
    assert asked["before"]["health_factor_raw"] == held["health_factor_raw"]
    assert asked["before"]["scenarios"] == held["scenarios"]
    assert int(changed["health_factor_raw"]) > int(held["health_factor_raw"])
    (change,) = asked["changes"]
    assert (change["kind"], change["asset"], change["felt"]) == ("repay", owed["asset"], True)
    assert int(owed["amount_raw"]) - int(changed["debt"][0]["amount_raw"]) in range(
        int(change["amount_raw"]) - 2, int(change["amount_raw"]) + 3
    )
    assert "what_if" not in held


def test_acts_are_done_in_the_order_given(check: Run, held: Any) -> None:
    symbol, other = (leg["symbol"] for leg in held["debt"])
    done = position(
        check(
            CLOSE,
            "--drop",
            "10",
            "--format",
            "json",
            f"--repay={other}=all",
            f"--borrow={symbol}=0.0001",
            "--repay",
            f"{symbol}=0.001",
        )
    )
    assert [one["kind"] for one in done["what_if"]["changes"]] == ["repay", "borrow", "repay"]


def test_a_refused_act_names_the_contracts_reason(check: Run, held: Any) -> None:
    symbol = held["debt"][0]["symbol"]
    done = check(
        CLOSE, "--drop", "10", "--format", "json", "--repay", f"{symbol}=0.001", "--borrow", f"{symbol}=1000000000"
    )
    assert done.code == 2
    assert "change-refused" in done.err
    found = position(done)
    assert found["health_factor_raw"] == held["health_factor_raw"]
    assert found["what_if"]["changes"] == []
    assert any("()" in one["text"] for one in found["warnings"] if one["code"] == "change-refused")


def test_a_parameter_set_to_what_it_is_changes_nothing(check: Run, held: Any) -> None:
    leg = held["collateral"][0]
    done = position(
        check(CLOSE, "--drop", "10", "--format", "json", "--set", f"{leg['asset']}.protocol_fee={fee(check)}")
    )
    (change,) = done["what_if"]["changes"]
    assert change["felt"] is False
    assert change["was"] == change["now"]
    assert {key: done[key] for key in held if key not in BARE} == {key: held[key] for key in held if key not in BARE}


BARE = {"contract", "contract_health_factor_raw", "warnings"}
"""A changed position has no view of the contract's own beside it."""


def fee(check: Run) -> str:
    asset = position(check(CLOSE, "--format", "json", "--drop", "10"))["collateral"][0]["asset"]
    changed = position(check(CLOSE, "--format", "json", "--drop", "10", "--set", f"{asset}.protocol_fee=0.01"))
    return changed["what_if"]["changes"][0]["was"].replace(" ", "")


def test_a_lower_threshold_and_what_the_configurator_says(check: Run, held: Any) -> None:
    leg = held["collateral"][0]
    lower = f"{float(leg['liquidation_threshold']) / 2:.4f}"
    done = check(CLOSE, "--drop", "10", "--format", "json", "--set", f"{leg['asset']}.liquidation_threshold={lower}")
    assert done.code == 0, done.err
    changed = position(done)
    assert int(changed["health_factor_raw"]) < int(held["health_factor_raw"])
    assert any(one["code"] == "configurator-refuses" for one in changed["warnings"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--set", "WETH.liquidation_treshold=0.8"), "bad-parameter"),
        (("--set", "WETH.liquidation_threshold=0.80005"), "bad-parameter"),
        (("--set", "WETH.liquidation_threshold=1.01"), "bad-parameter"),
        (("--set", "WETHH.ltv=0.1"), "unknown-asset"),
        (("--set", "elsewhere:WETH.ltv=0.1"), "unknown-market"),
        (("--set", "close_factor=0.5"), "bad-parameter"),
        (("--set-emode", "1.price=0.5"), "bad-parameter"),
        (("--repay", "USDC=0"), "bad-parameter"),
        (("--repay", "USDC=0.0000001"), "bad-parameter"),
        (("--deposit", "NOPE=1"), "unknown-asset"),
        (("--with", "WETH"), "bad-parameter"),
        (("--survive", "-100%"), "bad-move"),
        (("--reach-health", "x"), "bad-parameter"),
        (("--reach-health", "2", "--with", "NOPE"), "unknown-asset"),
    ],
)
def test_bad_input(check: Run, options: tuple[str, ...], code: str) -> None:
    done = check(CLOSE, "--drop", "10", *options)
    assert (done.code, done.out) == (2, "")
    assert f"error[{code}]" in done.err


def test_ways_are_told_and_each_is_least(check: Run) -> None:
    done = check(
        CLOSE, "--drop", "10", "--format", "json", "--reach-health", "1.7", "--survive", "WETH=-30%", "--with", "DAI"
    )
    found = position(done)["what_if"]
    assert found["changes"] == []
    assert found["before"] is None
    ways = [way for way in found["ways"] if way["act"] and way["amount_raw"]]
    assert {way["aim"]["kind"] for way in ways} == {"health", "survive"}
    assert {way["act"] for way in ways} == {"repay", "deposit"}
    assert all(way["proved"] for way in ways)
    way = next(one for one in ways if one["aim"]["kind"] == "health" and one["act"] == "repay")
    for amount, reached in ((way["amount"], True), (less(way), False)):
        after = position(check(CLOSE, "--drop", "10", "--format", "json", "--repay", f"{way['asset']}={amount}"))
        assert (int(after["health_factor_raw"]) >= 17 * 10**17) == reached
    assert "To reach" in check(CLOSE, "--drop", "10", "--reach-health", "1.7").out


def less(way: Any) -> str:
    decimals = len(way["amount"].partition(".")[2])
    raw = int(way["amount_raw"]) - 1
    places = decimals
    while int(way["amount"].replace(".", "")) * 10 ** (places - decimals) != int(way["amount_raw"]):
        places += 1
    text = str(raw).rjust(places + 1, "0")
    return f"{text[:-places]}.{text[-places:]}"


def test_markdown_and_csv_say_it(check: Run, held: Any) -> None:
    symbol = held["debt"][0]["symbol"]
    options = ("--drop", "10", "--repay", f"{symbol}=0.001", "--reach-health", "1.7")
    text = check(CLOSE, "--format", "markdown", *options).out
    assert f"What if\\: repay 0.001 {symbol}" in text
    assert "| To reach" in text
    header, row = check(CLOSE, "--format", "csv", *options).out.splitlines()[:2]
    assert header.split(",").count("what_if") == 1
    assert f"repay 0.001 {symbol}" in row


def test_the_api_says_the_same(check: Run) -> None:
    asked = defirisk.WhatIf.of(acts="deposit WETH=1", reach_health="3")
    result = defirisk.check([CLOSE, LIQUIDATABLE], fixture=RECORDING, scenarios="-10%", thresholds=False, what_if=asked)
    done = check(CLOSE, LIQUIDATABLE, "--drop", "10", "--format", "json", "--deposit", "WETH=1", "--reach-health", "3")
    assert result.to_dict() == done.json
    assert "what_if" in result.positions_frame().columns
    again = asyncio.run(
        check_one([CLOSE], Where(fixture=RECORDING), Terms(parse_drops("10"), thresholds=False, what_if=asked))
    )
    assert again.accounts[0].positions[0].what_if == result.accounts[0].positions[0].what_if


def test_a_new_asset_in_the_same_market(check: Run, held: Any) -> None:
    """USDC is not held: its configuration and price come from the market's listing, and scenarios may name it."""
    done = check(CLOSE, "--shock", "USDC=-50%", "--format", "json", "--deposit", "USDC=10")
    assert done.code == 0, done.err
    changed = position(done)
    assert "USDC" not in {leg["symbol"] for leg in held["collateral"]}
    usdc = next(leg for leg in changed["collateral"] if leg["symbol"] == "USDC")
    assert usdc["counts"] is True
    assert [one["code"] for one in changed["warnings"]].count("limits-unread") == 1
    assert changed["what_if"]["before"]["collateral"] == held["collateral"]


def test_a_policy_is_judged_after_the_vote(run: Run, tmp_path: Path, held: Any) -> None:
    """`--set` beside a policy file: the rule that holds today is breached once the threshold is lower."""
    health = int(held["health_factor_raw"]) / 10**18
    market = f"aave-v3@{load_fixture(str(RECORDING)).fixture.markets[0].entry}"
    policy = tmp_path / "defirisk.toml"
    policy.write_text(
        f'markets = ["{market}"]\nscenarios = ["-10%"]\n[[wallet]]\naddress = "{CLOSE}"\n'
        f"[policy]\nmin_health_factor = {health * 0.99:.4f}\n"
    )
    asked = ("check", "--policy", str(policy), "--fixture", str(RECORDING))
    assert run(*asked).code == 0
    lower = run(*asked, "--set", f"{held['collateral'][0]['asset']}.liquidation_threshold=0.5")
    assert lower.code == 1, lower.err
    assert "What if: " in lower.out
