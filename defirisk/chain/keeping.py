"""Reading wallets chunk after chunk: what does not depend on a wallet is asked once and kept, the rest let go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from defirisk.chain.calls import Answer, Call, Chain
from defirisk.chain.wrapping import Wrapping
from defirisk.model import Warning as Notice

_SELECTOR: Final = 4
_WORD: Final = 32
_PADDING: Final = 12
_MOST_KEPT: Final = 100_000
"""A market of 128 reserves needs under 2,000: beyond this a contract makes things up, and is asked again instead."""


class Kept:
    """What a chain has said at its block that is the same whoever is asked for.

    A call is a wallet's own if it is made to the wallet or has its address among the arguments; that way the readers
    need not tell, nor those of a third party.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._answers: dict[Call, Answer] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def for_wallets(self, wallets: Iterable[str]) -> KeepingChain:
        """Return the chain as one chunk of wallets (0x, any case) is read through it."""
        return KeepingChain(self._chain, self._answers, wallets)


class KeepingChain(Wrapping):
    """A chain before which lies what is kept. ``warnings`` are this chunk's own, beside the chain's."""

    def __init__(self, chain: Chain, kept: dict[Call, Answer], wallets: Iterable[str]) -> None:
        super().__init__(chain)
        self._kept = kept
        self._own = {bytes.fromhex(wallet[2:]) for wallet in wallets}
        self._warnings: list[Notice] = []

    @property
    def warnings(self) -> list[Notice]:
        """What readers have to say of this chunk."""
        return self._warnings

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer ``calls`` in order, asking only what is not kept.

        Raises:
            ReadError: the chain cannot answer.

        """
        fresh = [call for call in calls if call not in self._kept]
        answers = dict(zip(fresh, await self._chain.calls(fresh), strict=True)) if fresh else {}
        self._keep(answers)
        return [self._kept[call] if call not in answers else answers[call] for call in calls]

    async def verify(self) -> None:
        """Check the chain's block."""
        await self._chain.verify()

    def _keep(self, answers: dict[Call, Answer]) -> None:
        for call, answer in answers.items():
            if len(self._kept) >= _MOST_KEPT:
                return
            if not self._is_of_a_wallet(call):
                self._kept[call] = answer

    def _is_of_a_wallet(self, call: Call) -> bool:
        data, own = call.data, self._own
        if any(data[at : at + _WORD - _PADDING] in own for at in range(_SELECTOR + _PADDING, len(data), _WORD)):
            return True
        return bytes.fromhex(call.to[2:]) in own
