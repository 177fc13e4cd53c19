"""What if: the changes said aloud, before beside after, and how much reaches what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from defirisk.report.sanitize import clean
from defirisk.report.table.comparison import (
    BEFORE_AND_AFTER,
    WAYS,
    before_and_after,
    sentence,
    unfelt,
    way_cells,
    way_notes,
)
from defirisk.report.table.style import HEADING, columns, paragraph

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

_LONGEST = 1000


def changes(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    """The changes, first of all: everything below is of the changed position."""
    comparison = analysis.what_if
    if comparison is None or not comparison.changes:
        return
    yield Text(clean(sentence(comparison), _LONGEST), style=HEADING, overflow="fold")
    if idle := unfelt(comparison):
        yield paragraph(clean(idle, _LONGEST))


def comparison_blocks(analysis: PositionAnalysis) -> Iterator[RenderableType]:
    """Before beside after, then the ways to what should be reached."""
    comparison = analysis.what_if
    if comparison is None:
        return
    if comparison.before is not None:
        rows = [tuple(map(clean, cells)) for cells in before_and_after(analysis, comparison.before)]
        if rows:
            yield Text("")
            yield columns(BEFORE_AND_AFTER, rows)
        yield paragraph(f"As it stands: {clean(comparison.before.verdict.text, _LONGEST)}")
    if comparison.ways:
        yield Text("")
        yield columns(WAYS, [tuple(map(clean, way_cells(way))) for way in comparison.ways], left=2)
        for note in way_notes(comparison):
            yield paragraph(clean(note, _LONGEST))
