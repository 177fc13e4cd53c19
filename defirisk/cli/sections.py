"""Help in sections: options that belong together stand under one heading."""

from __future__ import annotations

from typing import Any, Final

import click

PLAIN: Final = "Options"


class Option(click.Option):
    """An option that stands under the heading ``section``."""

    def __init__(self, *args: Any, section: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.section = section


class Command(click.Command):
    """A command whose help lists its options by section, in the order in which each section first appears."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections; options without one come last."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                sections.setdefault(getattr(param, "section", PLAIN), []).append(record)
        plain = sections.pop(PLAIN, [])
        for title, records in (*sections.items(), ("Other options" if sections else PLAIN, plain)):
            with formatter.section(title):
                formatter.write_dl(records)
