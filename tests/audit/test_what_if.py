"""What if a parameter were set, of a whole list: as `check` says of each wallet, however the list is cut."""

from __future__ import annotations

import asyncio
import csv
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

import defirisk
from defirisk.chain.recording import load_fixture
from defirisk.cli import audit as command
from defirisk.cli import check
from defirisk.cli.app import app
from defirisk.report.audit import schema

from .conftest import DEMO, WALLETS, Ran

VOTE = "aave-v3-local:WETH.liquidation_threshold=0.5"
PEOPLE = load_fixture(str(DEMO)).fixture.wallets


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "list.txt"
    path.write_text("\n".join(PEOPLE))
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("more", [(), ("--chunk", "2"), ("--engine", "fast")], ids=["whole", "cut", "fast"])
def test_it_says_of_each_wallet_what_check_says(people: Path, audit: Callable[..., Ran], more: tuple[str, ...]) -> None:
    positions, outcomes = people.with_name("p.csv"), people.with_name("o.csv")
    asked = ("--set", VOTE, "--drop", "20", "--no-thresholds", "--format", "json")
    ran = audit(people, "-o", positions, "--outcomes", outcomes, "-q", *asked, *more, fixture=DEMO)
    assert ran.code == 0, ran.err
    jsonschema.validate(ran.json, schema())
    (notice,) = (one for one in ran.json["warnings"] if one["code"] == "what-if")
    assert notice["text"].endswith(VOTE)
    done = CliRunner().invoke(app, ["check", *PEOPLE, "--fixture", str(DEMO), *asked])
    accounts: Any = defirisk.check(PEOPLE, fixture=str(DEMO), scenarios=["-20%"], thresholds=False).to_dict()[
        "accounts"
    ]
    before = {one["address"]: one["positions"] for one in accounts}

    moved = 0
    for account in json.loads(done.stdout)["accounts"]:
        for position in account["positions"]:
            key = {"address": account["address"], "market": position["market"]}
            (row,) = (one for one in table(positions) if key.items() <= one.items())
            if row["status"] == "no-position":
                assert position["totals"]["debt_value_raw"] == "0"
                continue
            assert row["health_factor_raw"] == (position["health_factor_raw"] or ""), key
            assert row["collateral_value_raw"] == position["totals"]["collateral_value_raw"], key
            (outcome,) = (one for one in table(outcomes) if key.items() <= one.items())
            (scenario,) = position["scenarios"]
            assert outcome["liquidatable"] == str(scenario["liquidatable"]).lower()
            assert outcome["liquidations"] == str(len(scenario["liquidations"]))
            if outcome["engine"] == "exact":
                assert outcome["bad_debt_value_raw"] == scenario["bad_debt_value_raw"]
            was = next(one for one in before[account["address"]] if one["market"] == position["market"])
            moved += was["health_factor_raw"] != position["health_factor_raw"]
    assert moved > 1


def test_the_full_replays_are_of_the_same_vote(people: Path, audit: Callable[..., Ran]) -> None:

    top = people.with_name("top.json")
    asked = ("--set", VOTE, "--set", "venus-local:close_factor=0.6", "--drop", "20", "--no-thresholds", "-q")
    ran = audit(people, "--top", "1", "--top-output", top, *asked, fixture=DEMO)
    assert ran.code == 0, ran.err
    found = json.loads(top.read_text())["accounts"]
    asked_of = [
        position["what_if"]["changes"] for one in found for position in one["positions"] if "what_if" in position
    ]
    assert any(change["parameter"] == "liquidation_threshold" for changes in asked_of for change in changes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--set", "WETH.liquidation_threshold=0.5"), "several markets are read, and it does not say which is meant"),
        (("--set", "aave-v9:WETH.liquidation_threshold=0.5"), "no market 'aave-v9' is read"),
        (("--set", "aave-v3-local:NOPE.liquidation_threshold=0.5"), "NOPE"),
        (("--set", "aave-v3-local:WETH.nope=0.5"), "has no parameter 'nope'"),
        (("--set", "aave-v3-local:WETH.liquidation_threshold=1.5"), "WETH.liquidation_threshold"),
    ],
)
def test_what_cannot_be_set_is_refused_before_anything_is_judged(
    people: Path, audit: Callable[..., Ran], given: tuple[str, ...], said: str
) -> None:
    ran = audit(people, "-o", people.with_name("p.csv"), "--drop", "20", *given, fixture=DEMO)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert [path.name for path in people.parent.iterdir()] == ["list.txt"]


def test_a_market_that_nobody_is_in_is_told(people: Path, audit: Callable[..., Ran]) -> None:
    people.write_text(PEOPLE[1])
    given = ("--set", "venus-local:close_factor=0.6", "--drop", "20", "--no-thresholds")
    ran = audit(people, *given, fixture=DEMO)
    assert ran.code == 2
    assert "nobody on the list has a position in venus-local, so nothing was set there" in ran.err


def test_acts_are_one_owner_s() -> None:
    act = defirisk.WhatIf.of(acts="repay USDC=1")
    with pytest.raises(defirisk.InputError, match="one owner's"):
        defirisk.audit(WALLETS[:1], fixture=str(DEMO), what_if=act)


def test_every_option_of_check_holds_or_is_refused_with_a_reason(audit: Callable[..., Ran]) -> None:
    ours = {name for option in command.command.params for name in option.opts}
    theirs = {name for option in check.command.params for name in option.opts if name.startswith("--")}
    assert theirs - ours == set(command.OF_CHECK)
    assert not ours & set(command.OF_CHECK)
    for option, why in command.OF_CHECK.items():
        ran = audit("list.txt", option, "x")
        assert ran.code == 2
        assert f"`audit` has no {option}: {why}." in ran.err


def test_what_is_wrong_for_every_chunk_is_said_once(
    people: Path, audit: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks are judged side by side: where several fail, none of them leaves a traceback of asyncio."""
    complaints: list[Any] = []
    wait = asyncio.wait

    async def all_of(tasks: Any, **_: Any) -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        return await wait(tasks)  # whatever the machine's speed, all that are judged are done when they are looked at

    monkeypatch.setattr("defirisk.auditing.pipeline.asyncio.wait", all_of)
    wrong = ("--set", "aave-v3-local:WETH.nonsense=1", "--drop", "20", "--no-thresholds", "-q")
    ran = audit(people, "--chunk", "1", *wrong, fixture=DEMO)
    gc.collect()
    assert (ran.code, ran.out, ran.err.count("error[")) == (2, "", 1)
    assert complaints == []
