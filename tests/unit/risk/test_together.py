"""Losses of several positions in one market: what covers them is there once, by each protocol's own rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from defirisk.fixedpoint import WAD
from defirisk.model import Amount, BadDebt, Borne, Position, Token
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import Coverage
from defirisk.protocols.compound_v2.interest import Totals, books_of
from defirisk.protocols.compound_v2.rules import VENUS
from defirisk.protocols.compound_v2.state import CompoundState, CToken, Holding
from defirisk.risk.together import SharedLoss, shared_losses
from tests.support import aave_v3, toy_rules

DAI = aave_v3.token("DAI")


@dataclass(frozen=True)
class Lost:
    """As much of an outcome as is looked at."""

    scenario: str
    bad_debt: tuple[BadDebt, ...]
    borne_by: tuple[Borne, ...]


@dataclass(frozen=True)
class Judged:
    position: Position
    outcomes: tuple[Lost, ...]


def judged(
    rules: Any, state: Any, token: Token, *losses: int, market: str = "here", scenario: str = "-40%"
) -> list[Judged]:
    """A position for each loss, as its own outcome tells who bears it."""
    held = toy_rules.position(toy_rules.Side(token, 1, debt=1), market=market)
    return [
        Judged(
            replace(held, rules=rules, state=state),
            (Lost(scenario, (BadDebt(token, loss, 1),), rules.borne_by(state, [Amount(token, loss)])),),
        )
        for loss in losses
    ]


def shared(*analyses: Any) -> tuple[SharedLoss, ...]:
    return shared_losses(analyses)


def told(shares: tuple[Borne, ...]) -> dict[str, int]:
    assert len({one.who for one in shares}) == len(shares)
    return {one.who: one.amount for one in shares}


def umbrella(**changes: int) -> Any:
    coverage = replace(Coverage(0, 0, 0, slashable=1000, price=10**8, stake_price=10**8), **changes)
    return aave_v3.state((aave_v3.supplied("WETH", 1), 1), (aave_v3.owed("DAI", 1, coverage=coverage), 1))


def test_a_stake_covers_the_sum_once() -> None:
    """Each of three losses is within the stake, their sum is not; each one's is told whole, together once."""
    (one,) = shared(*judged(rules_named("3.7"), umbrella(), DAI, 700, 800, 900))
    assert (one.market, one.scenario, one.positions, one.amount) == ("here", "-40%", 3, 2400)
    assert told(one.borne_by) == {"umbrella": 1000, "deficit": 1400}
    assert told(one.one_by_one) == {"umbrella": 2400}
    assert one.differs


def test_an_offset_is_used_up_once_too() -> None:
    """Losses that no staker is slashed for one by one are beyond the offset together."""
    (one,) = shared(*judged(rules_named("3.7"), umbrella(offset=300), DAI, 200, 250))
    assert told(one.one_by_one) == {"deficit": 450}
    assert told(one.borne_by) == {"umbrella": 150, "deficit": 300}


def test_what_is_enough_for_all_differs_in_nothing() -> None:
    (one,) = shared(*judged(rules_named("3.7"), umbrella(), DAI, 300, 400))
    assert told(one.borne_by) == told(one.one_by_one) == {"umbrella": 700}
    assert not one.differs


def test_reserves_of_compound_v2_are_there_once() -> None:
    market = CToken("0x" + "aa" * 20, "vDAI", DAI, WAD // 2, WAD // 2, 11 * WAD // 10, 0)
    books = books_of(Totals(5000, 2000, 500, 10**6, WAD), WAD)
    state = CompoundState((Holding(market, books, 0, 2000, entered=True),), (DAI,), (WAD,), WAD // 2, 0)
    (one,) = shared(*judged(VENUS, state, DAI, 400, 450))
    assert told(one.one_by_one) == {"reserves": 850}
    assert told(one.borne_by) == {"reserves": 500, "suppliers": 350}


@pytest.mark.parametrize("other", [{"market": "there"}, {"scenario": "-50%"}])
def test_one_position_of_a_market_and_scenario_shares_with_nobody(other: dict[str, str]) -> None:
    rules, state = rules_named("3.7"), umbrella()
    assert not shared(*judged(rules, state, DAI, 700), *judged(rules, state, DAI, 800, **other))


def test_assets_are_told_apart() -> None:
    rules, state = rules_named("3.7"), umbrella()
    weth = aave_v3.token("WETH")
    found = shared(
        *judged(rules, state, DAI, 700, 800), *judged(rules, state, weth, 1, 2), *judged(rules, state, weth, 4)
    )
    assert [(one.token.symbol, one.positions, one.amount) for one in found] == [("DAI", 2, 1500), ("WETH", 3, 7)]
    assert told(found[1].borne_by) == {"deficit": 7}


def test_who_bears_another_asset_bears_nothing_of_this_one() -> None:
    rules, state = rules_named("3.7"), umbrella()
    both = []
    for dai, weth in zip(
        judged(rules, state, DAI, 700, 800), judged(rules, state, aave_v3.token("WETH"), 5, 6), strict=True
    ):
        (one,), (other,) = dai.outcomes, weth.outcomes
        lost = Lost(one.scenario, one.bad_debt + other.bad_debt, one.borne_by + other.borne_by)
        both.append(replace(dai, outcomes=(lost,)))
    found = shared(*both)
    assert [told(one.one_by_one) for one in found] == [{"umbrella": 1500}, {"deficit": 11}]
    assert [told(one.borne_by) for one in found] == [{"umbrella": 1000, "deficit": 500}, {"deficit": 11}]
