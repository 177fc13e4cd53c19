"""What an audit gives back: the figures of a whole list at one block, and how complete the reading was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from defirisk.auditing.listing import Listing
from defirisk.auditing.partition import AskedMarket
from defirisk.auditing.summary import MOST_FAILURES, Summary
from defirisk.errors import BadMove
from defirisk.model import Warning as Notice


class Endpoint(NamedTuple):
    """One endpoint: ``retries`` and ``complaints`` are what went wrong, ``left_out`` why it is no longer asked."""

    host: str
    requests: int
    retries: int
    complaints: int
    left_out: str | None


@dataclass(frozen=True, slots=True)
class RunFigures:
    """How the run went, which may differ between two runs with the same result.

    ``requests`` are JSON-RPC requests of this run (``None`` for a recording), ``retried`` wallets read once more,
    ``resumed`` whether it went on with an interrupted one; ``endpoints`` what each of them was asked.
    """

    requests: int | None
    retried: int
    resumed: bool
    seconds: float
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What ``defirisk audit`` found on one chain at one block.

    ``source`` is a host or a recording's name; ``chain`` the chain's name, ``None`` where the registry has none;
    ``scenarios`` are names in the order asked; ``engine`` replayed them (``exact`` or ``fast``); ``files`` are what
    was written, by kind (``positions``, ``outcomes``, ``rejected``, ``top``); ``resumable``: what failed may be asked
    for once more with ``resume``, the state is kept.
    """

    chain_id: int
    chain: str | None
    block: int
    block_hash: str | None
    timestamp: int
    source: str
    markets: tuple[AskedMarket, ...]
    scenarios: tuple[str, ...]
    engine: str
    listing: Listing
    summary: Summary
    warnings: tuple[Notice, ...]
    files: dict[str, Path]
    run: RunFigures
    resumable: bool

    @property
    def complete(self) -> bool:
        """Whether every wallet was answered in every market, in agreement with the contracts."""
        return not self.summary.failures and not any(one.differing for one in self.summary.markets.values())

    @property
    def refused(self) -> tuple[Notice, ...]:
        """What was said of scenarios that some position could not take: wrong input."""
        return tuple(Notice(BadMove.code, text) for text in self.summary.notices)

    @property
    def exit_code(self) -> int:
        """2 where a scenario did not fit, else 3 where something could not be read, else 0."""
        if self.refused:
            return BadMove.exit_code
        return 0 if self.complete else 3

    @property
    def failures_listed(self) -> int:
        """How many failures the summary names; the rest stands in the table of positions."""
        return min(self.summary.failures, MOST_FAILURES)

    def to_dict(self) -> dict[str, Any]:
        """The document of ``defirisk audit --format json``: ``defirisk/audit/1``."""
        from defirisk.report import audit  # noqa: PLC0415 - only when it is asked for

        return audit.document(self)

    def __repr__(self) -> str:
        """One line, not everything that was found."""
        name = self.chain or f"chain {self.chain_id}"
        return f"<AuditResult {name}, block {self.block}, {self.listing.distinct} wallet(s)>"

    def __str__(self) -> str:
        """The summary that the command line prints, without colour."""
        from defirisk.report import audit_table  # noqa: PLC0415 - only when it is asked for

        return audit_table.text(self)
