"""Thresholds against the contracts: there the position is liquidatable (leaves bad debt), one unit nearer it is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from defirisk.model import Direction, Position, Threshold
from defirisk.risk.axes import axes_of
from defirisk.risk.families import FamilyBook
from defirisk.risk.thresholds import thresholds_of

from .follow import Scene, Tally, follow
from .reading import Reading
from .world import World

BOOK = FamilyBook.load()
Found = Mapping[str, tuple[Threshold, ...]]


@pytest.fixture(scope="module")
def found(reading: Reading) -> Found:
    """Every wallet's thresholds."""
    return {wallet: thresholds(position) for wallet, position in reading.positions.items()}


def thresholds(position: Position) -> tuple[Threshold, ...]:
    standing = position.rules.standing(position.state)
    return thresholds_of(position, axes_of(position, standing, BOOK), today=standing)


def by_asset(thresholds_: tuple[Threshold, ...]) -> list[Threshold]:
    return [threshold for threshold in thresholds_ if threshold.asset is not None]


def nearer(price: int, threshold: Threshold) -> int:
    return price + 1 if threshold.direction is Direction.DOWN else price - 1


def symbol_moved(world: World, threshold: Threshold) -> str:
    assert threshold.asset is not None
    keys = {address.lower(): symbol for symbol, address in world.market.keys.items()}
    return keys.get(threshold.asset.lower()) or world.symbol_of(threshold.asset)


def liquidatable_at(world: World, wallet: str, prices: Mapping[str, int]) -> bool:
    with world.shock(prices):
        return world.health_factor(wallet) < 10**18


def test_liquidation_prices(chain: World, reading: Reading, found: Found) -> None:
    today = chain.prices()
    seen = 0
    for wallet in reading.positions:
        for threshold in by_asset(found[wallet]):
            price = threshold.liquidation_price
            if price is None or threshold.liquidation == 0:
                continue
            symbol = symbol_moved(chain, threshold)
            where = (wallet, symbol, threshold.direction, price)
            assert liquidatable_at(chain, wallet, {symbol: price}), where
            closer = nearer(price, threshold)
            assert closer == today[symbol] or not liquidatable_at(chain, wallet, {symbol: closer}), where
            seen += 1
    assert seen > 80


def test_a_position_liquidatable_today_says_so(chain: World, reading: Reading, found: Found) -> None:
    accounts = dict(zip(chain.addresses, chain.accounts(chain.addresses), strict=True))
    for wallet in reading.positions:
        zero = {threshold.liquidation == 0 for threshold in found[wallet]}
        if accounts[wallet].health_factor < 10**18:
            assert zero == {True}, wallet
        else:
            assert True not in zero, wallet


def test_no_price_in_reach_liquidates_where_none_is_given(chain: World, reading: Reading, found: Found) -> None:
    """Sampled: a tenth, a hundredth, and one unit of the price; twice to nine hundred times of it."""
    today = chain.prices()
    seen = 0
    for wallet in reading.positions:
        for threshold in by_asset(found[wallet]):
            if threshold.liquidation is None:
                symbol = symbol_moved(chain, threshold)
                price = today[symbol]
                down = (price // 10, price // 100, 1)
                for tried in down if threshold.direction is Direction.DOWN else (price * 2, price * 30, price * 900):
                    assert not liquidatable_at(chain, wallet, {symbol: max(tried, 1)}), (wallet, symbol, tried)
                    seen += 1
    assert seen > 100


def test_bad_debt_prices(chain: World, reading: Reading, found: Found) -> None:
    """The replay itself is walked on the chain at both prices: bad debt at the one, none a unit nearer."""
    seen = 0
    kinds = {wallet.address: wallet.kind for wallet in chain.wallets}
    for wallet in list(reading.positions)[::2]:
        position = reading.positions[wallet]
        for threshold in by_asset(found[wallet]):
            if threshold.bad_debt_price is None or threshold.bad_debt == 0:
                continue
            symbol = symbol_moved(chain, threshold)
            scene = Scene(chain, position, f"{symbol} at {threshold.bad_debt_price}", kinds[wallet])
            with chain.shock({symbol: threshold.bad_debt_price}):
                assert follow(scene, "largest", Tally()).loses(), scene
            with chain.shock({symbol: nearer(threshold.bad_debt_price, threshold)}):
                assert not follow(scene, "largest", Tally()).loses(), scene
            seen += 1
    assert seen > 30
