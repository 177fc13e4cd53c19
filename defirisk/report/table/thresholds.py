"""How far prices are from hurting: each move as a percentage and, for one asset, as the oracle's price."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_UP
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from defirisk.model import Direction, Threshold, Unit
from defirisk.report.figures import percent, price
from defirisk.report.legs import names_of
from defirisk.report.sanitize import clean
from defirisk.report.table.style import columns, paragraph

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

NEVER = "never"
NOW = "NOW"


def thresholds(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    """The moves that liquidate or leave bad debt, then, as one sentence, the moves that cannot."""
    if not analysis.thresholds:
        return
    unit = analysis.position.market.unit
    names = names_of(analysis.position.tokens)
    harmful = [t for t in analysis.thresholds if t.liquidation is not None]
    harmless = [move_name(t, names) for t in analysis.thresholds if t.liquidation is None]
    yield Text("")
    if harmful:
        rows = [(move_name(t, names), at(t, unit), at(t, unit, bad_debt=True)) for t in harmful]
        yield columns(("If this alone moves", "Liquidated at", "Bad debt at"), rows)
    if harmless:
        yield paragraph(f"No {_listed(harmless)} alone liquidates this position.")


def move_name(threshold: Threshold, names: dict[str, str]) -> str:
    """``fall of WETH``, ``rise of all volatile``."""
    way = "fall" if threshold.direction is Direction.DOWN else "rise"
    name = names.get(threshold.asset, threshold.move) if threshold.asset else threshold.move
    return f"{way} of {clean(name)}"


def at(threshold: Threshold, unit: Unit, *, bad_debt: bool = False) -> str:
    """``$2,345.67 (-12.35 %)``: at this price it has happened for certain; ``never`` where no such move exists."""
    move = threshold.bad_debt if bad_debt else threshold.liquidation
    raw = threshold.bad_debt_price if bad_debt else threshold.liquidation_price
    if move is None:
        return NEVER
    if move == 0:
        return NOW
    if raw is None:
        return percent(move)
    further = ROUND_DOWN if threshold.direction is Direction.DOWN else ROUND_UP
    return f"{price(raw, unit, further)} ({percent(move)})"


def _listed(moves: list[str]) -> str:
    return moves[0] if len(moves) == 1 else f"{', '.join(moves[:-1])} or {moves[-1]}"
