"""The member ``policy`` of ``defirisk/check/1``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from defirisk.fixedpoint import fixed_string
from defirisk.policy.changes import Change, Changes
from defirisk.policy.findings import Figure, Finding, PolicyResult, Problem, Status
from defirisk.policy.terms import Waiver
from defirisk.report.sanitize import clean

Json = dict[str, Any]


def policy(result: PolicyResult) -> Json:
    """All findings, exact; what was wrong with the run; what became of a baseline."""
    return {
        "file": clean(result.file),
        "today": result.today.isoformat(),
        "fail_on": result.fail_on.value,
        "failed": result.failed,
        "counts": {status.value: result.count(status) for status in Status},
        "problems": [_problem(problem) for problem in result.problems],
        "warnings": [{"code": one.code, "text": clean(one.text)} for one in result.warnings],
        "findings": [_finding(finding) for finding in result.findings],
        "changes": None if result.changes is None else _changes(result.changes),
    }


def _problem(problem: Problem) -> Json:
    return {"code": problem.code, "message": clean(problem.text), "line": problem.line}


def _finding(finding: Finding) -> Json:
    return {
        "wallet": finding.wallet,
        "label": _text(finding.label),
        "market": _text(finding.market),
        "rule": finding.rule,
        "scenario": _text(finding.scenario),
        "asset": finding.asset,
        "symbol": finding.symbol,
        "status": finding.status.value,
        **_figure("measured", finding.measured),
        **_figure("limit", finding.limit),
        "text": clean(finding.text),
        "line": finding.line,
        "error": finding.code,
        "waiver": None if finding.waiver is None else _waiver(finding.waiver),
    }


def _waiver(waiver: Waiver) -> Json:
    return {"reason": clean(waiver.reason), "expires": waiver.expires.isoformat(), "line": waiver.line}


def _figure(name: str, figure: Figure | None) -> Json:
    return {name: None if figure is None else str(figure), f"{name}_raw": None if figure is None else str(figure.raw)}


def _changes(changes: Changes) -> Json:
    baseline = {"source": clean(changes.source), "block": changes.block, "timestamp": changes.timestamp}
    return {
        "baseline": baseline,
        "tolerance": fixed_string(changes.tolerance, 18),
        "worse": _listed(changes.worse),
        "better": _listed(changes.better),
        "new": _listed(changes.new),
        "gone": _listed(changes.gone),
        "notes": [clean(note) for note in changes.notes],
    }


def _listed(changes: Sequence[Change]) -> list[Json]:
    return [
        {
            "kind": change.kind,
            "wallet": clean(change.wallet),
            "label": _text(change.label),
            "market": _text(change.market),
            "scenario": _text(change.scenario),
            "rule": change.rule,
            "before_raw": _raw(change.before),
            "after_raw": _raw(change.after),
            "text": clean(change.text),
        }
        for change in changes
    ]


def _text(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _raw(raw: int | None) -> str | None:
    return None if raw is None else str(raw)
