"""What was read at one block: the positions of each address, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass

from defirisk.model.market import Token
from defirisk.model.market import Warning as Notice
from defirisk.model.position import Position


@dataclass(frozen=True, slots=True)
class Failure:
    """A market that could not be answered for an owner: ``code`` stable, ``message`` for people."""

    market: str
    protocol: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AccountReading:
    """All that one address has in the markets asked for: its positions, and the markets that failed."""

    address: str
    positions: tuple[Position, ...] = ()
    failures: tuple[Failure, ...] = ()
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read at one block of one chain. ``source`` is a host or a fixture's name, never a URL.

    ``assets`` are all that the markets read list, held by an account or not.
    """

    chain_id: int
    block: int
    timestamp: int
    source: str
    accounts: tuple[AccountReading, ...]
    warnings: tuple[Notice, ...] = ()
    assets: tuple[Token, ...] = ()
