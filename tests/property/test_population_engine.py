"""What stands around the floats: recorded positions, mutants, machine code, who is handed over and why."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from benchmarks.population import Drawn
from defirisk.chain.recording import load_fixture
from defirisk.errors import BadFile, UnknownEngine, UnknownLiquidator
from defirisk.fixedpoint import WAD
from defirisk.model import Position, Scenario
from defirisk.protocols import registry
from defirisk.protocols.aave_v2.rules import RULES as AAVE_V2
from defirisk.protocols.aave_v3 import fast_terms as aave
from defirisk.protocols.aave_v3.rules import RULES
from defirisk.protocols.compound_v2.rules import ORIGINAL
from defirisk.reading import read_snapshot
from defirisk.risk.population import EXACT, FAST, UNPRICED, Population, bounded, compiling, replay_population
from defirisk.risk.population import engine as engines
from defirisk.risk.population.bounded import DOWN, HALF_UP, UP
from defirisk.risk.scenario_files import parse_drops, presets
from tests.support.aave_v3 import USD, owed, state, supplied
from tests.support.populations import BOOK, Compared, bound, compared, disagreements, moving, placed
from tests.support.toy_rules import TOKENS, Side, position
from tests.vectors import comet as comets
from tests.vectors.compound_v2.recording import recorded, state_of

ROOT = Path(__file__).parents[2]
DROPS = "5,10,15,20,25,30,40,50,60,70,80,90"
FIXTURES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("fixtures", "tests/recorded")
    for path in (ROOT / folder).rglob("*.json.gz")
    if b'"defirisk-fixture/1"' in gzip.decompress(path.read_bytes())[:200_000]
)


@cache
def of_fixture(name: str) -> tuple[Position, ...]:
    chain = load_fixture(str(ROOT / name))
    markets = [registry.deployment_at(m.protocol, m.entry, chain.chain_id, m.name) for m in chain.fixture.markets]
    read = asyncio.run(read_snapshot(chain, markets, chain.fixture.wallets))
    return tuple(position for account in read.accounts for position in account.positions)


def all_scenarios() -> list[Scenario]:
    return [*parse_drops(DROPS), *presets().values()]


def assert_agree(positions: tuple[Position, ...] | list[Position], both: Compared) -> None:
    found = disagreements(positions, both)
    assert not found, "\n".join(found[:20])


# --- recorded positions ---------------------------------------------------------------------------------------------


def test_there_are_recordings_of_every_kind() -> None:
    assert len(FIXTURES) >= 10


@pytest.mark.parametrize("name", FIXTURES)
def test_recorded_positions_under_all_presets_and_drops(name: str) -> None:
    positions = of_fixture(name)
    both = compared(positions, bound(positions, all_scenarios()))
    assert_agree(positions, both)
    assert both.exact.liquidatable.any()


def test_recorded_wallets_of_compound_v2_with_debts_near_the_edge() -> None:
    prices = [market["price"] for market in recorded()["base"]["markets"]]
    states = [state_of(number, prices) for number in range(len(recorded()["base"]["wallets"]))]
    positions = [placed(ORIGINAL, one, "compound-v2", 18) for one in states]
    owed = {token.address: 60 * WAD // 100 for token in positions[0].tokens[:3]}
    falls = [
        moving(f"-{percent}%", {t.address: -percent * WAD // 100 for t in positions[0].tokens[3:]})
        for percent in (20, 50, 80)
    ]
    cases = bound(positions, [moving("up", owed), *falls, *parse_drops(DROPS)])
    both = compared(positions, cases, loop_of=compiling.compiled)
    assert np.array_equal(both.fast.bad_debt_value, compared(positions, cases).fast.bad_debt_value)
    assert_agree(positions, both)
    assert both.exact.liquidatable.mean() > 0.05
    assert both.fast.handed_over_share < 0.2


@pytest.mark.parametrize("market", comets.MARKETS)
def test_recorded_wallets_of_comet(market: str) -> None:
    recording = comets.recording(market)
    states = recording.states(recording.data["stale"]["totals"], recording.prices())
    positions = [placed(recording.rules, one, "compound-v3") for one in states]
    falls = [
        moving(f"-{percent}%", {a.token.address: -percent * WAD // 100 for a in recording.assets})
        for percent in range(5, 95, 10)
    ]
    cases = bound(positions, falls)
    both = compared(positions, cases, loop_of=compiling.compiled)
    assert_agree(positions, both)
    assert np.array_equal(both.fast.bad_debt_value, compared(positions, cases).fast.bad_debt_value)
    assert both.exact.bad_debt_value.any()
    assert both.fast.handed_over_share < 0.1


# --- a realistic population: machine code, threads, hand-overs ------------------------------------------------------


@cache
def drawn() -> tuple[Position, ...]:
    return tuple(Drawn(400))


@cache
def by_machine_code() -> Compared:
    return compared(drawn(), bound(drawn(), parse_drops(DROPS)), loop_of=compiling.compiled)


def test_machine_code_says_what_the_interpreter_says() -> None:
    """Bit for bit: the interpreter's runs are the ones that the properties are proved on."""
    both = by_machine_code()
    plain = compared(drawn(), bound(drawn(), parse_drops(DROPS))).fast
    for name in ("health_factor", "bad_debt_value", "repaid_value", "liquidations", "ended", "handed_over"):
        assert np.array_equal(getattr(plain, name), getattr(both.fast, name), equal_nan=name == "health_factor"), name


def test_few_pairs_of_a_realistic_population_are_handed_over() -> None:
    both = by_machine_code()
    assert_agree(drawn(), both)
    assert both.exact.liquidatable.mean() > 0.3
    assert both.fast.handed_over_share <= 1e-3
    assert (both.exact.bad_debt_value > 0).mean() > 0.05


def test_sums_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "ROWS_AT_A_TIME", 16)
    population, cases = Population.of(drawn()), bound(drawn(), parse_drops(DROPS))
    one, three = (replay_population(population, cases, BOOK, engine="fast", threads=number) for number in (1, 3))
    assert np.array_equal(one.bad_debt_by_asset, three.bad_debt_by_asset)
    exact = by_machine_code().exact
    assert one.bad_debt_by_asset.sum(axis=1) == pytest.approx(exact.bad_debt_by_asset.sum(axis=1), rel=1e-9)
    assert one.bad_debt_by_asset == pytest.approx(exact.bad_debt_by_asset, rel=1e-9, abs=1e3)


def test_rows_of_a_population_are_the_same_rows() -> None:
    population, cases = Population.of(drawn()), bound(drawn(), parse_drops("30"))
    part = replay_population(population.rows(100, 150), cases, BOOK, engine="fast")
    whole = replay_population(population, cases, BOOK, engine="fast")
    assert np.array_equal(part.bad_debt_value, whole.bad_debt_value[100:150])
    assert population.rows(100, 150).position(3).state == population.position(103).state


# --- mutants: a defect in the float rules is seen -------------------------------------------------------------------


def with_terms(**changed: float) -> Population:
    population = Population.of(drawn())
    column = {name: getattr(aave, name) for name in changed}
    groups = []
    for group in population.groups:
        terms = list(group.terms)
        for name, value in changed.items():
            terms[column[name]] = value
        groups.append(replace(group, terms=tuple(terms)))
    return replace(population, groups=tuple(groups))


def found_by(population: Population, scenarios: list[Scenario], loop_of: Any = compiling.compiled) -> list[str]:
    both = compared(drawn(), bound(drawn(), scenarios), loop_of=loop_of, population=population)
    return disagreements(drawn(), both)


@pytest.mark.parametrize(
    "changed",
    [
        {"CLOSE_BPS": 4999.0},
        {"CLOSE_HEALTH": 0.94},
        {"CLOSE_LEAST": 2100e8},
        {"DUST": 0.0},
        {"DUST_LEAST": 1001e8},
        {"AVERAGED": 1.0},
    ],
    ids="-".join,
)
def test_a_wrong_term_is_seen(changed: dict[str, float]) -> None:
    assert found_by(with_terms(**changed), [*parse_drops(DROPS), *parse_drops("17,18,19,21,22,23")])


def test_a_dropped_fee_is_seen_where_the_market_price_leaves_just_the_bonus() -> None:
    """The liquidator's part of the bonus is what pays or not."""
    named = {token.symbol: token.address for position in drawn() for token in position.tokens}
    half, thin = (
        -WAD * 45 // 100,
        -WAD * 475 // 1000,
    )  # 4.5 % below the oracle, of a bonus of 5 % less a tenth for the fee
    case = moving(
        "thin", dict.fromkeys((named["WETH"], named["WBTC"]), half), dict.fromkeys((named["WETH"], named["WBTC"]), thin)
    )
    population = Population.of(drawn())
    assert found_by(population, [case]) == []
    legs = population.legs.copy()
    legs["fee"] = 0.0
    assert found_by(replace(population, legs=legs), [case])


@pytest.mark.parametrize("column", ["threshold", "bonus", "rate", "shares"])
def test_a_leg_that_is_slightly_off_is_seen(column: str) -> None:
    population = Population.of(drawn())
    legs = population.legs.copy()
    legs[column] *= 1 + 1e-6
    assert found_by(replace(population, legs=legs), list(parse_drops(DROPS)))


def at_the_edge() -> list[Position]:
    """A debt that the collateral covers to the unit, and units beside."""
    found = []
    for name in ("3.0", "3.6"):
        for off in range(-3, 4):
            held = supplied("ETH", 7 * 10**18 + 1), 3_123_456_789 * USD // 10**6
            debt = 7 * 3_123_456_789 * USD // 10**6 * 83 // 100 + off
            at = state(held, (owed("USD", debt, decimals=8), USD))
            found.append(placed(RULES[name], at, "aave-v3", number=len(found)))
    return found


def mutated(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """The interpreter's loop with another function in place of one of :mod:`bounded`'s."""

    def loop_of(fast: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            helpers = tuple(function if one.__name__ == function.__name__ else one for one in bounded.HELPERS)
            patch.setattr(bounded, "HELPERS", helpers)
            return compiling.interpreted(fast)

    return loop_of


def test_bounds_that_point_the_wrong_way_are_seen() -> None:
    """Mutants of ``at_least``: an edge decided on either side of its bound is decided wrongly somewhere."""

    def too_early(x: float, e: float, line: float) -> int:
        return 1 if x - line >= -e else 0

    def too_late(x: float, e: float, line: float) -> int:
        return 1 if x - line >= 2.0 * e + 1.0 else 0

    positions = at_the_edge()
    cases = bound(positions, [moving("today", {})])
    assert disagreements(positions, compared(positions, cases)) == []
    for wrong in (too_early, too_late):
        called = FunctionType(wrong.__code__, {}, "at_least")
        assert disagreements(positions, compared(positions, cases, loop_of=mutated(called))), wrong


# --- bounded ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [DOWN, HALF_UP, UP])
def test_roundings_are_exact_or_say_how_far_off(way: int) -> None:
    draw = Random(way)
    ways = {DOWN: Fraction(0), HALF_UP: Fraction(1, 2), UP: Fraction(1)}
    for _ in range(3000):
        number = Fraction(draw.randrange(10 ** draw.randrange(1, 22)), draw.choice((1, 2, 7, 10_500)))
        e = draw.choice((0.0, 1e-9, 0.3, 2.5)) + 2.0**-53 * float(number)
        x = float(number) + draw.uniform(-0.9, 0.9) * (e - 2.0**-53 * float(number))
        whole, bound_ = bounded.rounded(x, e, way)
        shifted = number + ways[way]
        true = -(-number // 1) if way == UP else shifted // 1
        assert abs(Fraction(float(whole)) - true) <= Fraction(bound_), (number, x, e)


# --- what is asked, and what is there -------------------------------------------------------------------------------


def test_a_family_without_float_rules_is_replayed_exactly() -> None:
    toy = position(Side(TOKENS["WETH"], 3000 * 10**8, supply=10**18), Side(TOKENS["USDC"], 10**8, debt=2300 * 10**6))
    positions = [drawn()[0], toy]
    population = Population.of(positions)
    assert population.kind.tolist() == [FAST, EXACT]
    done = replay_population(population, bound(positions, parse_drops("30,60")), BOOK, engine="fast")
    assert done.exact[1].all()
    assert not done.handed_over.any()
    assert done.liquidatable[1].all()
    assert done.bad_debt_by_asset[:, population.assets.index(population.assets[-1])].all()
    assert {row for row, _ in done.outcomes} == {1}


def test_every_family_of_ours_has_float_rules_for_each_of_its_revisions() -> None:
    """A revision that its float rules did not know would quietly be slow."""
    for family in registry.families().values():
        assert family.fast is not None
        assert family.fast() is family.fast()
    for rules in (*RULES.values(), *AAVE_V2.values()):
        at = state((supplied("ETH", 10**18), 3000 * USD), (owed("USD", 10**9, decimals=8), USD))
        assert Population.of([placed(rules, at, "aave")]).kind.tolist() == [FAST]


def test_an_unpriced_position_is_left_out() -> None:
    positions = [drawn()[0], replace(drawn()[1], unpriced={0: "no price"})]
    population = Population.of(positions)
    assert population.kind.tolist() == [FAST, UNPRICED]
    for engine in ("exact", "fast"):
        done = replay_population(population, bound(positions, parse_drops("30")), BOOK, engine=engine)
        assert done.left_out[:, 0].tolist() == [False, True]
        assert np.isnan(done.bad_debt_value[1, 0])


def test_a_scenario_that_fits_one_position_only_leaves_the_other_out() -> None:
    positions = list(drawn()[:30])
    symbol = next(token.address for token in positions[0].tokens)
    case = moving("too deep", {symbol: -WAD + 1})
    both = compared(positions, bound(positions, [case, moving("today", {})]))
    assert_agree(positions, both)
    assert both.fast.left_out[:, 0].any()
    assert not both.fast.left_out[:, 0].all()


@pytest.mark.parametrize("liquidator", ["best-bonus", "worst-case"])
def test_other_liquidators_are_the_exact_engines(liquidator: str) -> None:
    population, cases = Population.of(drawn()[:3]), bound(drawn()[:3], parse_drops("40"))
    done = replay_population(population, cases, BOOK, liquidator=liquidator)
    assert (done.engine, liquidator in done.why) == ("exact", True)
    with pytest.raises(UnknownEngine, match=liquidator):
        replay_population(population, cases, BOOK, liquidator=liquidator, engine="fast")


def test_auto_takes_the_exact_engine_for_few_pairs_and_says_so() -> None:
    assert engines.chosen("auto", 50_000) == ("exact", "50,000 pairs are few")
    assert engines.chosen("auto", 50_001).engine == "fast"


def test_without_numba_auto_is_exact_and_fast_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(compiling, "find_spec", lambda name: None)
    chosen = engines.chosen("auto", 10**6)
    assert (chosen.engine, "numba is not installed" in chosen.why) == ("exact", True)
    with pytest.raises(UnknownEngine, match="numba"):
        engines.chosen("fast", 10**6)


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import caching

    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    fast = drawn()[0].rules.fast()
    loop = compiling._compiled.__wrapped__(fast.name, compiling._functions(fast))
    assert type(loop._cache).__name__ == "NullCache"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownEngine, match="quick"):
        engines.chosen("quick", 1)
    with pytest.raises(UnknownLiquidator, match="nobody"):
        engines.chosen("auto", 1, "nobody")


def broken() -> Iterator[tuple[str, Population]]:
    good = Population.of(drawn()[:5])
    legs = good.legs.copy()
    legs["asset"][0] = len(good.assets)
    yield "an asset that is not there", replace(good, legs=legs)
    yield "a group that is not there", replace(good, group=good.group + 7)
    yield "offsets past the legs", replace(good, offsets=good.offsets + 1)
    yield "offsets that go back", replace(good, offsets=good.offsets[[0, 2, 1, 3, 4, 5]])
    yield "too few offsets", replace(good, offsets=good.offsets[:-1])
    yield "too few terms", replace(good, groups=tuple(replace(one, terms=one.terms[:3]) for one in good.groups))


@pytest.mark.parametrize("number", range(6))
def test_columns_that_do_not_fit_together_never_reach_machine_code(number: int) -> None:
    what, population = list(broken())[number]
    with pytest.raises(BadFile, match="do not fit together"):
        replay_population(population, bound(drawn()[:5], parse_drops("30")), BOOK, engine="fast")
    assert what


def test_columns_of_other_assets_than_the_positions_are_refused() -> None:
    good = Population.of(drawn()[:5])
    odd = replace(good, assets=tuple(replace(asset, price=asset.price + 1) for asset in good.assets))
    with pytest.raises(BadFile, match="do not know an asset"):
        replay_population(odd, bound(drawn()[:5], parse_drops("90")), BOOK, engine="exact")
