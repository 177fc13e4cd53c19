"""The seam between the chain and everything else: calls, answers, a block, and what a chain can do.

A live endpoint, a recorder around one and the replay of a recording all look like :class:`Chain`; whoever reads
contracts knows nothing else. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from defirisk.model import Warning as Notice


@dataclass(frozen=True, slots=True)
class Call:
    """One ``eth_call``: ``to`` a lower-case 0x address, ``data`` selector and encoded arguments."""

    to: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Returned:
    """The call succeeded with ``data``; empty where the address holds no code."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Reverted:
    """The call reverted with ``data``; empty where it gave none."""

    data: bytes


Answer = Returned | Reverted


@dataclass(frozen=True, slots=True)
class Block:
    """The pinned block: ``number``, ``timestamp`` (seconds) and ``hash`` (``None`` in a recording without one)."""

    number: int
    timestamp: int
    hash: str | None


class Chain(Protocol):
    """One chain at one pinned block.

    ``source`` is a host or a fixture's name, never a URL. ``warnings`` grows while reading: every fallback is in it.
    """

    @property
    def chain_id(self) -> int:
        """The EIP-155 chain id that the source itself stated."""

    @property
    def block(self) -> Block:
        """The block that every answer is of."""

    @property
    def source(self) -> str:
        """A host or a fixture's name."""

    @property
    def warnings(self) -> list[Notice]:
        """What the reader of a result must know about how it was read."""

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer ``calls`` in order, as one round trip where the source allows it.

        A revert is an answer. Raises :class:`defirisk.errors.ReadError` when the source cannot answer.
        """
        ...

    async def verify(self) -> None:
        """Check that the block is still the chain's own of that number; nothing to check in a recording.

        Raises :class:`defirisk.errors.BlockReorganised`.
        """
        ...
