"""The engine on Comet's recorded positions: thresholds hold where they say and not one step nearer."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from defirisk.model import Direction, Position, Threshold
from defirisk.risk.axes import axes_of
from defirisk.risk.families import FamilyBook
from defirisk.risk.outcome import Prices, outcome_of
from defirisk.risk.paths import Road, road
from defirisk.risk.replay import replay
from defirisk.risk.thresholds import thresholds_of
from tests.recorded.compound_v3.tampered import Market

BOOK = FamilyBook.load()
MARKETS = [Market("usdc"), Market("weth")]
SAMPLES = 25


async def positions(market: Market) -> list[Position]:
    return [one for one in (await market.read()).positions if isinstance(one, Position)]


def roads(position: Position) -> Iterator[tuple[Road, Threshold]]:
    today = position.rules.standing(position.state)
    axes = axes_of(position, today, BOOK)
    found = iter(thresholds_of(position, axes, today=today))
    for axis in axes:
        for direction in Direction:
            yield road(position.prices, axis, direction), next(found)


def distance_of(way: Road, threshold: Threshold, name: str) -> int | None:
    move, price = getattr(threshold, name), getattr(threshold, f"{name}_price")
    if move is None:
        return None
    return abs(price - way.today) if way.by_price else abs(move)


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: market.name)
async def test_thresholds_hold_there_and_nowhere_nearer(market: Market) -> None:
    """By the plain replay, at the threshold, one step before it and at random nearer points."""
    random.seed(7)
    seen = 0
    for position in await positions(market):
        for way, threshold in roads(position):
            assert threshold.proved
            for name, holds in (("liquidation", liquidatable), ("bad_debt", loses)):
                distance = distance_of(way, threshold, name)
                nearer = way.end if distance is None else distance - 1
                points = [nearer, *(random.randint(0, nearer) for _ in range(SAMPLES))] if nearer >= 0 else []
                assert not any(holds(position, way.prices(at)) for at in points)
                if distance is not None:
                    assert holds(position, way.prices(distance))
                    seen += distance > 0
    assert seen >= 15


def liquidatable(position: Position, prices: tuple[int, ...]) -> bool:
    return position.rules.standing(position.rules.reprice(position.state, prices)).liquidatable


def loses(position: Position, prices: tuple[int, ...]) -> bool:
    return replay(position.rules, position.rules.reprice(position.state, prices)).loses()


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: market.name)
async def test_outcomes_add_up(market: Market) -> None:
    """INV-C19: what the owner loses is the move and the penalty, less what others bear; and all of it is borne."""
    absorbed = 0
    for position in await positions(market):
        for percent in (0, 20, 40, 60, 80, 95):
            prices = (position.prices[0], *(price * (100 - percent) // 100 or 1 for price in position.prices[1:]))
            outcome = outcome_of(position, f"-{percent}%", Prices(prices))
            loss = outcome.owner_loss
            assert loss.total == loss.move + loss.bonus + loss.protocol_fee - loss.borne_by_others
            assert loss.protocol_fee == 0
            assert sum(one.amount for one in outcome.borne_by) == sum(one.amount for one in outcome.bad_debt)
            assert outcome.uncovered_value == 0
            absorbed += len(outcome.liquidations)
            if outcome.liquidations:
                assert loss.bonus >= 0
                assert {one.token.address for one in outcome.assets_left} <= {position.tokens[0].address}
    assert absorbed >= 10
