"""The reports that CI systems read: their shapes, their counts, and that nothing hostile comes through them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defirisk.model import Warning as Notice
from defirisk.policy.changes import Change, Changes
from defirisk.policy.findings import FailOn, Figure, Finding, PolicyResult, Problem, Status
from defirisk.policy.rules import RULES
from defirisk.policy.terms import Waiver
from defirisk.report.policy import csv as csv_report
from defirisk.report.policy import github, junit, markdown, sarif
from defirisk.report.policy import json as json_report
from defirisk.report.policy import table as table_report
from defirisk.report.table.style import console_for

from .conftest import ALL_FOUR, DEMO, SAFE, UNDER, Check, Write, waiver, wallet
from .judges import SARIF, judge_junit

RULES_OF_ALL = '[policy]\nmin_health_factor = 1.2\nsurvives = ["-30%"]\nmax_bad_debt = 0\nmax_oracle_age = "3h"\n'
WAIVER = Waiver(UNDER, "desk", "survives", "unwinding", date(2026, 12, 31))


def finding(status: Status = Status.BREACH, **changes: Any) -> Finding:
    made = Finding(
        wallet=UNDER,
        rule="survives",
        status=status,
        text="at -30% it would be liquidatable (health factor 0.5253)",
        market="aave-v3-local",
        label="desk",
        scenario="-30%",
        measured=Figure(525342804104000749, 18),
        limit=Figure(10**18, 18),
        line=8,
        waiver=WAIVER if status is Status.WAIVED else None,
        code="missing-call" if status is Status.ERROR else None,
    )
    return replace(made, **changes)


def result(*findings: Finding, **changes: Any) -> PolicyResult:
    return PolicyResult("defirisk.toml", date(2026, 11, 24), findings, **changes)


# --- JUnit ----------------------------------------------------------------------------------------------------------

SUITES = {"name", "tests", "failures", "errors"}
SUITE = {"name", "timestamp", "tests", "failures", "errors", "skipped", "time"}
CASE = {"name", "classname", "time"}
VERDICT = {"failure": {"message", "type"}, "error": {"message", "type"}, "skipped": {"message"}, "system-out": set()}


def junit_of(text: str) -> ET.Element:
    """Parse, and hold it to the elements, attributes and order of Jenkins' junit-10.xsd; its counts are judged too."""
    root = ET.fromstring(text)
    assert (root.tag, set(root.attrib)) == ("testsuites", SUITES)
    for suite in root:
        assert suite.tag == "testsuite"
        assert SUITE - {"timestamp"} <= set(suite.attrib) <= SUITE
        tags = [child.tag for child in suite]
        assert tags == sorted(tags), "properties stand before the cases"
        assert set(tags) <= {"properties", "testcase"}
        for case in suite.findall("testcase"):
            assert set(case.attrib) == CASE
            for verdict in case:
                assert set(verdict.attrib) == VERDICT[verdict.tag]
    assert len(judge_junit(text)) == len(list(root.iter("testcase"))), "no two cases of a suite are called the same"
    return root


def test_junit_has_a_case_a_wallet_and_rule(write: Write, check: Check) -> None:
    unknown = "0x00000000000000000000000000000000000000AA"
    wallets = wallet(SAFE, "treasury") + wallet(UNDER, "desk") + wallet(unknown)
    write(wallets + RULES_OF_ALL + waiver("desk", "survives"))
    ran = check("--report", "junit=out.xml")
    assert ran.code == 3
    junit_of(Path("out.xml").read_text())
    found = judge_junit(Path("out.xml").read_text())
    rules = ("min_health_factor", "survives", "max_bad_debt", "max_oracle_age")
    assert found == {
        **{("treasury", rule): "ok" for rule in rules},
        **{
            ("desk", rule): verdict
            for rule, verdict in zip(rules, ("failure", "skipped", "failure", "ok"), strict=True)
        },
        **{(unknown, rule): "error" for rule in rules},
    }


def test_junit_says_all_that_is_wrong_in_one_verdict() -> None:
    findings = [
        finding(Status.ERROR, scenario="-20%"),
        finding(),
        finding(scenario="-40%", text="at -40% too"),
        finding(Status.OK),
    ]
    [case] = junit_of(junit.text(result(*findings), None)).iter("testcase")
    [failure] = case
    assert (failure.tag, failure.get("type")) == ("failure", "survives")
    assert failure.get("message", "").endswith("(health factor 0.5253) (and 2 more)")
    assert [line.split(":")[0] for line in (failure.text or "").splitlines()] == ["breach", "breach", "error"]


def test_junit_shows_the_waivers_reason_and_the_runs_problems() -> None:
    worse = Changes("a.json", 1, 2, 0, worse=(Change("breach", UNDER, "survives is breached"),))
    expired = Problem("expired-waiver", "the waiver is over", 2, 20, "renew it")
    for fail_on, verdict in ((FailOn.BREACH, "system-out"), (FailOn.WORSE, "failure"), (FailOn.ANY, "failure")):
        made = result(finding(Status.WAIVED), problems=(expired,), changes=worse, fail_on=fail_on)
        root = junit_of(junit.text(made, None))
        assert judge_junit(junit.text(made, None)) == {
            ("desk", "survives"): "skipped",
            ("defirisk.toml", "expired-waiver 1 (line 20)"): "error",
            ("defirisk.toml", "nothing worse than the baseline"): verdict,
        }
        assert "waived until 2026-12-31: unwinding" in root.find(".//skipped").get("message")
        assert root.find(".//error").get("message") == "the waiver is over (renew it)"


HOSTILE = st.text(st.characters(), max_size=60)


@settings(max_examples=40, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_text_breaks_a_report(label: str, text: str, reason: str) -> None:
    hostile = finding(Status.WAIVED, label=label, text=text, market=text, waiver=replace(WAIVER, reason=reason))
    change = Change("breach", UNDER, text, label, text)
    made = result(
        hostile,
        finding(label=label, text=text, symbol=text),
        problems=(Problem("bad-policy", text, 2, 3, reason),),
        warnings=(Notice("unused-waiver", text),),
        changes=Changes(reason, 1, 2, 0, worse=(change,), notes=(text,)),
        fail_on=FailOn.ANY,
    )
    junit_of(junit.text(made, None))
    assert "\n" not in "".join(github.commands(made, text))
    assert all(line.startswith(("::error ", "::warning ")) for line in github.commands(made, text))
    SARIF.validate(sarif.document(made, None, "1.0.0"))
    assert len(list(csv.reader(io.StringIO(csv_report.text(made))))) == 3
    told = json.dumps(json_report.policy(made)) + markdown.text(made, None) + table_of(made)
    assert not re.search(r"^\s*::", told, re.MULTILINE)
    assert "##[" not in told
    assert not set(told) & {"\x00", "\x1b", "\u202e", "\u2028"}


def table_of(made: PolicyResult) -> str:
    stream = io.StringIO()
    console = console_for(stream, width=80, colour=False)
    for block in table_report.blocks(made):
        console.print(block)
    return stream.getvalue()


# --- SARIF ----------------------------------------------------------------------------------------------------------


def test_sarif_points_at_the_policys_lines(write: Write, check: Check) -> None:
    path = write(wallet(SAFE, "treasury") + wallet(UNDER, "desk") + RULES_OF_ALL + waiver("desk", "survives"))
    assert check("--report", "sarif=out.sarif").code == 1
    document = json.loads(Path("out.sarif").read_text())
    SARIF.validate(document)
    [run] = document["runs"]
    named = {rule["id"]: rule.get("name", "") for rule in run["tool"]["driver"]["rules"]}
    assert all(name.lower() != rule for rule, name in named.items()), "SARIF 3.49.7: a name says what the id does not"
    lines = path.read_text().splitlines()
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    assert run["results"]
    for one in run["results"]:
        place = one["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "defirisk.toml", "uriBaseId": "%SRCROOT%"}
        assert lines[place["region"]["startLine"] - 1].startswith(one["ruleId"])
        assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"]
    prints = [one["partialFingerprints"]["primaryLocationLineHash"] for one in run["results"]]
    assert len(set(prints)) == len(prints)
    waived = [one for one in run["results"] if "suppressions" in one]
    assert [one["ruleId"] for one in waived] == ["survives"]
    assert waived[0]["suppressions"][0]["justification"] == "unwinding (until 2026-12-31)"
    assert run["invocations"][0]["executionSuccessful"] is True
    again = json.loads(Path("out.sarif").read_text())
    check("--report", "sarif=again.sarif")
    assert json.loads(Path("again.sarif").read_text()) == again


def test_sarif_names_the_policy_from_the_repositorys_root(
    write: Write, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(wallet(UNDER, "desk") + RULES_OF_ALL)
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    for folder, workspace, uri in (
        (tmp_path / "sub", "", "defirisk.toml"),
        (tmp_path, "", "defirisk.toml"),
        (tmp_path, str(tmp_path.parent), f"{tmp_path.name}/defirisk.toml"),
    ):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("GITHUB_WORKSPACE", workspace)
        check("--report", "sarif=out.sarif")
        first = json.loads(Path("out.sarif").read_text())["runs"][0]["results"][0]
        assert first["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": uri, "uriBaseId": "%SRCROOT%"}


def test_sarif_holds_5000_results_breaches_first_and_counts_the_rest() -> None:
    many = [finding(Status.WAIVED, scenario=f"-{n}.5%") for n in range(30)]
    many += [finding(Status.ERROR, scenario=f"{n}") for n in range(40)] + [
        finding(scenario=f"-{n}%") for n in range(4990)
    ]
    [run] = sarif.document(result(*many), None, "1.0.0")["runs"]
    statuses = [one["properties"]["status"] for one in run["results"]]
    assert (len(statuses), statuses.count("breach"), statuses.count("error")) == (5000, 4990, 10)
    said = [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
    assert said == ["60 more findings are left out: a run holds 5,000 results"]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_nothing_hostile_is_a_link_in_sarif() -> None:
    named = finding(label="[pay here](https://x.example)", text="[a](1)")
    made = sarif.document(result(named, warnings=(Notice("x", "[b](2)"),)), None, "1.0.0")
    [run] = made["runs"]
    said = [
        run["results"][0]["message"],
        *(one["message"] for one in run["invocations"][0]["toolExecutionNotifications"]),
    ]
    assert [one["text"] for one in said] == ["[pay here] (https://x.example) in aave-v3-local: [a] (1)", "[b] (2)"]


def test_a_policy_outside_the_checkout_has_a_whole_uri() -> None:
    made = sarif.document(replace(result(finding()), file="/etc/our policy.toml"), None, "1.0.0")
    SARIF.validate(made)
    place = made["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "file:///etc/our%20policy.toml"}


# --- GitHub ---------------------------------------------------------------------------------------------------------

COMMAND = re.compile(r"::(error|warning|notice) file=([^,:]+)(?:,line=([0-9]+))?,title=([^,:]+)::(.+)")


def test_annotations_are_ten_of_a_kind_and_a_note_for_the_rest() -> None:
    many = [finding(scenario=f"-{n}%") for n in range(23)] + [finding(Status.WAIVED)] * 12
    lines = [COMMAND.fullmatch(line) for line in github.commands(result(*many), "sub/defirisk.toml")]
    assert all(lines)
    kinds = [line[1] for line in lines if line]
    assert (kinds.count("error"), kinds.count("warning"), kinds.count("notice")) == (10, 10, 2)
    assert {(line[2], line[3]) for line in lines if line and line[1] != "notice"} == {("sub/defirisk.toml", "8")}
    assert "13 more errors" in "".join(github.commands(result(*many), "x"))


def test_what_could_not_be_read_is_said_once_for_all_rules(write: Write, check: Check) -> None:
    """A wallet that the recording lacks: a line a market, not one for each rule and scenario."""
    unknown = "0x00000000000000000000000000000000000000AA"
    write(wallet(UNDER, "desk") + wallet(unknown, "stray") + RULES_OF_ALL)
    ran = check("--report", "markdown=a.md", "--report", "csv=a.csv")
    rules = "min_health_factor, survives, max_bad_debt, max_oracle_age"
    assert (ran.code, " ".join(ran.out.split()).count(f"NOT JUDGED {rules}: stray in ")) == (3, 4)
    assert ran.out.count("!! BREACH max_bad_debt: desk") == 2, "breaches of one rule stay apart"
    text = Path("a.md").read_text()
    assert text.count(f"| {rules.replace('_', chr(92) + '_')} | could not be read") == 4
    assert "#### Not judged (20)" in text
    same = [finding(Status.ERROR, rule=rule, text="not read") for rule in RULES]
    [line] = github.commands(result(*same), "x")
    assert "title=defirisk%3A min_health_factor%2C survives%2C max_bad_debt%2C max_oracle_age::desk in" in line


def test_annotations_are_escaped() -> None:
    [line] = github.commands(result(finding(label="100%,a:b", text="50% at x:y, z")), "odd,name:%.toml")
    assert line == (
        "::error file=odd%2Cname%3A%25.toml,line=8,title=defirisk%3A survives::"
        "100%25,a:b in aave-v3-local: 50%25 at x:y, z"
    )


def test_on_github_annotations_and_a_summary_are_written(
    write: Write, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    (tmp_path / "repo").mkdir()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path.parent))
    write(wallet(UNDER, "desk") + RULES_OF_ALL)
    ran = check("--format", "json")
    assert (ran.code, ran.policy["failed"]) == (1, True), "stdout is the result alone"
    commands = [match for line in ran.err.splitlines() if (match := COMMAND.fullmatch(line))]
    assert {match[2] for match in commands} == {f"{tmp_path.name}/defirisk.toml"}
    assert [match[1] for match in commands] == ["error"] * ran.policy["counts"]["breach"]
    text = summary.read_text()
    assert text.startswith("before\n### Policy\\: 4 of ")
    assert "| desk | **BREACH** |" in text


def test_a_bad_policy_file_is_annotated_too(write: Write, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write(wallet(UNDER, "desk") + "[policy]\nmin_health = 1.2\n")
    ran = check()
    assert ran.code == 2
    assert "::error file=defirisk.toml,line=7,title=defirisk%3A defirisk::" in ran.err


def test_what_ends_a_run_is_annotated_once(
    write: Write, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write(wallet(UNDER, "desk") + wallet(SAFE) + RULES_OF_ALL, fixture=tmp_path / "none.json.gz")
    ran = check()
    assert (ran.code, ran.err.count("::error ")) == (3, 1)
    (tmp_path / "ours.toml").write_text("[[scenario]]\nname = 1\n")
    write(wallet(UNDER, "desk") + RULES_OF_ALL, head='scenarios = ["ours.toml"]')
    ran = check()
    assert (ran.code, ran.err.count("::error file=defirisk.toml,title=")) == (2, 1)


def test_not_on_github_nothing_is_said_to_it(
    write: Write, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    write(wallet(UNDER, "desk") + RULES_OF_ALL)
    assert "::" not in check().err
    assert not (tmp_path / "summary.md").exists()


def test_a_summary_is_cut_at_a_line_within_its_mebibyte() -> None:
    line = "| \u20ac |" + "x" * 100 + "\n"
    long = line * 10_000
    for taken in (0, 1000, (1 << 20) - 500):
        kept = github.fitting(long, taken)
        assert (1 << 20) - taken - len(line.encode()) < len(kept.encode()) <= (1 << 20) - taken
        assert kept.endswith("a summary holds at most 1 MiB.**\n")
        assert kept.startswith(line)
    assert github.fitting(long, 1 << 20) == ""
    assert github.fitting(line, 0) == line


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_report_that_cannot_be_written_leaves_the_others_and_is_code_2(write: Write, check: Check) -> None:
    write(wallet(UNDER, "desk") + RULES_OF_ALL)
    reports = (
        "--report",
        "junit=no/such/folder/a.xml",
        "--report",
        "sarif=b.sarif",
        "--report",
        "csv=.",
        "--report",
        "markdown=d.md",
    )
    ran = check(*reports)
    assert ran.code == 2
    assert "error[unwritable-output]: --report junit: no/such/folder is not a folder" in ran.err
    assert "error[unwritable-output]: --report csv: . is a folder" in ran.err
    assert "BREACH" in ran.out
    assert (Path("b.sarif").is_file(), Path("d.md").is_file()) == (True, True)


def test_an_output_that_cannot_be_written_leaves_the_reports(write: Write, check: Check) -> None:
    write(wallet(UNDER, "desk") + RULES_OF_ALL)
    ran = check("-o", "no/such/folder/a.txt", "--report", "csv=a.csv")
    assert (ran.code, "error[unwritable-output]" in ran.err, Path("a.csv").is_file()) == (2, True, True)


def test_nothing_read_and_a_report_unwritten_is_code_2(write: Write, check: Check, tmp_path: Path) -> None:
    """Wrong input goes before incomplete reading; what could be written is, and both are said."""
    write(wallet(UNDER, "desk") + RULES_OF_ALL, fixture=tmp_path / "none.json.gz")
    reports = ("--report", "csv=a.csv", "--report", "json=a.json")
    assert check(*reports).code == 3
    ran = check(*reports, "--report", "junit=no/a.xml", "--report", "sarif=a.sarif")
    assert (ran.code, ran.out) == (2, "")
    assert "error[unwritable-output]: --report junit: no is not a folder" in ran.err
    assert ran.err.count("error[bad-fixture]: ") == 1
    assert "--report json: nothing could be read, so there is no result to write" in ran.err
    assert Path("a.csv").read_text().count(",nothing could be read: ") == len(RULES) + 1, "two scenarios of one"
    SARIF.validate(json.loads(Path("a.sarif").read_text()))
    assert not Path("a.json").exists()


def test_an_expired_waiver_is_said_also_where_nothing_can_be_read(write: Write, check: Check, tmp_path: Path) -> None:
    over = waiver("desk", "survives", expires="2026-11-23")
    path = write(wallet(UNDER, "desk") + RULES_OF_ALL + over, fixture=tmp_path / "none.json.gz")
    line = path.read_text().splitlines().index("[[waiver]]") + 1
    ran = check("--report", "junit=a.xml")
    assert (ran.code, ran.err.count("error[bad-fixture]"), ran.err.count("error[expired-waiver]")) == (2, 1, 1)
    assert f"expired-waiver 2 (line {line})" in Path("a.xml").read_text()
    assert check("--policy", "defirisk.toml", "desk").code == 2
    assert check("--policy", "defirisk.toml", SAFE).code == 3, "the waiver is of a wallet that is not judged"


def test_problems_are_said_where_the_result_cannot_be_written(write: Write, check: Check) -> None:
    write(wallet(UNDER, "desk") + RULES_OF_ALL + waiver("desk", "survives", expires="2026-11-23"))
    ran = check("-o", "no/a.txt")
    assert (ran.code, "error[unwritable-output]" in ran.err, "error[expired-waiver]" in ran.err) == (2, True, True)


def test_json_and_csv_of_a_policy(write: Write, check: Check) -> None:
    write(wallet(UNDER, "desk") + RULES_OF_ALL + waiver("desk", "survives"))
    ran = check("--report", "json=a.json", "--report", "csv=a.csv", "--format", "json")
    assert json.loads(Path("a.json").read_text()) == ran.json
    rows = list(csv.DictReader(io.StringIO(Path("a.csv").read_text())))
    assert len(rows) == len(ran.policy["findings"])
    for row, one in zip(rows, ran.policy["findings"], strict=True):
        shown = {key: "" if value is None else str(value) for key, value in one.items() if key in row}
        assert {key: row[key] for key in shown} == shown
    assert [row["waived_until"] for row in rows if row["status"] == "waived"] == ["2026-12-31"]


def test_markdown_tells_the_same_to_people(write: Write, check: Check) -> None:
    write(wallet(ALL_FOUR, "vault|<b>") + wallet(SAFE) + RULES_OF_ALL)
    check("--report", "markdown=a.md")
    text = Path("a.md").read_text()
    assert "### Policy\\:" in text
    assert "vault\\|&lt;b&gt;" in text
    assert f"| {SAFE} | ok | ok | ok | ok |" in text
    assert check("--format", "markdown").out.startswith(text.rstrip("\n"))


@pytest.mark.parametrize("second", [2**62, 10**12])
def test_a_block_beyond_the_calendar_keeps_no_report_from_being_written(
    write: Write, check: Check, tmp_path: Path, second: int
) -> None:
    document = json.loads(gzip.decompress(DEMO.read_bytes())) | {"block_timestamp": second}
    del document["digest"]
    late = tmp_path / "late.json"
    late.write_text(json.dumps(document))
    write(wallet(SAFE) + "[policy]\nmin_health_factor = 1.0\n", fixture=late)
    kinds = ("junit", "sarif", "markdown", "csv", "json")
    ran = check(*(part for kind in kinds for part in ("--report", f"{kind}=r.{kind}")))
    assert "unexpected" not in ran.err
    assert all(Path(f"r.{kind}").read_text() for kind in kinds)
    assert all("timestamp" not in suite.attrib for suite in junit_of(Path("r.junit").read_text()))


def test_formats_are_reports_without_a_policy_too(check: Check) -> None:
    from .conftest import SMALL

    args = (SAFE, "--fixture", str(SMALL), "--no-thresholds")
    ran = check(*args, "--report", "json=a.json", "--report", "markdown=no/a.md", "--report", "csv=a.csv", today=None)
    assert ran.code == 2
    assert Path("a.json").read_text() == check(*args, "--format", "json", today=None).out
    assert Path("a.csv").read_text() == check(*args, "--format", "csv", today=None).out


# --- exit codes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "problems", "fail_on", "code"),
    [
        ((Status.OK,), (), "breach", 0),
        ((Status.OK, Status.WAIVED), (), "breach", 0),
        ((Status.BREACH,), (), "breach", 1),
        ((Status.BREACH,), (), "never", 0),
        ((Status.BREACH,), (), "worse", 0),
        ((Status.BREACH,), (), "any", 1),
        ((Status.BREACH, Status.ERROR), (), "breach", 3),
        ((Status.ERROR,), (), "never", 3),
        ((Status.BREACH, Status.ERROR), (2,), "breach", 2),
        ((Status.BREACH,), (3,), "breach", 3),
        ((Status.OK,), (3, 2), "never", 2),
    ],
)
def test_input_goes_before_reading_before_a_breach(statuses, problems, fail_on, code) -> None:
    made = result(
        *(finding(status) for status in statuses),
        problems=tuple(Problem("x", "y", one) for one in problems),
        fail_on=FailOn(fail_on),
    )
    assert made.exit_code == code
