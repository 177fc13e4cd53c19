"""What a report is made of: the accounts of one chain at one block, judged; and the chains that could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from defirisk.errors import BadMove, ChangeRefused
from defirisk.model import Failure, Position, PositionStatus
from defirisk.model import Warning as Notice
from defirisk.report.figures import age as shown
from defirisk.report.shared_cover import shared_cover

if TYPE_CHECKING:
    from defirisk.policy.findings import PolicyResult
    from defirisk.risk.engine import PositionAnalysis
    from defirisk.risk.together import SharedLoss

DETAILED: Final = 10
"""Under a policy no more accounts than these are shown in detail: a log is read by people."""
STALE_BLOCK: Final = 60
"""A block older than this is warned of (seconds)."""


class AccountStatus(StrEnum):
    """``failed`` where a market asked for could not be answered, an unpriced position in it included."""

    OK = "ok"
    NO_POSITION = "no-position"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Account:
    """One address in the markets asked for.

    ``name`` is the ENS name that was asked for, ``label`` the story that a recording tells of it; ``None`` where there
    is none. ``positions`` are judged; ``failures`` are the markets that could not be answered.
    """

    address: str
    positions: tuple[PositionAnalysis, ...] = ()
    failures: tuple[Failure, ...] = ()
    warnings: tuple[Notice, ...] = ()
    name: str | None = None
    label: str | None = None

    @property
    def status(self) -> AccountStatus:
        """``failed`` before ``ok`` before ``no-position``."""
        if self.failures or any(p.position.status is PositionStatus.UNPRICED for p in self.positions):
            return AccountStatus.FAILED
        return AccountStatus.OK if self.positions else AccountStatus.NO_POSITION


@dataclass(frozen=True, slots=True)
class Check:
    """What ``defirisk check`` found on one chain at one block.

    ``source`` is a host or a recording's name. ``chain`` is the chain's name, ``None`` where the registry has none.
    ``read_at`` is the clock when a live chain was read (seconds), ``None`` for a recording: age means nothing there.
    ``markets`` are the names of the markets that were asked. ``policy`` is what became of a policy, ``None`` without.
    ``shared_losses`` are those that several positions of one market leave in one scenario.
    """

    chain_id: int
    block: int
    timestamp: int
    source: str
    accounts: tuple[Account, ...]
    warnings: tuple[Notice, ...] = ()
    chain: str | None = None
    read_at: int | None = None
    markets: tuple[str, ...] = ()
    policy: PolicyResult | None = None
    shared_losses: tuple[SharedLoss, ...] = ()

    @property
    def block_age(self) -> int | None:
        """Seconds between the block and the clock, negative if the block is ahead; ``None`` for a recording."""
        return None if self.read_at is None else self.read_at - self.timestamp

    @property
    def complete(self) -> bool:
        """Whether every market was answered in full for every account, in agreement with the contracts."""
        accounts_read = all(account.status is not AccountStatus.FAILED for account in self.accounts)
        return accounts_read and not any(differs(p.position) for a in self.accounts for p in a.positions)

    @property
    def accounts_of_interest(self) -> tuple[Account, ...]:
        """The accounts to be shown in detail: all of them, or under a policy the first that are not in order."""
        if self.policy is None:
            return self.accounts
        wanted = self.policy.wallets_of_interest
        return tuple(account for account in self.accounts if account.address in wanted)[:DETAILED]

    @property
    def refused(self) -> tuple[Notice, ...]:
        """The scenarios and what-ifs that some position could not take: wrong input, each said once."""
        wrong = (BadMove.code, ChangeRefused.code)
        return tuple(dict.fromkeys(w for w in self._position_warnings() if w.code in wrong))

    def _position_warnings(self) -> Iterator[Notice]:
        for account in self.accounts:
            for analysis in account.positions:
                yield from position_warnings(analysis.position)

    def all_warnings(self) -> tuple[Notice, ...]:
        """The chain's warnings and, first, what the block's age says; last, which cover was promised more than once."""
        return (*_of_age(self.block_age), *self.warnings, *shared_cover(self.shared_losses))


@dataclass(frozen=True, slots=True)
class ChainFailure:
    """A chain that could not be read at all: ``chain`` as it was asked for, ``code`` stable, ``message`` for people."""

    chain: str
    code: str
    message: str
    hint: str | None = None
    exit_code: int = 3


@dataclass(frozen=True, slots=True)
class CheckSet:
    """Several chains, in the order asked for; ``failures`` are those that gave no answer at all."""

    checks: tuple[Check, ...]
    failures: tuple[ChainFailure, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether every chain was read in full."""
        return not self.failures and all(check.complete for check in self.checks)

    @property
    def refused(self) -> tuple[Notice, ...]:
        """The scenarios that some position could not take."""
        return tuple(dict.fromkeys(notice for check in self.checks for notice in check.refused))


def differs(position: Position) -> bool:
    """Whether our figures of the stored state differ from what the contract itself says of it."""
    return position.contract != position.reproduced


def position_warnings(position: Position) -> tuple[Notice, ...]:
    """The reader's warnings and, first, a difference from the contract."""
    if not differs(position) or any(w.code == "contract-mismatch" for w in position.warnings):
        return position.warnings
    return (Notice("contract-mismatch", _mismatch_text(position)), *position.warnings)


def _mismatch_text(position: Position) -> str:
    theirs, ours = position.contract, position.reproduced
    names = ("health_factor", "liquidatable", "liquidity", "shortfall")
    parts = [
        f"{name.replace('_', ' ')} {getattr(theirs, name)} there, {getattr(ours, name)} here"
        for name in names
        if getattr(theirs, name) != getattr(ours, name)
    ]
    differences = "; ".join(parts) or "one of the two has no health factor"
    return f"the contract's own figures differ from ours at this block, do not rely on this position: {differences}"


def _of_age(age: int | None) -> tuple[Notice, ...]:
    if age is None or abs(age) <= STALE_BLOCK:
        return ()
    if age < 0:
        return (Notice("block-ahead", f"the block is dated {shown(-age)} ahead of this machine's clock"),)
    return (Notice("old-block", f"the block is {shown(age)} old: prices and debts may have moved since"),)
