"""`defirisk check` on a recording: what it prints, where, and with which code."""

import csv
import gzip
import io
import json
from pathlib import Path

import jsonschema
import pytest

from defirisk.report.json import schema

from .conftest import BLOCK, CLOSE, LIQUIDATABLE, RECORDING, STRANGER, Run

DROPS = ["-10%", "-20%", "-30%", "-40%", "-50%"]


def test_json_is_of_the_published_shape(check: Run) -> None:
    ran = check(CLOSE, LIQUIDATABLE, "--format", "json", thresholds=True)
    assert (ran.code, ran.err) == (0, "")
    jsonschema.Draft202012Validator(schema()).validate(ran.json)
    assert (ran.json["block"], ran.json["source"]) == (BLOCK, RECORDING.name)
    close, liquidatable = (account["positions"][0] for account in ran.json["accounts"])
    assert (close["liquidatable"], liquidatable["liquidatable"]) == (False, True)
    assert close["health_factor_raw"] == close["contract_health_factor_raw"]
    assert [scenario["name"] for scenario in close["scenarios"]] == DROPS
    assert any(threshold["liquidation"] not in {None, "0"} for threshold in close["thresholds"])


def test_the_table_leads_with_the_answer(check: Run) -> None:
    ran = check(CLOSE, thresholds=True)
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].startswith("chain 31337, recorded block 712 of 2024-08-06")
    assert "You are close to liquidation" in ran.out
    assert "equal to the last digit" in ran.out
    assert max(map(len, lines)) <= 80
    assert ran.out.isascii()


def test_the_wallets_of_the_recording_are_the_default(check: Run) -> None:
    ran = check("--format", "json", "--drop", "10")
    assert len(ran.json["accounts"]) == 69
    assert {position["rules"] for account in ran.json["accounts"] for position in account["positions"]} == {"3.5"}


def test_csv_has_a_row_a_position_and_scenario(check: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(check(CLOSE, LIQUIDATABLE, "--format", "csv").out)))
    assert [(row["address"], row["scenario"]) for row in rows] == [(w, d) for w in (CLOSE, LIQUIDATABLE) for d in DROPS]


def test_markdown(check: Run) -> None:
    assert f"#### `{CLOSE}`" in check(CLOSE, "--format", "markdown").out


def test_scenarios_come_from_drops_shocks_and_files(check: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[scenario]]\nname = "mine"\n[scenario.oracle]\n"family:ETH" = "-33%"\n')
    asked = ("--drop", "10,20", "--shock", "WETH=-40%", "--shock", "USDC=+2%", "--scenario", str(file))
    ran = check(CLOSE, "--format", "json", *asked, "--scenario", "black-thursday-2020")
    names = [scenario["name"] for scenario in ran.json["accounts"][0]["positions"][0]["scenarios"]]
    assert names == ["-10%", "-20%", "WETH=-40%,USDC=+2%", "mine", "black-thursday-2020"]


def test_a_family_can_be_overridden(check: Run) -> None:
    families = {}
    for more in ((), ("--family", "WETH=USD")):
        position = check(CLOSE, "--format", "json", *more).json["accounts"][0]["positions"][0]
        families[more] = (position["collateral"][0]["family"], position["scenarios"][3]["liquidatable"])
    assert families == {(): ("ETH", False), ("--family", "WETH=USD"): ("USD", False)}


@pytest.mark.parametrize("liquidator", ["largest", "best-bonus", "worst-case"])
def test_liquidators(check: Run, liquidator: str) -> None:
    ran = check(LIQUIDATABLE, "--format", "json", "--drop", "1", "--liquidator", liquidator)
    [scenario] = ran.json["accounts"][0]["positions"][0]["scenarios"]
    assert scenario["liquidator"] == liquidator
    assert (scenario["search"] is not None) == (liquidator == "worst-case")


def test_a_wallet_given_twice_is_listed_once_with_a_note(check: Run) -> None:
    ran = check(CLOSE, CLOSE.upper().replace("0X", "0x"), "--format", "json")
    assert len(ran.json["accounts"]) == 1
    assert [w["code"] for w in ran.json["warnings"]].count("duplicate-address") == 1


def test_a_wallet_that_the_recording_lacks_is_failed_and_the_others_answered(check: Run) -> None:
    ran = check(CLOSE, STRANGER, "--format", "json")
    assert ran.code == 3
    close, stranger = ran.json["accounts"]
    assert (close["status"], stranger["status"]) == ("ok", "failed")
    assert stranger["error"]["code"] == "missing-call"
    assert "run `defirisk record` again" in stranger["error"]["message"]


def test_output_goes_whole_to_a_file(check: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    file.write_text("old")
    ran = check(CLOSE, "--format", "json", "--output", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert json.loads(file.read_text())["schema"] == "defirisk/check/1"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.json"]


def test_a_failing_run_leaves_the_file_alone(check: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    file.write_text("old")
    assert check(CLOSE, "--shock", "NOPE=-1%", "-o", str(file)).code == 2
    assert file.read_text() == "old"


def test_the_same_question_gives_the_same_bytes(check: Run) -> None:
    asked = (CLOSE, LIQUIDATABLE, "--format", "json")
    assert check(*asked).out == check(*asked).out


def test_a_recording_is_what_its_chain_id_and_block_say(check: Run) -> None:
    assert check(CLOSE, "--chain", "31337", "--block", str(BLOCK)).code == 0
    for wrong in (("--chain", "ethereum"), ("--block", "1")):
        ran = check(CLOSE, *wrong)
        assert (ran.code, ran.out) == (2, "")
    assert "error[wrong-chain]" in check(CLOSE, "--chain", "ethereum").err


def test_strict_refuses_what_was_not_read_as_it_should(check: Run) -> None:
    ran = check(CLOSE, "--strict")
    assert (ran.code, ran.out) == (3, "")
    assert "error[fallback-used]" in ran.err


def test_a_scenario_that_a_price_cannot_take_is_left_out_there_and_said(check: Run) -> None:
    ran = check(CLOSE, "--format", "json", "--drop", "10", "--shock", "WETH=-99.9999999999999999%")
    assert ran.code == 2
    position = ran.json["accounts"][0]["positions"][0]
    assert [scenario["name"] for scenario in position["scenarios"]] == ["-10%"]
    assert [warning["code"] for warning in position["warnings"]] == ["bad-move"]
    assert "error[bad-move]" in ran.err


def test_an_edited_recording_is_refused(run: Run, tmp_path: Path) -> None:
    document = json.loads(gzip.decompress(RECORDING.read_bytes()))
    call = next(call for call in document["calls"] if len(call.get("result", "0x")) > 2)
    call["result"] = call["result"][:-1] + ("0" if call["result"][-1] != "0" else "1")
    file = tmp_path / "edited.json"
    file.write_text(json.dumps(document))
    ran = run("check", CLOSE, "--fixture", str(file))
    assert (ran.code, ran.out) == (3, "")
    assert "error[digest-mismatch]" in ran.err
