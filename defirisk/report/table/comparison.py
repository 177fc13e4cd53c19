"""A what-if in words, the same for the table and for Markdown: what is changed, before beside after, how much it takes.

Cells are plain texts; whoever prints them sanitises, as for everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from defirisk.fixedpoint import decimal_string
from defirisk.model import Outcome, Standing, Threshold
from defirisk.report.figures import NONE, health, money
from defirisk.report.legs import names_of
from defirisk.report.table.thresholds import at, move_name

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis
    from defirisk.whatif.outcome import Comparison, Way

BEFORE_AND_AFTER = ("", "Before", "After")
WAYS = ("To reach", "Do", "Amount", "Health then")
Cells = tuple[str, str, str]


def sentence(comparison: Comparison) -> str:
    """``What if: repay 1,000 USDC; WETH liquidation threshold 80 % (was 83 %).``; empty where nothing is changed."""
    return f"What if: {comparison.sentence()}." if comparison.changes else ""


def unfelt(comparison: Comparison) -> str:
    """What was set and changes nothing of this position."""
    idle = [change.text for change in comparison.changes if not change.felt]
    return f"This position does not feel: {'; '.join(idle)}." if idle else ""


def before_and_after(analysis: PositionAnalysis, before: PositionAnalysis) -> Iterator[Cells]:
    """The figures of the position as it stands beside those of the changed one."""
    then, now = before.standing, analysis.standing
    if then is None or now is None or before.position.unpriced or analysis.position.unpriced:
        return
    unit = analysis.position.market.unit
    yield "Health factor", health(then.health_factor), health(now.health_factor)
    yield "Liquidatable", _said(then), _said(now)
    yield "Counted collateral", money(then.collateral_value, unit), money(now.collateral_value, unit)
    yield "Debt", money(then.debt_value, unit), money(now.debt_value, unit)
    yield from _thresholds(analysis, before)
    yield from _outcomes(analysis, before)


def _said(standing: Standing) -> str:
    return "YES" if standing.liquidatable else "no"


def _thresholds(analysis: PositionAnalysis, before: PositionAnalysis) -> Iterator[Cells]:
    """Each move that liquidates before or after, or would."""
    then = {_key(one): one for one in before.thresholds}
    now = {_key(one): one for one in analysis.thresholds}
    for key in dict.fromkeys((*then, *now)):
        old, new = then.get(key), now.get(key)
        some = new or old
        if some is not None and any(one is not None and one.liquidation is not None for one in (old, new)):
            names = names_of((*before.position.tokens, *analysis.position.tokens))
            yield move_name(some, names), _at(old, before), _at(new, analysis)


def _key(threshold: Threshold) -> tuple[str, str]:
    return threshold.asset or threshold.move, threshold.direction.value


def _at(threshold: Threshold | None, analysis: PositionAnalysis) -> str:
    return NONE if threshold is None else at(threshold, analysis)


def _outcomes(analysis: PositionAnalysis, before: PositionAnalysis) -> Iterator[Cells]:
    then = {one.scenario: one for one in before.outcomes}
    for now in analysis.outcomes:
        if now.scenario in then:
            yield f"In {now.scenario}", _outcome(then[now.scenario], before), _outcome(now, analysis)


def _outcome(outcome: Outcome, analysis: PositionAnalysis) -> str:
    state = f"{health(outcome.health_factor)}, {'LIQUIDATED' if outcome.liquidatable else 'safe'}"
    lost = outcome.loss_value
    return f"{state}, bad debt {money(lost, analysis.position.market.unit)}" if lost else state


def way_cells(way: Way) -> tuple[str, str, str, str]:
    """One way to an aim; the amount is exact, for one base unit less is not enough."""
    aim = way.aim.name if way.aim.kind == "health" else f"survive {way.aim.name}"
    if way.act is None:
        return aim, "nothing: it does already", NONE, health(way.health)
    token = way.asset
    what = f"{way.act} {token.symbol}" if token else way.act
    if way.amount is None or token is None:
        return aim, what, "not enough", NONE
    return aim, what, decimal_string(way.amount, token.decimals), health(way.health)


def way_notes(comparison: Comparison) -> Iterator[str]:
    """Why some ways lead nowhere, and which amount is the least by bisection only."""
    for way in comparison.ways:
        if way.reason is not None and way.asset is not None:
            yield f"{way.aim.name}, {way.act} {way.asset.symbol}: {way.reason}."
        if not way.proved and way.asset is not None:
            yield f"{way.aim.name}, {way.act} {way.asset.symbol}: a smaller amount could not be excluded."
