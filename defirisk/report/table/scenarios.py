"""What each scenario makes of the position: liquidated or not, who loses what, who bears the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.text import Text

from defirisk.model import Borne, Ended, Outcome, Token, Unit
from defirisk.report.figures import NONE, health, money, number, short_money
from defirisk.report.legs import names_of
from defirisk.report.sanitize import clean
from defirisk.report.table.style import Severity, columns, paragraph
from defirisk.risk.wording import bearers_text

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

ENDINGS: Final = {
    Ended.HEALTHY: "healthy",
    Ended.NOTHING_TO_SEIZE: "all seized",
    Ended.RULES: "rules stop",
    Ended.LIQUIDATOR: "no buyer",
}
_FIRST_LOSS: Final = ("reserves", "umbrella")
"""Who stands before the suppliers; a deficit is theirs until somebody covers it."""


def scenarios(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    """What happens; where it is liquidated, where the loss goes; then a sentence for each bad debt."""
    outcomes = analysis.outcomes
    if not outcomes:
        return
    unit = analysis.position.market.unit
    names = names_of(analysis.position.tokens)
    yield Text("")
    yield columns(
        ("Scenario", "Health", "Liquidated?", "Repaid", "You lose", "Bad debt"),
        [_what_happens(outcome, unit, names) for outcome in outcomes],
    )
    liquidated = [outcome for outcome in outcomes if outcome.liquidations]
    if liquidated:
        yield Text("")
        yield columns(
            ("Split of", "then", "to prices", "bonus", "fees", "You keep", "Others pay"),
            [_where_it_goes(outcome, unit) for outcome in liquidated],
            left=2,
        )
    yield from _notes(outcomes, unit, names)


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
    return (
        clean(outcome.scenario),
        health(outcome.health_factor),
        _liquidated(outcome),
        repaid(outcome, names),
        lost_or_gained(outcome, unit),
        Text(short_money(lost, unit) if lost else "none", style=Severity.DANGER.style if lost else ""),
    )


def _liquidated(outcome: Outcome) -> Text:
    """``YES, 2 calls``; the rules or the liquidators may leave a liquidatable position alone."""
    if not outcome.liquidatable:
        return Text("no", style=Severity.GOOD.style)
    calls = len(outcome.liquidations)
    answer = f"YES, {calls} call{'' if calls == 1 else 's'}" if calls else f"could be: {ENDINGS[outcome.ended]}"
    return Text(answer, style=Severity.CAUTION.style)


def lost_or_gained(outcome: Outcome, unit: Unit) -> str:
    """What the owner loses; a negative loss is said as a gain."""
    total = outcome.owner_loss.total
    return f"gain {short_money(-total, unit)}" if total < 0 else short_money(total, unit)


def _where_it_goes(outcome: Outcome, unit: Unit) -> tuple[str, ...]:
    loss = outcome.owner_loss
    shown = (loss.move, loss.bonus, loss.protocol_fee, loss.left, loss.borne_by_others)
    return (clean(outcome.scenario), ENDINGS[outcome.ended], *(short_money(value, unit) for value in shown))


def _notes(outcomes: Sequence[Outcome], unit: Unit, names: dict[str, str]) -> Iterator[RenderableType]:
    """What is never repaid and by whom it is borne; what the replay could not settle."""
    for bearers, lost in _borne(outcomes, names).items():
        yield paragraph(f"Never repaid: {'; '.join(lost)}. {bearers}.")
    for outcome in outcomes:
        name = clean(outcome.scenario)
        if outcome.uncovered_value > outcome.bad_debt_value:
            gap = money(outcome.uncovered_value, unit)
            yield paragraph(f"{name}: liquidation stops early; {gap} of the debt is more than what is left can repay.")
    searches = dict.fromkeys(outcome.search for outcome in outcomes if outcome.search)
    if searches:
        yield paragraph(f"The worst order was looked for: {', '.join(map(clean, searches))}.")


def _borne(outcomes: Sequence[Outcome], names: dict[str, str]) -> dict[str, list[str]]:
    """The bad debts, each with its scenario, by those who bear them."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.bad_debt_value:
            lost = tokens_listed([(bad.token, bad.amount) for bad in outcome.bad_debt], names)
            found.setdefault(_bearers(outcome, names), []).append(f"{clean(outcome.scenario)}: {lost}")
    return found


def _bearers(outcome: Outcome, names: dict[str, str]) -> str:
    """Who bears a bad debt; with the amounts where a first loss absorbs a part of it."""
    first = [one for one in outcome.borne_by if one.who in _FIRST_LOSS]
    rest = [one for one in outcome.borne_by if one.who not in _FIRST_LOSS]
    if not first or not rest:
        return f"Borne by {clean(bearers_text(outcome.borne_by))}"
    return f"Absorbed by {_share(first, names)}; left to {_share(rest, names)}"


def _share(ones: Sequence[Borne], names: dict[str, str]) -> str:
    return f"{clean(bearers_text(ones))} ({tokens_listed([(one.token, one.amount) for one in ones], names)})"
