"""``defirisk/check/1`` as DESIGN writes it, and the schema that publishes it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from defirisk.model import ContractView, Seized, Token, Warning
from defirisk.report import json as report
from defirisk.report.check import Account, ChainFailure, Check, CheckSet

from . import worlds

SCHEMA = report.schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

TOP = {"schema", "chain_id", "block", "timestamp", "source", "markets", "warnings", "accounts", "shared_losses"}
POSITION = {
    "market", "protocol", "rules", "unit", "status", "error", "warnings", "health_factor", "health_factor_raw",
    "contract_health_factor_raw", "contract", "liquidatable", "totals", "collateral", "debt", "limits", "thresholds",
    "verdict", "scenarios",
}  # fmt: skip
COLLATERAL = {
    "asset", "symbol", "family", "decimals", "amount", "amount_raw", "price_raw", "oracle_updated_at", "value_raw",
    "counts", "liquidation_threshold", "liquidation_bonus",
}  # fmt: skip
SCENARIO = {
    "name", "health_factor_raw", "liquidatable", "liquidations", "ended", "assets_left", "debt_left", "bad_debt",
    "bad_debt_value_raw", "uncovered_value_raw", "owner_loss_value_raw", "borne_by",
}  # fmt: skip


def document(check: Check) -> dict[str, Any]:
    made = report.check(check)
    VALIDATOR.validate(made)
    assert json.loads(report.dumps(made)) == made
    return made


def first(check: Check) -> dict[str, Any]:
    position: dict[str, Any] = document(check)["accounts"][0]["positions"][0]
    return position


def test_the_keys_are_those_of_the_design() -> None:
    made = document(worlds.check())
    assert set(made) == TOP
    assert set(made["accounts"][0]) == {"address", "status", "error", "positions", "warnings", "totals"}
    position = made["accounts"][0]["positions"][0]
    assert set(position) == POSITION
    assert set(position["collateral"][0]) == COLLATERAL
    assert set(position["debt"][0]) == COLLATERAL - {"counts", "liquidation_threshold", "liquidation_bonus"}
    assert set(position["scenarios"][0]) - SCENARIO == {"liquidator", "search", "owner_loss"}
    assert not SCENARIO - set(position["scenarios"][0])


def test_integers_are_exact_text_and_figures_stand_beside_them() -> None:
    position = first(worlds.check())
    assert position["health_factor_raw"] == "1034567890123456789"
    assert position["health_factor"] == "1.034567890123456789"
    assert position["totals"] == {
        "collateral_value_raw": "351850500000",
        "debt_value_raw": "280034566000",
        "usd": {"collateral": "3518.505", "debt": "2800.34566"},
    }
    weth, wbtc = position["collateral"]
    assert (weth["amount"], weth["amount_raw"], weth["liquidation_threshold"]) == ("1.5", str(15 * 10**17), "0.83")
    assert (weth["oracle_updated_at"], wbtc["oracle_updated_at"]) == (worlds.TIME - 42, None)
    assert (weth["counts"], wbtc["counts"]) == (True, False)


def test_what_the_market_still_takes() -> None:
    assert first(worlds.check())["limits"] == [
        {
            "asset": worlds.WETH.address, "borrow": None, "repay_open": True, "withdraw_open": True,
            "supply": {"open": True, "cap_raw": str(7 * 10**18), "room_raw": str(2 * 10**18), "bound_by": "cap"},
        },
        {
            "asset": worlds.USDC.address, "repay_open": True, "withdraw_open": False,
            "supply": {"open": True, "cap_raw": None, "room_raw": None, "bound_by": None},
            "borrow": {"open": False, "cap_raw": None, "room_raw": "0", "bound_by": "paused"},
        },
    ]  # fmt: skip


def test_thresholds_are_18_decimals_zero_today_or_null() -> None:
    group, _, fall, _, usdc_fall, usdc_rise = first(worlds.check())["thresholds"]
    assert group == {
        "kind": "group", "move": "all volatile", "direction": "down", "liquidation": "-0.033412567890123457",
        "bad_debt": "-0.210000000000000001", "searched_to": "-0.999999999999999999",
    }  # fmt: skip
    assert (fall["asset"], fall["liquidation_price_raw"]) == (worlds.WETH.address, "226729514189")
    assert (usdc_fall["liquidation"], usdc_fall["liquidation_price_raw"]) == (None, None)
    assert (usdc_rise["liquidation"], usdc_rise["bad_debt"]) == ("0", "0.100000000000000000")


def test_a_replay_step_by_step() -> None:
    scenario = first(worlds.check())["scenarios"][1]
    assert scenario["liquidations"][0] == {
        "repaid": {"asset": worlds.USDC.address, "amount_raw": "2010000000"},
        "seized": [{"asset": worlds.WETH.address, "amount_raw": str(10**18), "protocol_fee_raw": str(10**16)}],
        "health_factor_after_raw": str(5 * 10**17),
    }
    assert scenario["liquidations"][1]["health_factor_after_raw"] is None
    assert scenario["bad_debt"] == [
        {"asset": worlds.USDC.address, "amount_raw": "789999999", "value_raw": "79009752450"}
    ]
    assert scenario["borne_by"] == [{"who": "deficit", "asset": worlds.USDC.address, "amount_raw": "789999999"}]
    loss = {key.removesuffix("_value_raw"): int(value) for key, value in scenario["owner_loss"].items()}
    assert loss["total"] == loss["move"] + loss["bonus"] + loss["protocol_fee"] - loss["borne_by_others"]
    assert scenario["owner_loss_value_raw"] == str(loss["total"])


def test_receipt_tokens_stand_beside_the_underlying() -> None:
    outcome = worlds.outcome()
    seized = Seized(worlds.WETH, 0, 10, 1, shares=7, protocol_shares=2)
    step = replace(outcome.liquidations[0], seized=(seized,))
    made = first(worlds.check(worlds.analysis(outcomes=(replace(outcome, liquidations=(step,)),))))
    assert made["scenarios"][0]["liquidations"][0]["seized"][0] == {
        "asset": worlds.WETH.address, "amount_raw": "10", "protocol_fee_raw": "1", "shares_raw": "7",
        "protocol_shares_raw": "2",
    }  # fmt: skip


def test_no_debt_and_the_contract_agrees() -> None:
    view = ContractView(has_health_factor=True, health_factor=None)
    held = worlds.position(contract=view, reproduced=view)
    made = first(worlds.check(worlds.analysis(position=held, standing=worlds.standing(health_factor=None))))
    assert (made["status"], made["health_factor_raw"], made["contract_health_factor_raw"]) == ("ok", None, None)


def test_a_difference_from_the_contract_is_a_warning_and_no_complete_answer() -> None:
    held = worlds.position(contract=ContractView(has_health_factor=True, health_factor=worlds.HF + 1))
    check = worlds.check(worlds.analysis(position=held))
    [warning] = first(check)["warnings"]
    assert warning["code"] == "contract-mismatch"
    assert str(worlds.HF + 1) in warning["text"]
    assert str(worlds.HF) in warning["text"]
    assert not check.complete
    assert worlds.check().complete


def test_an_unpriced_position_keeps_its_amounts_and_judges_nothing() -> None:
    check = worlds.check(worlds.unpriced())
    made = first(check)
    assert made["status"] == "unpriced"
    assert made["error"]["code"] == "unpriced"
    assert "WETH" in made["error"]["message"]
    assert [made[key] for key in ("health_factor_raw", "liquidatable", "totals")] == [None, None, None]
    assert (made["collateral"][0]["amount"], made["collateral"][0]["price_raw"]) == ("1.5", None)
    assert document(check)["accounts"][0]["status"] == "failed"
    assert not check.complete


def test_a_market_that_failed_stands_among_the_positions() -> None:
    check = worlds.failing()
    account = document(check)["accounts"][0]
    assert (account["status"], account["error"]["code"]) == ("failed", "endpoint-refused")
    assert account["warnings"] == [{"code": "contract-account", "text": "this address is a Safe"}]
    assert set(account["positions"][0]) == POSITION
    assert account["positions"][0]["status"] == "failed"
    assert not check.complete


def test_an_account_without_positions() -> None:
    account = document(worlds.check())["accounts"][1]
    assert account == {
        "address": worlds.OTHER, "status": "no-position", "error": None, "warnings": [],
        "totals": [], "positions": []
    }  # fmt: skip


def test_several_chains_and_one_that_failed() -> None:
    failure = ChainFailure("base", "endpoint-unreachable", "no answer from \x1b[31mhost")
    checks = CheckSet((worlds.check(),), (failure,))
    made = report.check_set(checks)
    VALIDATOR.validate(made)
    assert made["schema"] == "defirisk/check-set/1"
    assert made["failures"] == [
        {"chain": "base", "error": {"code": "endpoint-unreachable", "message": "no answer from host"}}
    ]
    assert not checks.complete


@pytest.mark.parametrize(("age", "codes"), [(60, []), (61, ["old-block"]), (-60, []), (-61, ["block-ahead"])])
def test_a_block_over_a_minute_old_is_warned_of(age: int, codes: list[str]) -> None:
    made = document(worlds.check(read_at=worlds.TIME + age))
    assert [warning["code"] for warning in made["warnings"]] == codes


def test_a_recording_has_no_age() -> None:
    assert document(worlds.check(read_at=None))["warnings"] == []


def test_hostile_text_is_harmless_everywhere() -> None:
    evil = "\x1b]0;x\x07\u202eEVIL" + "L" * 600
    weth = Token(worlds.WETH.address, evil, 18)
    tokens = (weth, worlds.USDC, worlds.WBTC)
    held = worlds.position(tokens, warnings=(Warning("odd", evil),), market=worlds.market(name=evil, rules=evil))
    check = worlds.check(worlds.analysis(position=held, standing=worlds.standing(tokens)), source=evil)
    texts = list(strings(document(check)))
    assert not [text for text in texts if len(text) > 500 or any(c < " " or c == "\u202e" for c in text)]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)


# --- the schema -----------------------------------------------------------------------------------------------------


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            yield node
        for inner in node.values():
            yield from objects(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from objects(inner)


def test_every_field_is_described_and_no_field_is_undeclared() -> None:
    found = list(objects(SCHEMA))
    assert len(found) > 15
    for one in found:
        assert one["additionalProperties"] is False
        assert one["description"].strip()
        for name, field in one["properties"].items():
            assert field.get("description", "").strip(), name


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(SCHEMA)
    wanted = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert wanted == set(SCHEMA["$defs"])


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("chain_id",), "1"),
        (("accounts", 0, "address"), "0x1"),
        (("accounts", 0, "status"), "fine"),
        (("accounts", 0, "positions", 0, "health_factor_raw"), 1034567890123456789),
        (("accounts", 0, "positions", 0, "health_factor"), "1.03e0"),
        (("accounts", 0, "positions", 0, "totals", "debt_value_raw"), "1.5"),
        (("accounts", 0, "positions", 0, "thresholds", 0, "liquidation"), "-0.25"),
        (("accounts", 0, "positions", 0, "scenarios", 0, "ended"), "tired"),
        (("accounts", 0, "positions", 0, "extra"), 1),
    ],
)
def test_the_schema_refuses_what_is_not_of_the_shape(path: tuple[Any, ...], wrong: Any) -> None:
    made = report.check(worlds.check())
    place: Any = made
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    assert not VALIDATOR.is_valid(made)


def test_accounts_keep_the_order_asked_for() -> None:
    check = worlds.check(accounts=(Account(worlds.OTHER), Account(worlds.OWNER)))
    assert [a["address"] for a in document(check)["accounts"]] == [worlds.OTHER, worlds.OWNER]
