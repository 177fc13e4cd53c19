"""What each scenario makes of the position: liquidated or not, who loses what, who bears the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.text import Text

from defirisk.model import Ended, Outcome, Token, Unit
from defirisk.report.figures import NONE, health, money, number
from defirisk.report.legs import names_of
from defirisk.report.sanitize import clean
from defirisk.report.table.style import Severity, columns, paragraph

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

ENDINGS: Final = {
    Ended.HEALTHY: "healthy again",
    Ended.NOTHING_TO_SEIZE: "all is seized",
    Ended.RULES: "rules stop it",
    Ended.LIQUIDATOR: "no one buys",
}


def scenarios(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    """Two tables, what happens and what the owner loses, then a sentence for each bad debt."""
    outcomes = analysis.outcomes
    if not outcomes:
        return
    unit = analysis.position.market.unit
    names = names_of(analysis.position.tokens)
    yield Text("")
    yield columns(
        ("Scenario", "Health", "Liquidated?", "Repaid", "Then", "Bad debt"),
        [_what_happens(outcome, unit, names) for outcome in outcomes],
    )
    yield Text("")
    yield columns(
        ("Scenario", "Owner loses", "to prices", "to bonus", "to fees", "Owner keeps", "Others owed"),
        [_owner_loses(outcome, unit) for outcome in outcomes],
    )
    for outcome in outcomes:
        yield from _notes(outcome, unit, names)


def repaid(outcome: Outcome, names: dict[str, str]) -> str:
    """What the liquidators repaid, by token: ``1,000 USDC + 0.5 WETH``."""
    totals: dict[Token, int] = {}
    for step in outcome.liquidations:
        totals[step.repaid.token] = totals.get(step.repaid.token, 0) + step.repaid.raw
    return tokens_listed(totals.items(), names) or NONE


def tokens_listed(amounts: Iterable[tuple[Token, int]], names: dict[str, str]) -> str:
    """``1,000 USDC + 0.5 WETH``."""
    return " + ".join(f"{number(raw, t.decimals)} {names.get(t.address, clean(t.symbol))}" for t, raw in amounts)


def _what_happens(outcome: Outcome, unit: Unit, names: dict[str, str]) -> tuple[Text | str, ...]:
    lost = outcome.loss_value
    calls = len(outcome.liquidations)
    return (
        clean(outcome.scenario),
        health(outcome.health_factor),
        Text(f"YES, {calls}x" if outcome.liquidatable else "no", style=_style(outcome)),
        repaid(outcome, names),
        ENDINGS[outcome.ended] if outcome.liquidatable else NONE,
        Text(money(lost, unit) if lost else "none", style=Severity.DANGER.style if lost else ""),
    )


def _style(outcome: Outcome) -> str:
    return Severity.CAUTION.style if outcome.liquidatable else Severity.GOOD.style


def _owner_loses(outcome: Outcome, unit: Unit) -> tuple[str, ...]:
    loss = outcome.owner_loss
    shown = (loss.total, loss.move, loss.bonus, loss.protocol_fee, loss.left, loss.borne_by_others)
    return (clean(outcome.scenario), *(money(value, unit) for value in shown))


def _notes(outcome: Outcome, unit: Unit, names: dict[str, str]) -> Iterator[RenderableType]:
    name = clean(outcome.scenario)
    if outcome.search:
        yield paragraph(f"{name}: the worst order was sought by {clean(outcome.search)} search.")
    if outcome.bad_debt_value:
        lost = tokens_listed([(bad.token, bad.amount) for bad in outcome.bad_debt], names)
        bearers = ", ".join(
            f"{clean(borne.who)} ({tokens_listed([(borne.token, borne.amount)], names)})" for borne in outcome.borne_by
        )
        yield paragraph(f"{name}: {lost} is never repaid; borne by {bearers or 'the suppliers'}.")
    if outcome.uncovered_value > outcome.bad_debt_value:
        gap = money(outcome.uncovered_value, unit)
        yield paragraph(f"{name}: liquidation stops early; {gap} of the debt is more than what is left can repay.")
