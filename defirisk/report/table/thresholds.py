"""How far prices are from hurting: each move as a percentage and, for one asset, as the oracle's price."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_UP
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from defirisk.model import Direction, Threshold
from defirisk.report.figures import percent
from defirisk.report.legs import legs_of, names_of, price_text
from defirisk.report.sanitize import clean
from defirisk.report.table.style import columns, paragraph

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

NEVER = "never"
NOW = "NOW"
WAYS = {Direction.DOWN: "fall", Direction.UP: "rise"}


def thresholds(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    """The moves that liquidate or leave bad debt, then, as a sentence, those that one might fear and that cannot."""
    if not analysis.thresholds:
        return
    names = names_of(analysis.position.tokens)
    harmful = [t for t in analysis.thresholds if t.liquidation is not None]
    yield Text("")
    if harmful and all(t.liquidation == 0 for t in harmful):
        yield paragraph("It can be liquidated now; the moves below are those that would leave bad debt as well.")
        harmful = [t for t in harmful if t.bad_debt is not None]
    if harmful:
        rows = [(move_name(t, names), at(t, analysis), at(t, analysis, bad_debt=True)) for t in harmful]
        yield columns(("If only this moves", "Liquidated at", "Bad debt at"), rows)
    harmless = {
        way: [mover(t, names) for t in analysis.thresholds if t.liquidation is None and t.direction is way]
        for way in Direction
    }
    for way, movers in harmless.items():
        if movers:
            yield paragraph(f"No {WAYS[way]} of {_listed(movers)} by itself liquidates this position.")


def move_name(threshold: Threshold, names: dict[str, str]) -> str:
    """``WETH falls``, ``all volatile assets rise``."""
    verbs = ("falls", "rises") if threshold.kind == "asset" else ("fall", "rise")
    return f"{mover(threshold, names)} {verbs[threshold.direction is Direction.UP]}"


def mover(threshold: Threshold, names: dict[str, str]) -> str:
    """What moves: an asset's symbol, ``all volatile assets``, ``all ETH assets``."""
    if threshold.asset:
        return clean(names.get(threshold.asset, threshold.move))
    return f"all {clean(threshold.move).removeprefix('all ').removeprefix('family:')} assets"


def at(threshold: Threshold, analysis: PositionAnalysis, *, bad_debt: bool = False) -> str:
    """``$2,345.67 (-12.34 %)``, rounded towards today so that no distance looks larger than it is; ``never``."""
    move = threshold.bad_debt if bad_debt else threshold.liquidation
    raw = threshold.bad_debt_price if bad_debt else threshold.liquidation_price
    if move is None:
        return NEVER
    if move == 0:
        return NOW
    leg = next((leg for leg in legs_of(analysis) if leg.token.address == threshold.asset), None)
    if raw is None or leg is None:
        return percent(move)
    nearer = ROUND_UP if threshold.direction is Direction.DOWN else ROUND_DOWN
    return f"{price_text(analysis.position, leg, raw, nearer)} ({percent(move)})"


def _listed(movers: list[str]) -> str:
    return movers[0] if len(movers) == 1 else f"{', '.join(movers[:-1])} or {movers[-1]}"
