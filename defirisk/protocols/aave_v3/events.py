"""Who ever borrowed in a market of Aave V3: the pool's own ``Borrow``, whose ``onBehalfOf`` is the debtor."""

from __future__ import annotations

from typing import Final

from defirisk.chain.answers import Answers
from defirisk.chain.calls import Chain
from defirisk.protocols.aave_v3 import reader_market as market
from defirisk.protocols.interface import DebtEvent, Deployment, Emitter

# Borrow(reserve indexed, user, onBehalfOf indexed, amount, interestRateMode, borrowRate, referralCode indexed).
# Credit that is delegated and a flash loan that is left open as a debt emit it too.
BORROW: Final = DebtEvent("Borrow(address,address,address,uint256,uint8,uint256,uint16)", owner=2, layouts=((0, 2, 6),))


class AaveV3Events:
    """The pool (:class:`defirisk.protocols.interface.DebtEvents`)."""

    async def emitters(self, chain: Chain, deployment: Deployment) -> tuple[Emitter, ...]:
        """Return the pool that the provider names at the pinned block.

        Raises:
            NotAMarket: the entry is no PoolAddressesProvider.
            ReadError: it could not be read.

        """
        answers = Answers(chain)
        await answers.ask(market.provider_calls(deployment.entry))
        return (Emitter(market.read_site(answers, deployment.entry).pool, (BORROW,)),)
