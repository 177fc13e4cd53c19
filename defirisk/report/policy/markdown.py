"""Markdown for a pull request's comment or a step's summary: the answer, then what is breached, unread and waived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from defirisk.policy.changes import Change, Changes
from defirisk.policy.findings import Finding, PolicyResult, Status, worst
from defirisk.report.check import Check
from defirisk.report.figures import moment
from defirisk.report.policy.lines import by_rule, by_wallet, problem_text, together
from defirisk.report.sanitize import markdown as escaped

_MARKS = {Status.OK: "ok", Status.BREACH: "**BREACH**", Status.WAIVED: "waived", Status.ERROR: "**not judged**"}


def text(result: PolicyResult, check: Check | None) -> str:
    """The whole report; ``check`` is ``None`` where nothing could be read."""
    return "\n".join(_lines(result, check)) + "\n"


def _lines(result: PolicyResult, check: Check | None) -> Iterator[str]:
    yield f"### {escaped(result.headline)}"
    yield ""
    yield f"{_of(check)}{escaped(result.file)}, judged on {result.today}."
    for problem in result.problems:
        where = f" (line {problem.line})" if problem.line else ""
        yield f"\n**Problem{where}:** {escaped(problem_text(problem))}"
    for warning in (*result.warnings, *(check.all_warnings() if check else ())):
        yield f"\n**Warning:** {escaped(warning.text)}"
    yield from _findings("Breached", result.of(Status.BREACH))
    yield from _findings("Not judged", result.of(Status.ERROR))
    yield from _findings("Waived", result.of(Status.WAIVED))
    if result.changes is not None:
        yield from _changes(result.changes)
    yield from _overview(result)


def _of(check: Check | None) -> str:
    if check is None:
        return "Nothing could be read. "
    chain = f"{check.chain} (chain {check.chain_id})" if check.chain else f"chain {check.chain_id}"
    return f"{escaped(chain)}, block {check.block:,} of {moment(check.timestamp)}, read from {escaped(check.source)}. "


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        rows = [(one.name, one.market or "-", rules, _said(one)) for one, rules in together(findings)]
        yield from _table(f"{title} ({len(findings)})", ("Wallet", "Market", "Rule", "What"), rows)


def _said(finding: Finding) -> str:
    waiver = finding.waiver
    return finding.text if waiver is None else f"{finding.text}; waived until {waiver.expires}: {waiver.reason}"


def _changes(changes: Changes) -> Iterator[str]:
    yield f"\n#### {escaped(changes.headline)}"
    named = {"Worse": changes.worse, "Better": changes.better, "New": changes.new, "Gone": changes.gone}
    for title, found in named.items():
        if found:
            yield from _table(f"{title} ({len(found)})", ("Wallet", "Market", "What"), [_change(one) for one in found])
    for note in changes.notes:
        yield f"\nNote: {escaped(note)}"


def _change(change: Change) -> tuple[str, str, str]:
    return change.label or change.wallet, change.market or "-", change.text


def _overview(result: PolicyResult) -> Iterator[str]:
    """A row a wallet, a column a rule."""
    rules = list(by_rule(result.findings))
    yield "\n#### All wallets\n"
    yield f"| Wallet | {' | '.join(escaped(rule) for rule in rules)} |"
    yield f"| --- |{' --- |' * len(rules)}"
    for findings in by_wallet(result.findings).values():
        of = by_rule(findings)
        cells = (_MARKS[worst(of[rule])] if rule in of else "" for rule in rules)
        yield f"| {escaped(findings[0].name)} | {' | '.join(cells)} |"


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"\n#### {title}\n"
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"
