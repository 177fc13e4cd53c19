"""What-if on Aave V3.0, V3.6 and V2 against the contracts, by doing it: acts, parameters, and the inverse."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from defirisk.model import Position
from defirisk.protocols.aave_v2.family import PROTOCOL as V2
from defirisk.protocols.aave_v3.family import PROTOCOL as V3
from defirisk.protocols.interface import ActKind

from .listing import BY_SYMBOL
from .whatif import Done, compare, read_listing, steps
from .world import World
from .world_v20 import world_v20

SYMBOLS = tuple(BY_SYMBOL)


@pytest.fixture(scope="module")
def v20() -> Iterator[World]:
    with world_v20() as made:
        yield made


@pytest.fixture(scope="module", params=["2.0", "3.0", "3.6"])
def market(request: pytest.FixtureRequest) -> World:
    name = {"2.0": "v20", "3.0": "v30", "3.6": "v36"}[request.param]
    made: World = request.getfixturevalue(name)
    return made


@pytest.fixture(scope="module")
def positions(market: World) -> Mapping[str, Position]:
    family: Any = V2 if market.market.rules == "2.0" else V3
    return read_listing(market, family.reader, family.name)


def kinds(rng: random.Random) -> Iterator[tuple[ActKind, str, float]]:
    while True:
        yield rng.choice(list(ActKind)), rng.choice(SYMBOLS), rng.uniform(0, 1.2)


def test_acts_one_by_one(market: World, positions: Mapping[str, Position]) -> None:
    """On every wallet: what it holds withdrawn, what it owes repaid, in whole and by a unit more or less."""
    done = Done()
    for wallet, position in positions.items():
        rng = random.Random(f"{wallet} one")
        for holding in position.state.holdings:
            symbol, rules = holding.reserve.token.symbol, position.rules
            supplied, owed = rules.supply_of(holding), rules.debt_of(holding) - holding.stable_debt
            unit = 10**holding.reserve.token.decimals
            for amount in rng.sample(list(steps(supplied, unit)), 2) if supplied else ():
                compare(market, position, [(ActKind.WITHDRAW, symbol, amount)], done)
            for amount in rng.sample(list(steps(owed, unit)), 2) if owed else ():
                compare(market, position, [(ActKind.REPAY, symbol, amount)], done)
            compare(market, position, [(rng.choice((ActKind.WITHDRAW, ActKind.REPAY)), symbol, None)], done)
    print(market.market.rules, done)
    assert sum(done.accepted.values()) > 60
    assert len(done.refused) > 3
