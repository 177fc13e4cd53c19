"""The two tables on disk: parts of chunks while a run goes on, and at its end the whole, by the file name's ending."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, Self

from defirisk.auditing.state import replace_with
from defirisk.errors import InputError, UnwritableOutput
from defirisk.report.sanitize import csv_cell

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP: Final = 100_000
"""Rows that are gathered before they are written out."""
_CODEC: Final = "zstd"
_ENDINGS: Final = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def check_ending(path: Path) -> None:
    """Refuse a table whose format its name does not tell.

    Raises:
        InputError: another ending.
    """
    if not path.name.lower().endswith(_ENDINGS):
        raise InputError(
            f"{path.name}: a table is written as its name ends, which is none of {', '.join(_ENDINGS[:5])}",
            hint="for example -o positions.parquet",
        )


def write_part(path: Path, table: pa.Table) -> None:
    """A chunk's part of a table, whole or not at all.

    Raises:
        UnwritableOutput: no space, no permission.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - late, as everything heavy

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression=_CODEC)
    replace_with(path, lambda file: _put(file, buffer.getvalue()))


def _put(file: BinaryIO, content: bytes) -> None:
    file.write(content)


def read_part(path: Path) -> pa.Table:
    """What :func:`write_part` wrote."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - late

    return pq.ParquetFile(path).read()


def write_table(path: Path, schema: pa.Schema, parts: Iterable[pa.Table], about: Mapping[str, str]) -> None:
    """The whole table, streamed from its parts; whole or not at all. The same parts give the same bytes.

    ``about`` is kept in a Parquet file's metadata.

    Raises:
        UnwritableOutput: it cannot be written.
    """
    replace_with(path, lambda file: _stream(path.name.lower(), schema, parts, about, file))


def _stream(name: str, schema: pa.Schema, parts: Iterable[pa.Table], about: Mapping[str, str], file: BinaryIO) -> None:
    import pyarrow as pa  # noqa: PLC0415 - late

    zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) if _zipped(name) else None
    out: Any = zipped or file
    try:
        with _writer(name.removesuffix(".gz"), schema, about, out) as writer:
            for table in _gathered(parts, pa):
                writer.write(table)
        if zipped:
            zipped.close()
    except pa.ArrowException as problem:
        raise UnwritableOutput(f"{name} cannot be written: {problem}") from problem


def _zipped(name: str) -> bool:
    return name.endswith(".gz")


def _gathered(parts: Iterable[pa.Table], pa: Any) -> Iterator[pa.Table]:
    """Parts joined until they are worth a row group."""
    held: list[pa.Table] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= ROW_GROUP:
            yield pa.concat_tables(held).combine_chunks()
            held = []
    if held:
        yield pa.concat_tables(held).combine_chunks()


class _Writer(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(self, *problem: object) -> None: ...
    def write(self, table: pa.Table) -> None: ...


def _writer(name: str, schema: pa.Schema, about: Mapping[str, str], out: BinaryIO) -> _Writer:
    if name.endswith(".parquet"):
        return _Parquet(schema, about, out)
    return _Csv(schema, out) if name.endswith(".csv") else _JsonLines(out)


class _Parquet:
    def __init__(self, schema: pa.Schema, about: Mapping[str, str], out: BinaryIO) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - late

        self._schema = schema.with_metadata({"defirisk": json.dumps(dict(about), sort_keys=True)})
        self._writer = pq.ParquetWriter(out, self._schema, compression=_CODEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._writer.close()

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table.cast(self._schema))


class _Csv:
    """Text cells so that no spreadsheet takes one for a formula, headings too."""

    def __init__(self, schema: pa.Schema, out: BinaryIO) -> None:
        import pyarrow as pa  # noqa: PLC0415 - late
        from pyarrow import csv  # noqa: PLC0415 - late

        self._pa = pa
        headings = [csv_cell(field.name) or f"column_{n}" for n, field in enumerate(schema, start=1)]
        self._schema = pa.schema([pa.field(name, one.type) for name, one in zip(headings, schema, strict=True)])
        options = csv.WriteOptions(quoting_style="needed")
        self._writer = csv.CSVWriter(out, self._schema, write_options=options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._writer.close()

    def write(self, table: pa.Table) -> None:
        columns = [self._harmless(column) for column in table.columns]
        self._writer.write(self._pa.table(columns, self._schema))

    def _harmless(self, column: Any) -> Any:
        if column.type != self._pa.string():
            return column
        known = column.dictionary_encode().combine_chunks()
        cleaned = self._pa.array([csv_cell(text) for text in known.dictionary.to_pylist()], self._pa.string())
        return cleaned.take(known.indices)


class _JsonLines:
    """One object a row; a cell that is empty is null, so that every row has every key."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        """Nothing is held back."""

    def write(self, table: pa.Table) -> None:
        for batch in table.to_batches(max_chunksize=8192):
            lines = (json.dumps(row, allow_nan=False) for row in batch.to_pylist())
            self._out.write("".join(f"{line}\n" for line in lines).encode())
