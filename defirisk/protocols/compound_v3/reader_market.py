"""Reading one Comet: what it says of itself, its books brought to the block, its unit of account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from defirisk.chain.abi import Abi, checksum, decode_symbol
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Returned
from defirisk.errors import CallReverted, MalformedAnswer, MissingCall, NotAMarket, NotDeployed, UnsupportedRules
from defirisk.fixedpoint import WAD
from defirisk.model import NATIVE_COIN, Token, Unit
from defirisk.model import Warning as Notice
from defirisk.protocols.compound_v3.interest import Curve, accrue
from defirisk.protocols.compound_v3.rules import CometRules, rules_for
from defirisk.protocols.compound_v3.state import INDEX_SCALE, PAUSE_FLAGS, PRICE_DECIMALS, Comet, Totals

ABI: Final = Abi.load("compound_v3")
PARTIAL: Final = "targetHealthFactor"
"""A function that only a Comet with partial liquidation has; its rules are not known here."""
_SCALES: Final = {"baseIndexScale": INDEX_SCALE, "priceScale": 10**PRICE_DECIMALS, "factorScale": WAD}
_PARAMETERS: Final = ("storeFrontPriceFactor", "targetReserves", "baseBorrowMin", "getReserves", "baseScale")
_CURVE: Final = ("Kink", "PerSecondInterestRateBase", "PerSecondInterestRateSlopeLow", "PerSecondInterestRateSlopeHigh")
_CURVES: Final = tuple(side + part for side in ("supply", "borrow") for part in _CURVE)
_IDENTITY: Final = ("baseToken", "baseTokenPriceFeed", "numAssets", "totalsBasic")
_ETHER: Final = frozenset({"ETH", "WETH"})
_QUOTE: Final = re.compile(r"/\s*([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Site:
    """A Comet as it describes itself, without its tokens' names.

    ``entry``, ``base`` and ``base_feed`` lower-case addresses; ``listed`` how many collaterals it has; ``unprobed``
    whether a recording could not tell if it knows partial liquidation.
    """

    entry: str
    rules: CometRules
    base: str
    base_feed: str
    listed: int
    unprobed: bool


# --- calls --------------------------------------------------------------------------------------------------------


def market_calls(entry: str) -> list[Call]:
    """Ask what needs neither an asset nor a wallet."""
    names = (*_IDENTITY, "maxAssets", PARTIAL, *_SCALES, *_PARAMETERS, *_CURVES)
    return [ABI[name](entry) for name in names]


def base_calls(site: Site) -> list[Call]:
    """Ask the base token's name, its price and what its feed says of itself."""
    return [
        ABI["symbol"](site.base),
        ABI["getPrice"](site.entry, site.base_feed),
        ABI["latestRoundData"](site.base_feed),
        ABI["description"](site.base_feed),
    ]


# --- what it is ---------------------------------------------------------------------------------------------------


def read_site(answers: Answers, entry: str) -> Site:
    """Read what a contract says of itself.

    Raises:
        NotDeployed: nothing answers at that address.
        NotAMarket: what answers is no Comet.
        UnsupportedRules: it is one whose rules we do not know.

    """
    base, feed, listed, _ = (_identity(answers, entry, name) for name in _IDENTITY)
    for name, expected in _SCALES.items():
        found = answers.word(ABI[name], entry)
        if found != expected:
            raise _unsupported(entry, f"its {name} is {found}, not {expected}")
    unprobed = _refuse_partial_liquidation(answers, entry)
    most = answers.probe(ABI["maxAssets"], entry)
    rules = rules_for(most) if most is not None else None
    if rules is None or listed > rules.most_assets:
        raise _unsupported(entry, f"it lists {listed} assets of at most {most}")
    return Site(entry.lower(), rules, base, feed, listed, unprobed)


def _identity(answers: Answers, entry: str, name: str) -> Any:
    try:
        return answers.word(ABI[name], entry)
    except (CallReverted, MalformedAnswer) as problem:
        raise _not_a_market(answers, entry, name) from problem


def _not_a_market(answers: Answers, entry: str, name: str) -> NotAMarket:
    hint = "the entry of a Compound V3 market is its Comet proxy; `defirisk markets` lists the known ones"
    place = f"{checksum(entry)} at block {answers.block.number}"
    answer = answers.answer(ABI[name](entry))
    if isinstance(answer, Returned) and not answer.data:
        return NotDeployed(f"nothing answers {name}() at {place}: there is no contract, or it is no Comet", hint=hint)
    return NotAMarket(f"{place} is no Comet: it does not answer {name}()", hint=hint)


def _refuse_partial_liquidation(answers: Answers, entry: str) -> bool:
    """Refuse a Comet that liquidates in part; ``True`` if a recording holds no answer to the probe."""
    try:
        found = answers.probe(ABI[PARTIAL], entry)
    except MissingCall:
        return True
    if found is not None:
        raise _unsupported(entry, f"it has a {PARTIAL}(), so that an absorb may take a part of the collateral only")
    return False


def _unsupported(entry: str, why: str) -> UnsupportedRules:
    return UnsupportedRules(
        f"{checksum(entry)} follows rules of Comet that are not known here: {why}",
        hint="its positions are refused rather than guessed; a newer release may know it",
    )


def read_asset_info(answers: Answers, site: Site, offset: int) -> Any:
    """Read ``getAssetInfo``, checked.

    Raises:
        UnsupportedRules: its struct has other members than the one we know.
        MalformedAnswer: its numbers cannot be.

    """
    function = ABI["getAssetInfo"]
    answer = answers.answer(function(site.entry, offset))
    words = len(answer.data) // 32
    if isinstance(answer, Returned) and words not in (0, 8):
        raise _unsupported(site.entry, f"getAssetInfo({offset}) answers {words} words, not 8")
    info = answers.word(function, site.entry, offset)
    factors = (info.borrowCollateralFactor, info.liquidateCollateralFactor, info.liquidationFactor)
    if info.offset != offset or max(factors) > WAD:
        raise MalformedAnswer(f"{checksum(site.entry)} lists an asset {offset} that cannot be: {tuple(info)}")
    return info


def decimals_of(scale: int, what: str) -> int:
    """The decimals behind a scale, which Comet makes of them.

    Raises:
        MalformedAnswer: it is no power of ten.

    """
    decimals = len(str(scale)) - 1
    if scale != 10**decimals:
        raise MalformedAnswer(f"the scale of {what} is {scale}, which is no power of ten")
    return decimals


# --- its books ----------------------------------------------------------------------------------------------------


def read_comet(answers: Answers, site: Site, base: Token) -> Comet:
    """Read a market's parameters and its books, stored and brought to the block.

    Raises:
        MalformedAnswer: the books cannot be.

    """
    factor, target, least, reserves, scale = (answers.word(ABI[name], site.entry) for name in _PARAMETERS)
    totals = answers.word(ABI["totalsBasic"], site.entry)
    elapsed = answers.block.timestamp - totals.lastAccrualTime
    stored = Totals(totals.baseSupplyIndex, totals.baseBorrowIndex, totals.totalSupplyBase, totals.totalBorrowBase)
    if elapsed < 0 or factor > WAD or min(stored.supply_index, stored.borrow_index) < INDEX_SCALE:
        raise MalformedAnswer(
            f"{checksum(site.entry)} has books that cannot be: {tuple(totals)}, last {-elapsed} s ahead"
        )
    curves = [answers.word(ABI[name], site.entry) for name in _CURVES]
    return Comet(
        base=base,
        base_scale=scale,
        store_front_price_factor=factor,
        target_reserves=target,
        base_borrow_min=least,
        stored=stored,
        accrued=accrue(stored, Curve(*curves[: len(_CURVE)]), Curve(*curves[len(_CURVE) :]), elapsed),
        reserves=reserves,
        paused=frozenset(name for bit, name in enumerate(PAUSE_FLAGS) if totals.pauseFlags >> bit & 1),
    )


def market_warnings(site: Site, comet: Comet) -> tuple[Notice, ...]:
    """What holds for every position of a market."""
    found = []
    if comet.paused:
        names = ", ".join(name for name in PAUSE_FLAGS if name in comet.paused)
        found.append(Notice("paused", f"the market has paused: {names}"))
    if site.unprobed:
        text = f"the recording does not say whether the market has a {PARTIAL}(): taken as one without"
        found.append(Notice("partial-liquidation-unprobed", text))
    return tuple(found)


# --- its unit of account ------------------------------------------------------------------------------------------


def read_unit(answers: Answers, site: Site, base: Token, price: int) -> Unit:
    """In what a Comet counts. It does not say: its prices have 8 decimals, and their unit is what the feeds quote.

    The base feed's description names it ("WBTC / BTC", "Custom price feed for wstETH / ETH"). One that names none and
    answers exactly 1 for ether is the constant feed of a market in ETH; everything else counts in USD. Where the base
    token is the unit, it stands for it, so that a market in bridged ether (Ronin) does not move with the chain's coin.
    """
    named = _QUOTE.findall(decode_symbol(answers.answer(ABI["description"](site.base_feed))))
    constant = price == 10**PRICE_DECIMALS
    quote = named[-1].upper() if named else "ETH" if constant and base.symbol.upper() in _ETHER else "USD"
    if quote == "ETH":
        return Unit("ETH", PRICE_DECIMALS, base.address if constant else NATIVE_COIN)
    if quote == "BTC":
        return Unit("BTC", PRICE_DECIMALS, base.address)
    return Unit("USD", PRICE_DECIMALS)
