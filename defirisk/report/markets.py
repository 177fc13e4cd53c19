"""The registry of deployments as table, JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Final

from defirisk.protocols.interface import Deployment
from defirisk.report.sanitize import csv_cell
from defirisk.report.sanitize import markdown as escaped

SCHEMA: Final = "defirisk/markets/1"
COLUMNS: Final = ("name", "protocol", "chain", "chain_id", "entry", "aliases", "note")
_NOTE: Final = (
    "The rules of a market (its revision, such as 3.6) are read from its contracts\n"
    "at the block of a run and named in every output.\n"
    "Any other deployment: --market PROTOCOL@0xENTRY."
)


def text(deployments: Sequence[Deployment], format_: str) -> str:
    """The list in one of the four formats."""
    writers = {"json": _json, "csv": _csv, "markdown": _markdown, "table": _table}
    return writers[format_](deployments)


def _row(one: Deployment) -> dict[str, str]:
    return {
        "name": one.name,
        "protocol": one.protocol,
        "chain": one.chain,
        "chain_id": str(one.chain_id),
        "entry": one.entry,
        "aliases": " ".join(one.aliases),
        "note": one.note or "",
    }


def _json(deployments: Sequence[Deployment]) -> str:
    rows = [
        {**_row(one), "chain_id": one.chain_id, "aliases": list(one.aliases), "note": one.note} for one in deployments
    ]
    return json.dumps({"schema": SCHEMA, "markets": rows}, indent=2) + "\n"


def _csv(deployments: Sequence[Deployment]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(cell) for name, cell in _row(one).items()} for one in deployments)
    return stream.getvalue()


def _markdown(deployments: Sequence[Deployment]) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'|'.join(' --- ' for _ in COLUMNS)}|"]
    lines += [f"| {' | '.join(escaped(cell) for cell in _row(one).values())} |" for one in deployments]
    return "\n".join(lines) + "\n"


def _table(deployments: Sequence[Deployment]) -> str:
    """A block a chain, within 80 columns: name and entry, the note beneath."""
    lines: list[str] = []
    width = max((len(one.name) for one in deployments), default=0)
    for chain in dict.fromkeys((one.chain, one.chain_id) for one in deployments):
        lines += ["", f"{chain[0]} (chain {chain[1]})"] if lines else [f"{chain[0]} (chain {chain[1]})"]
        for one in deployments:
            if (one.chain, one.chain_id) == chain:
                lines.append(f"  {one.name:<{width}}  {one.entry}")
                lines += [f"    {one.note}"] if one.note else []
    return "\n".join([*lines, "", _NOTE]) + "\n"
