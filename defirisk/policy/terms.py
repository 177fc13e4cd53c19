"""What a policy file says, once it is read: who is held to which rules, under which scenarios, and what is waived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from defirisk.model import Scenario

Limit = int | Decimal | tuple[str, ...]
"""A rule's limit: wad, seconds, a number in the market's unit, or names of scenarios; the rule knows which."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule in force: its ``limit``, and the ``line`` of the policy file that says so."""

    rule: str
    limit: Limit
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet under the policy: ``address`` as it was written (0x or an ENS name); ``clauses`` are those in force."""

    address: str
    label: str | None = None
    clauses: Mapping[str, Clause] = field(default_factory=dict)
    line: int | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.label or self.address


@dataclass(frozen=True, slots=True)
class Waiver:
    """What may be breached for a time: a rule for a wallet; only in a ``market``, ``scenario`` or for an ``asset``.

    ``wallet`` is the address as the wallet has it, ``name`` what people call it, ``expires`` the last day (UTC) on
    which it holds.
    """

    wallet: str
    name: str
    rule: str
    reason: str
    expires: date
    market: str | None = None
    scenario: str | None = None
    asset: str | None = None
    line: int | None = None

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """What narrows it, for comparison."""
        return self.market, self.scenario, self.asset


@dataclass(frozen=True, slots=True)
class Source:
    """Where the policy says that the chain is read; ``rpc_env`` names a variable, since a URL may hold a key.

    ``fixture`` is a path that the working directory resolves; ``max_age`` is how far from the clock a recording's block
    may be, ``max_block_age`` the same of an endpoint's, seconds.
    """

    chain: str | None = None
    block: int | None = None
    fixture: str | None = None
    rpc_env: str | None = None
    max_age: int | None = None
    max_block_age: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file, checked. ``file`` is its path as messages show it, ``path`` the same for the file system.

    ``clauses`` are those of ``[policy]``, for wallets that the file does not name. ``listed`` are the names of the
    scenarios under ``scenarios``; ``scenarios`` also holds those that only a ``survives`` names.
    """

    file: str
    markets: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    listed: tuple[str, ...]
    wallets: tuple[Wallet, ...]
    clauses: Mapping[str, Clause]
    waivers: tuple[Waiver, ...] = ()
    source: Source = field(default_factory=Source)
    liquidator: str = "largest"
    families: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    """The lines of the top-level keys, for messages about them."""

    def scenarios_for(self, wallet: Wallet) -> tuple[str, ...]:
        """The scenarios in which a wallet is judged: those listed and, beyond them, those that it must survive."""
        survives = wallet.clauses.get("survives")
        own = survives.limit if survives is not None and isinstance(survives.limit, tuple) else ()
        return tuple(dict.fromkeys((*self.listed, *own)))
