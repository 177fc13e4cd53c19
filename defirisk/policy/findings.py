"""What became of a policy: one finding a wallet, market, rule and, where the rule has them, scenario or asset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from defirisk.errors import DefiriskError
from defirisk.fixedpoint import decimal_string
from defirisk.model import Warning as Notice
from defirisk.policy.terms import Waiver

if TYPE_CHECKING:
    from defirisk.policy.changes import Changes

BREACHED: Final = 1
WRONG_INPUT: Final = 2
INCOMPLETE: Final = 3


class Status(StrEnum):
    """``error``: what the rule needs could not be read or judged, which is never ``ok``."""

    OK = "ok"
    BREACH = "breach"
    WAIVED = "waived"
    ERROR = "error"


class FailOn(StrEnum):
    """What makes a run fail with exit code 1; ``any`` is a breach or a change for the worse."""

    BREACH = "breach"
    WORSE = "worse"
    ANY = "any"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, exact: ``raw`` with ``decimals`` places; ``unit`` is "" for a ratio, "s", or a market's unit."""

    raw: int
    decimals: int = 0
    unit: str = ""

    def __str__(self) -> str:
        """The exact decimal."""
        return decimal_string(self.raw, self.decimals)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one rule.

    ``wallet`` is an EIP-55 address (or, where it could not be resolved, the name asked for), ``market`` is ``None``
    where the wallet holds nothing in any. ``measured`` is ``None`` where there is nothing to measure (no debt) or it
    could not be, ``limit`` where there is none. ``text`` is a sentence without wallet and market, ``line`` that of
    the rule in the policy file, ``code`` the cause of an ``error``.
    """

    wallet: str
    rule: str
    status: Status
    text: str
    market: str | None = None
    label: str | None = None
    scenario: str | None = None
    asset: str | None = None
    symbol: str | None = None
    measured: Figure | None = None
    limit: Figure | None = None
    line: int | None = None
    waiver: Waiver | None = None
    code: str | None = None

    @property
    def name(self) -> str:
        """What people call the wallet."""
        return self.label or self.wallet

    @property
    def key(self) -> tuple[str, str | None, str, str | None, str | None]:
        """What tells one check from another, in this run and in the next."""
        return self.wallet, self.market, self.rule, self.scenario, self.asset

    @property
    def sentence(self) -> str:
        """All of it for people: whose, where, what."""
        where = f" in {self.market}" if self.market else ""
        waived = f" (waived until {self.waiver.expires}: {self.waiver.reason})" if self.waiver else ""
        return f"{self.name}{where}: {self.text}{waived}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the run as a whole: ``exit_code`` 2 (input) or 3 (reading); ``line`` of the policy file."""

    code: str
    text: str
    exit_code: int
    line: int | None = None
    hint: str | None = None

    @classmethod
    def of(cls, error: DefiriskError) -> Problem:
        """What an error says, of no one line."""
        return cls(error.code, error.message, error.exit_code, hint=error.hint)


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """What ``defirisk check`` found of a policy.

    ``file`` is the policy file as it is shown; ``today`` the day (UTC) at which waivers were judged; ``changes`` what
    became of a baseline, ``None`` without one; ``fail_on`` what counts as failing.
    """

    file: str
    today: date
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Notice, ...] = ()
    changes: Changes | None = None
    fail_on: FailOn = FailOn.BREACH

    def of(self, *statuses: Status) -> tuple[Finding, ...]:
        """The findings of these statuses."""
        return tuple(finding for finding in self.findings if finding.status in statuses)

    def count(self, status: Status) -> int:
        """How many findings are of a status."""
        return len(self.of(status))

    @property
    def wallets_of_interest(self) -> frozenset[str]:
        """The wallets of which some check is breached, waived or not judged, or that became worse."""
        found = {finding.wallet for finding in self.findings if finding.status is not Status.OK}
        return frozenset(found | ({change.wallet for change in self.changes.worse} if self.changes else set()))

    @property
    def exit_code(self) -> int:
        """2 for wrong input, before 3 for what could not be read, before 1 for what ``fail_on`` says; else 0."""
        codes = {problem.exit_code for problem in self.problems}
        if WRONG_INPUT in codes:
            return WRONG_INPUT
        if codes or self.count(Status.ERROR):
            return INCOMPLETE
        return BREACHED if self.failed else 0

    @property
    def failed(self) -> bool:
        """Whether what ``fail_on`` names has happened."""
        breached = self.count(Status.BREACH) > 0
        worse = self.changes is not None and bool(self.changes.worse)
        return {
            FailOn.BREACH: breached,
            FailOn.WORSE: worse,
            FailOn.ANY: breached or worse,
            FailOn.NEVER: False,
        }[self.fail_on]

    @property
    def headline(self) -> str:
        """``Policy: 3 of 120 checks breached, 1 waived, 2 not judged``."""
        total = len(self.findings)
        breached = self.count(Status.BREACH)
        said = f"{breached or 'none'} of {total} check{'' if total == 1 else 's'} breached"
        more = ((Status.WAIVED, "waived"), (Status.ERROR, "NOT JUDGED"))
        parts = [said, *(f"{self.count(status)} {word}" for status, word in more if self.count(status))]
        return f"Policy: {', '.join(parts)}"


def worst(findings: Iterable[Finding]) -> Status:
    """The status that speaks for several: a breach before an error before a waiver before ok."""
    found = {finding.status for finding in findings}
    return next(s for s in (Status.BREACH, Status.ERROR, Status.WAIVED, Status.OK) if s in found or s is Status.OK)
