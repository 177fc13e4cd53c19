"""A policy judged on what a check found: every rule for every wallet, market, scenario and asset. Pure.

What could not be read, could not be priced, or differs from the contract's own figures is an ``error``, never ``ok``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from defirisk.errors import BadPolicy, ChangeRefused, DefiriskError, StaleBlock, StaleRecording
from defirisk.model import Position, PositionStatus
from defirisk.model import Warning as Notice
from defirisk.policy.findings import FailOn, Finding, PolicyResult, Problem, Status
from defirisk.policy.rules import RULES, Judged, Matter
from defirisk.policy.terms import Clause, Policy, Waiver, Wallet
from defirisk.policy.waivers import waive
from defirisk.report.check import Account, Check, differs
from defirisk.report.figures import span
from defirisk.report.legs import unpriced_message
from defirisk.report.sanitize import clean, symbol

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

_MISMATCH: Final = "contract-mismatch"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run ends: ``now`` (seconds) decides what has expired or grown old, ``fail_on`` what fails."""

    now: int
    fail_on: FailOn = FailOn.BREACH


def judge_policy(policy: Policy, check: Check, terms: Terms) -> PolicyResult:
    """Judge a policy.

    Args:
        policy: whose wallets were read.
        check: what was found of them.
        terms: the clock, and what fails.

    Raises:
        BadPolicy: two wallets of it turned out to be one.
    """
    today = datetime.fromtimestamp(terms.now, UTC).date()
    pairs = tuple(_paired(policy, check))
    found = [finding for wallet, account in pairs for finding in _account(policy, wallet, account, check.timestamp)]
    waivers, unknown = _resolved(policy, dict(_addresses(pairs)), check)
    waived = waive(found, waivers, today)
    return PolicyResult(
        file=policy.file,
        today=today,
        findings=waived.findings,
        problems=(*_stale(policy, check, terms.now), *unknown, *waived.problems),
        warnings=(*waived.warnings, *_absent(pairs), *_idle(policy, check)),
        fail_on=terms.fail_on,
    )


def unread(policy: Policy, cause: DefiriskError, terms: Terms, *, more: Iterable[DefiriskError] = ()) -> PolicyResult:
    """The policy where nothing could be read at all: every check of it is an error.

    The cause is the first problem, then come ``more``, then the waivers that are over.
    """
    today = datetime.fromtimestamp(terms.now, UTC).date()
    said = f"nothing could be read: {cause.message}"
    benches = [bench for wallet in policy.wallets for bench in _benches(policy, wallet, wallet.address)]
    found = tuple(finding for bench in benches for finding in bench.unread(None, cause.code, said))
    problems = [Problem.of(error) for error in (cause, *more)]
    judged = {wallet.address for wallet in policy.wallets}
    over = waive(found, [waiver for waiver in policy.waivers if waiver.wallet in judged], today).problems
    return PolicyResult(policy.file, today, found, (*problems, *over), fail_on=terms.fail_on)


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
    """A block too far from the clock, either way: what it shows may long be untrue, so it is no basis to pass.

    Every other age, an oracle's too, is as of that block: one that lags makes all of them look young.
    """
    live, source = check.read_at is not None, policy.source
    key, most = ("max_block_age", source.max_block_age) if live else ("max_age", source.max_age)
    passed = now - check.timestamp
    if most is None or abs(passed) <= most:
        return
    kind: type[DefiriskError] = StaleBlock if live else StaleRecording
    what = f"block {check.block:,} of {clean(check.source)}" if live else clean(check.source)
    how = f"is {span(passed)} old" if passed >= 0 else f"is dated {span(-passed)} after the clock"
    hint = "name no --block, and an endpoint that keeps up" if live else "record it again: `defirisk record`"
    said = f"{what} {how}, more than the {key} of {span(most)}"
    yield Problem(kind.code, said, kind.exit_code, policy.lines.get(key), hint)


def _idle(policy: Policy, check: Check) -> Iterator[Notice]:
    """An age that is set for the other kind of source, and none for this one: somebody may rely on it."""
    source = policy.source
    if check.read_at is not None and source.max_age is not None and source.max_block_age is None:
        text = "max_age is of recordings, and this run reads an endpoint: max_block_age limits how old its block may be"
        yield Notice("idle-key", text)
    if check.read_at is None and source.max_block_age is not None and source.max_age is None:
        text = "max_block_age is of endpoints, and this run reads a recording: max_age limits how old it may be"
        yield Notice("idle-key", text)


# --- judging ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bench:
    """One rule of one wallet: ``address`` as findings name it, ``scenarios`` those in which the wallet is judged."""

    wallet: Wallet
    clause: Clause
    address: str
    scenarios: tuple[str, ...]

    def unread(self, market: str | None, code: str, said: str) -> Iterator[Finding]:
        """An error for each check that could not be made."""
        for name in RULES[self.clause.rule].subjects(self.clause, self.scenarios):
            yield self.finding(market, Judged(False, said, name, missing=code))

    def empty(self) -> Iterator[Finding]:
        """A wallet that holds nothing breaks no rule; once a rule, since there is no market to speak of."""
        if RULES[self.clause.rule].subjects(self.clause, self.scenarios):
            yield self.finding(None, Judged(False, "no position in the markets asked, nothing to judge"))

    def position(self, analysis: PositionAnalysis, timestamp: int) -> Iterator[Finding]:
        """The rule on one position."""
        position, market = analysis.position, analysis.position.market.name
        if position.status is PositionStatus.UNPRICED:
            yield from self.unread(market, "unpriced", unpriced_message(position))
            return
        doubt = _doubt(position)
        for judged in RULES[self.clause.rule].judge(self.clause, Matter(analysis, timestamp, self.scenarios)):
            yield self.finding(market, judged if doubt is None or judged.breached else _doubted(judged, *doubt))

    def finding(self, market: str | None, judged: Judged) -> Finding:
        """What was judged, with whose and where."""
        return Finding(
            wallet=self.address,
            label=self.wallet.label,
            market=clean(market) if market else None,
            rule=self.clause.rule,
            scenario=judged.scenario,
            asset=judged.asset.address if judged.asset else None,
            symbol=symbol(judged.asset) if judged.asset else None,
            status=Status.ERROR if judged.missing else Status.BREACH if judged.breached else Status.OK,
            measured=judged.measured,
            limit=judged.limit,
            text=clean(judged.text),
            line=self.clause.line,
            code=judged.missing,
        )


def _benches(policy: Policy, wallet: Wallet, address: str) -> list[_Bench]:
    scenarios = policy.scenarios_for(wallet)
    return [_Bench(wallet, clause, address, scenarios) for clause in wallet.clauses.values()]


def _account(policy: Policy, wallet: Wallet, account: Account, timestamp: int) -> Iterator[Finding]:
    for bench in _benches(policy, wallet, account.address):
        for analysis in account.positions:
            yield from bench.position(analysis, timestamp)
        for failure in account.failures:
            yield from bench.unread(failure.market, failure.code, f"could not be read: {failure.message}")
        if not account.positions and not account.failures:
            yield from bench.empty()


def _doubt(position: Position) -> tuple[str, str] | None:
    """Why a position's figures are no ground to pass: a code, and words."""
    if differs(position):
        return _MISMATCH, "our figures differ from the contract's own, so this is not to be relied on"
    if any(warning.code == ChangeRefused.code for warning in position.warnings):
        return ChangeRefused.code, "what was to be changed first was refused, so this is of the position as it is"
    return None


def _doubted(judged: Judged, code: str, why: str) -> Judged:
    return replace(judged, text=f"{judged.text}; but {why}", missing=judged.missing or code)
