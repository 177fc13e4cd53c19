"""Reading a market's reserves: configuration, indices at the block, prices, symbols, grace periods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from defirisk.chain.abi import ZERO_ADDRESS
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.model import Token
from defirisk.protocols.aave_v2.reader_market import ABI, Manager
from defirisk.protocols.aave_v2.rules import AaveV2Rules
from defirisk.protocols.aave_v3.decoding import Configuration, decode_configuration
from defirisk.protocols.aave_v3.reader_market import Listing, Site
from defirisk.protocols.aave_v3.reader_reserves import (
    SYMBOL,
    Listed,
    in_order,
    indices_now,
    price_calls,
    read_price,
    read_token,
)
from defirisk.protocols.aave_v3.rules import Indices
from defirisk.protocols.aave_v3.state import Reserve


def reserve_calls(site: Site, listing: Listing) -> Iterator[Call]:
    """Ask what needs the list of reserves.

    Prices are asked one by one, so that a feed that reverts does not hide the others.
    """
    for asset in listing.assets:
        yield from (ABI["getReserveData"](site.pool, asset), *price_calls(site.oracle, asset), SYMBOL(asset))
    if listing.base_currency is not None:
        yield from (*price_calls(site.oracle, listing.base_currency), SYMBOL(listing.base_currency))


def grace_calls(listing: Listing, manager: Manager) -> list[Call]:
    """Ask until when the collateral manager leaves each reserve alone."""
    if manager.grace_sentinel is None:
        return []
    return [ABI["gracePeriodUntil"](manager.grace_sentinel, asset) for asset in listing.assets]


def read_reserves(answers: Answers, site: Site, listing: Listing, rules: AaveV2Rules) -> tuple[Listed, ...]:
    """Read all reserves, in order of their id, without their grace periods.

    Raises:
        ReadError: a reserve cannot be read, or two claim the same bits of a user's configuration.

    """
    paused: bool = answers.word(ABI["paused"], site.pool)
    listed = in_order(site, (_read_reserve(answers, site, asset, rules) for asset in listing.assets))
    return tuple(replace(one, reserve=replace(one.reserve, paused=paused)) for one in listed)


def with_grace(answers: Answers, manager: Manager, listed: Iterable[Listed]) -> tuple[Listed, ...]:
    """The same reserves, each with the time until which nothing with it is liquidated (seconds, 0 for none).

    Raises:
        ReadError: the sentinel does not say; every liquidation would revert on it.

    """
    sentinel = manager.grace_sentinel
    if sentinel is None:
        return tuple(listed)
    until = {one: answers.word(ABI["gracePeriodUntil"], sentinel, one.reserve.token.address) for one in listed}
    return tuple(replace(one, reserve=replace(one.reserve, grace_until=until[one])) for one in until)


def _read_reserve(answers: Answers, site: Site, asset: str, rules: AaveV2Rules) -> Listed:
    data = answers.word(ABI["getReserveData"], site.pool, asset)
    configuration = decode_configuration(data.configuration)
    token, nameless = read_token(answers, asset, configuration.decimals)
    stable = data.stableDebtTokenAddress
    return Listed(
        reserve=_reserve(data.id, token, configuration, indices_now(answers, token, data, rules)),
        a_token=data.aTokenAddress,
        variable_debt_token=data.variableDebtTokenAddress,
        stable_debt_token=None if stable == ZERO_ADDRESS else stable,
        price=read_price(answers, site.oracle, asset),
        nameless=nameless,
    )


def _reserve(number: int, token: Token, configuration: Configuration, indices: Indices) -> Reserve:
    """V2 has no fee on liquidations, no eMode, no isolation, and pauses nothing but the pool as a whole."""
    return Reserve(
        id=number,
        token=token,
        ltv=configuration.ltv,
        liquidation_threshold=configuration.liquidation_threshold,
        liquidation_bonus=configuration.liquidation_bonus,
        protocol_fee=0,
        liquidity_index=indices.liquidity,
        variable_borrow_index=indices.variable_borrow,
        active=configuration.active,
        frozen=configuration.frozen,
        borrowing=configuration.borrowing,
    )
