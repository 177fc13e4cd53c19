"""Who ever borrowed under a Comptroller: every cToken's ``Borrow``, and Venus's ``MintVAI``."""

from __future__ import annotations

from typing import Final

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Chain
from defirisk.protocols.compound_v2 import reader_comptroller as comptrollers
from defirisk.protocols.interface import DebtEvent, Deployment, Emitter

# Borrow(borrower, borrowAmount, accountBorrows, totalBorrows): the coin's own market has the same one. Compound indexes
# nothing; contracts ported to newer compilers index the borrower, which leaves the topic as it is.
BORROW: Final = DebtEvent("Borrow(address,uint256,uint256,uint256)", owner=0, layouts=((), (0,)))
# MintVAI(minter, mintVAIAmount): the VAIController indexes the minter from its rewrite for Solidity 0.8.13 on.
MINT_VAI: Final = DebtEvent("MintVAI(address,uint256)", owner=0, layouts=((), (0,)))


class CompoundV2Events:
    """The cTokens, and Venus's VAIController (:class:`defirisk.protocols.interface.DebtEvents`)."""

    async def emitters(self, chain: Chain, deployment: Deployment) -> tuple[Emitter, ...]:
        """Return every market that the Comptroller lists at the pinned block; delisted ones stay in its list.

        Raises:
            NotAMarket: the entry is no Comptroller.
            ReadError: it could not be read.

        """
        answers = Answers(chain)
        await answers.ask(comptrollers.comptroller_calls(deployment.entry))
        site = comptrollers.read_comptroller(answers, deployment.entry)
        markets = tuple(Emitter(market, (BORROW,)) for market in site.markets)
        return markets if site.vai is None else (*markets, Emitter(site.vai, (MINT_VAI,)))
