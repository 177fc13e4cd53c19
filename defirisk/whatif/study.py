"""A what-if over all positions of a run: bound once, applied to each, and what each needs to reach the aims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from defirisk.errors import BadMove
from defirisk.model import Position
from defirisk.risk.binding import BoundScenario
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenarios import moved_prices
from defirisk.whatif.applying import Applied, apply
from defirisk.whatif.asking import WhatIf
from defirisk.whatif.binding import Bound, bind
from defirisk.whatif.inverse import Goal, PricesOf, health_aim, survival_aim, unchanged, ways_of
from defirisk.whatif.outcome import Way


@dataclass(frozen=True, slots=True)
class Study:
    """What is asked of a run's positions; ``by_owner`` holds each as changed, by market, owner."""

    what_if: WhatIf
    bound: Bound
    by_owner: dict[tuple[int, str, str], Applied] = field(default_factory=dict)

    @classmethod
    def of(cls, what_if: WhatIf, positions: Sequence[Position]) -> Study:
        """Bind a what-if and apply it to every position.

        Raises:
            InputError: a name or a value in it makes no sense (its subclasses say what).
        """
        bound = bind(what_if, positions)
        return cls(what_if, bound, {_key(one): apply(bound, one) for one in positions})

    @property
    def changed(self) -> Iterable[Position]:
        """Every position as changed."""
        return [one.position for one in self.by_owner.values()]

    def applied(self, position: Position) -> Applied:
        """One position as changed."""
        return self.by_owner[_key(position)]

    def ways(self, position: Position, survive: Sequence[BoundScenario], book: FamilyBook) -> tuple[Way, ...]:
        """What a position needs to reach each aim; a scenario that its prices cannot take is none of its aims."""
        goals = [Goal(health_aim(wad), unchanged) for wad in self.what_if.reach_health]
        goals += [Goal(survival_aim(one.name), _prices_in(one, book)) for one in survive if _fits(position, one, book)]
        return ways_of(position, goals, self.bound.added.get(position.market.name, ()))


def _key(position: Position) -> tuple[int, str, str]:
    return position.market.chain_id, position.market.name, position.owner


def _fits(position: Position, scenario: BoundScenario, book: FamilyBook) -> bool:
    try:
        moved_prices(position, scenario, book)
    except BadMove:
        return False
    return True


def _prices_in(scenario: BoundScenario, book: FamilyBook) -> PricesOf:
    """Oracle prices in a scenario; the same for every amount, as long as the assets are the same."""
    known: dict[tuple[object, ...], tuple[int, ...]] = {}

    def prices(position: Position) -> tuple[int, ...]:
        key = (position.tokens, position.prices)
        if key not in known:
            known[key] = moved_prices(position, scenario, book).oracle
        return known[key]

    return prices
