"""Populations: replays a second in floats with the exact engine behind, beside the exact engine alone and Aave's own
JavaScript, which computes health factors and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.positions import LISTINGS, NOW, placed, reserve, shares
from benchmarks.table import Note, Row, count, percent, seconds, times
from defirisk.model import Position, Unit
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import AaveState, Holding, state_of
from defirisk.risk.binding import BoundScenario, validate
from defirisk.risk.families import FamilyBook
from defirisk.risk.population import Population, PopulationOutcomes, replay_population
from defirisk.risk.population.compiling import can_compile
from defirisk.risk.population.engine import usable_cores
from defirisk.risk.population.prices import price_table
from defirisk.risk.scenario_files import parse_drops

TARGET: Final = 2e7
LEAST_LIQUIDATABLE: Final = 0.3
REVISION: Final = "3.6"
MATH_UTILS: Final = Path(__file__).parent / "math_utils"
VOLATILE: Final = ("WETH", "wstETH", "WBTC", "LINK", "AAVE", "cbETH", "rETH", "UNI", "CRV", "MKR", "LDO")
STABLE: Final = ("USDC", "USDT", "DAI", "LUSD")
OWED: Final = ("USDC", "USDT", "DAI", "GHO", "crvUSD", "WETH", "WBTC")


class Drawn(NamedTuple):
    """Positions made when they are asked for, the same every time: ``seed`` and number make one."""

    size: int
    seed: int = 4

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, number: Any) -> Any:
        return _position(Random(self.seed * 1_000_003 + number))

    def __iter__(self) -> Iterator[Position]:
        return (self[number] for number in range(self.size))


def _position(draw: Random) -> Position:
    """Two to five legs, $10 to $10M, health from 1.0 to 3, most of them nearer to 1."""
    supplied = [*draw.sample(VOLATILE, draw.choice((1, 1, 2, 2, 3))), *draw.sample(STABLE, draw.choice((0, 0, 0, 1)))]
    owed = draw.sample([one for one in OWED if one not in supplied], draw.choice((1, 1, 1, 2)))
    dollars = min(1e7, max(10.0, draw.lognormvariate(9.0, 2.2)))
    health = 1.0 + 2.0 * draw.random() ** 2
    rules, unit = rules_named(REVISION), Unit("USD", 8)
    return placed(rules, _state(draw, supplied[:3], owed, dollars, health), "aave-v3", unit)


def _state(draw: Random, supplied: Sequence[str], owed: Sequence[str], dollars: float, health: float) -> AaveState:
    held: dict[str, Holding] = {}
    power = 0.0
    for symbol, part in zip(supplied, _parts(draw, len(supplied)), strict=True):
        one = reserve(symbol)
        cents = int(dollars * part * 100) + 1
        held[symbol] = Holding(one, scaled_supply=shares(symbol, cents, one.liquidity_index), collateral=True)
        power += cents * one.liquidation_threshold / 10_000
    for symbol, part in zip(owed, _parts(draw, len(owed)), strict=True):
        one = reserve(symbol)
        cents = int(power / health * part) + 1
        held[symbol] = Holding(
            one, scaled_variable_debt=shares(symbol, cents, one.variable_borrow_index), borrowing=True
        )
    holdings = tuple(sorted(held.values(), key=lambda holding: holding.reserve.id))
    return state_of(holdings, tuple(LISTINGS[holding.reserve.id].price for holding in holdings), NOW)


def _parts(draw: Random, number: int) -> list[float]:
    cuts = [draw.random() + 0.05 for _ in range(number)]
    return [cut / sum(cuts) for cut in cuts]


def figures(positions: int = 200_000, scenarios: int = 50, runs: int = 5) -> Iterator[Row | Note]:
    """Replays a second, with what is handed over, beside the exact engine and ``@aave/math-utils``."""
    if not can_compile():
        yield Note("numba is not installed: pip install 'defirisk[fast]'")
        return
    population = Population.of(Drawn(positions))  # type: ignore[arg-type]
    book = FamilyBook.load()
    bound = _scenarios(population, book, scenarios)
    start = perf_counter()
    replay_population(population.rows(0, 1), bound, book, engine="fast")
    yield Row("compiling, or loading what was", [perf_counter() - start], seconds)
    pairs = positions * scenarios
    told: list[PopulationOutcomes] = []
    taken = times(partial(_kept, told, population, bound, book), runs)
    one = told[-1]
    liquidatable = float(one.liquidatable.mean())
    speeds = [pairs / each for each in taken]
    yield Row(
        f"replays, {usable_cores()} threads", speeds, millions, f">= {TARGET / 1e6:.0f} M", median(speeds) >= TARGET
    )
    yield Row(
        "liquidatable", [liquidatable], percent, f">= {LEAST_LIQUIDATABLE:.0%}", liquidatable >= LEAST_LIQUIDATABLE
    )
    yield Row("handed to the exact engine", [one.handed_over_share], lambda share: f"{share:.1e}")
    few = population.rows(0, max(1, min(positions, 20_000 // scenarios)))
    exact = times(partial(replay_population, few, bound, book, engine="exact", keep_exact=False), min(runs, 3))
    yield Row("exact engine, 1 thread", [len(few) * scenarios / each for each in exact], count, beside=True)
    yield from _math_utils(few, bound, book)
    yield Note(
        f"(position, scenario) replays a second: {positions:,} positions of Aave V3 {REVISION}, {scenarios} scenarios, with "
        "close factor, dust, fee and write-off; hand-overs are in the time. @aave/math-utils computes health factors "
        "alone, from balances, on one thread of Node; they are checked to be the same."
    )


def millions(value: float) -> str:
    """A large number."""
    return f"{value / 1e6:.2f} M"


def _kept(told: list[PopulationOutcomes], *arguments: Any) -> None:
    told[:] = [replay_population(*arguments, engine="fast", keep_exact=False)]


def _scenarios(population: Population, book: FamilyBook, number: int) -> tuple[BoundScenario, ...]:
    """Falls of everything volatile, from 1 % on in even steps to 55 %."""
    falls = ",".join(f"{1 + 54 * step / max(1, number - 1):.2f}" for step in range(number))
    assets = ((asset.market.chain_id, asset.token) for asset in population.assets)
    return validate(parse_drops(falls), assets, book)


def _math_utils(population: Population, scenarios: Sequence[BoundScenario], book: FamilyBook) -> Iterator[Row | Note]:
    """The same positions and prices by Aave's own JavaScript, installed from its lock file."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        yield Note("@aave/math-utils was not measured: Node is not installed")
        return
    if not (MATH_UTILS / "node_modules").is_dir():
        installed = subprocess.run([npm, "ci", "--no-progress"], cwd=MATH_UTILS, capture_output=True)
        if installed.returncode:
            yield Note("@aave/math-utils was not measured: npm ci could not install it")
            return
    job = json.dumps(_job(population, scenarios, book))
    script = str(MATH_UTILS / "health.mjs")
    said = subprocess.run([node, script], input=job, text=True, capture_output=True, check=True)
    answer = json.loads(said.stdout)
    ours = replay_population(population, scenarios, book, engine="exact", keep_exact=False).health_factor
    if not np.allclose(ours, np.array(answer["healths"], float), rtol=1e-6):
        raise RuntimeError("@aave/math-utils finds other health factors")
    rate = ours.size / answer["seconds"]
    yield Row("@aave/math-utils, health", [rate], count, beside=True)


def _job(population: Population, scenarios: Sequence[BoundScenario], book: FamilyBook) -> dict[str, Any]:
    """What ``math_utils/health.mjs`` reads."""
    positions = []
    for row in range(len(population)):
        position = population.position(row)
        today = position.rules.standing(position.state)
        number = {token.address: at for at, token in enumerate(asset.token for asset in population.assets)}
        bps = 10**14
        supplied = [
            [number[leg.token.address], str(leg.amount), leg.liquidation_threshold // bps] for leg in today.collateral
        ]
        positions.append([*supplied, *([number[leg.token.address], str(leg.amount), None] for leg in today.debt)])
    table = price_table(population.assets, scenarios, book)
    raw = np.rint(table.oracle * table.scales[:, None]).T.astype(np.int64)
    return {
        "positions": positions,
        "decimals": [asset.token.decimals for asset in population.assets],
        "prices": [[str(price) for price in row] for row in raw.tolist()],
    }
