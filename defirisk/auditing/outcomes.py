"""What becomes of positions under scenarios, as figures that rows and sums are made of, whichever engine found them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defirisk.errors import BadMove
from defirisk.fixedpoint import mul_div_down
from defirisk.model import Outcome, Position, Standing, Token
from defirisk.risk.binding import BoundScenario
from defirisk.risk.families import FamilyBook, FamilyOf
from defirisk.risk.outcome import Prices, outcome_of
from defirisk.risk.replay import merged
from defirisk.risk.scenarios import moved_prices

if TYPE_CHECKING:
    from defirisk.auditing.partition import Plan


@dataclass(frozen=True, slots=True)
class Figures:
    """One position under one scenario. Values in unit base units, health factor wad (``None`` without debt).

    ``exact``: not of the fast engine; ``health`` is then the health factor as it was found, where there is no exact
    one. ``lost`` is the bad debt by token. ``refused`` says why the prices cannot take the scenario; nothing else
    counts then.
    """

    health_factor: int | None = None
    health: float | None = None
    liquidatable: bool = False
    liquidations: int = 0
    repaid: int = 0
    bad_debt: int = 0
    uncovered: int = 0
    ended: str | None = None
    lost: tuple[tuple[Token, int], ...] = ()
    exact: bool = True
    refused: str | None = None

    @property
    def loss(self) -> int:
        """The larger of bad and uncovered debt."""
        return max(self.bad_debt, self.uncovered)


def exact_figures(held: tuple[Position, Standing], plan: Plan, book: FamilyBook) -> list[Figures]:
    """A position under every scenario, by the exact engine."""
    families = book.families(*held)
    return [exact_pair(held, scenario, plan, book, families) for scenario in plan.scenarios]


def exact_pair(
    held: tuple[Position, Standing],
    scenario: BoundScenario,
    plan: Plan,
    book: FamilyBook,
    families: tuple[FamilyOf, ...],
) -> Figures:
    """One position under one scenario, by the exact engine."""
    position, standing = held
    try:
        prices = moved_prices(position, scenario, book, families)
    except BadMove as problem:
        return Figures(refused=f"{scenario.name} was left out: {problem.message}")
    outcome = outcome_of(position, scenario.name, prices, liquidator=plan.liquidator, today=standing)
    return figures_of(position, outcome, prices)


def figures_of(position: Position, outcome: Outcome, prices: Prices) -> Figures:
    """The figures of an exact outcome."""
    return Figures(
        health_factor=outcome.health_factor,
        liquidatable=outcome.liquidatable,
        liquidations=len(outcome.liquidations),
        repaid=repaid_value(position, outcome, prices),
        bad_debt=outcome.bad_debt_value,
        uncovered=outcome.uncovered_value,
        ended=outcome.ended.value,
        lost=tuple((one.token, one.value) for one in outcome.bad_debt),
    )


def repaid_value(position: Position, outcome: Outcome, prices: Prices) -> int:
    """What liquidators repaid, at market prices; each token's sum rounded down, unit base units."""
    market = prices.oracle if prices.market is None else prices.market
    scales = position.state.scales
    slots = {step.repaid.token.address: step.repaid_slot for step in outcome.liquidations}
    repaid = merged(step.repaid for step in outcome.liquidations)
    return sum(
        mul_div_down(amount.raw, market[slots[amount.token.address]], scales[slots[amount.token.address]])
        for amount in repaid
    )
