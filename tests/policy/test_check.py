"""`defirisk check` under a policy: what is judged, with which figures, and with which exit code."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

import defirisk
from defirisk.report.json import schema
from tests.support.rpc_server import RpcServer

from .conftest import ALL_FOUR, CLOSE, DEMO, NO_DEBT, SAFE, SMALL, TODAY, UNDER, Check, Write, waiver, wallet

WAD = 10**18
BOTH = wallet(SAFE, "treasury") + wallet(UNDER, "desk")


def test_within_the_rules_is_code_0(write: Write, check: Check) -> None:
    write(
        wallet(SAFE, "treasury")
        + '[policy]\nmin_health_factor = 1.2\nsurvives = ["-30%"]\nmax_bad_debt = 0\nmax_oracle_age = "3h"\n'
    )
    ran = check()
    assert (ran.code, ran.err) == (0, "policy: defirisk.toml\n")
    lines = ran.out.splitlines()
    assert lines[3] == f"Policy: none of 6 checks breached (defirisk.toml, on {TODAY})"
    assert "  ok  treasury  6       all ok" in lines
    assert max(map(len, lines)) <= 80


def test_a_breach_is_code_1_with_exact_figures(write: Write, check: Check) -> None:
    write(BOTH + '[policy]\nmin_health_factor = 1.2\nsurvives = ["-30%"]\nmax_bad_debt = 0\nmax_oracle_age = "1min"\n')
    ran = check("--format", "json")
    assert ran.code == 1
    jsonschema.Draft202012Validator(schema()).validate(ran.json)
    accounts = {a["address"]: next(p for p in a["positions"] if p["collateral"]) for a in ran.json["accounts"]}
    outcomes = {name: {s["name"]: s for s in p["scenarios"]} for name, p in accounts.items()}

    [health] = ran.findings(label="desk", rule="min_health_factor")
    assert (health["status"], health["measured_raw"]) == ("breach", accounts[UNDER]["health_factor_raw"])
    assert (health["limit"], health["limit_raw"], health["line"]) == ("1.2", "1200000000000000000", 10)
    [survives] = ran.findings(label="desk", rule="survives")
    assert (survives["scenario"], survives["status"]) == ("-30%", "breach")
    assert survives["measured_raw"] == outcomes[UNDER]["-30%"]["health_factor_raw"]
    owed = {f["scenario"]: f for f in ran.findings(label="desk", rule="max_bad_debt")}
    assert set(owed) == {"-40%", "-30%"}
    for name, finding in owed.items():
        there = outcomes[UNDER][name]
        loss = max(int(there["bad_debt_value_raw"]), int(there["uncovered_value_raw"]))
        assert (finding["status"], finding["measured_raw"], finding["limit_raw"]) == ("breach", str(loss), "0")
    ages = ran.findings(label="desk", rule="max_oracle_age")
    legs = [leg for side in ("collateral", "debt") for leg in accounts[UNDER][side]]
    assert {f["asset"]: f["measured_raw"] for f in ages} == {
        leg["asset"]: str(ran.json["timestamp"] - leg["oracle_updated_at"]) for leg in legs
    }
    assert {f["status"] for f in ran.findings(label="treasury") if f["rule"] != "max_oracle_age"} == {"ok"}
    assert ran.policy["counts"]["breach"] == sum(f["status"] == "breach" for f in ran.policy["findings"])
    assert "the health factor 0.7504 is below 1.2" in health["text"]


@pytest.mark.parametrize(("least", "code"), [("{}", 0), ("{}1", 1)])
def test_the_last_digit_decides_a_health_factor(write: Write, check: Check, least: str, code: int) -> None:
    health = defirisk.check(SAFE, fixture=DEMO, scenarios=[], thresholds=False).to_dict()["accounts"][0]["positions"][0]
    digits = health["health_factor_raw"]
    exact = f"{digits[:-18]}.{digits[-18:]}"
    above = f"{int(digits) + 1:019d}"
    limit = exact if code == 0 else f"{above[:-18]}.{above[-18:]}"
    write(f"{wallet(SAFE)}[policy]\nmin_health_factor = {limit}\n")
    assert check().code == code


def test_the_last_unit_decides_bad_debt(write: Write, check: Check) -> None:
    write(f"{wallet(UNDER)}[policy]\nmax_bad_debt = 0\n")
    measured = check("--format", "json").policy["findings"][0]["measured"]
    write(f"{wallet(UNDER)}[policy]\nmax_bad_debt = {measured}\n")
    assert check().code == 0
    whole, _, fraction = measured.partition(".")
    less = f"{int(whole + fraction.ljust(8, '0')) - 1:09d}"
    write(f"{wallet(UNDER)}[policy]\nmax_bad_debt = {less[:-8]}.{less[-8:]}\n")
    assert check().code == 1


def test_the_last_second_decides_an_oracles_age(write: Write, check: Check) -> None:
    write(f'{wallet(UNDER)}[policy]\nmax_oracle_age = "3h"\n')
    oldest = max(int(f["measured"]) for f in check("--format", "json").policy["findings"])
    for limit, code in ((oldest, 0), (oldest - 1, 1)):
        write(f'{wallet(UNDER)}[policy]\nmax_oracle_age = "{limit}s"\n')
        assert check().code == code


def test_an_oracle_that_is_ahead_of_the_block_has_no_known_age(write: Write, check: Check, tmp_path: Path) -> None:
    """A feed that dates its answer after the block would look fresh for ever; our readers take it for unknown."""
    write(f'{wallet(UNDER)}[policy]\nmax_oracle_age = "3h"\n')
    seconds = int(check("--format", "json").policy["findings"][0]["measured"])
    path = edited(tmp_path, lambda d: d.__setitem__("block_timestamp", d["block_timestamp"] - seconds - 1))
    write(f'{wallet(UNDER)}[policy]\nmax_oracle_age = "3h"\n', fixture=path)
    first = check("--format", "json").policy["findings"][0]
    assert (first["status"], first["measured"]) == ("breach", None)


def test_nor_where_another_reader_passes_such_a_time_on() -> None:
    from defirisk.policy.rules import Matter, MaxOracleAge
    from defirisk.policy.terms import Clause

    result = defirisk.check(UNDER, fixture=DEMO, scenarios=[], thresholds=False)
    [judged, *_] = result.accounts[0].positions
    ahead = replace(judged.position, price_times=tuple(result.timestamp + 90 for _ in judged.position.price_times))
    clause = Clause("max_oracle_age", 3600)
    found = list(MaxOracleAge().judge(clause, Matter(replace(judged, position=ahead), result.timestamp, ())))
    assert found
    for one in found:
        assert (one.breached, one.measured) == (True, None)
        assert "dates its price 1 min 30 s after the block: its age is not known" in one.text


def test_an_oracle_of_what_does_not_count_does_not_matter() -> None:
    from defirisk.policy.rules import Matter, MaxOracleAge
    from defirisk.policy.terms import Clause

    result = defirisk.check(UNDER, fixture=DEMO, scenarios=[], thresholds=False)
    [judged, *_] = result.accounts[0].positions
    off = replace(judged.standing, collateral=tuple(replace(leg, counts=False) for leg in judged.standing.collateral))
    clause = Clause("max_oracle_age", 1)
    for standing, legs in ((judged.standing, (*judged.standing.collateral, *judged.standing.debt)), (off, off.debt)):
        found = MaxOracleAge().judge(clause, Matter(replace(judged, standing=standing), result.timestamp, ()))
        assert {one.asset for one in found} == {leg.token for leg in legs}


def test_debt_that_rules_leave_uncovered_is_bad_debt_too(write: Write, check: Check) -> None:
    """Venus at -40 %: liquidation stops by its rules, no debt is written off, and 464.68 USD stay uncovered."""
    write(f"{wallet(ALL_FOUR)}[policy]\nmax_bad_debt = 464\n")
    ran = check("--format", "json")
    [venus] = ran.findings(market="venus-local")
    position = next(p for p in ran.json["accounts"][0]["positions"] if p["market"] == "venus-local")
    [outcome] = position["scenarios"]
    assert (outcome["bad_debt_value_raw"], outcome["ended"]) == ("0", "rules")
    assert (venus["status"], venus["measured_raw"]) == ("breach", outcome["uncovered_value_raw"])


def test_a_wallets_own_rules_go_before_the_policys(write: Write, check: Check) -> None:
    own = wallet(SAFE, "a", policy='{ min_health_factor = 2.5, survives = ["-50%"] }') + wallet(
        UNDER, "b", policy="{ survives = [] }"
    )
    write(own + '[policy]\nmin_health_factor = 0.5\nsurvives = ["-10%"]\nmax_bad_debt = 100_000\n')
    ran = check("--format", "json")
    assert [f["status"] for f in ran.findings(label="a", rule="min_health_factor")] == ["breach"]
    assert [f["scenario"] for f in ran.findings(label="a", rule="survives")] == ["-50%"]
    assert [f["scenario"] for f in ran.findings(label="a", rule="max_bad_debt")] == ["-40%", "-50%"]
    assert [f["scenario"] for f in ran.findings(label="b", rule="max_bad_debt")] == ["-40%"]
    assert ran.findings(label="b", rule="survives") == []
    assert [s["name"] for s in ran.json["accounts"][1]["positions"][0]["scenarios"]] == ["-40%", "-10%", "-50%"]


def test_an_oracle_of_unknown_age_fails_unless_waived(write: Write, check: Check) -> None:
    rules = '[policy]\nmax_oracle_age = "70d"\n'
    write(wallet(ALL_FOUR, "all") + rules, head='markets = ["compound-v3@0x0000000000000000000000000000000000000000"]')
    names = [m["name"] for m in json.loads(gzip.decompress(DEMO.read_bytes()))["markets"]]
    comet = next(m for m in json.loads(gzip.decompress(DEMO.read_bytes()))["markets"] if m["protocol"] == "compound-v3")
    assert len(names) == 4
    write(wallet(ALL_FOUR, "all") + rules, head=f'markets = ["compound-v3@{comet["entry"]}"]')
    ran = check("--format", "json")
    unknown = {f["symbol"] for f in ran.policy["findings"] if f["status"] == "breach"}
    assert (ran.code, unknown) == (1, {"DOGX", "CBBX", "USDC"})
    assert {f["measured"] for f in ran.policy["findings"] if f["status"] == "breach"} == {None}
    one = waiver("all", "max_oracle_age", asset="DOGX")
    write(wallet(ALL_FOUR, "all") + rules + one, head=f'markets = ["compound-v3@{comet["entry"]}"]')
    ran = check("--format", "json")
    assert ({f["symbol"] for f in ran.policy["findings"] if f["status"] == "waived"}, ran.code) == ({"DOGX"}, 1)
    every = waiver("all", "max_oracle_age", market=f"compound-v3@{comet['entry'].lower()}")
    write(wallet(ALL_FOUR, "all") + rules + every, head=f'markets = ["compound-v3@{comet["entry"]}"]')
    ran = check("--format", "json")
    assert (ran.policy["counts"], ran.code) == ({"ok": 3, "breach": 0, "waived": 3, "error": 0}, 0)


def test_the_markets_own_unit_has_no_oracle_there(write: Write, check: Check) -> None:
    """WETH in an Aave V2 market that counts in WETH: its price is 1 and nobody updates it."""
    v2 = next(m for m in json.loads(gzip.decompress(DEMO.read_bytes()))["markets"] if m["protocol"] == "aave-v2")
    write(f'{wallet(ALL_FOUR)}[policy]\nmax_oracle_age = "3h"\n', head=f'markets = ["aave-v2@{v2["entry"]}"]')
    ran = check("--format", "json")
    assert (ran.code, [f["symbol"] for f in ran.policy["findings"]]) == (0, ["DAI"])


def test_no_debt_and_no_position_break_no_rule_and_are_said(write: Write, check: Check) -> None:
    stranger = "0x87fb2e8879bda2c64a9b78f75c24bfc2478b2d1c"
    v3 = next(m for m in json.loads(gzip.decompress(DEMO.read_bytes()))["markets"] if m["protocol"] == "compound-v3")
    rules = '[policy]\nmin_health_factor = 1.2\nsurvives = ["-30%"]\nmax_bad_debt = 0\n'
    write(wallet(NO_DEBT, "idle") + wallet(stranger, "x") + rules)
    ran = check("--format", "json")
    assert {f["status"] for f in ran.findings(label="idle")} == {"ok"}
    assert ran.findings(label="idle", rule="min_health_factor")[0]["measured"] is None
    write(wallet(NO_DEBT, "idle") + rules, head=f'markets = ["compound-v3@{v3["entry"]}"]\nscenarios = ["-40%"]')
    ran = check("--format", "json")
    assert [(f["rule"], f["status"], f["market"]) for f in ran.policy["findings"]] == [
        (rule, "ok", None) for rule in ("min_health_factor", "survives", "max_bad_debt")
    ]
    assert [w["code"] for w in ran.policy["warnings"]] == ["no-position"]


# --- waivers --------------------------------------------------------------------------------------------------------


def test_a_waiver_holds_through_its_last_day(write: Write, check: Check) -> None:
    write(wallet(UNDER, "desk") + "[policy]\nmin_health_factor = 1.2\n" + waiver("desk", "min_health_factor"))
    for today, code, status in (
        (TODAY, 0, "waived"),
        ("2026-12-31", 0, "waived"),
        ("9999-12-31", 2, "breach"),
        ("2027-01-01", 2, "breach"),
    ):
        ran = check("--format", "json", today=today)
        assert (ran.code, ran.policy["findings"][0]["status"], ran.policy["today"]) == (code, status, today)
    assert (
        "error[expired-waiver]: defirisk.toml, line 8: the waiver of min_health_factor for desk expired on 2026-12-31"
        in ran.err
    )
    assert ran.policy["problems"][0]["line"] == 8
    assert ran.policy["findings"][0]["waiver"] is None


def test_a_waiver_of_one_market_waives_no_other(write: Write, check: Check) -> None:
    rules = "[policy]\nmin_health_factor = 1.2\n"
    write(wallet(ALL_FOUR, "all") + rules + waiver("all", "min_health_factor", market="venus-local"))
    statuses = {f["market"]: f["status"] for f in check("--format", "json").policy["findings"]}
    assert statuses == {
        "aave-v3-local": "breach", "aave-v2-local": "breach", "venus-local": "waived", "compound-v3-local-usdc": "ok",
    }  # fmt: skip


@pytest.mark.parametrize("narrow_first", [True, False])
def test_the_narrowest_waiver_is_the_one_that_is_shown(write: Write, check: Check, narrow_first: bool) -> None:
    both = [waiver("desk", "survives", scenario="-30%"), waiver("desk", "survives", "2027-06-30")]
    rules = '[policy]\nsurvives = ["-30%", "-40%"]\n'
    write(wallet(UNDER, "desk") + rules + "".join(both if narrow_first else reversed(both)))
    ran = check("--format", "json")
    waived = {f["scenario"]: f["waiver"]["expires"] for f in ran.policy["findings"]}
    assert (ran.code, waived, ran.policy["warnings"]) == (0, {"-30%": "2026-12-31", "-40%": "2027-06-30"}, [])


def test_waivers_of_wallets_that_are_not_judged_do_not_matter(write: Write, check: Check) -> None:
    write(BOTH + "[policy]\nmin_health_factor = 1.2\n" + waiver("desk", "min_health_factor", "2020-01-01"))
    ran = check("treasury", "--policy", "defirisk.toml", "--format", "json")
    assert (ran.code, ran.policy["warnings"], ran.policy["problems"]) == (0, [], [])


def test_an_expired_waiver_fails_even_where_nothing_is_breached(write: Write, check: Check) -> None:
    write(wallet(SAFE, "t") + "[policy]\nmin_health_factor = 1.2\n" + waiver("t", "min_health_factor", "2026-01-01"))
    ran = check()
    assert (ran.code, "PROBLEM the waiver of min_health_factor for t expired" in ran.out) == (2, True)


def test_a_waiver_that_waives_nothing_is_said(write: Write, check: Check) -> None:
    write(wallet(SAFE, "t") + "[policy]\nmin_health_factor = 1.2\n" + waiver("t", "min_health_factor"))
    ran = check("--format", "json")
    assert (ran.code, [w["code"] for w in ran.policy["warnings"]]) == (0, ["unused-waiver"])


def test_a_waiver_of_one_scenario_waives_no_other(write: Write, check: Check) -> None:
    rules = '[policy]\nsurvives = ["-30%", "-40%"]\n'
    write(wallet(UNDER, "desk") + rules + waiver("desk", "survives", scenario="-30%"))
    ran = check("--format", "json")
    assert {f["scenario"]: f["status"] for f in ran.policy["findings"]} == {"-30%": "waived", "-40%": "breach"}


def test_a_waiver_for_a_market_that_was_not_read(write: Write, check: Check) -> None:
    write(
        wallet(UNDER, "desk")
        + "[policy]\nmin_health_factor = 1.2\n"
        + waiver("desk", "min_health_factor", market="aave-v3-base")
    )
    ran = check()
    assert (ran.code, "a waiver is for the market 'aave-v3-base', which was not read" in ran.err) == (2, True)


# --- which policy, which wallets, which source ----------------------------------------------------------------------


def test_an_address_means_no_policy_unless_one_is_named(write: Write, check: Check) -> None:
    write(BOTH + "[policy]\nmin_health_factor = 1.2\n")
    free = check(SAFE, "--fixture", str(DEMO), "--no-thresholds", "--format", "json", today=None)
    assert (free.code, "policy" in free.json, free.err) == (0, False, "")
    named = check(SAFE, "--policy", "defirisk.toml", "--format", "json")
    assert (named.code, [f["label"] for f in named.policy["findings"]]) == (0, ["treasury"])
    other = check(CLOSE, "--policy", "defirisk.toml", "--format", "json")
    assert (other.code, [(f["wallet"], f["label"]) for f in other.policy["findings"]]) == (1, [(CLOSE, None)])


def test_without_a_policy_file_a_recordings_wallets_are_checked_as_ever(check: Check) -> None:
    ran = check("--fixture", str(SMALL), "--no-thresholds", "--format", "json", today=None)
    assert (ran.code, "policy" in ran.json) == (0, False)
    assert "no wallet was given" in check(today=None).err


def test_no_policy_leaves_it_out(write: Write, check: Check) -> None:
    write(BOTH + "[policy]\nmin_health_factor = 9\n")
    ran = check("--no-policy", "--fixture", str(SMALL), "--no-thresholds", "--format", "json", today=None)
    assert (ran.code, "policy" in ran.json) == (0, False)
    assert check("--no-policy", "--policy", "x").code == 2


def test_a_folder_below_uses_the_repositorys_policy_and_says_so(
    write: Write, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    ran = check()
    assert (ran.code, ran.err) == (0, f"policy: {tmp_path / 'defirisk.toml'}\n")
    assert check("-q").err == ""


def test_paths_in_a_policy_are_relative_to_it(
    write: Write, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chain.json.gz").write_bytes(DEMO.read_bytes())
    (tmp_path / "ours.toml").write_text('[[scenario]]\nname = "crash"\n[scenario.oracle]\nWETH = "-90%"\n')
    body = wallet(SAFE, "t") + '[policy]\nsurvives = ["crash"]\n'
    write(body, head='fixture = "chain.json.gz"\nscenarios = ["ours.toml"]', fixture=None)
    monkeypatch.chdir("/")
    ran = check("--policy", str(tmp_path / "defirisk.toml"), "--format", "json")
    assert (ran.code, ran.policy["findings"][0]["scenario"], ran.json["source"]) == (1, "crash", "chain.json.gz")


def test_the_same_policy_over_an_endpoint(write: Write, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for on the command line, and the variable that a policy names, replace a recording."""
    rules = "[policy]\nmin_health_factor = 1.2\n"
    v3 = next(m for m in json.loads(gzip.decompress(DEMO.read_bytes()))["markets"] if m["protocol"] == "aave-v3")
    head = f'markets = ["aave-v3@{v3["entry"]}"]'
    with RpcServer.of_fixture(DEMO) as server:
        write(wallet(SAFE) + rules, head=head)
        asked = check("--rpc", server.url, "--format", "json", today=None)
        write(wallet(SAFE) + rules, head=f'rpc_env = "OUR_NODE"\n{head}', fixture=None)
        monkeypatch.setenv("OUR_NODE", server.url)
        named = check("--format", "json", today=None)
    for ran in (asked, named):
        assert (ran.code, ran.json["source"]) == (0, server.url.split("/")[2])
    monkeypatch.delenv("OUR_NODE")
    ran = check()
    assert (ran.code, "rpc_env names OUR_NODE, which is not set" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--drop", "10"), "--drop stands in the policy file"),
        (("--shock", "WETH=-10%"), "--shock stands in the policy file"),
        (("--scenario", "may-2021"), "--scenario stands in the policy file"),
        (("--family", "WETH=USD"), "--family stands in the policy file"),
        (("--liquidator", "largest"), "--liquidator stands in the policy file"),
        (("--today", "tomorrow"), "'tomorrow' is not a date"),
        (("--fail-on", "worse"), "--fail-on worse compares with a --baseline"),
        (("--tolerance", "1%"), "--tolerance is of a --baseline"),
        (("--baseline", "b.json", "--tolerance", "-1"), "'-1' is not a share"),
        (("--report", "junit"), "'junit' is not KIND=FILE"),
        (("--report", "pdf=a.pdf"), "KIND is one of junit, sarif, markdown, csv, json"),
        (("--report", "junit=a", "--report", "csv=a"), "two results are to be written to a"),
        (("-o", "a", "--report", "csv=./a"), "two results are to be written to ./a"),
        (("-o", "a", "--report", "csv=b/../a"), "two results are to be written to b/../a"),
        (("--report", "json=-"), "--report json=- names no file"),
        (("-o", "-"), "- names no file"),
        (("-o", "defirisk.toml"), "defirisk.toml is read by this run, and would be written over"),
        (("--report", "csv=defirisk.toml"), "defirisk.toml is read by this run, and would be written over"),
        (
            ("--policy", "defirisk.toml", "tresury"),
            "no wallet of defirisk.toml is called 'tresury'\nhint: did you mean treasury?",
        ),
        (("--policy", "defirisk.toml", "0x12"), "'0x12' is not an address"),
        (("--policy", "no.toml"), "no.toml cannot be read"),
    ],
)
def test_wrong_usage(write: Write, check: Check, args: tuple[str, ...], said: str) -> None:
    write(wallet(SAFE, "treasury") + "[policy]\nmin_health_factor = 1.2\n")
    ran = check(*args, today=None)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize(
    "option", ["--baseline=b.json", "--tolerance=1%", "--fail-on=breach", "--today=2026-11-24", "--report=junit=a.xml"]
)
def test_options_of_a_policy_need_one(check: Check, option: str) -> None:
    ran = check(SAFE, "--fixture", str(DEMO), option, today=None)
    assert (ran.code, "is of a policy, and there is none" in ran.err) == (2, True)
    assert "hint: write a defirisk.toml with [[wallet]]" in ran.err


def test_what_keeps_a_policy_from_being_used_is_said(write: Write, check: Check) -> None:
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n")
    for args, hint in (
        ((SAFE,), "beside ADDRESS none is looked for: name it with --policy defirisk.toml"),
        (("--no-policy",), "leave out --no-policy"),
    ):
        ran = check(*args, "--baseline", "b.json", today=None)
        assert (ran.code, f"hint: {hint}" in ran.err) == (2, True)


def test_thresholds_only_where_asked_for(write: Write, check: Check) -> None:
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n")
    assert check("--format", "json").json["accounts"][0]["positions"][0]["thresholds"] == []
    assert check("--format", "json", "--thresholds").json["accounts"][0]["positions"][0]["thresholds"]


def test_a_what_if_is_judged_by_the_same_rules(write: Write, check: Check) -> None:
    """A vote that would lower a threshold: who would breach; every report says that it is not so yet."""
    v3 = next(m for m in json.loads(gzip.decompress(DEMO.read_bytes()))["markets"] if m["protocol"] == "aave-v3")
    write(BOTH + "[policy]\nmin_health_factor = 1.2\n", head=f'markets = ["aave-v3@{v3["entry"]}"]')
    assert [f["status"] for f in check("--format", "json").policy["findings"]] == ["ok", "breach"]
    ran = check("--set", "WETH.liquidation_threshold=0.40", "--format", "json", "--report", "markdown=a.md")
    assert (ran.code, [f["status"] for f in ran.policy["findings"]]) == (1, ["breach", "breach"])
    assert ran.policy["findings"][0]["measured"].startswith("1.18")
    assert [w["code"] for w in ran.policy["warnings"]] == ["what-if"]
    assert "as they would be after the changes asked for" in Path("a.md").read_text()


def test_a_change_that_is_refused_is_no_pass(write: Write, check: Check) -> None:
    v3 = next(m for m in json.loads(gzip.decompress(DEMO.read_bytes()))["markets"] if m["protocol"] == "aave-v3")
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n", head=f'markets = ["aave-v3@{v3["entry"]}"]')
    ran = check("--withdraw", "WETH=13", "--format", "json")
    assert (ran.code, [(f["status"], f["error"]) for f in ran.policy["findings"]]) == (2, [("error", "change-refused")])


# --- what cannot be read --------------------------------------------------------------------------------------------


def edited(tmp_path: Path, change: object) -> Path:
    """The demo's recording, changed, and unsealed so that the change is used."""
    document = json.loads(gzip.decompress(DEMO.read_bytes()))
    document.pop("digest")
    change(document)  # type: ignore[operator]
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(document))
    return path


def test_an_unsealed_recording_is_used_and_said_to_be_unsealed(write: Write, check: Check, tmp_path: Path) -> None:
    path = edited(tmp_path, lambda _: None)
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n", fixture=path)
    ran = check("--report", "markdown=a.md")
    assert (ran.code, "carries no digest" in ran.out, "carries no digest" in Path("a.md").read_text()) == (
        0,
        True,
        True,
    )


def test_a_recording_that_no_longer_fits_its_digest_is_code_3(write: Write, check: Check, tmp_path: Path) -> None:
    document = json.loads(gzip.decompress(DEMO.read_bytes()))
    document["block_timestamp"] += 1
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(document))
    write(BOTH + '[policy]\nmin_health_factor = 1.2\nsurvives = ["-30%"]\n', fixture=path)
    ran = check("--report", "junit=a.xml", "--report", "json=a.json")
    assert (ran.code, ran.out) == (3, "")
    assert "error[digest-mismatch]" in ran.err
    assert Path("a.xml").read_text().count("<error ") == 5  # two rules of two wallets, and the run
    assert not Path("a.json").exists()


@pytest.mark.parametrize(("age", "code"), [("1d", 3), ("40w", 3), ("1000d", 0)])
def test_a_recording_older_than_max_age_is_code_3(write: Write, check: Check, age: str, code: int) -> None:
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n", head=f'max_age = "{age}"')
    ran = check("--format", "json")
    assert (ran.code, ran.policy["counts"]["ok"]) == (code, 1)
    assert [(p["code"], p["line"]) for p in ran.policy["problems"]] == [("stale-recording", 2)] * (code == 3)
    assert ("old, more than the max_age of" in ran.err) == (code == 3)


def test_the_last_second_decides_a_recordings_age(write: Write, check: Check) -> None:
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n")
    seconds = (
        int(datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC).timestamp()) - check("--format", "json").json["timestamp"]
    )
    for age, code in ((seconds, 0), (seconds - 1, 3)):
        write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n", head=f'max_age = "{age}s"')
        assert check().code == code


def test_a_recording_dated_after_the_clock_is_no_young_one(write: Write, check: Check) -> None:
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n", head='max_age = "36h"')
    for day, code in (("2024-03-13", 0), ("2024-03-12", 3)):
        ran = check(today=day)
        assert (ran.code, "demo.json.gz is dated 2 days 1 h 38 min 36 s after the clock, more than" in ran.err) == (
            code,
            code == 3,
        )
        assert ("the max_age of 1 day 12 h" in ran.err) == (code == 3)


def test_an_endpoint_that_lags_is_code_3(write: Write, check: Check) -> None:
    """Its block's oracles look young, measured at that block: what is old is the block."""
    v3 = next(m for m in json.loads(gzip.decompress(DEMO.read_bytes()))["markets"] if m["protocol"] == "aave-v3")
    rules = '[policy]\nmin_health_factor = 1.2\nmax_oracle_age = "1h"\n'
    with RpcServer.of_fixture(DEMO) as server:
        for key, most, day, code, how in (
            ("max_block_age", 80_484, "2024-03-15", 0, ""),
            ("max_block_age", 80_483, "2024-03-15", 3, "is 22 h 21 min 24 s old, more than the max_block_age of 22 h 21 min 23 s"),
            ("max_block_age", 5_916, "2024-03-14", 0, ""),
            ("max_block_age", 5_915, "2024-03-14", 3, "is dated 1 h 38 min 36 s after the clock"),
            ("max_age", 1, "2026-11-24", 0, ""),
        ):  # fmt: skip
            write(wallet(SAFE) + rules, head=f'{key} = "{most}s"\nmarkets = ["aave-v3@{v3["entry"]}"]', fixture=None)
            ran = check("--rpc", server.url, "--format", "json", today=day)
            assert (ran.code, ran.policy["counts"]["ok"], ran.policy["failed"]) == (code, 3, False), ran.err
            assert [(p["code"], p["line"]) for p in ran.policy["problems"]] == [("stale-block", 1)] * (code == 3)
            assert f"block 40,000,439 of {server.url.split('/')[2]} {how}" in ran.err or not how
            idle = [w["text"] for w in ran.policy["warnings"] if w["code"] == "idle-key"]
            assert [text.split()[0] for text in idle] == ["max_age"] * (key == "max_age")
    write(wallet(SAFE) + rules, head='max_block_age = "1s"')
    ran = check("--format", "json")
    assert (ran.code, [w["code"] for w in ran.policy["warnings"]]) == (0, ["idle-key"])
    assert ran.policy["warnings"][0]["text"].startswith("max_block_age is of endpoints, and this run reads a recording")
    write(wallet(SAFE) + rules, head='max_block_age = "1s"\nmax_age = "1000d"')
    assert check("--format", "json").policy["warnings"] == []


def test_what_could_not_be_read_is_an_error_and_breaches_are_still_listed(write: Write, check: Check) -> None:
    """A wallet that the recording does not hold, beside one that breaches: 3, and the breach stands there."""
    unknown = "0x00000000000000000000000000000000000000AA"
    write(
        wallet(UNDER, "desk")
        + wallet(unknown, "other")
        + '[policy]\nmin_health_factor = 1.2\nsurvives = ["-30%", "-40%"]\n'
    )
    ran = check("--format", "json")
    assert ran.code == 3
    assert [f["status"] for f in ran.findings(label="desk")] == ["breach"] * 3
    others = ran.findings(label="other")
    assert {(f["status"], f["error"]) for f in others} == {("error", "missing-call")}
    assert {(f["rule"], f["scenario"]) for f in others} == {
        ("min_health_factor", None), ("survives", "-30%"), ("survives", "-40%"),
    }  # fmt: skip
    assert len(others) == 3 * len({f["market"] for f in others}) == 12


def test_a_figure_that_differs_from_the_contracts_is_never_ok(write: Write, check: Check, tmp_path: Path) -> None:
    """The contract's own health factor is changed in the recording: ours is still 2.45, and that is no pass."""
    health = defirisk.check(SAFE, fixture=DEMO, scenarios=[], thresholds=False).to_dict()["accounts"][0]["positions"][0]
    ours = f"{int(health['contract_health_factor_raw']):064x}"

    def change(document: dict) -> None:
        [call] = [c for c in document["calls"] if ours in c.get("result", "")]
        call["result"] = call["result"].replace(ours, f"{int(ours, 16) + 1:064x}")

    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.2\n", fixture=edited(tmp_path, change))
    ran = check("--format", "json")
    assert (ran.code, [(f["status"], f["error"]) for f in ran.policy["findings"]]) == (
        3,
        [("error", "contract-mismatch")],
    )
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 9\n", fixture=edited(tmp_path, change))
    ran = check("--format", "json")
    assert (ran.code, [f["status"] for f in ran.policy["findings"]]) == (3, ["breach"]), "still listed, and still 3"


def test_a_scenario_that_a_position_cannot_take_is_an_error_and_code_2(
    write: Write, check: Check, tmp_path: Path
) -> None:
    (tmp_path / "usd.toml").write_text('[[scenario]]\nname = "usd"\n[scenario.oracle]\nDAI = { price = "0.9" }\n')
    write(wallet(ALL_FOUR) + "[policy]\nmax_bad_debt = 1_000_000\n", head='scenarios = ["usd.toml"]')
    ran = check("--format", "json")
    assert (ran.code, "error[bad-move]" in ran.err) == (2, True)
    assert {f["market"]: f["status"] for f in ran.policy["findings"]}["aave-v2-local"] == "error"


# --- as processes, and from Python ----------------------------------------------------------------------------------


def test_the_whole_way_as_a_process(write: Write, tmp_path: Path) -> None:
    write(BOTH + "[policy]\nmin_health_factor = 1.2\n")
    command = [sys.executable, "-m", "defirisk", "check", "--report", "junit=r.xml", "--format", "json", "-o", "r.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=dict(os.environ))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "policy: defirisk.toml\n")
    assert json.loads((tmp_path / "r.json").read_text())["policy"]["failed"] is True
    assert (tmp_path / "r.xml").read_text().startswith("<?xml")


def test_from_python(write: Write) -> None:
    from datetime import date

    write(BOTH + "[policy]\nmin_health_factor = 1.2\n")
    result = defirisk.check_policy(today=date(2026, 11, 24))
    assert (result.policy.exit_code, result.policy.failed) == (1, True)
    assert [(f.name, f.status) for f in result.policy.findings] == [("treasury", "ok"), ("desk", "breach")]
    assert result.policy.findings[1].measured.raw < WAD
    alone = defirisk.check_policy("defirisk.toml", "treasury", fail_on="never")
    assert (len(alone.accounts), alone.policy.exit_code) == (1, 0)
    with pytest.raises(defirisk.InputError, match="nothing fails on"):
        defirisk.check_policy(fail_on="sometimes")
    with pytest.raises(defirisk.InputError, match="compares with a baseline"):
        defirisk.check_policy(fail_on="worse")
    Path("defirisk.toml").unlink()
    with pytest.raises(defirisk.InputError, match="there is no policy here"):
        defirisk.check_policy()


@pytest.mark.parametrize("rules", ["", "max_bad_debt = 0\n", "max_bad_debt = 0\nmin_health_factor = 0.1\n"])
def test_a_wallet_that_no_rule_is_for_is_no_pass(write: Write, check: Check, rules: str) -> None:
    """Named on the command line and not in the file: nothing would be judged, and the gate stand open."""
    write(wallet(SAFE, policy='{ min_health_factor = 1.0, survives = ["-10%"] }') + "[policy]\n" + rules, head="")
    assert check().code == 0
    ran = check("--policy", "defirisk.toml", UNDER)
    assert (ran.code, ran.out) == (2, "")
    assert f"{'max_bad_debt of ' if rules else ''}[policy] judges nothing of {UNDER}, which the" in ran.err
