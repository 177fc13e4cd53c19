"""Exact replay on one core: from a scenario's moves to the whole outcome, pair by pair."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Final, NamedTuple

from benchmarks.families import all_families
from benchmarks.table import Note, Row, core_times, count
from defirisk.model import Outcome, Position
from defirisk.risk.binding import BoundScenario, known_assets, validate
from defirisk.risk.families import FamilyBook
from defirisk.risk.outcome import outcome_of
from defirisk.risk.scenario_files import parse_drops
from defirisk.risk.scenarios import moved_prices

TARGET: Final = 3_000
LEAST_LIQUIDATABLE: Final = 1 / 3
DROPS: Final = "5,10,15,20,25,30,35,40,45,50,60,70"


def figures(positions: int = 24, runs: int = 5) -> Iterator[Row | Note]:
    """Pairs a second, rule set by rule set, with the share of pairs that are liquidatable."""
    shares = {}
    for name, found in all_families(positions):
        if not found:
            yield Note(f"{name} is installed, but no positions are built for it here")
            continue
        cases = [_case(one) for one in found]
        outcomes = _replayed(cases)
        shares[name] = sum(one.liquidatable for one in outcomes) / len(outcomes)
        speeds = [len(outcomes) / taken for taken in core_times(partial(_replayed, cases), runs)]
        reached = median(speeds) >= TARGET and shares[name] >= LEAST_LIQUIDATABLE
        yield Row(name, speeds, count, f">= {TARGET:,}", reached)
    liquidatable = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    yield Note(
        "A pair is moved prices, replay and outcome with the owner's loss, in time of one core. "
        f"Liquidatable pairs, a third at least: {liquidatable}"
    )


class Case(NamedTuple):
    """A position with scenarios bound to what it holds."""

    position: Position
    scenarios: tuple[BoundScenario, ...]
    book: FamilyBook


def _case(position: Position) -> Case:
    """What is owed keeps its price, whatever it is: the falls are of collateral."""
    today = position.rules.standing(position.state)
    book = FamilyBook.load({debt.token.address: "USD" for debt in today.debt})
    return Case(position, validate(parse_drops(DROPS), known_assets([position]), book), book)


def _replayed(cases: list[Case]) -> list[Outcome]:
    """What ``check`` does with each position and each scenario."""
    found = []
    for position, scenarios, book in cases:
        today = position.rules.standing(position.state)
        families = book.families(position, today)
        found += [
            outcome_of(position, one.name, moved_prices(position, one, book, families), today=today)
            for one in scenarios
        ]
    return found
