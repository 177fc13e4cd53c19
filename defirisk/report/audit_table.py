"""The summary of an audit for people: at 80 columns, readable without colour."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

from defirisk.report.audit_sections import Alarm, Grid, Heading, Part, sections
from defirisk.report.table.style import HEADING, WIDTH, Severity, columns, console_for, marked, paragraph

if TYPE_CHECKING:
    from defirisk.auditing.result import AuditResult


def render(result: AuditResult, console: Console) -> None:
    """Print the summary on a console."""
    for part in sections(result):
        if isinstance(part, Grid) or (isinstance(part, Heading) and part.text.startswith("In ")):
            console.print(Text(""))
        console.print(_shown(part))


def text(result: AuditResult, *, width: int = WIDTH) -> str:
    """The summary as plain text, without colour."""
    stream = io.StringIO()
    render(result, console_for(stream, width=width, colour=False))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def _shown(part: Part) -> RenderableType:
    if isinstance(part, Grid):
        return columns(part.headings, part.rows, left=part.left)
    if isinstance(part, Heading):
        return Text(part.text, style=HEADING, overflow="fold")
    if isinstance(part, Alarm):
        return marked(Severity.DANGER, part.text)
    return paragraph(part)
