"""The population engine agrees with the exact one over random positions of every protocol and revision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from defirisk.model import Position, Scenario
from defirisk.protocols.compound_v2.rules import ORIGINAL, SECONDS, VENUS
from defirisk.protocols.compound_v2.state import CompoundState
from defirisk.protocols.compound_v3.rules import COMET, COMET_EXTENDED
from tests.property import aave_worlds, test_aave_v2
from tests.property.compound_v3 import worlds as comets
from tests.support.aave_v3 import EVERY
from tests.support.populations import bound, compared, disagreements, moving, placed
from tests.unit.compound_v2 import worlds as compounds

WAD = 10**18
drawn = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@st.composite
def aave_v3(draw: st.DrawFn, name: str, number: int) -> Position:
    world = draw(aave_worlds.worlds(name))
    return placed(world.rules, world.state, "aave-v3", number=number)


@st.composite
def aave_v2(draw: st.DrawFn, name: str, number: int) -> Position:
    world = draw(test_aave_v2.worlds(name))
    return placed(world.rules, world.state, "aave-v2", number=number)


@st.composite
def compound_v2(draw: st.DrawFn, rules: Any, number: int) -> Position:
    """Debts are brought near what the collateral covers, forced and paused markets are among them."""
    state = draw(compounds.states())
    standing = rules.standing(state)
    if standing.health_factor and draw(st.integers(0, 3)):
        aimed = draw(st.sampled_from([100, 101, 99]) | st.integers(40, 250))
        state = _owing(state, standing.health_factor * 100, aimed * WAD)
    forced = rules is VENUS and draw(st.integers(0, 5)) == 0
    held = tuple(
        replace(
            one,
            market=replace(one.market, forced=forced and bool(one.debt), seize_paused=draw(st.integers(0, 15)) == 0),
        )
        for one in state.holdings
    )
    return placed(rules, replace(state, holdings=held), "compound-v2", 18, number)


def _owing(state: CompoundState, over: int, under: int) -> CompoundState:
    debts = [one.debt * over // under for one in state.holdings]
    held = tuple(
        replace(one, debt=debt, books=replace(one.books, borrows=max(debt, one.books.borrows)))
        for one, debt in zip(state.holdings, debts, strict=True)
    )
    return replace(state, holdings=held)


@st.composite
def compound_v3(draw: st.DrawFn, rules: Any, number: int) -> Position:
    state = draw(comets.states())
    if draw(st.integers(0, 19)) == 0:
        state = replace(state, comet=replace(state.comet, paused=frozenset({"absorb"})))
    return placed(rules, state, "compound-v3", number=number)


@st.composite
def scenarios(draw: st.DrawFn, positions: list[Position]) -> list[Scenario]:
    """Nothing moves; everything falls; each asset on its own; and the market elsewhere than the oracle."""
    assets = sorted({token.address for position in positions for token in position.tokens})
    changes = st.integers(-95, 100).map(lambda percent: percent * WAD // 100) | st.integers(-WAD // 2, WAD // 2)
    fall = draw(st.integers(-90, -1)) * WAD // 100
    odd = {asset: draw(changes) for asset in assets}
    market = {asset: draw(changes) for asset in assets}
    return [
        moving("today", {}),
        moving("fall", dict.fromkeys(assets[::2], fall)),
        moving("odd", odd),
        moving("market", odd, market),
    ]


FAMILIES: dict[str, Callable[[int], st.SearchStrategy[Position]]] = {
    **{f"aave-v3 {name}": (lambda number, name=name: aave_v3(name, number)) for name in EVERY},  # type: ignore[misc]
    **{f"aave-v2 {name}": (lambda number, name=name: aave_v2(name, number)) for name in test_aave_v2.NAMES},  # type: ignore[misc]
    **{
        f"compound-v2 {rules.name}": (lambda number, rules=rules: compound_v2(rules, number))  # type: ignore[misc]
        for rules in (ORIGINAL, SECONDS, VENUS)
    },
    **{
        f"compound-v3 {rules.name}": (lambda number, rules=rules: compound_v3(rules, number))  # type: ignore[misc]
        for rules in (COMET, COMET_EXTENDED)
    },
}


@pytest.mark.parametrize("family", FAMILIES)
@drawn
@given(data=st.data())
def test_both_engines_agree(family: str, data: st.DataObject) -> None:
    """INV-P1: same flag, ending and number of calls, bad debt within the tolerance, wherever floats decided."""
    positions = [data.draw(FAMILIES[family](number)) for number in range(3)]
    cases = bound(positions, data.draw(scenarios(positions)))
    both = compared(positions, cases)
    found = disagreements(positions, both)
    assert not found, "\n".join(found)
