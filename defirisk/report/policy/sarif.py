"""SARIF 2.1.0: a result a breach, waiver or unread check, at the line of the policy file that sets its rule."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from defirisk.policy.findings import Finding, PolicyResult, Problem, Status
from defirisk.policy.rules import RULES
from defirisk.report.check import Check
from defirisk.report.policy.lines import problem_text, sentence, urgent
from defirisk.report.sanitize import clean

Json = dict[str, Any]
VERSION: Final = "2.1.0"
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS: Final = 5000
"""GitHub keeps no more of a run."""
FINGERPRINT: Final = "primaryLocationLineHash"
"""GitHub's own name: where a tool gives none it hashes the line, and all findings of one rule would be one alert."""
_ROOT: Final = "%SRCROOT%"


def text(result: PolicyResult, check: Check | None, version: str) -> str:
    """The document as text, ASCII only; ``check`` is ``None`` where nothing could be read."""
    return json.dumps(document(result, check, version), indent=2) + "\n"


def document(result: PolicyResult, check: Check | None, version: str) -> Json:
    """The document."""
    shown = [*urgent(result), *result.of(Status.WAIVED)]
    run = {
        "tool": {"driver": _driver(version)},
        "invocations": [_invocation(result, check, len(shown))],
        "results": [_result(finding, result.file) for finding in shown[:MOST_RESULTS]],
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _driver(version: str) -> Json:
    return {"name": "defirisk", "semanticVersion": version, "rules": [_rule(name) for name in RULES]}


def _rule(name: str) -> Json:
    rule = RULES[name]
    spoken = "".join(part.capitalize() for part in name.split("_"))
    return {
        "id": name,
        **({} if spoken.lower() == name else {"name": spoken}),  # 3.49.7: none where it would only repeat the id
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.help},
        "help": {"text": rule.help},
        "defaultConfiguration": {"level": "error"},
    }


def _result(finding: Finding, file: str) -> Json:
    unread = finding.status is Status.ERROR
    text = f"could not be judged: {sentence(finding)}" if unread else sentence(finding)
    shown: Json = {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": "error",
        "message": _message(text),
        "locations": [{"physicalLocation": _place(file, finding.line)}],
        "partialFingerprints": {FINGERPRINT: _fingerprint(finding)},
        "properties": _properties(finding),
    }
    if finding.waiver is not None:
        reason = f"{clean(finding.waiver.reason)} (until {finding.waiver.expires})"
        shown["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return shown


def _message(text: str) -> Json:
    """3.11.6: ``[words](target)`` is a link in a message of plain text too, and nobody's label is to be one."""
    return {"text": text.replace("](", "] (")}


def _properties(finding: Finding) -> Json:
    figures = {"measured": finding.measured, "limit": finding.limit}
    texts = {"wallet": finding.wallet, "market": finding.market, "scenario": finding.scenario, "asset": finding.asset}
    properties = {name: clean(text) for name, text in texts.items() if text is not None}
    properties |= {name: str(figure) for name, figure in figures.items() if figure is not None}
    return {"status": finding.status.value, **properties}


def _fingerprint(finding: Finding) -> str:
    """The same for the same check in every run, so that an alert stays one alert."""
    return hashlib.sha256(json.dumps(finding.key).encode()).hexdigest()[:32]


def _place(file: str, line: int | None) -> Json:
    place: Json = {"artifactLocation": _artifact(file)}
    return place if line is None else {**place, "region": {"startLine": line}}


def _artifact(file: str) -> Json:
    uri = quote(clean(file).replace("\\", "/"))
    return {"uri": f"file://{uri}"} if uri.startswith("/") else {"uri": uri, "uriBaseId": _ROOT}


def _invocation(result: PolicyResult, check: Check | None, found: int) -> Json:
    notices = [_notification("error", problem_text(p), p.code, result.file, p) for p in result.problems]
    warnings = [*result.warnings, *(check.all_warnings() if check else ())]
    notices += [_notification("warning", clean(one.text), one.code, result.file) for one in warnings]
    notices += _changes(result)
    if found > MOST_RESULTS:
        text = f"{found - MOST_RESULTS} more findings are left out: a run holds {MOST_RESULTS:,} results"
        notices.append(_notification("warning", text, "results-left-out", result.file))
    sound = result.exit_code in (0, 1)
    return {"executionSuccessful": sound, "exitCode": result.exit_code, "toolExecutionNotifications": notices}


def _changes(result: PolicyResult) -> Sequence[Json]:
    if result.changes is None:
        return ()
    sentences = [result.changes.headline, *(clean(change.sentence) for change in result.changes.worse)]
    return [_notification("note", one, "changes", result.file) for one in sentences[:MOST_RESULTS]]


def _notification(level: str, text: str, code: str, file: str, problem: Problem | None = None) -> Json:
    shown: Json = {"level": level, "message": _message(text), "descriptor": {"id": code}}
    if problem is not None and problem.line is not None:
        shown["locations"] = [{"physicalLocation": _place(file, problem.line)}]
    return shown
