"""The gate of the public API: ``defirisk.check_policy`` and its async twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from defirisk.calling import Texts, blocking, texts
from defirisk.calling import where as where_of
from defirisk.errors import InputError
from defirisk.policy.changes import DEFAULT_TOLERANCE
from defirisk.policy.findings import FailOn
from defirisk.policy.gate import Gate, clock, run_policy
from defirisk.policy.gate import where_of as source_of
from defirisk.policy.judging import Terms
from defirisk.policy.load import find_policy, for_wallets, load_baseline, load_policy
from defirisk.result import CheckResult
from defirisk.run import ProgressHook
from defirisk.sources import Recording
from defirisk.whatif.asking import NOTHING, WhatIf


async def check_policy_async(
    policy: str | Path | None = None,
    addresses: Texts = (),
    *,
    rpc: Texts = (),
    chain: str | None = None,
    block: int | None = None,
    fixture: Recording | None = None,
    markets: Texts = (),
    baseline: str | Path | None = None,
    tolerance: int | None = None,
    fail_on: str = "breach",
    today: date | None = None,
    thresholds: bool = False,
    what_if: WhatIf | None = None,
    strict: bool = False,
    progress: ProgressHook | None = None,
) -> CheckResult:
    """Check the wallets of a policy file, and judge its rules: the gate of ``defirisk check`` in CI.

    Args:
        policy: the file; ``None``: ``defirisk.toml``, or ``pyproject.toml`` with ``[tool.defirisk]``, here or further
            up to the repository's root.
        addresses: only these wallets, by address, ENS name or label; those that the file does not name are under its
            ``[policy]``.
        rpc: as in :func:`check`; an endpoint or recording given here replaces the file's own.
        chain: a chain's name.
        block: the block's number.
        fixture: a recording.
        markets: the markets, instead of the file's.
        baseline: an earlier result (JSON) to compare with; the differences are ``result.policy.changes``.
        tolerance: relative changes up to this (wad) are not told; ``None``: 0.5 %.
        fail_on: what counts as failing: ``breach``, ``worse``, ``any`` or ``never``.
        today: the day (UTC) at whose end waivers and ages are judged; ``None``: now.
        thresholds: whether to look for the prices that liquidate; no rule needs them.
        what_if: parameters and acts that come before anything is judged: :meth:`defirisk.WhatIf.of`.
        strict: take any fallback while reading for an error.
        progress: called with what is being done, how much is done, how much there is.

    Returns:
        The result with ``policy`` set: its findings, and the ``exit_code`` of the command line.

    Raises:
        InputError: there is no policy, it is not sound, or what it asks for makes no sense.
        ReadError: the chain or the recording could not be read at all.
    """
    where = where_of(rpc, chain, block, fixture, markets)
    gate = _gate(baseline, tolerance, fail_on, today)
    how = replace(gate, thresholds=thresholds, strict=strict, what_if=what_if or NOTHING)
    chosen = for_wallets(load_policy(_file(policy)), texts(addresses))
    return await run_policy(chosen, source_of(chosen, where), how, progress)


check_policy = blocking(check_policy_async)


def _gate(baseline: str | Path | None, tolerance: int | None, fail_on: str, today: date | None) -> Gate:
    if fail_on not in FailOn.__members__.values():
        raise InputError(f"nothing fails on {fail_on!a}", hint=f"one of {', '.join(FailOn)}")
    if fail_on in (FailOn.WORSE, FailOn.ANY) and baseline is None:
        raise InputError(f"fail_on={fail_on!a} compares with a baseline", hint="give one")
    return Gate(
        terms=Terms(clock(today), FailOn(fail_on)),
        baseline=None if baseline is None else load_baseline(Path(baseline)),
        tolerance=DEFAULT_TOLERANCE if tolerance is None else tolerance,
    )


def _file(policy: str | Path | None) -> Path:
    path = find_policy(Path.cwd()) if policy is None else Path(policy)
    if path is None:
        raise InputError("there is no policy here", hint="name one, or write defirisk.toml")
    return path
