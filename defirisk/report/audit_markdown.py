"""The summary of an audit in Markdown, for a comment or a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from defirisk.report.audit_sections import Alarm, Grid, Heading, sections
from defirisk.report.markdown import table
from defirisk.report.sanitize import markdown as escaped

if TYPE_CHECKING:
    from defirisk.auditing.result import AuditResult


def text(result: AuditResult) -> str:
    """The whole."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: AuditResult) -> Iterator[str]:
    for number, part in enumerate(sections(result)):
        if isinstance(part, Grid):
            yield from table(part.headings, part.rows, left=part.left)
            continue
        if number:
            yield ""
        if isinstance(part, Heading):
            yield f"### {'defirisk audit: ' if not number else ''}{escaped(part.text)}"
        elif isinstance(part, Alarm):
            yield f"**{escaped(part.text)}**"
        else:
            yield escaped(part)
