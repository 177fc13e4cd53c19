"""Every rule set with worlds of its own, so that one invariant can be asked of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from defirisk.model import ContractView, Market, Position, Unit
from defirisk.protocols.compound_v2.rules import ORIGINAL, SECONDS, VENUS
from defirisk.protocols.compound_v3.rules import COMET, COMET_EXTENDED
from tests.property import aave_worlds
from tests.property.compound_v3.worlds import states as comet_states
from tests.property.test_aave_v2 import NAMES as AAVE_V2
from tests.property.test_aave_v2 import worlds as v2_worlds
from tests.support.aave_v3 import EVERY as AAVE_V3
from tests.unit.compound_v2.worlds import states as compound_states


@dataclass(frozen=True)
class World:
    """A state and the rules that it lives under."""

    name: str
    rules: Any
    state: Any


def _worlds() -> dict[str, st.SearchStrategy[World]]:
    drawn: dict[str, st.SearchStrategy[Any]] = {f"aave-v3 {name}": aave_worlds.worlds(name) for name in AAVE_V3}
    drawn |= {f"aave-v2 {name}": v2_worlds(name) for name in AAVE_V2}
    for rules in (ORIGINAL, SECONDS, VENUS):
        drawn[f"compound-v2 {rules.name}"] = _under(rules, compound_states())
    for comet in (COMET, COMET_EXTENDED):
        drawn[f"compound-v3 {comet.name}"] = _under(comet, comet_states())
    return drawn


def _under(rules: Any, states: st.SearchStrategy[Any]) -> st.SearchStrategy[World]:
    return states.map(lambda state: World(rules.name, rules, state))


WORLDS: Final = _worlds()
"""By rule set: Aave V3 3.0 to 3.7, Aave V2 under both close factors, Compound V2 in three flavours, both Comets."""


def sets(*families: str) -> tuple[str, ...]:
    """The names of the rule sets of some families."""
    return tuple(name for name in WORLDS if name.split()[0] in families)


HALVING: Final = ("aave-v3 3.0", "aave-v3 3.1", "aave-v3 3.2", *sets("aave-v2"))
"""Those that foretell what a tail of halvings leaves."""


def placed(world: Any) -> Position:
    """A world as a position."""
    market = Market("test", world.name, world.rules.name, 31337, "0x" + "0" * 40, Unit("USD", 8))
    times = (None,) * len(world.state.tokens)
    return Position(market, "0x" + "1" * 40, world.rules, world.state, times, ContractView(), ContractView())
