"""The policy for people, at 80 columns: the count, a line a wallet, then every finding that is not ok."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from defirisk.policy.changes import Changes
from defirisk.policy.findings import Finding, PolicyResult, Status, worst
from defirisk.report.policy.lines import by_rule, by_wallet, problem_text, sentence, together
from defirisk.report.sanitize import clean, short_address
from defirisk.report.table.style import HEADING, Severity, columns, marked

_SEVERITY: Final = {
    Status.OK: Severity.GOOD,
    Status.WAIVED: Severity.CAUTION,
    Status.BREACH: Severity.DANGER,
    Status.ERROR: Severity.DANGER,
}
_WORDS: Final = {Status.OK: "ok", Status.WAIVED: "waived", Status.BREACH: "BREACH", Status.ERROR: "NOT JUDGED"}
_LONGEST_NAME: Final = 24


def blocks(result: PolicyResult) -> Iterator[RenderableType]:
    """Everything there is to say of a policy."""
    yield Text("")
    yield Text(f"{result.headline} ({clean(result.file)}, on {result.today})", style=HEADING, overflow="fold")
    for problem in result.problems:
        yield marked(Severity.DANGER, f"PROBLEM {problem_text(problem)}")
    for warning in result.warnings:
        yield marked(Severity.CAUTION, f"WARNING {clean(warning.text)}")
    if result.findings:
        yield from _wallets(result)
    for status in (Status.BREACH, Status.ERROR, Status.WAIVED):
        for finding, rules in together(result.of(status)):
            yield marked(_SEVERITY[status], f"{_WORDS[status]} {rules}: {sentence(finding)}")
    if result.changes is not None:
        yield from _changes(result.changes)


def _wallets(result: PolicyResult) -> Iterator[RenderableType]:
    rows = [_wallet(findings) for findings in by_wallet(result.findings).values()]
    yield columns(("", "Wallet", "Checks", "Rules"), rows, left=4)


def _wallet(findings: Sequence[Finding]) -> tuple[Text | str, ...]:
    status = worst(findings)
    mark = Text(_SEVERITY[status].mark, style=_SEVERITY[status].style)
    verdicts = {rule: worst(of_rule) for rule, of_rule in by_rule(findings).items()}
    amiss = [f"{rule} {_WORDS[verdict]}" for rule, verdict in verdicts.items() if verdict is not Status.OK]
    name = clean(findings[0].label or short_address(findings[0].wallet), _LONGEST_NAME)
    return mark, name, str(len(findings)), ", ".join(amiss) or "all ok"


def _changes(changes: Changes) -> Iterator[RenderableType]:
    yield Text("")
    yield Text(f"{changes.headline} ({clean(changes.source)})", style=HEADING, overflow="fold")
    for change in changes.worse:
        yield marked(Severity.DANGER, f"WORSE {clean(change.sentence)}")
    for word, found in (("better", changes.better), ("new", changes.new), ("gone", changes.gone)):
        for change in found:
            yield marked(Severity.GOOD, f"{word} {clean(change.sentence)}")
    for note in changes.notes:
        yield marked(Severity.CAUTION, f"note: {clean(note)}")
