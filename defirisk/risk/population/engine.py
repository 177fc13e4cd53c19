"""All positions under all scenarios at once: floats with proved bounds, and the exact engine for the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from defirisk.errors import BadFile, UnknownEngine, UnknownLiquidator
from defirisk.protocols.fast import FastRules
from defirisk.risk.binding import BoundScenario
from defirisk.risk.families import FamilyBook
from defirisk.risk.population.columns import FAST, LEG, Population
from defirisk.risk.population.compiling import can_compile, compiled
from defirisk.risk.population.exactly import ExactPairs
from defirisk.risk.population.loop import HANDED_OVER, LEFT_OUT, MOST_LEGS, scratch_arrays
from defirisk.risk.population.outcomes import VALUES, PopulationOutcomes, empty_outcomes
from defirisk.risk.population.prices import PriceTable, price_table
from defirisk.risk.replay import liquidators

ENGINES: Final = ("auto", "exact", "fast")
FEW_PAIRS: Final = 50_000
"""Up to here the exact engine needs no longer than compiling the float rules does."""
ROWS_AT_A_TIME: Final = 4096
"""What one thread takes in one go; the same whatever the number of threads, so that sums are too."""
ONLY_LARGEST: Final = "largest"
"""The liquidator order that the float rules know."""


class Choice(NamedTuple):
    """The engine that is used, and why, in words for people."""

    engine: str
    why: str


def replay_population(
    population: Population,
    scenarios: Sequence[BoundScenario],
    book: FamilyBook,
    *,
    liquidator: str = ONLY_LARGEST,
    engine: str = "auto",
    keep_exact: bool = True,
    threads: int | None = None,
    loop_of: Callable[[FastRules], Callable[..., None]] = compiled,
) -> PopulationOutcomes:
    """Replay every position under every scenario.

    Args:
        population: the positions.
        scenarios: bound to the assets that were read (:func:`defirisk.risk.binding.validate`).
        book: the families.
        liquidator: the order of liquidations; the float rules know ``largest`` only.
        engine: ``exact``; ``fast``, floats with proved error bounds and the exact engine for what they cannot decide;
            or ``auto``, which takes ``exact`` for few pairs and where ``fast`` cannot be had, and says so.
        keep_exact: keep the exact :class:`~defirisk.model.Outcome` of each pair that the exact engine replayed.
        threads: how many replay in floats; all cores unless said.
        loop_of: how a family's float rules are made to run.

    Raises:
        UnknownLiquidator: no such order.
        UnknownEngine: no such engine, or ``fast`` was asked for where it cannot be had.
    """
    choice = chosen(engine, len(population) * len(scenarios), liquidator)
    run = _Run(population, scenarios, book, liquidator, keep_exact)
    if choice.engine == "fast":
        run.in_floats(loop_of, threads or usable_cores())
    else:
        run.exactly_all()
    return run.outcomes(choice)


def chosen(engine: str, pairs: int | None = None, liquidator: str = ONLY_LARGEST) -> Choice:
    """The engine for so many pairs (``None``: as many as are worth it).

    Raises:
        UnknownLiquidator: no such order.
        UnknownEngine: no such engine, or ``fast`` was asked for where it cannot be had.
    """
    if liquidator not in liquidators():
        raise UnknownLiquidator(
            f"no liquidator order is named {liquidator!a}", hint=f"one of {', '.join(liquidators())}"
        )
    if engine not in ENGINES:
        raise UnknownEngine(f"no engine is named {engine!a}", hint=f"one of {', '.join(ENGINES)}")
    if engine == "exact":
        return Choice("exact", "asked for")
    missing = _missing(liquidator)
    if engine == "fast" and missing:
        raise UnknownEngine(f"the engine fast cannot be had: {missing}", hint="use --engine exact, or auto")
    if missing:
        return Choice("exact", missing)
    if engine == "auto" and pairs is not None and pairs <= FEW_PAIRS:
        return Choice("exact", f"{pairs:,} pairs are few")
    return Choice("fast", "asked for" if engine == "fast" else "many pairs")


def _missing(liquidator: str) -> str | None:
    if liquidator != ONLY_LARGEST:
        return f"the float rules do not know the liquidator {liquidator}"
    return None if can_compile() else "numba is not installed (pip install 'defirisk[fast]')"


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Run:
    """One replay of a population, from prices to arrays."""

    def __init__(
        self,
        population: Population,
        scenarios: Sequence[BoundScenario],
        book: FamilyBook,
        liquidator: str,
        keep_exact: bool,
    ) -> None:
        self._population, self._scenarios, self._book = population, scenarios, book
        self._arrays = empty_outcomes((len(population), len(scenarios)), len(population.assets))
        self._exactly = ExactPairs(population, scenarios, book, liquidator, self._arrays, keep=keep_exact)

    def exactly_all(self) -> None:
        """Everything by the exact engine."""
        for row in range(len(self._population)):
            self._exactly.replay(row, range(len(self._scenarios)))

    def in_floats(self, loop_of: Callable[[FastRules], Callable[..., None]], threads: int) -> None:
        """What floats can decide in floats, and the rest exactly, in the order of positions."""
        check(self._population)
        fate = np.zeros((len(self._population), len(self._scenarios)), np.uint8)
        table = price_table(self._population.assets, self._scenarios, self._book)
        with ThreadPoolExecutor(threads) as pool:
            for fast, rows in _by_rules(self._population):
                work = _Work(self._population, rows, loop_of(fast), fast, table, self._arrays, fate)
                for losses in pool.map(work.replay, range(0, len(rows), ROWS_AT_A_TIME)):
                    self._arrays["bad_debt_by_asset"] += losses
        self._arrays["handed_over"] = fate == HANDED_OVER
        self._arrays["left_out"] = fate == LEFT_OUT
        self._hand_over()

    def _hand_over(self) -> None:
        handed = self._arrays["handed_over"]
        columns = range(len(self._scenarios))
        covered = in_floats(self._population)
        whole = np.flatnonzero(~covered)
        some = np.flatnonzero(handed.any(axis=1))
        for row in np.union1d(whole, some).tolist():
            self._exactly.replay(row, np.flatnonzero(handed[row]).tolist() if covered[row] else columns)

    def outcomes(self, choice: Choice) -> PopulationOutcomes:
        """The arrays under their names."""
        return PopulationOutcomes(
            scenarios=tuple(scenario.name for scenario in self._scenarios),
            assets=self._population.assets,
            engine=choice.engine,
            why=choice.why,
            outcomes=self._exactly.kept,
            **self._arrays,
        )


def _by_rules(population: Population) -> Iterator[tuple[FastRules, NDArray[np.int64]]]:
    """The rows that floats may replay, by the code that does it."""
    found: dict[str, tuple[FastRules, list[int]]] = {}
    for number, group in enumerate(population.groups):
        if group.fast is not None:
            found.setdefault(group.fast.name, (group.fast, []))[1].append(number)
    for fast, groups in found.values():
        yield fast, np.flatnonzero(in_floats(population) & np.isin(population.group, groups))


def in_floats(population: Population) -> NDArray[np.bool_]:
    """The rows that floats may replay: covered by their family's float rules, and not of too many legs."""
    has_rules = np.array([group.fast is not None for group in population.groups], np.bool_)
    few: NDArray[np.bool_] = np.diff(population.offsets) <= MOST_LEGS
    return few & (population.kind == FAST) & has_rules[population.group] if len(has_rules) else few


def check(population: Population) -> None:
    """Machine code asks no questions: make sure that every index points at something.

    Raises:
        BadFile: columns (of a file that was written before) do not fit together.
    """
    offsets, legs, group = population.offsets, population.legs, population.group
    rows = len(group)
    fits = (
        legs.dtype == LEG
        and len(offsets) == rows + 1
        and len(population.kind) == len(population.blocked) == rows
        and _within(offsets, len(legs) + 1)
        and bool((np.diff(offsets) >= 0).all())
        and _within(group, len(population.groups))
        and _within(legs["asset"], len(population.assets))
        and all(group.fast is None or len(group.terms) == group.fast.terms for group in population.groups)
    )
    if not fits:
        raise BadFile("the columns of this population do not fit together", hint="write the file again")


def _within(indices: NDArray[Any], size: int) -> bool:
    return len(indices) == 0 or bool(indices.min() >= 0 and indices.max() < size)


def _terms(population: Population, fast: FastRules) -> NDArray[np.float64]:
    """The terms of each group whose rules bear this name; as wide as the code reads, whatever a file says."""
    table = np.zeros((len(population.groups), max(1, fast.terms)))
    for row, group in enumerate(population.groups):
        if group.fast is not None and group.fast.name == fast.name:
            table[row, : fast.terms] = group.terms
    return table


class _Work(NamedTuple):
    """The rows of one family's rules, to be replayed in floats."""

    population: Population
    rows: NDArray[np.int64]
    loop: Callable[..., None]
    fast: FastRules
    table: PriceTable
    arrays: dict[str, NDArray[Any]]
    fate: NDArray[np.uint8]

    def replay(self, first: int) -> NDArray[np.float64]:
        """Some rows, in the calling thread; their bad debt by scenario and asset."""
        losses = np.zeros_like(self.arrays["bad_debt_by_asset"])
        self.loop(
            first,
            min(first + ROWS_AT_A_TIME, len(self.rows)),
            self.population.legs,
            self.population.offsets,
            self.rows,
            _terms(self.population, self.fast),
            self.population.group,
            self.population.blocked,
            self.table.scales,
            self.table.oracle,
            self.table.market,
            self.table.splits,
            self.table.fits,
            self.fast.whole_account,
            tuple(self.arrays[name] for name in VALUES),
            self.arrays["liquidatable"],
            self.arrays["liquidations"],
            self.arrays["ended"],
            self.fate,
            losses,
            *scratch_arrays(len(self.table.splits)),
        )
        return losses
