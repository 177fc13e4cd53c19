"""How far prices are from hurting: each move as a percentage and, for one asset, as the oracle's price."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_UP
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from defirisk.model import Direction, Threshold
from defirisk.report.figures import percent
from defirisk.report.legs import leg_of, names_of, price_text
from defirisk.report.sanitize import clean
from defirisk.report.table.style import columns, paragraph

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

NEVER = "never"
NOW = "NOW"
WAYS = {Direction.DOWN: "fall", Direction.UP: "rise"}


def thresholds(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    """The moves that liquidate or leave bad debt, then, as a sentence, those that one might fear and that cannot."""
    found = analysis.thresholds
    if not found or analysis.standing is None or not analysis.standing.debt:
        return
    names = names_of(analysis.position.tokens)
    yield Text("")
    if all(t.bad_debt == 0 for t in found):
        yield paragraph("It is liquidatable and leaves bad debt today: no price has to move for that.")
        return
    if all(t.liquidation == 0 for t in found):
        yield paragraph("It is liquidatable today. These moves would make it leave bad debt as well:")
    shown = [t for t in found if (t.bad_debt if t.liquidation == 0 else t.liquidation) is not None]
    if shown:
        rows = [(move_name(t, names), at(t, analysis), at(t, analysis, bad_debt=True)) for t in shown]
        yield columns(("If only this moves", "Liquidated at", "Bad debt at"), rows)
    yield from _harmless([t for t in found if t.liquidation is None], names, nothing=not shown)


def _harmless(found: list[Threshold], names: dict[str, str], *, nothing: bool) -> Iterator[RenderableType]:
    if found and nothing:
        yield paragraph("No move of any one asset or group liquidates this position.")
        return
    for way in Direction:
        movers = [mover(t, names) for t in found if t.direction is way]
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
    leg = leg_of(analysis, threshold.asset)
    if raw is None or leg is None:
        return percent(move)
    nearer = ROUND_UP if threshold.direction is Direction.DOWN else ROUND_DOWN
    return f"{price_text(analysis.position, leg, raw, nearer)} ({percent(move)})"


def _listed(movers: list[str]) -> str:
    return movers[0] if len(movers) == 1 else f"{', '.join(movers[:-1])} or {movers[-1]}"
