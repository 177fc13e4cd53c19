"""The wallets as a file: CSV, JSON lines or Parquet, by the name's ending."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from defirisk.auditing.state import put, replace_with
from defirisk.auditing.tables import write_table
from defirisk.borrowers.run import Row

COLUMNS: Final = ("address", "first_block", "kind")
PARQUET: Final = ".parquet"
JSON_LINES: Final = (".jsonl", ".ndjson")


def write(path: Path, rows: Sequence[Row]) -> None:
    """The rows as a file, whole or not at all, of the kind that its name ends in.

    Raises:
        UnwritableOutput: it cannot be written.
    """
    if path.suffix.lower() == PARQUET:
        _write_parquet(path, rows)
    else:
        content = text(rows, path).encode()
        replace_with(path, lambda file: put(file, content))


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - only for Parquet

    schema = pa.schema([("address", pa.string()), ("first_block", pa.int64()), ("kind", pa.string())])
    columns = [[getattr(row, name) for row in rows] for name in COLUMNS]
    write_table(path, schema, [pa.table(columns, schema)], {})


def text(rows: Sequence[Row], path: Path | None) -> str:
    """The rows as text: JSON lines if the file's name says so, else CSV. Nothing in a row is anybody else's text."""
    if path is not None and path.suffix.lower() in JSON_LINES:
        return "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((row.address, row.first_block, row.kind) for row in rows)
    return stream.getvalue()
