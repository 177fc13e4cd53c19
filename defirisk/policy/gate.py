"""One run of a policy: read its wallets, judge its scenarios and rules, compare with a baseline."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from defirisk.errors import BadBaseline, InputError
from defirisk.judging import Terms as JudgingTerms
from defirisk.model import Warning as Notice
from defirisk.policy.changes import DEFAULT_TOLERANCE, Changes, compare
from defirisk.policy.findings import Finding, Problem
from defirisk.policy.judging import Terms, judge_policy
from defirisk.policy.seen import Seen, seen_now
from defirisk.policy.terms import Policy
from defirisk.protocols import registry
from defirisk.result import CheckResult
from defirisk.run import ProgressHook, check_one
from defirisk.sources import Where
from defirisk.whatif.asking import NOTHING, WhatIf

if TYPE_CHECKING:
    from defirisk.report.check import Check


def where_of(policy: Policy, asked: Where, environment: Mapping[str, str] | None = None) -> Where:
    """Where to read: what was asked for goes before what the file says.

    An endpoint or a recording that was asked for replaces the file's own source, its block included.

    Raises:
        InputError: the variable that the file names is not set.
    """
    source, own = policy.source, not asked.rpc and asked.fixture is None
    return Where(
        rpc=_endpoint(policy, environment or os.environ) if own and source.rpc_env else asked.rpc,
        chains=asked.chains or ((source.chain,) if source.chain else ()),
        block=asked.block if asked.block is not None or not own else source.block,
        fixture=source.fixture if own else asked.fixture,
        markets=asked.markets or policy.markets,
    )


def _endpoint(policy: Policy, environment: Mapping[str, str]) -> tuple[str, ...]:
    name = policy.source.rpc_env or ""
    url = environment.get(name, "").strip()
    if not url:
        raise InputError(f"{policy.file}: rpc_env names {name}, which is not set", hint=f"export {name}=https://...")
    return (url,)


def clock(today: date | None) -> int:
    """The second at which waivers and ages are judged: now, or the last one of a day (UTC)."""
    if today is None:
        return int(time.time())
    return int(datetime(today.year, today.month, today.day, 23, 59, 59, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """How a policy is run.

    ``terms`` are the clock, and what fails; ``baseline`` an earlier run, or why it cannot be used; ``tolerance`` that
    of the comparison (wad, relative); ``thresholds`` whether to look for the prices that liquidate, which no rule
    needs; ``what_if`` parameters and acts that come first: does a vote, or a withdrawal, breach the policy?; ``strict``
    takes any fallback while reading for an error.
    """

    terms: Terms
    baseline: Seen | BadBaseline | None = None
    tolerance: int = DEFAULT_TOLERANCE
    thresholds: bool = False
    what_if: WhatIf = NOTHING
    strict: bool = False


async def run_policy(policy: Policy, where: Where, gate: Gate, progress: ProgressHook | None = None) -> CheckResult:
    """Read and judge; a baseline that cannot be compared with is a problem of the result, not its end.

    Args:
        policy: for the wallets to be judged.
        where: where to read, by :func:`where_of`.
        gate: how.
        progress: told how far it is.

    Raises:
        InputError: what the policy asks for makes no sense on this chain.
        ReadError: nothing could be read.
    """
    judging = JudgingTerms(policy.scenarios, policy.families, policy.liquidator, gate.thresholds, gate.what_if)
    wallets = [wallet.address for wallet in policy.wallets]
    check = _labelled(await check_one(wallets, where, judging, strict=gate.strict, progress=progress), policy)
    waivers = tuple(replace(one, market=_market_name(one.market, check)) for one in policy.waivers)
    found = judge_policy(replace(policy, waivers=waivers), check, gate.terms)
    changes, problems = _compared(check, found.findings, gate)
    warnings = (*_supposed(gate.what_if), *found.warnings)
    found = replace(found, changes=changes, problems=(*problems, *found.problems), warnings=warnings)
    return replace(check, policy=found)


def _supposed(what_if: WhatIf) -> tuple[Notice, ...]:
    """A word for every report: a verdict on what is not so must not be taken for one on what is."""
    if not what_if.changes:
        return ()
    return (Notice("what-if", "every figure is of the positions as they would be after the changes asked for"),)


def _labelled(check: CheckResult, policy: Policy) -> CheckResult:
    """Accounts by the names that the policy gives them, found by address or by ENS name."""
    labels = {wallet.address: wallet.label for wallet in policy.wallets}
    accounts = (
        replace(account, label=labels.get(account.address) or labels.get(account.name or ""))
        for account in check.accounts
    )
    return replace(check, accounts=tuple(accounts))


def _market_name(name: str | None, check: Check) -> str | None:
    """A market as results name it, where it was written as an alias or by its entry contract."""
    if name is None or name in check.markets:
        return name
    try:
        return registry.find_deployment(name, check.chain_id).name
    except InputError:
        return name


def _compared(check: Check, findings: Sequence[Finding], gate: Gate) -> tuple[Changes | None, tuple[Problem, ...]]:
    if gate.baseline is None:
        return None, ()
    try:
        if isinstance(gate.baseline, BadBaseline):
            raise gate.baseline
        return compare(gate.baseline, seen_now(check, tuple(findings)), gate.tolerance), ()
    except BadBaseline as problem:
        return None, (Problem.of(problem),)
