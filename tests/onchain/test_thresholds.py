"""Thresholds against the contracts: there the position is liquidatable (leaves bad debt), one unit nearer it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Case:
    """A wallet at a price of one asset, and whether it should be liquidatable there."""

    wallet: str
    symbol: str
    price: int
    expected: bool


def judge(world: World, cases: Sequence[Case]) -> None:
    """Every case is as expected by the contract's own word."""
    answers = world.health_factors_at([(one.wallet, {one.symbol: one.price}) for one in cases])
    for one, health_factor in zip(cases, answers, strict=True):
        assert (health_factor < 10**18) == one.expected, one


def test_liquidation_prices(chain: World, reading: Reading, found: Found) -> None:
    today = chain.prices()
    cases = []
    for wallet in reading.positions:
        for threshold in by_asset(found[wallet]):
            price = threshold.liquidation_price
            if price is None or threshold.liquidation == 0:
                continue
            symbol = symbol_moved(chain, threshold)
            cases.append(Case(wallet, symbol, price, expected=True))
            closer = nearer(price, threshold)
            if closer != today[symbol]:
                cases.append(Case(wallet, symbol, closer, expected=False))
    judge(chain, cases)
    assert sum(one.expected for one in cases) > 80


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
    cases = []
    for wallet in reading.positions:
        for threshold in by_asset(found[wallet]):
            if threshold.liquidation is None:
                symbol = symbol_moved(chain, threshold)
                price = today[symbol]
                down, up = (price // 10, price // 100, 1), (price * 2, price * 30, price * 900)
                tried = down if threshold.direction is Direction.DOWN else up
                cases += [Case(wallet, symbol, max(one, 1), expected=False) for one in tried]
    judge(chain, cases)
    assert len(cases) > 100


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
