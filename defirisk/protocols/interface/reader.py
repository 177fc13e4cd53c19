"""Chain to positions: which market is read, how much of it, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from defirisk.model import Position, Token

if TYPE_CHECKING:
    from defirisk.chain.calls import Call, Chain


@dataclass(frozen=True, slots=True)
class Deployment:
    """A market in the registry: ``hints`` are addresses to be verified before use, by name."""

    name: str
    protocol: str
    chain: str
    chain_id: int
    entry: str
    hints: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class MarketReading:
    """What a reader found in one market: a position or a failure for each wallet asked, in that order.

    ``rules`` is ``None`` when the market itself could not be read; then every wallet has the same failure.
    ``None`` in ``positions`` means that the wallet has nothing there. ``assets`` are all that the market lists, held
    or not: a scenario may name them.
    """

    positions: tuple[Position | BaseException | None, ...]
    rules: str | None
    assets: tuple[Token, ...] = ()


class Scope(Enum):
    """How much of a wallet is read.

    ``LISTED`` asks for what a what-if needs besides: each position's ``listing`` holds all that its market lists, caps
    and cash; what a recording lacks of that is unknown there, and no error of the wallets.
    ``USED`` leaves a reader free to ask only for what is owed and what secures it: whatever the exact engine computes
    for that must be the same as in ``ALL``. A reader that ignores the scope is right, only slower; the caller drops a
    position without debt and counted collateral.
    """

    ALL = "everything held or owed, also supplies that do not count"
    LISTED = "everything held or owed, and all that the market lists beside it"
    USED = "what is owed, and what counts as collateral"


class Reader(Protocol):
    """Chain to positions: calls and decoding, nothing else.

    A reader written before there were scopes has no such parameter; it is called without and reads everything.
    """

    def early_calls(self, deployment: Deployment) -> Sequence[Call]:
        """The first calls of :meth:`read`, so that a client can send them together with its opening."""
        ...

    async def read(
        self, chain: Chain, deployment: Deployment, wallets: Sequence[str], scope: Scope = Scope.ALL
    ) -> MarketReading:
        """Read these wallets (EIP-55) in one market at the chain's pinned block.

        Raises:
            ReadError: the market could not be read at all.
            NotAMarket: the entry is not what it is said to be.
        """
        ...
