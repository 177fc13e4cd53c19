"""One position: the verdict, its health beside the contract's, what is supplied and owed, what was assumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.text import Text

from defirisk.model import Collateral, Debt, Position, PositionStatus, Standing
from defirisk.report.check import differs, position_warnings
from defirisk.report.figures import NONE, age, health, money, number, ratio
from defirisk.report.legs import ages_unknown, imitations, legs_of, names_of, price_text, unpriced_message
from defirisk.report.sanitize import clean, symbol
from defirisk.report.table.scenarios import scenarios
from defirisk.report.table.style import HEADING, Severity, columns, marked, paragraph
from defirisk.report.table.thresholds import thresholds
from defirisk.report.table.what_if import changes, comparison_blocks

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

_MERE_NOTES: Final = frozenset({"emode", "isolation-mode", "frozen-reserve"})
"""Warnings that leave the answer as it is: said, but not loudly."""
_LONGEST_VERDICT: Final = 1000
_NEAR: Final = 11 * 10**17
"""A health factor below 1.1 is marked as near."""


def position_blocks(analysis: PositionAnalysis, timestamp: int) -> Iterator[RenderableType]:
    """Everything about one position, the answer first."""
    position = analysis.position
    yield Text(f"{clean(position.market.name)} (rules {clean(position.market.rules)})", style=HEADING)
    yield from changes(analysis)
    yield from _verdict(analysis)
    yield from _warnings(position)
    if position.status is PositionStatus.OK and analysis.standing:
        yield from _health(analysis, analysis.standing)
    yield from comparison_blocks(analysis)
    yield from _legs(analysis, timestamp)
    yield from thresholds(analysis)
    yield from scenarios(analysis)


def severity_of(analysis: PositionAnalysis) -> Severity:
    """How loudly the verdict is said: by what is true today, then by what the scenarios do."""
    standing = analysis.standing
    if analysis.position.status is not PositionStatus.OK or standing is None or standing.liquidatable:
        return Severity.DANGER
    if any(outcome.loss_value for outcome in analysis.outcomes):
        return Severity.CAUTION
    near = standing.health_factor is not None and standing.health_factor < _NEAR
    return Severity.CAUTION if near else Severity.GOOD


def _verdict(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    text = clean(analysis.verdict.text, _LONGEST_VERDICT)
    if analysis.position.status is PositionStatus.UNPRICED:
        text = f"NOT JUDGED. {text} Cause: {unpriced_message(analysis.position)}."
    yield marked(severity_of(analysis), text)


def _warnings(position: Position) -> Iterator[RenderableType]:
    for warning in position_warnings(position):
        if warning.code in _MERE_NOTES:
            yield paragraph(f"Note: {clean(warning.text)}.")
        else:
            loud = Severity.DANGER if warning.code == "contract-mismatch" else Severity.CAUTION
            yield marked(loud, f"WARNING {clean(warning.text)}")


def _health(analysis: PositionAnalysis, standing: Standing) -> Iterator[RenderableType]:
    unit, beside = analysis.position.market.unit, beside_of(analysis)
    if not standing.debt:
        yield paragraph("Health factor: none, nothing is owed. " + beside)
    else:
        yield paragraph(f"Health factor {health(standing.health_factor)} (below 1: liquidatable). {beside}")
    counted, owed = money(standing.collateral_value, unit), money(standing.debt_value, unit)
    yield paragraph(f"Collateral that counts {counted}, debt {owed}.")


def beside_of(analysis: PositionAnalysis) -> str:
    """:func:`beside`; of a changed position the contract knows nothing, only of the one that stands."""
    before = None if analysis.what_if is None else analysis.what_if.before
    return beside(analysis.position) if before is None else f"As it stands: {beside(before.position)}"


def beside(position: Position) -> str:
    """What the contract itself says at this block, and whether that is what we find from the same numbers."""
    theirs = position.contract
    if differs(position):
        return "THE CONTRACT SAYS OTHERWISE, see the warning."
    if theirs.has_health_factor:
        answer = "none" if theirs.health_factor is None else health(theirs.health_factor)
        return f"The contract itself says {answer}: equal to the last digit."
    if theirs.liquidatable is not None:
        answer = "liquidatable" if theirs.liquidatable else "not liquidatable"
        if (
            position.status is not PositionStatus.OK
            or position.rules.standing(position.state).liquidatable == theirs.liquidatable
        ):
            return f"The contract itself says {answer}: as we do."
        return (
            f"The contract itself, before interest is brought to this block, says {answer}: so do we, of those numbers."
        )
    return "The contract has no figure of its own to compare."


def _legs(analysis: PositionAnalysis, timestamp: int) -> Iterator[RenderableType]:
    standing = analysis.standing
    if standing is None:
        return
    names = names_of(leg.token for leg in legs_of(analysis))
    if standing.collateral:
        rows = [_collateral_row(leg, analysis, names[leg.token.address], timestamp) for leg in standing.collateral]
        yield Text("")
        yield columns(("Supplied", "Amount", "Price", "Age", "Value", "LT", "Bonus"), rows)
    if standing.debt:
        owed = [
            (names[leg.token.address], number(leg.amount, leg.token.decimals), *_priced(leg, analysis, timestamp))
            for leg in standing.debt
        ]
        yield Text("")
        yield columns(("Owed", "Amount", "Price", "Age", "Value"), owed)
    yield from _notes(analysis)


def _collateral_row(leg: Collateral, analysis: PositionAnalysis, name: str, timestamp: int) -> tuple[str, ...]:
    """One supply; LT is the liquidation threshold, the share of its value that still secures debt."""
    amount = number(leg.amount, leg.token.decimals)
    secures = ratio(leg.liquidation_threshold) if leg.counts else "no"
    bonus = leg.liquidation_bonus if leg.liquidation_bonus is not None else leg.liquidation_penalty
    paid = NONE if bonus is None or not leg.counts else ratio(bonus)
    return (name, amount, *_priced(leg, analysis, timestamp), secures, paid)


def _priced(leg: Collateral | Debt, analysis: PositionAnalysis, timestamp: int) -> tuple[str, str, str]:
    """Price, its age at the block, and value; words where there is no usable price."""
    position, unit = analysis.position, analysis.position.market.unit
    if leg.slot in position.unpriced:
        return ("NO PRICE", NONE, "UNKNOWN")
    updated = position.price_times[leg.slot]
    old = "unknown" if updated is None else age(max(0, timestamp - updated))
    return (price_text(position, leg, leg.price), old, money(leg.value, unit))


def _notes(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    standing = analysis.standing
    legs = legs_of(analysis)
    idle = [symbol(leg.token) for leg in standing.collateral if not leg.counts] if standing else []
    if idle:
        yield paragraph(f"Not counted as collateral and not seizable: {', '.join(idle)}.")
    silent = [symbol(token) for token in ages_unknown(analysis)]
    if silent:
        yield paragraph(f"The oracle does not say when these prices were updated: {', '.join(silent)}.")
    for sentence in imitations(leg.token for leg in legs):
        yield marked(Severity.CAUTION, f"WARNING {sentence}")


def families(analyses: Iterable[PositionAnalysis]) -> Iterator[RenderableType]:
    """Which asset was taken to move with which, and on what ground; nobody should have to guess what a drop moved."""
    legs = [(leg, analysis.families[leg.slot]) for analysis in analyses for leg in legs_of(analysis)]
    if not legs:
        return
    names = names_of(leg.token for leg, _ in legs)
    members: dict[str, list[str]] = {}
    for leg, family in legs:
        kind = "stable" if family.stable else "volatile"
        members.setdefault(f"{clean(family.name)} ({kind})", []).append(names[leg.token.address])
    taken = "; ".join(f"{family}: {', '.join(dict.fromkeys(tokens))}" for family, tokens in members.items())
    guessed = dict.fromkeys(names[leg.token.address] for leg, family in legs if family.how == "symbol")
    doubt = f" Going by the symbol alone: {', '.join(guessed)}." if guessed else ""
    yield Text("")
    yield Text(
        f"Families assumed to move together: {taken}.{doubt} Change one with --family SYMBOL=FAMILY.", overflow="fold"
    )
