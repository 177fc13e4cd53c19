"""The registry of deployments as table, JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Final

from defirisk.protocols.interface import Deployment
from defirisk.report.sanitize import csv_cell
from defirisk.report.sanitize import markdown as escaped

SCHEMA: Final = "defirisk/markets/1"
COLUMNS: Final = ("name", "protocol", "rules", "chain", "chain_id", "entry", "aliases", "note")
_NOTE: Final = (
    "Which revision a market has is read from its contracts at the block of a run\n"
    "and named in every output. Any other deployment: --market PROTOCOL@0xENTRY."
)
_WIDTH: Final = 80
_UNDER: Final = "    "
Rules = Mapping[str, Sequence[str]]
"""The revisions known, by protocol."""


def text(deployments: Sequence[Deployment], rules: Rules, format_: str) -> str:
    """The list in one of the four formats."""
    writers = {"json": _json, "csv": _csv, "markdown": _markdown, "table": _table}
    return writers[format_](deployments, rules)


def _row(one: Deployment, rules: Rules) -> dict[str, str]:
    return {
        "name": one.name,
        "protocol": one.protocol,
        "rules": " ".join(rules[one.protocol]),
        "chain": one.chain,
        "chain_id": str(one.chain_id),
        "entry": one.entry,
        "aliases": " ".join(one.aliases),
        "note": one.note or "",
    }


def _json(deployments: Sequence[Deployment], rules: Rules) -> str:
    rows = [
        {
            **_row(one, rules),
            "rules": list(rules[one.protocol]),
            "chain_id": one.chain_id,
            "aliases": list(one.aliases),
            "note": one.note,
        }
        for one in deployments
    ]
    return json.dumps({"schema": SCHEMA, "markets": rows}, indent=2) + "\n"


def _csv(deployments: Sequence[Deployment], rules: Rules) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one in deployments:
        writer.writerow({name: csv_cell(cell) for name, cell in _row(one, rules).items()})
    return stream.getvalue()


def _markdown(deployments: Sequence[Deployment], rules: Rules) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'|'.join(' --- ' for _ in COLUMNS)}|"]
    lines += [f"| {' | '.join(escaped(cell) for cell in _row(one, rules).values())} |" for one in deployments]
    return "\n".join(lines) + "\n"


def _table(deployments: Sequence[Deployment], rules: Rules) -> str:
    """A block a chain, within 80 columns: name and entry, the note beneath; then the rules by protocol."""
    lines: list[str] = []
    width = max((len(one.name) for one in deployments), default=0)
    for chain, chain_id in dict.fromkeys((one.chain, one.chain_id) for one in deployments):
        lines += ["", f"{chain} (chain {chain_id})"] if lines else [f"{chain} (chain {chain_id})"]
        for one in deployments:
            if one.chain_id == chain_id:
                lines.append(f"  {one.name:<{width}}  {one.entry}")
                lines += wrap(one.note or "", _WIDTH, initial_indent=_UNDER, subsequent_indent=_UNDER)
    protocols = dict.fromkeys(one.protocol for one in deployments)
    known = (f"Rules known of {name}: {', '.join(rules[name])}" for name in protocols if rules[name])
    lines += ["", *(line for text in known for line in wrap(text, _WIDTH))]
    return "\n".join([*lines, _NOTE]) + "\n"
