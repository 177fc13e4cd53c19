"""Who may ever have borrowed from a Comet: it has no event for that, so these are candidates, a superset.

A debt comes of withdrawing the base asset, or of transferring it, which names nobody as a borrower; both need
collateral of one's own (``isBorrowCollateralized``). So whoever withdrew base or ever got collateral is a candidate,
and nobody else can owe.
"""

from __future__ import annotations

from typing import Final

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Chain
from defirisk.protocols.compound_v3 import reader_market as market
from defirisk.protocols.interface import DebtEvent, Deployment, Emitter

CANDIDATES: Final = (
    # Withdraw(src indexed, to indexed, amount)
    DebtEvent("Withdraw(address,address,uint256)", owner=0, layouts=((0, 1),), certain=False),
    # SupplyCollateral(from indexed, dst indexed, asset indexed, amount)
    DebtEvent("SupplyCollateral(address,address,address,uint256)", owner=1, layouts=((0, 1, 2),), certain=False),
    # TransferCollateral(from indexed, to indexed, asset indexed, amount)
    DebtEvent("TransferCollateral(address,address,address,uint256)", owner=1, layouts=((0, 1, 2),), certain=False),
)


class CometEvents:
    """The Comet itself (:class:`defirisk.protocols.interface.DebtEvents`)."""

    async def emitters(self, chain: Chain, deployment: Deployment) -> tuple[Emitter, ...]:
        """Return the Comet.

        Raises:
            NotAMarket: the entry is no Comet.
            ReadError: it could not be read, or follows rules that are not known.

        """
        answers = Answers(chain)
        await answers.ask(market.market_calls(deployment.entry))
        return (Emitter(market.read_site(answers, deployment.entry).entry, CANDIDATES),)
