"""Reading cTokens: configuration, price, totals brought to the block, and what their underlying is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from defirisk.chain.abi import Abi, checksum, decode_symbol
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Reverted
from defirisk.chain.endpoints import chain_with_id
from defirisk.errors import CallReverted, ContractMismatch, MalformedAnswer
from defirisk.model import NATIVE_COIN, Token
from defirisk.protocols.compound_v2.decoding import Listing, decode_listing
from defirisk.protocols.compound_v2.interest import Totals, accrued, books_of, swept
from defirisk.protocols.compound_v2.reader_comptroller import ABI, Comptroller
from defirisk.protocols.compound_v2.state import Books, Caps

DECIMALS: Final = Abi.load("erc20")["decimals"]
MOST_DECIMALS: Final = 36
_COIN_DECIMALS: Final = 18
_MINT, _REDEEM, _BORROW, _REPAY, _SEIZE, _LIQUIDATE = range(6)
"""Venus's ``ComptrollerTypes.Action``."""
_TOTALS: Final = ("getCash", "totalBorrows", "totalReserves", "totalSupply", "borrowIndex")
_OWN: Final = (
    *_TOTALS,
    "symbol",
    "underlying",
    "reserveFactorMantissa",
    "accrualBlockNumber",
    "accrualBlockTimestamp",
    "borrowRatePerBlock",
    "borrowRatePerTimestamp",
    "exchangeRateStored",
    "protocolSeizeShareMantissa",
)
_SWEPT: Final = ("reduceReservesBlockNumber", "reduceReservesBlockDelta")
"""Newer Venus's markets send their reserves away when they accrue, once in so many blocks."""
_GUARDED: Final = ("isDeprecated", "borrowGuardianPaused", "mintGuardianPaused", "isForcedLiquidationEnabled")
_CAPS: Final = ("borrowCaps", "supplyCaps")
_NO_CAP: Final = 2**255
"""From here on a cap is none: governance writes the largest number there is."""
_PREFIX: Final = re.compile(r"^[a-z]+")


@dataclass(frozen=True, slots=True)
class Flags:
    """What governance has switched, in liquidations; what else it has paused stands in the market's ``caps``."""

    deprecated: bool
    forced: bool
    seize_paused: bool
    liquidate_paused: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A cToken as read. ``underlying`` lower-case, ``None`` for the chain's own coin; ``price`` the oracle's mantissa,
    0 with a ``cause`` where it has none. ``books`` accrued to the block; ``stored_index`` and ``index`` the borrow
    index before and after. ``caps`` what it still takes. ``older`` that newer Venus lists it though it was made before.
    """

    address: str
    symbol: str
    underlying: str | None
    listing: Listing
    flags: Flags
    caps: Caps
    seize_share: int
    price: int
    cause: str | None
    books: Books
    stored_index: int
    index: int
    older: bool = False


# --- calls --------------------------------------------------------------------------------------------------------


def market_calls(site: Comptroller, market: str) -> Iterator[Call]:
    """Ask everything about a market that views tell."""
    yield from (ABI[name](market) for name in _OWN)
    if is_newer(site):
        yield from (ABI[name](market) for name in _SWEPT)
    yield ABI["markets"](site.entry, market)
    yield ABI["getUnderlyingPrice"](site.oracle, market)
    yield from (ABI[name](site.entry, market) for name in (*_GUARDED, *_CAPS))
    yield from (ABI["actionPaused"](site.entry, market, action) for action in range(_LIQUIDATE + 1))


def is_newer(site: Comptroller) -> bool:
    """Venus since its markets have incentives of their own, the Comptroller none."""
    return site.venus and site.incentive is None


def token_calls(listed: Listed) -> Iterator[Call]:
    """Ask a market's underlying what it is."""
    if listed.underlying is not None:
        yield ABI["symbol"](listed.underlying)
        yield DECIMALS(listed.underlying)


def current_calls(listed: Listed) -> Iterator[Call]:
    """Let a market bring itself to the block, to compare; to be asked only after all that it stores was read."""
    if listed.index != listed.stored_index:
        yield ABI["exchangeRateCurrent"](listed.address)


# --- markets ------------------------------------------------------------------------------------------------------


def counts_seconds(answers: Answers, market: str) -> bool:
    """Whether a cToken keeps the time of its last accrual instead of the block."""
    return answers.probe(ABI["accrualBlockTimestamp"], market) is not None


def read_market(answers: Answers, site: Comptroller, market: str) -> Listed:
    """Read one cToken.

    Raises:
        ReadError: it does not answer, or not as a cToken of Compound V2 would.

    """
    stored = Totals(*(answers.word(ABI[name], market) for name in _TOTALS))
    rate: int = answers.word(ABI["exchangeRateStored"], market)
    if books_of(stored, rate).rate != rate:
        raise ContractMismatch(f"{checksum(market)} does not reckon its exchange rate as Compound V2 does")
    now = _accrued(answers, site, market, stored)
    price, cause = _price(answers, site, market)
    listing = decode_listing(answers.answer(ABI["markets"](site.entry, market)), market)
    return Listed(
        address=market,
        symbol=decode_symbol(answers.answer(ABI["symbol"](market))) or short_address(market),
        underlying=_underlying(answers, market),
        listing=listing,
        flags=_flags(answers, site, market),
        caps=_caps(answers, site, market, listing),
        seize_share=answers.probe(ABI["protocolSeizeShareMantissa"], market) or 0,
        price=price,
        cause=cause,
        books=books_of(now, rate),
        stored_index=stored.borrow_index,
        index=now.borrow_index,
        older=is_newer(site) and answers.probe(ABI[_SWEPT[0]], market) is None,
    )


def _accrued(answers: Answers, site: Comptroller, market: str, stored: Totals) -> Totals:
    if counts_seconds(answers, market):
        last: int = answers.word(ABI["accrualBlockTimestamp"], market)
        rate: int = answers.word(ABI["borrowRatePerTimestamp"], market)
        now = answers.block.timestamp
    else:
        last, rate = answers.word(ABI["accrualBlockNumber"], market), answers.word(ABI["borrowRatePerBlock"], market)
        now = answers.block.number if site.block is None else site.block
    if last > now:
        raise MalformedAnswer(f"{checksum(market)} accrued interest at {last}, after its block's {now}")
    reserve_factor: int = answers.word(ABI["reserveFactorMantissa"], market)
    brought = accrued(stored, borrow_rate=rate, elapsed=now - last, reserve_factor=reserve_factor)
    return swept(brought) if now > last and _sweeps(answers, site, market, now) else brought


def _sweeps(answers: Answers, site: Comptroller, market: str, now: int) -> bool:
    if not is_newer(site):
        return False
    since, every = (answers.probe(ABI[name], market) for name in _SWEPT)
    return since is not None and every is not None and now - since >= every


def _price(answers: Answers, site: Comptroller, market: str) -> tuple[int, str | None]:
    """A price; one that is 0, reverts or is garbage is no price, with its cause."""
    try:
        raw: int = answers.word(ABI["getUnderlyingPrice"], site.oracle, market)
    except (CallReverted, MalformedAnswer) as problem:
        return 0, problem.message
    if raw == 0:
        return 0, f"the oracle {checksum(site.oracle)} says that the underlying of {checksum(market)} is worth 0"
    return raw, None


def _underlying(answers: Answers, market: str) -> str | None:
    """The underlying; a cToken that answers everything else but has no such function holds the chain's own coin."""
    answer = answers.answer(ABI["underlying"](market))
    if isinstance(answer, Reverted) or not answer.data:
        return None
    address: str = ABI["underlying"].decode(answer.data, market, answers.block)[0]
    return None if address == NATIVE_COIN.lower() else address


def _flags(answers: Answers, site: Comptroller, market: str) -> Flags:
    return Flags(
        deprecated=_is_set(answers, site, market, "isDeprecated"),
        forced=_is_set(answers, site, market, "isForcedLiquidationEnabled"),
        seize_paused=site.seize_paused or _is_paused(answers, site, market, _SEIZE),
        liquidate_paused=_is_paused(answers, site, market, _LIQUIDATE),
    )


def _is_set(answers: Answers, site: Comptroller, market: str, name: str) -> bool:
    return bool(answers.probe(ABI[name], site.entry, market))


def _is_paused(answers: Answers, site: Comptroller, market: str, action: int) -> bool:
    return bool(answers.probe(ABI["actionPaused"], site.entry, market, action))


def _caps(answers: Answers, site: Comptroller, market: str, listing: Listing) -> Caps:
    """``mintAllowed`` and ``borrowAllowed``; what is no longer listed takes nothing new."""
    minting = _is_set(answers, site, market, "mintGuardianPaused") or _is_paused(answers, site, market, _MINT)
    borrowing = _is_set(answers, site, market, "borrowGuardianPaused") or _is_paused(answers, site, market, _BORROW)
    return Caps(
        most_borrows=_most(answers.probe(ABI["borrowCaps"], site.entry, market), reachable=listing.newer),
        most_supply=_most(answers.probe(ABI["supplyCaps"], site.entry, market), reachable=site.venus),
        by_tokens=site.venus,
        mint_paused=minting or not listing.listed,
        borrow_paused=borrowing or not listing.listed,
        repay_paused=_is_paused(answers, site, market, _REPAY) or not listing.listed,
        redeem_paused=_is_paused(answers, site, market, _REDEEM) or not listing.listed,
    )


def _most(cap: int | None, *, reachable: bool) -> int | None:
    """The largest total that a cap lets in: itself (and 0 is nothing), or one less (and 0 is no cap)."""
    if cap is None or cap >= _NO_CAP:
        return None
    return cap if reachable else cap - 1 if cap else None


# --- names --------------------------------------------------------------------------------------------------------


def read_token(answers: Answers, listed: Listed) -> tuple[Token, bool]:
    """A market's underlying, and whether it does not say its symbol, so that its address stands for it.

    Raises:
        ReadError: it does not say its decimals, or says what cannot be.

    """
    address = listed.underlying
    if address is None:
        return Token(NATIVE_COIN, _coin(answers.chain_id, listed.symbol), _COIN_DECIMALS), False
    decimals: int = answers.word(DECIMALS, address)
    if decimals > MOST_DECIMALS:
        raise MalformedAnswer(f"{checksum(address)} claims {decimals} decimals")
    symbol = decode_symbol(answers.answer(ABI["symbol"](address)))
    return Token(checksum(address), symbol or short_address(address), decimals), not symbol


def _coin(chain_id: int, market_symbol: str) -> str:
    """The chain's own coin by name; on an unknown chain what the market's symbol says: cETH, vBNB, qiAVAX."""
    known = chain_with_id(chain_id)
    return known.coin if known else _PREFIX.sub("", market_symbol) or "COIN"


def short_address(address: str) -> str:
    """``0x1234...abcd``: what stands for a token that does not name itself."""
    shown = checksum(address)
    return f"{shown[:6]}...{shown[-4:]}"
