"""The population engine held against the exact one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from defirisk.fixedpoint import WAD
from defirisk.model import ContractView, Market, Move, Position, Scenario, Unit
from defirisk.protocols.fast import FastRules
from defirisk.risk.binding import BoundScenario, known_assets, validate
from defirisk.risk.families import FamilyBook
from defirisk.risk.population import Population, PopulationOutcomes, replay_population
from defirisk.risk.population.compiling import interpreted

SHARE_OF_DEBT = 1e-9
UNITS_A_STEP = 2
BOOK = FamilyBook.load()


def placed(rules: Any, state: Any, protocol: str, decimals: int = 8, number: int = 0) -> Position:
    """A state as somebody's position in a market of its own."""
    market = Market(f"{protocol}-test-{number}", protocol, rules.name, 1, "0x" + "0" * 40, Unit("USD", decimals))
    return Position(market, "0x" + "1" * 40, rules, state, (None,) * len(state.tokens), ContractView(), ContractView())


def moving(name: str, oracle: dict[str, int], market: dict[str, int] | None = None) -> Scenario:
    """A scenario of relative moves (wad) by address."""
    return Scenario(
        name,
        {asset: Move(change=change) for asset, change in oracle.items()},
        {asset: Move(change=change) for asset, change in (market or {}).items()},
    )


def bound(positions: Sequence[Position], scenarios: Sequence[Scenario]) -> tuple[BoundScenario, ...]:
    return validate(scenarios, known_assets(positions), BOOK)


@dataclass(frozen=True)
class Compared:
    exact: PopulationOutcomes
    fast: PopulationOutcomes


def compared(
    positions: Sequence[Position],
    scenarios: Sequence[BoundScenario],
    *,
    loop_of: Callable[[FastRules], Any] = interpreted,
    population: Population | None = None,
) -> Compared:
    """Both engines over the same positions."""
    rows = population or Population.of(positions)
    exact = replay_population(rows, scenarios, BOOK, engine="exact")
    fast = replay_population(rows, scenarios, BOOK, engine="fast", loop_of=loop_of)
    return Compared(exact, fast)


def disagreements(positions: Sequence[Position], both: Compared) -> list[str]:
    """Where the fast engine says other than it may."""
    found = []
    exact, fast = both.exact, both.fast
    for name in ("liquidatable", "ended", "liquidations", "left_out"):
        for row, column in np.argwhere(getattr(exact, name) != getattr(fast, name)):
            told = getattr(exact, name)[row, column], getattr(fast, name)[row, column]
            found.append(f"{name} of {row} in {exact.scenarios[column]}: {told[0]} and not {told[1]}")
    for (row, column), outcome in exact.outcomes.items():
        if fast.exact[row, column]:
            if fast.bad_debt_value[row, column] != exact.bad_debt_value[row, column]:
                found.append(f"handed over, but not the same: {row} in {exact.scenarios[column]}")
            continue
        steps = len(outcome.liquidations)
        debt = exact.debt_value[row, column]
        unit = _dearest_unit(positions[row], outcome)
        allowed = max(SHARE_OF_DEBT * debt, UNITS_A_STEP * max(1, steps) * unit)
        grain = len(positions[row].tokens) + 2  # values are whole units, each rounded
        for name in ("bad_debt_value", "uncovered_value", "repaid_value"):
            off = abs(getattr(exact, name)[row, column] - getattr(fast, name)[row, column])
            room = allowed if name == "bad_debt_value" else 10 * allowed + 1e-9 * exact.collateral_value[row, column]
            if not off <= room + grain:
                found.append(f"{name} of {row} in {exact.scenarios[column]} is off by {off}, {room + grain} allowed")
        found += _values(row, column, exact, fast, grain)
    return found


def _values(row: int, column: int, exact: PopulationOutcomes, fast: PopulationOutcomes, grain: int) -> list[str]:
    found = []
    for name in ("debt_value", "collateral_value"):
        told, said = getattr(exact, name)[row, column], getattr(fast, name)[row, column]
        if not abs(told - said) <= grain + 1e-14 * told:
            found.append(f"{name} of {row} in {exact.scenarios[column]}: {told} and not {said}")
    health, said = exact.health_factor[row, column], fast.health_factor[row, column]
    debt = exact.debt_value[row, column]
    if np.isnan(health) != np.isnan(said) or (
        not np.isnan(health) and abs(health - said) > 1e-9 * health + 4 * grain * (1 + health) / debt
    ):
        found.append(f"health of {row} in {exact.scenarios[column]}: {health} and not {said}")
    return found


def _dearest_unit(position: Position, outcome: Any) -> float:
    """What the dearest base unit of what was owed is worth at today's prices or twice that, unit base units."""
    owed = {one.token.address for one in outcome.debt_left} | {one.repaid.token.address for one in outcome.liquidations}
    slots = [slot for slot, token in enumerate(position.tokens) if token.address in owed]
    return 2 * max((position.prices[slot] / position.state.scales[slot] for slot in slots), default=0.0)


def wad(percent: float) -> int:
    return int(percent * 10**6) * WAD // 10**8
