"""Reading a market's reserves: configuration, indices at the block, prices, symbols, and who may liquidate now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from defirisk.chain.abi import ZERO_ADDRESS, Abi, checksum, decode_symbol
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import CallReverted, MalformedAnswer
from defirisk.model import Token
from defirisk.protocols.aave_v3.decoding import Configuration, decode_configuration
from defirisk.protocols.aave_v3.listing import NO_CAPS, Caps
from defirisk.protocols.aave_v3.reader_market import ABI, MAX_RESERVES, Listing, Site
from defirisk.protocols.aave_v3.reader_revision import Probes
from defirisk.protocols.aave_v3.rules import AaveV3Rules, Indices
from defirisk.protocols.aave_v3.state import Reserve

SYMBOL: Final = Abi.load("erc20")["symbol"]


@dataclass(frozen=True, slots=True)
class Price:
    """A price in oracle units; 0 with a ``cause`` where the oracle has none. ``source`` is the feed, lower-case."""

    raw: int
    cause: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Accrual:
    """What the treasury's share of interest is reckoned from: ``owed`` shares not yet minted, the ``stored_index`` of
    borrows (ray), the ``factor`` (bps).
    """

    owed: int = 0
    stored_index: int = 0
    factor: int = 0


NO_ACCRUAL: Final = Accrual()


@dataclass(frozen=True, slots=True)
class Listed:
    """A reserve with what only its reading needs: token contracts (lower-case), price, and whether it named itself.

    ``stable_debt_token`` is ``None`` where the rules know no stable debt. ``treasury`` are the shares that the next
    call would owe the treasury, before the part of stable debts.
    """

    reserve: Reserve
    a_token: str
    variable_debt_token: str
    stable_debt_token: str | None
    price: Price
    nameless: bool
    caps: Caps = NO_CAPS
    treasury: Accrual = NO_ACCRUAL


# --- calls --------------------------------------------------------------------------------------------------------


def reserve_calls(site: Site, listing: Listing) -> list[Call]:
    """Ask what needs the list of reserves, and whether liquidations are allowed."""
    calls = [call for asset in listing.assets for call in _reserve_calls(site, asset)]
    calls += [ABI["getReserveDeficit"](site.pool, asset) for asset in listing.assets[:1]]  # as a probe
    if listing.base_currency is not None:
        calls.append(SYMBOL(listing.base_currency))
    if site.sentinel is not None:
        calls.append(ABI["isLiquidationAllowed"](site.sentinel))
    return calls


def _reserve_calls(site: Site, asset: str) -> list[Call]:
    """Prices are asked one by one, so that a feed that reverts does not hide the others."""
    return [
        ABI["getReserveData"](site.pool, asset),
        ABI["getLiquidationGracePeriod"](site.pool, asset),
        ABI["getAssetPrice"](site.oracle, asset),
        ABI["getSourceOfAsset"](site.oracle, asset),
        SYMBOL(asset),
    ]


def price_calls(oracle: str, asset: str) -> list[Call]:
    """Ask the price of a key in the oracle that is no reserve, and its feed."""
    return [ABI["getAssetPrice"](oracle, asset), ABI["getSourceOfAsset"](oracle, asset)]


def feed_calls(prices: Iterable[Price]) -> list[Call]:
    """Ask feeds when they were last updated, in both ways that feeds know."""
    sources = [price.source for price in prices if price.source is not None]
    return [ABI[name](source) for source in sources for name in ("latestRoundData", "latestTimestamp")]


# --- reserves -----------------------------------------------------------------------------------------------------


def probe_deficit(answers: Answers, site: Site, listing: Listing) -> Probes:
    """Complete a listing's probes with the one that needs a reserve to ask for."""
    if not listing.assets:
        return replace(listing.probes, deficit=listing.probes.one_strategy)  # an empty market: nobody can ask
    deficit = answers.probe(ABI["getReserveDeficit"], site.pool, listing.assets[0])
    return replace(listing.probes, deficit=deficit is not None)


def read_reserves(answers: Answers, site: Site, listing: Listing, rules: AaveV3Rules) -> tuple[Listed, ...]:
    """Read all reserves, in order of their id.

    Raises:
        ReadError: a reserve cannot be read, or two claim the same bits of a user's configuration.

    """
    return in_order(site, (_read_reserve(answers, site, asset, rules) for asset in listing.assets))


def in_order(site: Site, listed: Iterable[Listed]) -> tuple[Listed, ...]:
    """Sort reserves by id, which is their place in every bitmap.

    Raises:
        MalformedAnswer: two claim the same bits of a user's configuration, or there are none for one.

    """
    ordered = sorted(listed, key=lambda one: one.reserve.id)
    ids = [one.reserve.id for one in ordered]
    if len(set(ids)) != len(ids) or any(one >= MAX_RESERVES for one in ids):
        raise MalformedAnswer(f"{checksum(site.pool)} lists reserves with impossible ids: {ids}")
    return tuple(ordered)


def _read_reserve(answers: Answers, site: Site, asset: str, rules: AaveV3Rules) -> Listed:
    data = answers.word(ABI["getReserveData"], site.pool, asset)
    configuration = decode_configuration(data.configuration)
    token, nameless = read_token(answers, asset, configuration.decimals)
    stable = data.stableDebtTokenAddress
    return Listed(
        reserve=_reserve(answers, site, rules, token=token, configuration=configuration, data=data),
        a_token=data.aTokenAddress,
        variable_debt_token=data.variableDebtTokenAddress,
        stable_debt_token=stable if has_stable_debt(rules) and stable != ZERO_ADDRESS else None,
        price=read_price(answers, site.oracle, asset),
        nameless=nameless,
        caps=caps_of(configuration, isolates=rules.name != "3.7"),
        treasury=Accrual(data.accruedToTreasury, data.variableBorrowIndex, configuration.reserve_factor),
    )


def caps_of(configuration: Configuration, *, isolates: bool) -> Caps:
    """What a configuration limits; the bits of isolation and siloing are dead from 3.7 on."""
    return Caps(
        supply_cap=configuration.supply_cap,
        borrow_cap=configuration.borrow_cap,
        in_isolation=isolates and configuration.in_isolation,
        siloed=isolates and configuration.siloed,
    )


def read_token(answers: Answers, asset: str, decimals: int) -> tuple[Token, bool]:
    """Read what an asset calls itself, and whether it does not: then its address stands for it."""
    symbol = decode_symbol(answers.answer(SYMBOL(asset)))
    return Token(checksum(asset), symbol or short_address(asset), decimals), not symbol


def _reserve(
    answers: Answers, site: Site, rules: AaveV3Rules, *, token: Token, configuration: Configuration, data: Any
) -> Reserve:
    indices = indices_now(answers, token, data, rules)
    isolates = rules.name != "3.7"  # the bits are dead from there on
    return Reserve(
        id=data.id,
        token=token,
        ltv=configuration.ltv,
        liquidation_threshold=configuration.liquidation_threshold,
        liquidation_bonus=configuration.liquidation_bonus,
        protocol_fee=configuration.protocol_fee,
        liquidity_index=indices.liquidity,
        variable_borrow_index=indices.variable_borrow,
        active=configuration.active,
        frozen=configuration.frozen,
        paused=configuration.paused,
        borrowing=configuration.borrowing,
        grace_until=answers.probe(ABI["getLiquidationGracePeriod"], site.pool, token.address) or 0,
        emode_category=configuration.emode_category if has_reserve_category(rules) else 0,
        debt_ceiling=configuration.debt_ceiling if isolates else 0,
        isolation_total_debt=data.isolationModeTotalDebt if isolates and configuration.debt_ceiling else 0,
    )


def indices_now(answers: Answers, token: Token, data: Any, rules: AaveV3Rules) -> Indices:
    """A reserve's indices at the block, from its stored ``data`` (``getReserveData`` of any generation).

    Raises:
        MalformedAnswer: it was updated after the block.

    """
    if data.lastUpdateTimestamp > answers.block.timestamp:
        raise MalformedAnswer(
            f"the reserve {token.address} was last updated at {data.lastUpdateTimestamp}, "
            f"after its block's {answers.block.timestamp}"
        )
    return rules.indices_at(
        liquidity_index=data.liquidityIndex,
        variable_borrow_index=data.variableBorrowIndex,
        liquidity_rate=data.currentLiquidityRate,
        variable_borrow_rate=data.currentVariableBorrowRate,
        last_update=data.lastUpdateTimestamp,
        now=answers.block.timestamp,
    )


def has_stable_debt(rules: AaveV3Rules) -> bool:
    """Up to 3.1; later the stable token's word holds a stand-in."""
    return rules.name in ("3.0", "3.1")


def has_reserve_category(rules: AaveV3Rules) -> bool:
    """Up to 3.1 a reserve names its one eMode category; later the category lists its reserves."""
    return rules.name in ("3.0", "3.1")


# --- prices and names ---------------------------------------------------------------------------------------------


def read_price(answers: Answers, oracle: str, asset: str) -> Price:
    """Read a price; one that is 0, reverts or is garbage is no price, with its cause."""
    found = answers.optional(ABI["getSourceOfAsset"], oracle, asset)
    source = None if found is None or found[0] == ZERO_ADDRESS else found[0]
    try:
        raw: int = answers.word(ABI["getAssetPrice"], oracle, asset)
    except (CallReverted, MalformedAnswer) as problem:
        return Price(0, problem.message, source)
    if raw == 0:
        return Price(0, f"the oracle {checksum(oracle)} says that {checksum(asset)} is worth 0", source)
    return Price(raw, None, source)


def read_price_time(answers: Answers, price: Price) -> int | None:
    """Read when a feed was last updated, seconds; ``None`` where it does not say, or says what cannot be."""
    if price.source is None:
        return None
    round_data = answers.optional(ABI["latestRoundData"], price.source)
    alone = answers.optional(ABI["latestTimestamp"], price.source)
    told: list[int] = [round_data[3]] if round_data is not None else []
    told += [alone[0]] if alone is not None else []
    return next((time for time in told if 0 < time <= answers.block.timestamp), None)


def read_liquidations_allowed(answers: Answers, site: Site, rules: AaveV3Rules) -> bool | None:
    """Ask the sequencer's sentinel; ``None`` where there is none or the rules do not ask it.

    One that reverts makes the liquidation revert too, so it forbids.
    """
    if site.sentinel is None or not rules.revision.asks_sentinel:
        return None
    found = answers.optional(ABI["isLiquidationAllowed"], site.sentinel)
    return found is not None and bool(found[0])


def read_symbols(answers: Answers, listing: Listing) -> dict[str, str]:
    """The base currency's symbol by lower-case address; empty for USD."""
    base = listing.base_currency
    if base is None:
        return {}
    return {base: decode_symbol(answers.answer(SYMBOL(base))) or short_address(base)}


def short_address(address: str) -> str:
    """``0x1234...abcd``: what stands for a token that does not name itself."""
    shown = checksum(address)
    return f"{shown[:6]}...{shown[-4:]}"
