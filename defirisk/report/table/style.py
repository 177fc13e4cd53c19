"""How the table looks: three severities, each a word and a symbol first and a colour second; no lines drawn.

Colours are those that read on dark and on light backgrounds; nothing is dim, yellow or white. Texts are
:class:`rich.text.Text`, never markup, so what a chain says cannot style the screen.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from typing import IO, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH: Final = 80
WIDEST: Final = 110
NARROWEST: Final = 40
INDENT: Final = 2
GAP: Final = 2
"""Between two columns."""
HEADING: Final = "bold"


class Severity(Enum):
    """What a line means for the owner: ``mark`` and ``style``."""

    GOOD = ("ok", "green")
    CAUTION = ("!", "bold magenta")
    DANGER = ("!!", "bold red")

    @property
    def mark(self) -> str:
        """The symbol that says it without colour."""
        return self.value[0]

    @property
    def style(self) -> str:
        """The style that says it with colour."""
        return self.value[1]


def console_for(stream: IO[str], *, width: int | None = None, colour: bool | None = None) -> Console:
    """A console that writes to ``stream``: its terminal's width, at most 110; 80 where it is no terminal.

    ``COLUMNS`` and ``NO_COLOR`` are honoured; colour is for terminals unless asked for.
    """
    console = Console(
        file=stream,
        width=width,
        no_color=None if colour is None else not colour,
        force_terminal=colour or None,
        color_system="standard" if colour else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        legacy_windows=False,
    )
    console.width = min(console.width, WIDEST)
    return console


def piped_width() -> int:
    """The width to write to a stream that is no terminal: ``COLUMNS`` if it is set and sensible, else 80."""
    asked = os.environ.get("COLUMNS", "")
    return min(max(int(asked), NARROWEST), WIDEST) if asked.isdecimal() and len(asked) < 5 else WIDTH


def marked(severity: Severity, text: str) -> Table:
    """A paragraph behind its mark, its further lines hanging under the first."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(severity.mark, style=severity.style), Text(text, style=severity.style))
    return grid


def paragraph(text: str, style: str = "") -> Padding:
    """A wrapped, indented paragraph."""
    return Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, INDENT))


def columns(headings: Sequence[str], rows: Sequence[Sequence[str | Text]], *, left: int = 1) -> Padding:
    """An aligned table without lines; the first ``left`` columns to the left, figures to the right."""
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    return Padding(_Columns([Text(heading) for heading in headings], cells, left), (0, 0, 0, INDENT))


class _Columns:
    """Rows that fit are written as they are, in a third of the time that a table takes which may have to fold them."""

    def __init__(self, headings: list[Text], rows: list[list[Text]], left: int) -> None:
        self._headings = headings
        self._rows = rows
        self._left = left

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = [self._headings, *self._rows]
        widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
        if sum(widths) + GAP * (len(widths) - 1) > options.max_width or any("\n" in c.plain for r in rows for c in r):
            yield self._folded()
            return
        for number, row in enumerate(rows):
            yield from self._line(row, widths, "" if number else HEADING).render(console, end="\n")

    def _line(self, row: list[Text], widths: list[int], style: str) -> Text:
        line = Text(style=style)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            spare = " " * (width - cell.cell_len)
            line.append(" " * GAP if index else "")
            line.append("" if index < self._left else spare).append_text(cell)
            line.append(spare if index < self._left else "")
        return line

    def _folded(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style=HEADING, expand=False)
        for index, heading in enumerate(self._headings):
            table.add_column(heading, justify="left" if index < self._left else "right", overflow="fold")
        for row in self._rows:
            table.add_row(*row)
        return table
