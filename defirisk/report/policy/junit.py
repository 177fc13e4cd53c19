"""JUnit XML: a suite a wallet, a test case a wallet and rule.

``failure`` for a breach, ``error`` for what could not be read or judged, ``skipped`` with its reason for a waiver. What
is wrong with the run itself is a suite of its own. The shape is that of Jenkins' xunit plugin (junit-10.xsd).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from defirisk.policy.findings import Finding, PolicyResult, Status, worst
from defirisk.report.check import Check
from defirisk.report.policy.lines import by_rule, by_wallet, problem_text, sentence
from defirisk.report.sanitize import clean

_TAGS: Final = {Status.BREACH: "failure", Status.ERROR: "error", Status.WAIVED: "skipped"}
_COUNTS: Final = (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))


def text(result: PolicyResult, check: Check | None) -> str:
    """The document; ``check`` is ``None`` where nothing could be read."""
    root = Element("testsuites", name="defirisk policy")
    moment = None if check is None else _moment(check.timestamp)
    for findings in by_wallet(result.findings).values():
        _wallet(root, findings, moment, check)
    if result.problems or result.changes is not None:
        _run(root, result, moment)
    for suite in root:
        _count(suite)
    _total(root)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _moment(timestamp: int) -> str | None:
    """ISO 8601; none for a time beyond any calendar, as a chain or a recording may state."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return None


def _suite(root: Element, name: str, moment: str | None) -> Element:
    suite = SubElement(root, "testsuite", name=name)
    if moment is not None:
        suite.set("timestamp", moment)
    return suite


def _wallet(root: Element, findings: Sequence[Finding], moment: str | None, check: Check | None) -> None:
    name = clean(findings[0].name)
    suite = _suite(root, name, moment)
    properties = SubElement(suite, "properties")
    facts = {"wallet": clean(findings[0].wallet)}
    if check is not None:
        facts |= {"chain_id": str(check.chain_id), "block": str(check.block), "source": clean(check.source)}
    for key, value in facts.items():
        SubElement(properties, "property", name=key, value=value)
    for rule, of_rule in by_rule(findings).items():
        _case(suite, name, rule, of_rule)


def _case(suite: Element, wallet: str, rule: str, findings: Sequence[Finding]) -> None:
    """One verdict a case: the worst finding's; the body lists every one that is not ok."""
    case = SubElement(suite, "testcase", name=rule, classname=f"defirisk.{wallet}", time="0")
    status = worst(findings)
    if status is Status.OK:
        return
    amiss = [finding for finding in findings if finding.status is not Status.OK]
    amiss.sort(key=lambda finding: finding.status is not status)
    first = sentence(amiss[0])
    more = f" (and {len(amiss) - 1} more)" if len(amiss) > 1 else ""
    verdict = SubElement(case, _TAGS[status], message=first + more)
    if status is not Status.WAIVED:
        verdict.set("type", (amiss[0].code or rule) if status is Status.ERROR else rule)
    verdict.text = "\n".join(f"{finding.status.value}: {sentence(finding)}" for finding in amiss)


def _run(root: Element, result: PolicyResult, moment: str | None) -> None:
    """What concerns no one wallet: problems are errors, changes for the worse failures where the run fails on them."""
    name = clean(result.file)
    suite = _suite(root, name, moment)
    for number, problem in enumerate(result.problems, start=1):
        where = f" (line {problem.line})" if problem.line else ""
        case = SubElement(suite, "testcase", name=f"{problem.code} {number}{where}", classname="defirisk", time="0")
        SubElement(case, "error", message=problem_text(problem), type=problem.code).text = problem_text(problem)
    if result.changes is None:
        return
    case = SubElement(suite, "testcase", name="nothing worse than the baseline", classname="defirisk", time="0")
    worse = [clean(change.sentence) for change in result.changes.worse]
    if worse and result.fail_on.value in ("worse", "any"):
        SubElement(case, "failure", message=result.changes.headline, type="worse").text = "\n".join(worse)
    elif worse:
        SubElement(case, "system-out").text = "\n".join(worse)


def _count(suite: Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for name, tag in _COUNTS:
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", "0")


def _total(root: Element) -> None:
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
