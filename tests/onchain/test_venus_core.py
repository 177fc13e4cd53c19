"""The rules for newer Venus against its real contracts: every step really sent, equal to the last digit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from defirisk.model import Ended
from defirisk.protocols.compound_v2.rules import VENUS

from .venus_alone import liquidated_alone
from .venus_core import MAJORS, STRICT, VenusCore
from .venus_people import SCENARIOS, stop_interest, venus_core
from .venus_reading import read, shocked
from .venus_steps import accrued_one_by_one, is_vai, views_at_every_shock, walks_of_every_scenario


@pytest.fixture(scope="module")
def market() -> Iterator[VenusCore]:
    with venus_core() as made:
        yield made


# --- reading ------------------------------------------------------------------------------------------------------


def test_positions_are_varied(market: VenusCore) -> None:
    positions = read(market).values()
    assert len(positions) >= 40
    assert {p.rules.name for p in positions} == {"venus"}
    assert len({tuple(h.market.symbol for h in p.state.holdings) for p in positions}) >= 25
    assert sum(any(is_vai(h) for h in p.state.holdings) for p in positions) >= 5
    assert any(h.tokens and not h.entered for p in positions for h in p.state.holdings)
    assert any(h.market.liquidation_threshold == h.market.incentive == 0 for p in positions for h in p.state.holdings)
    pools = [market.comptroller.call("userPoolId", position.owner) for position in positions]
    assert pools.count(MAJORS) >= 5 <= pools.count(STRICT)


def test_accrued_numbers_are_what_each_market_comes_to_by_itself(market: VenusCore) -> None:
    """The reader's figures for a block, and the contract's own after a transaction that accrues in that block."""
    assert accrued_one_by_one(market) > 20


def test_the_comptrollers_view_at_every_shock(market: VenusCore) -> None:
    """By thresholds and spot prices, from stored numbers: equal to the digit."""
    positions = read(market)
    views = views_at_every_shock(market, positions, SCENARIOS)
    assert len(views) == len(SCENARIOS) * len(positions)
    assert 90 < sum(view.shortfall > 0 for view in views) < len(views) - 100


# --- liquidating --------------------------------------------------------------------------------------------------


def test_every_step_really_sent(market: VenusCore) -> None:
    """After everything accrued. A wallet is liquidatable for us exactly if the contract says that it is short."""
    steps: Counter[str] = Counter()
    endings: Counter[Ended] = Counter()
    with market.undone():
        stop_interest(market)
        for scenario, state, done in walks_of_every_scenario(market, VENUS, read(market), SCENARIOS):
            endings[done.ended] += 1
            steps[scenario] += len(done.liquidations)
            steps["of VAI"] += sum(is_vai(state.holdings[one.repaid_slot]) for one in done.liquidations)
    assert sum(steps[scenario] for scenario in SCENARIOS) > 400, steps
    assert steps["of VAI"] > 20, steps
    assert all(steps[scenario] for scenario in set(SCENARIOS) - {"today"}), (
        steps
    )  # thresholds are above what may be borrowed
    assert min(endings[one] for one in (Ended.HEALTHY, Ended.NOTHING_TO_SEIZE)) > 0, endings


def test_with_only_what_the_liquidation_itself_accrues(market: VenusCore) -> None:
    """Interest that nobody accrued, of which a call accrues two markets', sending their reserves away; not VAI's."""
    for scenario in ("volatile-20", "volatile-35", "volatile-50"):
        assert liquidated_alone(market, VENUS, shocked(market, SCENARIOS[scenario]))["taken"] > 3
