"""How the table looks: three severities, each a word and a symbol first and a colour second; no lines drawn.

Colours are those that read on dark and on light backgrounds; nothing is dim, yellow or white. Texts are
:class:`rich.text.Text`, never markup, so what a chain says cannot style the screen.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from typing import IO, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH: Final = 80
WIDEST: Final = 110
NARROWEST: Final = 40
INDENT: Final = 2
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
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=HEADING, expand=False)
    for index, heading in enumerate(headings):
        table.add_column(Text(heading), justify="left" if index < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return Padding(table, (0, 0, 0, INDENT))
