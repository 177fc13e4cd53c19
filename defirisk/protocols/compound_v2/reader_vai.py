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
from defirisk.fixedpoint import WAD
from defirisk.model import Token
from defirisk.protocols.compound_v2.interest import owed
from defirisk.protocols.compound_v2.reader_comptroller import ABI, Comptroller
from defirisk.protocols.compound_v2.state import Books, CToken, Holding, VaiDebt

VAI_PRICE: Final = WAD
_DECIMALS: Final = 18
_INTEREST: Final = ("vaiMintIndex", "getVAIRepayRatePerBlock", "accrualBlockNumber", "getVAIAddress")
_OWNERS: Final = ("getVAIRepayAmount", "pastVAIInterest", "getVAIMinterInterestIndex")


@dataclass(frozen=True, slots=True)
class Minted:
    """VAI owed, base units: ``stored`` as the Comptroller counts it, ``accrued`` as a liquidation of it finds it.

    ``token`` its address, lower-case. ``debt`` what the accrued debt consists of. ``dated`` whether the controller says
    when it last accrued: if not, ``accrued`` is what is stored. ``forced`` whether liquidating it is.
    """

    stored: int
    accrued: int
    token: str
    debt: VaiDebt
    dated: bool = True
    forced: bool = False


def minted_calls(site: Comptroller, wallet: str) -> Iterator[Call]:
    """Ask for a wallet's VAI."""
    if site.vai is None:
        return
    yield ABI["mintedVAIs"](site.entry, wallet)
    yield from (ABI[name](site.vai, wallet) for name in _OWNERS)
    yield from (ABI[name](site.vai) for name in _INTEREST)
    yield ABI["isForcedLiquidationEnabled"](site.entry, site.vai)
    yield ABI["isForcedLiquidationEnabledForUser"](site.entry, wallet, site.vai)


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
    last = answers.probe(ABI["accrualBlockNumber"], site.vai)
    growth = (
        0 if last is None else _elapsed(answers, site, last) * answers.word(ABI["getVAIRepayRatePerBlock"], site.vai)
    )
    debt = _consists_of(answers, site.vai, wallet, minted, growth)
    return Minted(
        stored=stored,
        accrued=owed(debt),
        token=answers.word(ABI["getVAIAddress"], site.vai),
        debt=debt,
        dated=last is not None,
        forced=_is_forced(answers, site, wallet),
    )


def _elapsed(answers: Answers, site: Comptroller, last: int) -> int:
    now = answers.block.number if site.block is None else site.block
    if last > now:
        raise MalformedAnswer(f"VAI of {checksum(site.entry)} accrued interest at block {last}, after its {now}")
    return now - last


def _consists_of(answers: Answers, controller: str, wallet: str, minted: int, growth: int) -> VaiDebt:
    """A debt at an index that has grown by so much (wad) since it was stored, as ``accrueVAIInterest`` leaves it."""
    past: int = answers.word(ABI["pastVAIInterest"], controller, wallet)
    own: int = answers.word(ABI["getVAIMinterInterestIndex"], controller, wallet)
    index: int = answers.word(ABI["vaiMintIndex"], controller)
    if own > index or past > minted:
        raise MalformedAnswer(f"the VAIController {checksum(controller)} knows an impossible debt of {wallet}")
    return VaiDebt(minted=minted - past, past=past, growth=index + growth - own)


def _is_forced(answers: Answers, site: Comptroller, wallet: str) -> bool:
    everyones = answers.probe(ABI["isForcedLiquidationEnabled"], site.entry, site.vai)
    return bool(everyones or answers.probe(ABI["isForcedLiquidationEnabledForUser"], site.entry, wallet, site.vai))


def vai_holding(site: Comptroller, minted: Minted, symbol: str, incentive: int) -> Holding:
    """VAI as a market that is only owed; its books hold this one debt."""
    token = Token(checksum(minted.token), symbol, _DECIMALS)
    return Holding(
        market=CToken(
            address=checksum(site.vai or site.entry),
            symbol=symbol,
            token=token,
            collateral_factor=0,
            liquidation_threshold=0,
            incentive=incentive,
            forced=minted.forced,
            caps=None,
        ),
        books=Books(minted.accrued, minted.accrued, 0, 0, WAD),
        tokens=0,
        debt=minted.accrued,
        entered=True,
        stored_rate=WAD,
        stored_debt=minted.stored,
        vai=minted.debt,
    )
