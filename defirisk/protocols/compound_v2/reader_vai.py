"""Reading Venus's VAI: a stablecoin minted against the account, a debt without a cToken.

The Comptroller counts one VAI as one dollar, whatever it fetches (``ComptrollerLens``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from defirisk.chain.abi import checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import MalformedAnswer
from defirisk.fixedpoint import WAD, wad_mul_down
from defirisk.model import Token
from defirisk.protocols.compound_v2.reader_comptroller import ABI, Comptroller
from defirisk.protocols.compound_v2.state import Books, CToken, Holding

VAI_PRICE: Final = WAD
_DECIMALS: Final = 18
_INTEREST: Final = ("vaiMintIndex", "getVAIRepayRatePerBlock", "accrualBlockNumber", "getVAIAddress")
_OWNERS: Final = ("getVAIRepayAmount", "pastVAIInterest", "getVAIMinterInterestIndex")


@dataclass(frozen=True, slots=True)
class Minted:
    """VAI owed, base units: ``stored`` as the Comptroller counts it, ``accrued`` as a liquidation finds it. ``token``
    its address, lower-case.
    """

    stored: int
    accrued: int
    token: str


def minted_calls(site: Comptroller, wallet: str) -> Iterator[Call]:
    """Ask for a wallet's VAI."""
    if site.vai is None:
        return
    yield ABI["mintedVAIs"](site.entry, wallet)
    yield from (ABI[name](site.vai, wallet) for name in _OWNERS)
    yield from (ABI[name](site.vai) for name in _INTEREST)


def read_minted(answers: Answers, site: Comptroller, wallet: str) -> Minted | None:
    """Read a wallet's VAI; ``None`` if it owes none. Older controllers know no interest: then it is what was minted.

    Raises:
        ReadError: the controller does not answer, or not in a way that we can follow.

    """
    minted: int = answers.word(ABI["mintedVAIs"], site.entry, wallet)
    if not minted or site.vai is None:
        return None
    stored = answers.probe(ABI["getVAIRepayAmount"], site.vai, wallet)
    if stored is None:
        raise MalformedAnswer(f"{checksum(site.vai)} does not say how much VAI {wallet} must repay")
    token: str = answers.word(ABI["getVAIAddress"], site.vai)
    index: int = answers.word(ABI["vaiMintIndex"], site.vai)
    rate: int = answers.word(ABI["getVAIRepayRatePerBlock"], site.vai)
    elapsed = _elapsed(answers, site, answers.word(ABI["accrualBlockNumber"], site.vai))
    return Minted(stored, _owed(answers, site.vai, wallet, minted, index + rate * elapsed), token)


def _elapsed(answers: Answers, site: Comptroller, last: int) -> int:
    now = answers.block.number if site.block is None else site.block
    if last > now:
        raise MalformedAnswer(f"VAI of {checksum(site.entry)} accrued interest at block {last}, after its {now}")
    return now - last


def _owed(answers: Answers, controller: str, wallet: str, minted: int, index: int) -> int:
    """``VAIController.getVAIRepayAmount`` at an index of ``accrueVAIInterest``."""
    past: int = answers.word(ABI["pastVAIInterest"], controller, wallet)
    own: int = answers.word(ABI["getVAIMinterInterestIndex"], controller, wallet)
    if own > index or past > minted:
        raise MalformedAnswer(f"the VAIController {checksum(controller)} knows an impossible debt of {wallet}")
    return minted + wad_mul_down(index - own, minted - past)


def vai_holding(site: Comptroller, minted: Minted, symbol: str, incentive: int) -> Holding:
    """VAI as a market that is only owed; its books hold this one debt."""
    token = Token(checksum(minted.token), symbol, _DECIMALS)
    return Holding(
        market=CToken(checksum(site.vai or site.entry), symbol, token, 0, 0, incentive, caps=None),
        books=Books(minted.accrued, minted.accrued, 0, 0, WAD),
        tokens=0,
        debt=minted.accrued,
        entered=True,
        stored_rate=WAD,
        stored_debt=minted.stored,
    )
