"""Which events of which contracts tell who borrowed, for ``defirisk borrowers``; a family may leave it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from defirisk.protocols.interface.reader import Deployment

if TYPE_CHECKING:
    from defirisk.chain.calls import Chain


@dataclass(frozen=True, slots=True)
class DebtEvent:
    """An event that tells who owes: ``signature`` canonical, of static types only; ``owner`` the debtor's parameter.

    ``layouts`` are the parameters that are indexed, one tuple for each way in which the contracts declare it, told
    apart by their number. ``certain`` is whether its owner borrowed; else the owner may have, and is a candidate.
    """

    signature: str
    owner: int
    layouts: tuple[tuple[int, ...], ...]
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Emitter:
    """A contract (lower-case ``address``) and the events of its own that tell of debts."""

    address: str
    events: tuple[DebtEvent, ...]


class DebtEvents(Protocol):
    """Where a market's debts are told of, for ``defirisk borrowers``."""

    async def emitters(self, chain: Chain, deployment: Deployment) -> Sequence[Emitter]:
        """Return the contracts whose events name everyone who ever borrowed, as of the chain's pinned block.

        Raises:
            ReadError: the market could not be read.
            NotAMarket: the entry is not what it is said to be.
        """
        ...
