"""What two runs are compared by: of this run from its result, of an earlier one from its JSON document. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from defirisk.errors import BadBaseline
from defirisk.model import PositionStatus, Unit
from defirisk.policy.findings import Finding
from defirisk.report.check import Check
from defirisk.report.sanitize import clean

CHECK: Final = "defirisk/check/1"
_RAW: Final = re.compile(r"0|[1-9][0-9]{0,99}")
_AGAIN: Final = "a baseline is what `defirisk check --format json` of this version wrote"

Key = tuple[str, str | None, str, str | None, str | None]
"""Wallet, market, rule, scenario, asset: what a finding is of."""


@dataclass(frozen=True, slots=True)
class SeenOutcome:
    """A scenario: whether it liquidates, what stays unpaid (unit base units), in which order it was liquidated."""

    liquidatable: bool
    loss: int
    liquidator: str


@dataclass(frozen=True, slots=True)
class SeenPosition:
    """A position that was judged. ``health`` wad, ``None`` without debt."""

    health: int | None
    liquidatable: bool
    unit: Unit
    outcomes: Mapping[str, SeenOutcome]


@dataclass(frozen=True, slots=True)
class Seen:
    """A run: ``accounts`` are the positions by address and market; ``unread`` the addresses not read in full.

    ``statuses`` are those of the findings, ``None`` where the run had no policy. ``supposed``: it was of a what-if.
    """

    chain_id: int
    block: int
    timestamp: int
    source: str
    markets: tuple[str, ...]
    accounts: Mapping[str, Mapping[str, SeenPosition]]
    unread: frozenset[str] = frozenset()
    statuses: Mapping[Key, str] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    supposed: bool = False


def seen_now(check: Check, findings: tuple[Finding, ...]) -> Seen:
    """This run."""
    return Seen(
        chain_id=check.chain_id,
        block=check.block,
        timestamp=check.timestamp,
        source=check.source,
        markets=tuple(clean(name) for name in check.markets),
        accounts={account.address: _positions(account.positions) for account in check.accounts},
        unread=frozenset(a.address for a in check.accounts if a.status.value == "failed"),
        statuses={finding.key: finding.status.value for finding in findings},
        labels={finding.wallet: finding.label for finding in findings if finding.label},
    )


def _positions(analyses: Any) -> dict[str, SeenPosition]:
    return {
        clean(one.position.market.name): SeenPosition(
            health=one.standing.health_factor,
            liquidatable=one.standing.liquidatable,
            unit=one.position.market.unit,
            outcomes={clean(o.scenario): SeenOutcome(o.liquidatable, o.loss_value, o.liquidator) for o in one.outcomes},
        )
        for one in analyses
        if one.position.status is PositionStatus.OK and one.standing is not None
    }


def seen_before(document: Any, name: str) -> Seen:
    """An earlier run, from its document.

    Raises:
        BadBaseline: it is of another schema, of several chains, or not of the shape.
    """
    reader = _Reader(name)
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != CHECK:
        found = f"its schema is {schema[:60]!a}" if isinstance(schema, str) else "it names no schema"
        reader.refuse(f"{found}, not {CHECK!a}")
    if "markets" not in document:
        reader.refuse("it does not say which markets were asked")
    return reader.run(document)


class _Reader:
    """Takes what is needed from a document that anyone may have written."""

    def __init__(self, name: str) -> None:
        self._name = name

    def refuse(self, problem: str) -> NoReturn:
        raise BadBaseline(f"the baseline {self._name} cannot be compared with: {problem}", hint=_AGAIN)

    def run(self, document: Any) -> Seen:
        accounts = [self._take(one, dict, "an account") for one in self._member(document, "accounts", list)]
        policy = document.get("policy")
        return Seen(
            chain_id=self._member(document, "chain_id", int),
            block=self._member(document, "block", int),
            timestamp=self._member(document, "timestamp", int),
            source=self._member(document, "source", str),
            markets=tuple(self._take(one, str, "a market") for one in self._member(document, "markets", list)),
            accounts={self._member(one, "address", str): self._positions(one) for one in accounts},
            unread=frozenset(self._member(one, "address", str) for one in accounts if one.get("status") == "failed"),
            statuses=None if policy is None else dict(self._finding(one) for one in self._findings(policy)),
            supposed=any(self._supposed(one) for account in accounts for one in account["positions"]),
        )

    def _supposed(self, position: Any) -> bool:
        what_if = position.get("what_if")
        return isinstance(what_if, dict) and bool(what_if.get("changes"))

    def _positions(self, account: Any) -> dict[str, SeenPosition]:
        listed = [self._take(one, dict, "a position") for one in self._member(account, "positions", list)]
        return {self._member(one, "market", str): self._position(one) for one in listed if one.get("status") == "ok"}

    def _position(self, position: Any) -> SeenPosition:
        unit, health = self._member(position, "unit", dict), position.get("health_factor_raw")
        outcomes = [self._take(one, dict, "a scenario") for one in self._member(position, "scenarios", list)]
        return SeenPosition(
            health=None if health is None else self._raw(health),
            liquidatable=self._member(position, "liquidatable", bool),
            unit=Unit(self._member(unit, "symbol", str), self._member(unit, "decimals", int)),
            outcomes={self._member(one, "name", str): self._outcome(one) for one in outcomes},
        )

    def _outcome(self, outcome: Any) -> SeenOutcome:
        bad, uncovered = (self._raw(outcome.get(f"{name}_value_raw")) for name in ("bad_debt", "uncovered"))
        liquidator = self._member(outcome, "liquidator", str)
        return SeenOutcome(self._member(outcome, "liquidatable", bool), max(bad, uncovered), liquidator)

    def _findings(self, policy: Any) -> list[Any]:
        listed: list[Any] = self._member(self._take(policy, dict, "policy"), "findings", list)
        return listed

    def _finding(self, finding: Any) -> tuple[Key, str]:
        one = self._take(finding, dict, "a finding")
        market, scenario, asset = (one.get(name) for name in ("market", "scenario", "asset"))
        key = (self._member(one, "wallet", str), market, self._member(one, "rule", str), scenario, asset)
        if not all(part is None or isinstance(part, str) for part in key):
            self.refuse("a finding is not of the shape")
        return key, self._member(one, "status", str)

    def _member(self, table: Any, key: str, kind: type) -> Any:
        return self._take(table.get(key), kind, f"{key!a}")

    def _take(self, value: Any, kind: type, what: str) -> Any:
        if type(value) is not kind:
            self.refuse(f"{what} is not of the shape")
        return value

    def _raw(self, value: Any) -> int:
        if not isinstance(value, str) or not _RAW.fullmatch(value):
            self.refuse("an integer is not of the shape")
        return int(value)
