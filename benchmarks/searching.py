"""All thresholds of a position of three assets, proved to the last oracle unit, beside a grid of 1 % steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from statistics import median
from typing import Final, NamedTuple

from benchmarks.positions import aave_v3
from benchmarks.table import Note, Row, core_times, milliseconds, percent
from defirisk.fixedpoint import WAD
from defirisk.model import Direction, Position
from defirisk.risk.axes import axes_of
from defirisk.risk.families import FamilyBook
from defirisk.risk.paths import Axis, road
from defirisk.risk.replay import replay
from defirisk.risk.thresholds import thresholds_of

REVISIONS: Final = ("3.0", "3.3", "3.6", "3.7")
SHAPES: Final = ("2+1", "1+2")
TARGET: Final = 0.020
STEPS: Final = 100


class Searched(NamedTuple):
    """One position: how long the thresholds took, and the grid; ``off`` is how far it ends from each threshold."""

    took: float
    grid_took: float
    off: list[float]
    missed: int
    unproved: int


def figures(positions: int = 24, runs: int = 3) -> Iterator[Row | Note]:
    """Median and worst over the positions; a position's time is its median of several runs, in time of one core."""
    every: list[Searched] = []
    for revision in REVISIONS:
        for shape in SHAPES:
            found = [_searched(one, runs) for one in aave_v3(revision, shape, positions)]
            every += found
            taken = [one.took for one in found]
            name = f"Aave {revision}, {shape}, {positions} positions"
            yield Row(name, taken, milliseconds, "< 20 ms", median(taken) < TARGET)
    yield Row("a grid of 1 %", [one.grid_took for one in every], milliseconds, beside=True)
    yield Row("how far off the grid is", [off for one in every for off in one.off], percent, beside=True)
    below = sum(one.took < TARGET for one in every)
    yield Note(
        f"min - max is over the positions; {below} of {len(every)} take under 20 ms. Not proved: "
        f"{sum(one.unproved for one in every)} thresholds. The grid replays {STEPS} steps a direction and misses "
        f"{sum(one.missed for one in every)} thresholds beyond its end (+-{STEPS} %)."
    )


def _searched(position: Position, runs: int) -> Searched:
    today = position.rules.standing(position.state)
    axes = axes_of(position, today, FamilyBook.load({}))
    found = thresholds_of(position, axes, today=today)
    taken = core_times(lambda: thresholds_of(position, axes, today=today), runs)
    naive: list[tuple[int | None, int | None]] = []
    (grid_took,) = core_times(lambda: naive.extend(_grid(position, *way) for way in product(axes, Direction)), 1)
    off, missed = [], 0
    for exact, (liquidation, bad_debt) in zip(found, naive, strict=True):
        for right, guess in ((exact.liquidation, liquidation), (exact.bad_debt, bad_debt)):
            if right is not None and guess is not None:
                off.append(abs(right - guess) / WAD)
            missed += right is not None and guess is None
    return Searched(median(taken), grid_took, off, missed, sum(not one.proved for one in found))


def _grid(position: Position, axis: Axis, direction: Direction) -> tuple[int | None, int | None]:
    """The first steps of 1 % at which a replay finds the position liquidatable, and a loss; wad, signed."""
    way = road(position.prices, axis, direction)
    liquidation = bad_debt = None
    for step in range(1, STEPS + 1):
        distance = min(way.end, way.today * step // STEPS)
        state = position.rules.reprice(position.state, way.prices(distance))
        done = replay(position.rules, state)
        if liquidation is None and done.before.liquidatable:
            liquidation = way.move(distance)
        if bad_debt is None and done.loses():
            bad_debt = way.move(distance)
    return liquidation, bad_debt
