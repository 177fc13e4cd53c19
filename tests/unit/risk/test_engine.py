"""The front door: the rooms of the engine put together give what each gives by itself."""

import pytest

from defirisk.errors import BadMove, UnknownAsset, UnknownLiquidator
from defirisk.fixedpoint import WAD
from defirisk.model import Direction, Move, Scenario
from defirisk.risk.engine import analyse
from defirisk.risk.families import FamilyBook
from defirisk.risk.outcome import outcome_of
from defirisk.risk.scenario_files import parse_drops, parse_shocks
from defirisk.risk.scenarios import known_assets, moved_prices, validate
from tests.support.toy_rules import TOKENS, Side, position

BOOK = FamilyBook.load()
LOAN = position(
    Side(TOKENS["WETH"], 2000 * 10**8, supply=10**18), Side(TOKENS["USDC"], 10**8, debt=1000 * 10**6)
)  # fmt: skip
DROPS = parse_drops("20,40,60")


def test_everything_that_is_to_be_said_of_a_position():
    found = analyse(LOAN, DROPS, book=BOOK)
    assert found.position == LOAN
    assert found.standing == LOAN.rules.standing(LOAN.state)
    assert [(family.name, family.how) for family in found.families] == [("ETH", "address"), ("USD", "address")]
    assert [outcome.scenario for outcome in found.outcomes] == ["-20%", "-40%", "-60%"]
    assert [outcome.liquidatable for outcome in found.outcomes] == [False, True, True]
    assert [outcome.loss_value > 0 for outcome in found.outcomes] == [False, False, True]
    assert found.verdict.code == "can-be-liquidated"
    down = next(t for t in found.thresholds if t.asset == TOKENS["WETH"].address and t.direction is Direction.DOWN)
    assert down.liquidation_price == 1250 * 10**8 - 1


def test_outcomes_are_those_of_the_moved_prices():
    scenario = Scenario("gap", {"WETH": Move(change=0)}, {"WETH": Move(change=-WAD // 2)})
    (found,) = analyse(LOAN, [scenario], book=BOOK, thresholds=False).outcomes
    assert found == outcome_of(LOAN, "gap", moved_prices(LOAN, scenario, BOOK))


def test_a_bound_scenario_gives_what_a_plain_one_gives():
    bound = validate(DROPS, known_assets([LOAN]), BOOK)
    assert analyse(LOAN, bound, book=BOOK) == analyse(LOAN, DROPS, book=BOOK)


def test_a_plain_scenario_is_checked_against_the_position():
    with pytest.raises(UnknownAsset):
        analyse(LOAN, [parse_shocks(["WBTC=-10%"])], book=BOOK)
    bound = validate([parse_shocks(["WBTC=-10%"])], [(1, TOKENS["WBTC"]), *known_assets([LOAN])], BOOK)
    (found,) = analyse(LOAN, bound, book=BOOK, thresholds=False).outcomes
    assert not found.liquidatable


def test_thresholds_only_when_asked_for():
    assert analyse(LOAN, [], book=BOOK, thresholds=False).thresholds == ()
    assert analyse(LOAN, [], book=BOOK).thresholds


@pytest.mark.parametrize("thresholds", [True, False])
def test_an_unpriced_position_is_not_judged(thresholds):
    of = position(Side(TOKENS["WETH"], 0, supply=1), unpriced={0: "no price"})
    found = analyse(of, DROPS, book=BOOK, thresholds=thresholds)
    assert (found.standing, found.thresholds, found.outcomes) == (None, (), ())
    assert found.verdict.code == "unpriced"
    assert found.families[0].name == "ETH"


def test_a_supply_without_debt_has_outcomes_and_no_thresholds_that_bite():
    found = analyse(position(Side(TOKENS["WETH"], 2000 * 10**8, supply=10**18)), DROPS, book=BOOK)
    assert all(t.liquidation is None and t.bad_debt is None for t in found.thresholds)
    assert [outcome.owner_loss.move for outcome in found.outcomes] == [400 * 10**8, 800 * 10**8, 1200 * 10**8]


@pytest.mark.parametrize("debt", [0, 1000, 1700])
def test_an_unknown_order_is_refused_also_where_nothing_is_liquidated(debt):
    of = position(Side(TOKENS["WETH"], 2000 * 10**8, supply=10**18), Side(TOKENS["USDC"], 10**8, debt=debt * 10**6))
    with pytest.raises(UnknownLiquidator):
        analyse(of, [], book=BOOK, liquidator="fastest", thresholds=False)


def test_the_order_of_liquidations_reaches_the_outcomes():
    (found,) = analyse(LOAN, parse_drops("60"), book=BOOK, liquidator="worst-case", thresholds=False).outcomes
    assert (found.liquidator, found.search) == ("worst-case", "exhaustive")


def test_a_move_to_nothing_is_refused():
    of = position(Side(TOKENS["ZZZ"], 1, supply=1))
    with pytest.raises(BadMove, match="ZZZ"):
        analyse(of, parse_drops("1"), book=BOOK)
