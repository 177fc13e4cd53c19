"""From what was read to what is said of it: every position judged, whatever cannot be is said where it belongs."""

from dataclasses import replace

import pytest

from defirisk.errors import InputError, UnknownAsset
from defirisk.fixedpoint import WAD
from defirisk.judging import Terms, judge
from defirisk.model import AccountReading, Failure, Move, Scenario, Snapshot, Token
from defirisk.report.check import AccountStatus
from defirisk.risk.scenario_files import parse_drops, parse_shocks
from tests.support.toy_rules import TOKENS, Side, position

TWIN = Token("0x2222222222222222222222222222222222222222", "WETH", 18)
OTHER = Token("0x3333333333333333333333333333333333333333", "LINK", 18)


def held(chain_id: int = 1, **fields: object) -> object:
    weth = Side(TOKENS["WETH"], 2000 * 10**8, supply=10 * WAD)
    usdc = Side(TOKENS["USDC"], 10**8, debt=10_000 * 10**6)
    return position(weth, usdc, chain_id=chain_id, **fields)


def snapshot(*positions: object, assets: tuple[Token, ...] = (), chain_id: int = 1, **fields: object) -> Snapshot:
    account = AccountReading("0x" + "33" * 20, tuple(positions), **fields)  # type: ignore[arg-type]
    return Snapshot(chain_id, 1, 1, "here", (account,), (), assets)


def scenarios_of(one: Snapshot, *scenarios: Scenario) -> list[str]:
    [[account]] = judge([one], Terms(scenarios, thresholds=False), ("toy-ethereum",))
    return [outcome.scenario for outcome in account.positions[0].outcomes]


def test_every_position_under_every_scenario() -> None:
    told: list[tuple[int, int]] = []
    terms = Terms(parse_drops("10,60"))
    [[account]] = judge([snapshot(held(), held())], terms, ("toy-ethereum",), lambda *now: told.append(now))
    assert [[o.liquidatable for o in p.outcomes] for p in account.positions] == [[False, True]] * 2
    assert all(p.thresholds for p in account.positions)
    assert told == [(1, 2), (2, 2)]


def test_an_asset_that_the_market_lists_may_be_named_though_nobody_holds_it() -> None:
    shock = parse_shocks(["LINK=-10%"])
    assert scenarios_of(snapshot(held(), assets=(OTHER,)), shock) == ["LINK=-10%"]
    with pytest.raises(UnknownAsset):
        scenarios_of(snapshot(held()), shock)


def test_a_namesake_that_nobody_holds_makes_no_symbol_ambiguous_and_keeps_its_address() -> None:
    one = snapshot(held(), assets=(TOKENS["WETH"], TWIN))
    assert scenarios_of(one, parse_shocks(["WETH=-10%"])) == ["WETH=-10%"]
    assert scenarios_of(one, parse_shocks([f"{TWIN.address}=-10%"])) == [f"{TWIN.address}=-10%"]


def test_a_name_may_be_known_on_any_chain_of_the_run() -> None:
    first, second = snapshot(held()), snapshot(held(chain_id=10), assets=(OTHER,), chain_id=10)
    judged = judge([first, second], Terms((parse_shocks(["LINK=-10%"]),), thresholds=False), ("toy-ethereum",))
    assert [len(accounts[0].positions[0].outcomes) for accounts in judged] == [1, 1]


def test_a_move_that_one_position_cannot_take_is_left_out_there_only() -> None:
    dust = position(Side(TOKENS["WETH"], 3, supply=10 * WAD), Side(TOKENS["USDC"], 10**8, debt=1), market="toy-dust")
    terms = Terms((Scenario("crash", oracle={"WETH": Move(change=-WAD * 9 // 10)}),), thresholds=False)
    [[account]] = judge([snapshot(held(), dust)], terms, ("toy-ethereum", "toy-dust"))
    fine, odd = account.positions
    assert (len(fine.outcomes), len(odd.outcomes)) == (1, 0)
    [notice] = odd.position.warnings
    assert notice.code == "bad-move"
    assert "crash was left out here" in notice.text
    assert fine.position.warnings == ()


def test_an_unpriced_position_keeps_its_legs_and_has_no_outcome() -> None:
    broken = replace(held(), unpriced={0: "reverts"})  # type: ignore[type-var]
    [[account]] = judge([snapshot(broken)], Terms(parse_drops("10")), ())
    [analysis] = account.positions
    assert account.status is AccountStatus.FAILED
    assert analysis.standing
    assert [leg.amount for leg in analysis.standing.collateral] == [10 * WAD]
    assert (analysis.outcomes, analysis.thresholds) == ((), ())


def test_failures_and_warnings_pass_through() -> None:
    failure = Failure("toy-ethereum", "toy", "read", "no answer")
    [[account]] = judge([snapshot(failures=(failure,))], Terms(()), ())
    assert (account.failures, account.status) == ((failure,), AccountStatus.FAILED)


def test_a_family_override_of_what_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError):
        judge([snapshot(held())], Terms((), families={"NOPE": "USD"}), ())
