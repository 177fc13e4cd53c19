"""Markdown for a pull request's comment: the verdicts as a table, then each position's figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from defirisk.model import Collateral, Debt, PositionStatus
from defirisk.report.check import Account, AccountStatus, Check, CheckSet, position_warnings
from defirisk.report.figures import age, health, moment, money, number, ratio
from defirisk.report.legs import family_of, legs_of, names_of, price_text, unpriced_message
from defirisk.report.sanitize import markdown as escaped
from defirisk.report.table.comparison import BEFORE_AND_AFTER, WAYS, before_and_after, sentence, way_cells, way_notes
from defirisk.report.table.position import beside_of
from defirisk.report.table.scenarios import ENDINGS, lost_or_gained, repaid
from defirisk.report.table.thresholds import at, move_name

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis


def text(checks: Check | CheckSet) -> str:
    """The whole comment."""
    return "\n".join(_lines(checks)) + "\n"


def _lines(checks: Check | CheckSet) -> Iterator[str]:
    if isinstance(checks, Check):
        yield from _check(checks)
        return
    for check in checks.checks:
        yield from _check(check)
        yield ""
    for failure in checks.failures:
        yield f"**{escaped(failure.chain)} could not be read:** {escaped(failure.message)}"


def _check(check: Check) -> Iterator[str]:
    if check.policy is not None:
        from defirisk.report.policy.markdown import text as policy_text  # noqa: PLC0415 - only where there is one

        yield policy_text(check.policy, check)
    chain = f"{check.chain} (chain {check.chain_id})" if check.chain else f"chain {check.chain_id}"
    read = "recorded block" if check.block_age is None else "block"
    old = f", {age(check.block_age)} old" if check.block_age is not None and check.block_age >= 0 else ""
    yield f"### defirisk: {escaped(chain)}, {read} {check.block:,} of {moment(check.timestamp)}{old}"
    yield ""
    yield f"Read from {escaped(check.source)}."
    for warning in check.all_warnings():
        yield f"**Warning:** {escaped(warning.text)}"
    for account in check.accounts_of_interest:
        yield ""
        yield from _account(account)


def _account(account: Account) -> Iterator[str]:
    extra = "".join(f" {escaped(text)}" for text in (account.name, account.label) if text)
    yield f"#### `{account.address}`{extra}"
    for warning in account.warnings:
        yield f"\n**Warning:** {escaped(warning.text)}"
    for failure in account.failures:
        yield f"\n**{escaped(failure.market)} could not be read:** {escaped(failure.message)}"
    if account.status is AccountStatus.NO_POSITION:
        yield "\nNo position in the markets asked for."
    for analysis in account.positions:
        yield ""
        yield from _position(analysis)


def _position(analysis: PositionAnalysis) -> Iterator[str]:
    position, standing = analysis.position, analysis.standing
    title = f"**{escaped(position.market.name)}** (rules {escaped(position.market.rules)}): "
    if analysis.what_if is not None and analysis.what_if.changes:
        yield f"**{escaped(sentence(analysis.what_if))}**\n"
    if position.status is PositionStatus.UNPRICED:
        yield f"{title}**not judged**, {escaped(unpriced_message(position))}"
    else:
        yield title + escaped(analysis.verdict.text)
    for warning in position_warnings(position):
        yield f"\n**Warning:** {escaped(warning.text)}"
    if position.status is PositionStatus.OK and standing:
        yield f"\nHealth factor **{health(standing.health_factor)}**. {beside_of(analysis)}"
    yield from _what_if(analysis)
    yield from _legs(analysis)
    yield from _thresholds(analysis)
    yield from _outcomes(analysis)


def _what_if(analysis: PositionAnalysis) -> Iterator[str]:
    comparison = analysis.what_if
    if comparison is None:
        return
    if comparison.before is not None:
        yield from table(BEFORE_AND_AFTER, list(before_and_after(analysis, comparison.before)))
        yield f"\nAs it stands: {escaped(comparison.before.verdict.text)}"
    if comparison.ways:
        yield from table(WAYS, [way_cells(way) for way in comparison.ways], left=2)
    for note in way_notes(comparison):
        yield f"\n{escaped(note)}"


def _legs(analysis: PositionAnalysis) -> Iterator[str]:
    if analysis.standing is None:
        return
    unit, unpriced = analysis.position.market.unit, analysis.position.unpriced
    names = names_of(leg.token for leg in legs_of(analysis))
    rows = [
        (
            _side(leg),
            names[leg.token.address],
            family_of(analysis, leg.slot),
            number(leg.amount, leg.token.decimals),
            "no price" if leg.slot in unpriced else price_text(analysis.position, leg, leg.price),
            "unknown" if leg.slot in unpriced else money(leg.value, unit),
            ratio(leg.liquidation_threshold) if isinstance(leg, Collateral) else "",
        )
        for leg in legs_of(analysis)
    ]
    yield from table(("", "Asset", "Family", "Amount", "Price", "Value", "Liquidation threshold"), rows, left=3)


def _side(leg: Collateral | Debt) -> str:
    if isinstance(leg, Debt):
        return "owed"
    return "supplied" if leg.counts else "supplied, does not count"


def _thresholds(analysis: PositionAnalysis) -> Iterator[str]:
    names = names_of(analysis.position.tokens)
    rows = [
        (move_name(t, names), at(t, analysis), at(t, analysis, bad_debt=True))
        for t in analysis.thresholds
        if t.liquidation is not None
    ]
    if rows:
        yield from table(("If this alone moves", "Liquidated at", "Bad debt at"), rows)


def _outcomes(analysis: PositionAnalysis) -> Iterator[str]:
    unit, names = analysis.position.market.unit, names_of(analysis.position.tokens)
    rows = [
        (
            outcome.scenario,
            health(outcome.health_factor),
            f"yes, {ENDINGS[outcome.ended]}" if outcome.liquidatable else "no",
            repaid(outcome, names),
            lost_or_gained(outcome, unit),
            money(outcome.loss_value, unit) if outcome.loss_value else "none",
        )
        for outcome in analysis.outcomes
    ]
    if rows:
        yield from table(("Scenario", "Health", "Liquidated", "Repaid", "Owner loses or gains", "Bad debt"), rows)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> Iterator[str]:
    """A table; the first ``left`` columns to the left, figures to the right."""
    yield ""
    yield f"| {' | '.join(headings)} |"
    yield f"|{'|'.join(' --- ' if index < left else ' ---: ' for index in range(len(headings)))}|"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"
