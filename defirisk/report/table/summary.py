"""One line a position, before the details, where there are several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from defirisk.model import Position, PositionStatus, Threshold
from defirisk.report.check import Account, Check
from defirisk.report.figures import NONE, health, percent
from defirisk.report.legs import names_of
from defirisk.report.sanitize import clean, short_address
from defirisk.report.table.position import severity_of
from defirisk.report.table.style import Severity, columns
from defirisk.report.table.thresholds import mover

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis


def summary(check: Check) -> Iterator[RenderableType]:
    """Worst first would hide whose is whose: the order is that of the details below."""
    rows = [row for account in check.accounts for row in _rows(account)]
    if len(rows) < 2:
        return
    yield Text("")
    yield columns(("", "Wallet", "Verdict", "Health", "Nearest liquidation"), rows, left=3)


def _rows(account: Account) -> Iterator[tuple[Text | str, ...]]:
    """A row a position; a wallet with several stands above them, and each row names its market."""
    wallet = short_address(account.address)
    several = len(account.positions) + len(account.failures) > 1
    if several:
        yield "", wallet, f"{len(account.positions)} positions", NONE, NONE
    for analysis in account.positions:
        severity = severity_of(analysis)
        position, standing = analysis.position, analysis.standing
        judged = standing if position.status is PositionStatus.OK else None
        yield (
            Text(severity.mark, style=severity.style),
            _market(position.market.name) if several else wallet,
            Text(clean(analysis.verdict.code), style=severity.style),
            health(judged.health_factor) if judged else NONE,
            _nearest(position, analysis),
        )
    for failure in account.failures:
        mark = Text(Severity.DANGER.mark, style=Severity.DANGER.style)
        market = _market(failure.market)
        yield (mark, market, "NOT READ", NONE, NONE) if several else (mark, wallet, "NOT READ", NONE, market.strip())
    if not account.positions and not account.failures:
        yield "", wallet, "no position", NONE, NONE


def _market(name: str) -> str:
    """A market under its wallet; an address in its name shortened, since the details below have it whole."""
    protocol, at, entry = clean(name).partition("@")
    return f"  {protocol}{at}{short_address(entry)}" if at else f"  {protocol}"


def _nearest(position: Position, analysis: PositionAnalysis) -> str:
    """The move that the verdict names; where it is liquidatable already, NOW."""
    if analysis.verdict.nearest is not None:
        return _moved(position, analysis.verdict.nearest)
    reached = [(abs(t.liquidation), t.kind != "asset", t) for t in analysis.thresholds if t.liquidation is not None]
    if not reached:
        return "no single move" if analysis.thresholds and analysis.standing and analysis.standing.debt else NONE
    return _moved(position, min(reached, key=lambda found: found[:2])[2])


def _moved(position: Position, nearest: Threshold) -> str:
    if not nearest.liquidation:
        return "NOW"
    return f"{mover(nearest, names_of(position.tokens)).removesuffix(' assets')} {percent(nearest.liquidation)}"
