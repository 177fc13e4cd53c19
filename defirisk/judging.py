"""From what was read to what is said of it: every position judged under every scenario. Pure.

Whatever cannot be judged is said at the position it concerns, and the rest is judged all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from defirisk.errors import BadMove
from defirisk.model import AccountReading, Position, Scenario, Snapshot, Token
from defirisk.model import Warning as Notice
from defirisk.report.check import Account
from defirisk.risk.binding import BoundScenario, known_assets, validate
from defirisk.risk.engine import PositionAnalysis, analyse
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenarios import moved_prices
from defirisk.whatif.asking import NOTHING, WhatIf

if TYPE_CHECKING:
    from defirisk.whatif.study import Study


@dataclass(frozen=True, slots=True)
class Terms:
    """How positions are judged.

    ``families`` overrides, symbol or address to family; ``liquidator`` the order of liquidations; ``thresholds``
    whether to look for them; ``what_if`` what is changed first, and what should be reached.
    """

    scenarios: tuple[Scenario, ...]
    families: Mapping[str, str] = field(default_factory=dict)
    liquidator: str = "largest"
    thresholds: bool = True
    what_if: WhatIf = NOTHING


def judge(
    snapshots: Sequence[Snapshot],
    terms: Terms,
    markets: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> list[tuple[Account, ...]]:
    """Judge everything in the snapshots of a run; a scenario may name what is known on any of its chains.

    Args:
        snapshots: as read, one a chain.
        terms: how.
        markets: the names of the markets asked for.
        progress: told how many positions of how many are done.

    Returns:
        The accounts of each snapshot.

    Raises:
        InputError: a scenario, a family override or a what-if names what nobody holds or knows.
        UnknownLiquidator: no such order.
    """
    book = FamilyBook.load(terms.families)
    positions = [position for one in snapshots for account in one.accounts for position in account.positions]
    study = _study(terms.what_if, positions)
    named = _nameable(snapshots, [*positions, *(study.changed if study else ())])
    scenarios = validate(terms.scenarios, named, book, markets)
    survive = validate(terms.what_if.survive, named, book, markets)
    judged: list[PositionAnalysis] = []
    for position in positions:
        found = _judged(position, scenarios, book, terms)
        if study:
            found = _what_if(study, found, lambda one: _judged(one, scenarios, book, terms), survive, book)
        judged.append(found)
        if progress:
            progress(len(judged), len(positions))
    waiting = iter(judged)
    return [tuple(_accounts(snapshot.accounts, waiting)) for snapshot in snapshots]


def _study(what_if: WhatIf, positions: Sequence[Position]) -> Study | None:
    if not what_if.asks:
        return None
    from defirisk.whatif.study import Study  # noqa: PLC0415 - only with a what-if

    return Study.of(what_if, positions)


def _nameable(snapshots: Iterable[Snapshot], positions: Iterable[Position]) -> list[tuple[int, Token]]:
    """What a scenario may name: the assets of the positions, then whatever else the markets list.

    An asset that nobody here holds moves nothing, so it must not make the symbol of one that is held ambiguous: it
    keeps its symbol only where no other asset carries it.
    """
    nameable = list(dict.fromkeys(known_assets(positions)))
    held = {(chain_id, token.address) for chain_id, token in nameable}
    taken = {(chain_id, token.symbol.upper()) for chain_id, token in nameable}
    for snapshot in snapshots if nameable else ():
        for token in snapshot.assets:
            name = (snapshot.chain_id, token.symbol.upper())
            if (snapshot.chain_id, token.address) not in held:
                shown = replace(token, symbol=token.address) if name in taken else token
                nameable.append((snapshot.chain_id, shown))
                taken.add(name)
    return nameable


def _accounts(readings: Iterable[AccountReading], waiting: Iterator[PositionAnalysis]) -> Iterator[Account]:
    for reading in readings:
        analyses = tuple(next(waiting) for _ in reading.positions)
        yield Account(reading.address, analyses, reading.failures, reading.warnings)


def _judged(position: Position, scenarios: Sequence[BoundScenario], book: FamilyBook, terms: Terms) -> PositionAnalysis:
    if position.unpriced:
        return _with_legs(analyse(position, (), book=book), book)
    fitting, refused = _fitting(position, scenarios, book)
    position = replace(position, warnings=(*position.warnings, *refused)) if refused else position
    return analyse(position, fitting, book=book, liquidator=terms.liquidator, thresholds=terms.thresholds)


def _what_if(
    study: Study,
    before: PositionAnalysis,
    judged: Callable[[Position], PositionAnalysis],
    survive: Sequence[BoundScenario],
    book: FamilyBook,
) -> PositionAnalysis:
    """The changed position in the place of the one that stands, with that beside it; and the ways to the aims."""
    from defirisk.whatif.applying import warned  # noqa: PLC0415 - as :func:`_study`
    from defirisk.whatif.outcome import Comparison  # noqa: PLC0415 - as :func:`_study`

    applied = study.applied(before.position)
    after = judged(applied.position) if applied.changes else before
    if applied.position is not before.position and not applied.changes:
        after = replace(before, position=replace(before.position, warnings=applied.position.warnings))
    ways = study.ways(after.position, survive, book)
    position = warned(after.position, tuple(notice for way in ways for notice in way.notices))
    comparison = Comparison(applied.changes, before if applied.changes else None, ways)
    return replace(after, position=position, what_if=comparison)


def _with_legs(analysis: PositionAnalysis, book: FamilyBook) -> PositionAnalysis:
    """An unpriced position with what it holds and owes: amounts are known even where no value is."""
    standing = analysis.position.rules.standing(analysis.position.state)
    return replace(analysis, standing=standing, families=book.families(analysis.position, standing))


def _fitting(
    position: Position, scenarios: Sequence[BoundScenario], book: FamilyBook
) -> tuple[list[BoundScenario], list[Notice]]:
    """The scenarios that this position's prices can take, and a word on each that they cannot."""
    fitting, refused = [], []
    for scenario in scenarios:
        try:
            moved_prices(position, scenario, book)
        except BadMove as problem:
            refused.append(Notice(problem.code, f"{scenario.name} was left out here: {problem.message}"))
        else:
            fitting.append(scenario)
    return fitting, refused
