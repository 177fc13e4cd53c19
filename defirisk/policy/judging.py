"""A policy judged on what a check found: every rule for every wallet, market, scenario and asset. Pure.

What could not be read, could not be priced, or differs from the contract's own figures is an ``error``, never ``ok``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from defirisk.errors import BadPolicy, DefiriskError, StaleRecording
from defirisk.model import Failure, PositionStatus
from defirisk.model import Warning as Notice
from defirisk.policy.findings import FailOn, Finding, PolicyResult, Problem, Status
from defirisk.policy.rules import RULES, Judged, Matter
from defirisk.policy.terms import Clause, Policy, Wallet, Waiver
from defirisk.policy.waivers import waive
from defirisk.report.check import Account, Check, differs
from defirisk.report.figures import age
from defirisk.report.legs import unpriced_message
from defirisk.report.sanitize import clean, symbol

if TYPE_CHECKING:
    from defirisk.policy.changes import Changes
    from defirisk.risk.engine import PositionAnalysis

_MISMATCH: Final = "contract-mismatch"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run ends: ``now`` (seconds) decides what has expired or grown old, ``fail_on`` what fails."""

    now: int
    fail_on: FailOn = FailOn.BREACH


def judge_policy(
    policy: Policy, check: Check, terms: Terms, changes: Changes | None = None, problems: Sequence[Problem] = ()
) -> PolicyResult:
    """Judge a policy.

    Args:
        policy: whose wallets were read.
        check: what was found of them.
        terms: the day, and what fails.
        changes: what became of a baseline.
        problems: what else went wrong in the run.
    """
    today = datetime.fromtimestamp(terms.now, UTC).date()
    pairs = tuple(_paired(policy, check))
    found = [finding for wallet, account in pairs for finding in _account(policy, wallet, account, check)]
    waivers, unknown = _resolved(policy, dict(_addresses(pairs)), check)
    waived = waive(found, waivers, today)
    return PolicyResult(
        file=policy.file,
        today=today,
        findings=waived.findings,
        problems=(*problems, *_stale(policy, check, terms.now), *unknown, *waived.problems),
        warnings=(*waived.warnings, *_absent(pairs)),
        changes=changes,
        fail_on=terms.fail_on,
    )


def unread(policy: Policy, cause: DefiriskError, terms: Terms) -> PolicyResult:
    """The policy where nothing could be read at all: every check of it is an error."""
    today = datetime.fromtimestamp(terms.now, UTC).date()
    found = [
        _unread(policy, wallet, clause, wallet.address, None, cause.code, f"nothing could be read: {cause.message}")
        for wallet in policy.wallets
        for clause in wallet.clauses.values()
    ]
    problem = Problem(cause.code, cause.message, cause.exit_code, hint=cause.hint)
    return PolicyResult(
        policy.file, today, tuple(f for one in found for f in one), (problem,), fail_on=terms.fail_on
    )


# --- wallets and accounts -----------------------------------------------------------------------------------------


def _paired(policy: Policy, check: Check) -> Iterator[tuple[Wallet, Account]]:
    """Each wallet with its account.

    Raises:
        BadPolicy: a name turned out to be the address of another wallet of the file.
    """
    accounts = {key: account for account in check.accounts for key in (account.address, account.name) if key}
    taken: dict[str, Wallet] = {}
    for wallet in policy.wallets:
        account = accounts.get(wallet.address)
        if account is None or account.address in taken:
            raise _twice(wallet, policy)
        taken[account.address] = wallet
        yield wallet, account


def _twice(wallet: Wallet, policy: Policy) -> BadPolicy:
    said = f"{wallet.name} stands for the same address as another wallet"
    return BadPolicy(said, file=policy.file, line=wallet.line, hint="list each address once")


def _addresses(pairs: Iterable[tuple[Wallet, Account]]) -> Iterator[tuple[str, str]]:
    return ((wallet.address, account.address) for wallet, account in pairs)


def _absent(pairs: Iterable[tuple[Wallet, Account]]) -> Iterator[Notice]:
    for wallet, account in pairs:
        if not account.positions and not account.failures:
            yield Notice("no-position", f"{wallet.name} holds nothing in the markets asked: its rules judge nothing")


def _resolved(
    policy: Policy, addresses: Mapping[str, str], check: Check
) -> tuple[tuple[Waiver, ...], tuple[Problem, ...]]:
    """The waivers of the wallets judged, with addresses as findings name them."""
    waivers, problems = [], []
    for waiver in policy.waivers:
        if waiver.wallet not in addresses:
            continue
        if waiver.market is not None and waiver.market not in check.markets:
            hint = f"read were {', '.join(check.markets)}"
            text = f"a waiver is for the market {waiver.market!a}, which was not read"
            problems.append(Problem(BadPolicy.code, text, BadPolicy.exit_code, waiver.line, hint))
        waivers.append(replace(waiver, wallet=addresses[waiver.wallet]))
    return tuple(waivers), tuple(problems)


def _stale(policy: Policy, check: Check, now: int) -> Iterator[Problem]:
    """A recording older than ``max_age``: what it shows may long be untrue, so it is no basis to pass."""
    most = policy.source.max_age
    if most is None or check.read_at is not None or now - check.timestamp <= most:
        return
    yield Problem(
        StaleRecording.code,
        f"{clean(check.source)} is {age(now - check.timestamp)} old, more than the max_age of {age(most)}",
        StaleRecording.exit_code,
        policy.lines.get("max_age"),
        "record it again: `defirisk record`",
    )


# --- judging ------------------------------------------------------------------------------------------------------


def _account(policy: Policy, wallet: Wallet, account: Account, check: Check) -> Iterator[Finding]:
    for clause in wallet.clauses.values():
        for analysis in account.positions:
            yield from _position(policy, wallet, clause, account, analysis, check)
        for failure in account.failures:
            yield from _failed(policy, wallet, clause, account, failure)
        subjects = RULES[clause.rule].subjects(clause, policy.scenarios_for(wallet))
        if subjects and not account.positions and not account.failures:
            text = "no position in the markets asked, nothing to judge"
            yield _finding(wallet, clause, account.address, None, Judged(False, text))


def _position(
    policy: Policy, wallet: Wallet, clause: Clause, account: Account, analysis: PositionAnalysis, check: Check
) -> Iterator[Finding]:
    market = analysis.position.market.name
    if analysis.position.status is PositionStatus.UNPRICED:
        said = unpriced_message(analysis.position)
        yield from _unread(policy, wallet, clause, account.address, market, "unpriced", said)
        return
    matter = Matter(analysis, check.timestamp, policy.scenarios_for(wallet))
    doubted = differs(analysis.position)
    for judged in RULES[clause.rule].judge(clause, matter):
        sure = replace(judged, missing=_MISMATCH, text=_doubt(judged.text)) if doubted and not judged.breached else judged
        yield _finding(wallet, clause, account.address, market, sure)


def _failed(
    policy: Policy, wallet: Wallet, clause: Clause, account: Account, failure: Failure
) -> Iterator[Finding]:
    said = f"could not be read: {failure.message}"
    yield from _unread(policy, wallet, clause, account.address, failure.market, failure.code, said)


def _unread(
    policy: Policy, wallet: Wallet, clause: Clause, address: str, market: str | None, code: str, said: str
) -> list[Finding]:
    """An error for each check that could not be made."""
    subjects = RULES[clause.rule].subjects(clause, policy.scenarios_for(wallet))
    return [_finding(wallet, clause, address, market, Judged(False, said, name, missing=code)) for name in subjects]


def _doubt(text: str) -> str:
    return f"{text}; but our figures differ from the contract's own, so this is not to be relied on"


def _finding(wallet: Wallet, clause: Clause, address: str, market: str | None, judged: Judged) -> Finding:
    status = Status.ERROR if judged.missing else Status.BREACH if judged.breached else Status.OK
    return Finding(
        wallet=address,
        label=wallet.label,
        market=clean(market) if market else None,
        rule=clause.rule,
        scenario=judged.scenario,
        asset=judged.asset.address if judged.asset else None,
        symbol=symbol(judged.asset) if judged.asset else None,
        status=status,
        measured=judged.measured,
        limit=judged.limit,
        text=clean(judged.text),
        line=clause.line,
        code=judged.missing,
    )
