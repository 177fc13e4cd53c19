"""`--baseline`: what became worse, better, new or gone, exactly; and which files are no baseline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import ALL_FOUR, CLOSE, SAFE, UNDER, Check, Ran, Write, waiver, wallet

BODY = (
    wallet(SAFE, "treasury")
    + wallet(UNDER, "desk")
    + '[policy]\nmin_health_factor = 1.2\nsurvives = ["-30%"]\nmax_bad_debt = 0\n'
)
Edit = Callable[[Any], None]


@pytest.fixture
def after(write: Write, check: Check) -> Callable[..., Ran]:
    """Run against a baseline: this very run's result, edited."""

    def run(edit: Edit = lambda _: None, *args: str) -> Ran:
        write(BODY)
        document = check("--format", "json").json
        edit(document)
        Path("before.json").write_text(json.dumps(document))
        return check("--baseline", "before.json", "--format", "json", *args)

    return run


def position(document: Any, address: str = SAFE) -> Any:
    account = next(one for one in document["accounts"] if one["address"] == address)
    return next(one for one in account["positions"] if one["collateral"])


def scenario(document: Any, name: str, address: str = SAFE) -> Any:
    return next(one for one in position(document, address)["scenarios"] if one["name"] == name)


def changes(ran: Ran) -> Any:
    return ran.policy["changes"]


def told(ran: Ran, *where: str) -> list[tuple[str, str | None, str | None]]:
    names = where or ("worse", "better", "new", "gone")
    return [(one["kind"], one["label"], one["scenario"]) for name in names for one in changes(ran)[name]]


def test_the_same_again_is_no_change(after: Callable[..., Ran]) -> None:
    ran = after()
    assert told(ran) == []
    assert changes(ran)["baseline"] == {
        "source": "demo.json.gz",
        "block": 40_000_439,
        "timestamp": ran.json["timestamp"],
    }
    assert (ran.code, after(lambda _: None, "--fail-on", "worse").code) == (1, 0)


@pytest.mark.parametrize(
    ("over", "under", "tolerance", "found"),
    [
        (1006, 1000, None, "worse"),
        (1005, 1000, None, None),
        (1000, 1006, None, "better"),
        (1005, 1000, "0.4%", "worse"),
        (1000, 1000, "0%", None),
        (2000, 1000, "50%", None),  # exactly the tolerance
        (2000, 1000, "49.9999999999999999%", "worse"),
    ],
)
def test_a_health_factor_that_fell_is_worse_beyond_the_tolerance(
    after: Callable[..., Ran], over: int, under: int, tolerance: str | None, found: str | None
) -> None:
    def edit(document: Any) -> None:
        there = position(document)
        there["health_factor_raw"] = str(int(there["health_factor_raw"]) * over // under)

    ran = after(edit, *(() if tolerance is None else ("--tolerance", tolerance)))
    assert {name: told(ran, name) for name in ("worse", "better")} == {
        name: [("health-factor", "treasury", None)] if name == found else [] for name in ("worse", "better")
    }


def test_the_last_digit_decides_without_tolerance(after: Callable[..., Ran]) -> None:
    def edit(document: Any) -> None:
        there = position(document)
        there["health_factor_raw"] = str(int(there["health_factor_raw"]) + 1)

    ran = after(edit, "--tolerance", "0%")
    [worse] = changes(ran)["worse"]
    assert int(worse["before_raw"]) - int(worse["after_raw"]) == 1
    assert told(after(edit)) == []


def test_more_bad_debt_and_what_is_newly_liquidatable_are_worse(after: Callable[..., Ran]) -> None:
    def edit(document: Any) -> None:
        scenario(document, "-30%", UNDER)["liquidatable"] = False
        for name in ("bad_debt_value_raw", "uncovered_value_raw"):
            scenario(document, "-40%", UNDER)[name] = "0"
        scenario(document, "-40%", SAFE)["bad_debt_value_raw"] = "7"
        scenario(document, "-40%", SAFE)["liquidatable"] = True
        position(document, UNDER)["liquidatable"] = False

    ran = after(edit, "--fail-on", "worse")
    assert ran.code == 1
    assert told(ran, "worse") == [
        ("liquidatable", "desk", None),
        ("bad-debt", "desk", "-40%"),
        ("liquidatable", "desk", "-30%"),
    ]
    assert told(ran, "better") == [("liquidatable", "treasury", "-40%"), ("bad-debt", "treasury", "-40%")]
    owed = changes(ran)["worse"][1]
    assert (owed["before_raw"], owed["after_raw"]) == ("0", scenario(ran.json, "-40%", UNDER)["bad_debt_value_raw"])


@pytest.mark.parametrize(("thousandths", "found"), [(1004, []), (994, ["-40%"]), (996, [])])
def test_bad_debt_within_the_tolerance_is_not_told(
    after: Callable[..., Ran], thousandths: int, found: list[str]
) -> None:
    def edit(document: Any) -> None:
        there = scenario(document, "-40%", UNDER)
        there["bad_debt_value_raw"] = str(int(there["bad_debt_value_raw"]) * thousandths // 1000)

    assert [one["scenario"] for one in changes(after(edit))["worse"]] == found


def test_uncovered_debt_is_compared_as_bad_debt(write: Write, check: Check) -> None:
    """Venus at -40 % leaves debt uncovered and writes none off."""
    write(wallet(ALL_FOUR, "all") + "[policy]\nmax_bad_debt = 0\n")
    document = check("--format", "json").json
    venus = next(one for one in document["accounts"][0]["positions"] if one["market"] == "venus-local")
    assert (venus["scenarios"][0]["bad_debt_value_raw"], venus["scenarios"][0]["uncovered_value_raw"] > "0") == (
        "0",
        True,
    )
    for factor, found in ((1, []), (0, [("bad-debt", "all", "-40%")])):
        outcome = venus["scenarios"][0]
        outcome["uncovered_value_raw"] = str(int(outcome["uncovered_value_raw"]) * factor)
        Path("before.json").write_text(json.dumps(document))
        assert told(check("--baseline", "before.json", "--format", "json")) == found


def test_a_debt_where_there_was_none_is_worse(after: Callable[..., Ran]) -> None:
    def edit(document: Any) -> None:
        position(document)["health_factor_raw"] = None

    [worse] = changes(after(edit))["worse"]
    assert (worse["before_raw"], worse["text"][:50]) == (None, "its health factor fell from no debt to 2.4546")


def test_a_new_breach_is_worse_and_one_that_ended_better(after: Callable[..., Ran]) -> None:
    def edit(document: Any) -> None:
        for one in document["policy"]["findings"]:
            if one["label"] == "desk" and one["rule"] == "survives":
                one["status"] = "waived"
            if one["label"] == "treasury" and one["rule"] == "min_health_factor":
                one["status"] = "breach"

    ran = after(edit)
    assert [(one["kind"], one["rule"], one["scenario"]) for one in changes(ran)["worse"]] == [
        ("breach", "survives", "-30%")
    ]
    assert [(one["kind"], one["rule"]) for one in changes(ran)["better"]] == [("breach", "min_health_factor")]


def test_wallets_and_positions_come_and_go(after: Callable[..., Ran]) -> None:
    def edit(document: Any) -> None:
        treasury, desk = document["accounts"]
        treasury["positions"] = []
        desk["address"] = CLOSE
        document["policy"]["findings"] = [one for one in document["policy"]["findings"] if one["label"] != "desk"]

    ran = after(edit)
    assert told(ran, "new") == [("position", "treasury", None), ("wallet", "desk", None)]
    assert [(one["kind"], one["wallet"]) for one in changes(ran)["gone"]] == [("wallet", CLOSE)]
    breaches = [one for one in ran.policy["findings"] if one["status"] == "breach"]
    assert [(one["rule"], one["scenario"]) for one in changes(ran)["worse"]] == [
        (one["rule"], one["scenario"]) for one in breaches
    ]
    assert {one["kind"] for one in changes(ran)["worse"]} == {"breach"}


@pytest.mark.parametrize("policy", [True, False])
def test_a_new_wallet_in_breach_does_not_slip_in(after: Callable[..., Ran], check: Check, policy: bool) -> None:
    """Whether it was compared or not: nobody has looked at it before. One that keeps the rules is only told."""

    def edit(label: str, address: str) -> Edit:
        def edited(document: Any) -> None:
            document["accounts"] = [one for one in document["accounts"] if one["address"] != address]
            held = [one for one in document["policy"]["findings"] if one["label"] != label]
            document["policy"] = document["policy"] | {"findings": held} if policy else None

        return edited

    ran = after(edit("desk", UNDER), "--fail-on", "worse", "--report", "junit=a.xml")
    assert (ran.code, {one["label"] for one in changes(ran)["worse"]}) == (1, {"desk"})
    said = [one["text"] for one in changes(ran)["worse"]]
    assert "survives at -30% is breached, and was not in the baseline" in said
    assert "was not in the baseline" in Path("a.xml").read_text()
    ran = after(edit("treasury", SAFE), "--fail-on", "worse")
    assert (ran.code, told(ran, "worse"), told(ran, "new")) == (0, [], [("wallet", "treasury", None)])


def test_a_new_wallets_waived_breach_is_only_told(write: Write, check: Check) -> None:
    waived = BODY + "".join(waiver("desk", rule) for rule in ("min_health_factor", "survives", "max_bad_debt"))
    write(waived)
    document = check("--format", "json").json
    document["accounts"] = [one for one in document["accounts"] if one["address"] != UNDER]
    Path("before.json").write_text(json.dumps(document))
    ran = check("--baseline", "before.json", "--fail-on", "worse", "--format", "json")
    assert (ran.code, told(ran, "worse"), told(ran, "new")) == (0, [], [("wallet", "desk", None)])


def test_a_position_that_is_gone(write: Write, check: Check) -> None:
    write(wallet(SAFE, "treasury") + "[policy]\nmin_health_factor = 1.2\n")
    document = check("--format", "json").json
    document["accounts"][0]["positions"].append({**position(document), "market": "venus-local"})
    Path("before.json").write_text(json.dumps(document))
    ran = check("--baseline", "before.json", "--format", "json")
    assert [(one["kind"], one["market"]) for one in changes(ran)["gone"]] == [("position", "venus-local")]


def test_a_new_position_that_a_scenario_liquidates_is_worse(write: Write, check: Check) -> None:
    write(wallet(UNDER, "desk") + '[policy]\nsurvives = ["-30%"]\n')
    document = check("--format", "json").json
    document["accounts"][0]["positions"] = []
    Path("before.json").write_text(json.dumps(document))
    ran = check("--baseline", "before.json", "--format", "json")
    assert {(one["kind"], one["scenario"]) for one in changes(ran)["worse"]} == {
        ("liquidatable", None), ("liquidatable", "-30%"), ("liquidatable", "-40%"),
        ("bad-debt", "-30%"), ("bad-debt", "-40%"),
    }  # fmt: skip


def test_a_baseline_without_a_policy_or_with_other_scenarios_says_what_was_not_compared(
    write: Write, check: Check, after: Callable[..., Ran]
) -> None:
    def edit(document: Any) -> None:
        del document["policy"]
        for account in document["accounts"]:
            for one in account["positions"]:
                one["scenarios"] = [{**s, "name": s["name"].replace("-30%", "-31%")} for s in one["scenarios"]]

    ran = after(edit)
    assert told(ran) == []
    assert changes(ran)["notes"] == [
        "the baseline was made without a policy: breaches cannot be compared",
        "scenarios of the baseline only, not compared: -31%",
        "scenarios of this run only, not compared: -30%",
    ]


def test_a_baseline_of_a_what_if_says_that_it_was_one(write: Write, check: Check) -> None:
    write(BODY)
    for asked, notes in (
        ("USDC=1", ["the baseline is of a what-if: of positions as they would have been, not as they were"]),
        (None, []),
    ):
        ran = check("--format", "json", "-o", "before.json", *(("--deposit", asked) if asked else ()))
        assert ran.code == 1, ran.err
        assert changes(check("--baseline", "before.json", "--format", "json"))["notes"] == notes


def test_a_baseline_of_positions_without_scenarios_says_so_too(after: Callable[..., Ran]) -> None:
    def edit(document: Any) -> None:
        for account in document["accounts"]:
            for one in account["positions"]:
                one["scenarios"] = []

    assert "scenarios of this run only, not compared: -30%, -40%" in changes(after(edit))["notes"]


def test_a_plain_checks_result_is_a_baseline(write: Write, check: Check) -> None:
    from .conftest import DEMO

    plain = check(
        SAFE, UNDER, "--fixture", str(DEMO), "--drop", "40", "--no-thresholds", "--format", "json", today=None
    )
    Path("before.json").write_text(plain.out)
    write(BODY)
    ran = check("--baseline", "before.json", "--format", "json")
    assert (told(ran), ran.code) == ([], 1)


def test_what_was_not_read_is_not_gone(write: Write, check: Check, after: Callable[..., Ran]) -> None:
    def edit(document: Any) -> None:
        document["accounts"][0]["status"] = "failed"
        document["accounts"][0]["positions"] = []

    ran = after(edit)
    assert told(ran) == []
    assert changes(ran)["notes"] == ["treasury was not read in full both times: what was not is not compared"]


def test_people_read_it_too(after: Callable[..., Ran], check: Check) -> None:
    def edit(document: Any) -> None:
        there = position(document)
        there["health_factor_raw"] = str(int(there["health_factor_raw"]) * 2)

    after(edit)
    ran = check("--baseline", "before.json", "--report", "markdown=a.md")
    assert "Since block 40,000,439: 1 worse, 0 better, 0 new, 0 gone (demo.json.gz)" in ran.out
    said = "treasury in aave-v3-local: its health factor fell from 4.9092 to 2.4546"
    assert said in " ".join(ran.out.split())
    assert "#### Since block 40,000,439\\: 1 worse" in Path("a.md").read_text()


def test_a_baseline_that_is_none_is_said_also_where_nothing_can_be_read(write: Write, check: Check) -> None:
    write(BODY, fixture=Path("none.json.gz"))
    ran = check("--baseline", "before.json", "--report", "junit=a.xml")
    assert (ran.code, ran.err.count("error[bad-fixture]"), ran.err.count("error[bad-baseline]")) == (2, 1, 1)
    assert "bad-baseline" in Path("a.xml").read_text()


# --- what is no baseline --------------------------------------------------------------------------------------------


def of(key: str, value: Any) -> Edit:
    return lambda document: document.__setitem__(key, value)


BAD: list[tuple[Edit, str]] = [
    (of("chain_id", 1), "the baseline is of chain id 1, and this run of 31337"),
    (
        of("markets", ["aave-v3-local"]),
        "of other markets (only here: aave-v2-local, compound-v3-local-usdc, venus-local)",
    ),
    (lambda d: d["markets"].append("x"), "of other markets (only there: x)"),
    (of("schema", "defirisk/check/2"), "its schema is 'defirisk/check/2', not 'defirisk/check/1'"),
    (of("schema", "defirisk/check-set/1"), "its schema is 'defirisk/check-set/1', not"),
    (lambda d: d.pop("schema"), "it names no schema"),
    (lambda d: d.pop("markets"), "it does not say which markets were asked"),
    (lambda d: position(d).__setitem__("health_factor_raw", 1), "an integer is not of the shape"),
    (lambda d: position(d).__setitem__("health_factor_raw", "9" * 5000), "an integer is not of the shape"),
    (lambda d: scenario(d, "-40%").__setitem__("bad_debt_value_raw", None), "an integer is not of the shape"),
    (lambda d: scenario(d, "-40%").__setitem__("liquidator", "worst-case"), "liquidated in another order"),
    (of("accounts", {}), "'accounts' is not of the shape"),
    (lambda d: d["accounts"].append(1), "an account is not of the shape"),
    (lambda d: d["policy"]["findings"].append({}), "'wallet' is not of the shape"),
]


@pytest.mark.parametrize(("edit", "said"), BAD, ids=range(len(BAD)))
def test_a_baseline_that_is_none_is_code_2_and_the_rest_is_answered(
    after: Callable[..., Ran], edit: Edit, said: str
) -> None:
    ran = after(edit, "--report", "junit=a.xml")
    assert ran.code == 2
    assert said in ran.err
    assert "error[bad-baseline]" in ran.err
    assert (ran.policy["counts"]["breach"] > 0, changes(ran)) == (True, None)
    assert "bad-baseline" in Path("a.xml").read_text()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "the baseline before.json cannot be read: No such file"),
        (b"", "is not JSON"),
        (b"[1]", "it names no schema"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON: it is nested too deeply"),
    ],
)
def test_a_file_that_is_none(write: Write, check: Check, content: bytes | None, said: str) -> None:
    write(wallet(ALL_FOUR, "all") + "[policy]\nmin_health_factor = 0.9\n" + waiver("all", "min_health_factor"))
    if content is not None:
        Path("before.json").write_bytes(content)
    ran = check("--baseline", "before.json", "--report", "csv=a.csv")
    assert (ran.code, said in ran.err) == (2, True), ran.err
    assert Path("a.csv").is_file()
