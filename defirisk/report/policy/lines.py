"""What the reports have in common: findings grouped, and every text made harmless."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from defirisk.policy.findings import Finding, PolicyResult, Problem, Status
from defirisk.report.sanitize import clean

SENTENCE_LENGTH: Final = 700


def sentence(finding: Finding) -> str:
    """Whose, where, what; and the waiver. Harmless on one line."""
    return clean(finding.sentence, SENTENCE_LENGTH)


def by_wallet(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by wallet, in the policy's order."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.wallet, []).append(finding)
    return groups


def by_rule(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by rule, in the policy's order."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.rule, []).append(finding)
    return groups


def together(findings: Iterable[Finding]) -> list[tuple[Finding, str]]:
    """Each finding with its rule; what could not be read is the same for many rules, and is listed once with all."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        unread = finding.status is Status.ERROR
        groups.setdefault((finding.wallet, finding.market, finding.text) if unread else id(finding), []).append(finding)
    return [(same[0], ", ".join(by_rule(same))) for same in groups.values()]


def urgent(result: PolicyResult) -> list[Finding]:
    """What someone must act on: breaches first, then what could not be judged."""
    return [*result.of(Status.BREACH), *result.of(Status.ERROR)]


def problem_text(problem: Problem) -> str:
    """A problem and what to do about it."""
    hint = f" ({problem.hint})" if problem.hint else ""
    return clean(f"{problem.text}{hint}", SENTENCE_LENGTH)
