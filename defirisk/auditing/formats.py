"""A list of wallets as it comes: CSV of any dialect, JSON lines, Parquet, or one address a line. Streamed.

The format is told by the content, and by the name's ending where the content leaves it open. Everything here is
somebody's file: lines are bounded, and what is not text is refused.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, NamedTuple, cast

from defirisk.chain.symbols import quoted
from defirisk.errors import BadList

ADDRESS: Final = "address"
MOST_LABELS: Final = 200
NOT_JSON: Final = "not JSON"
NO_KEY: Final = "no text under a key `address`"
_SAMPLE: Final = 64 << 10
_LONGEST_LINE: Final = 1 << 20
_LONGEST_NAME: Final = 200
_SNIFFED: Final = 8 << 10
_DELIMITERS: Final = ",;\t|:^~ "
_SURE_DELIMITERS: Final = ",;\t|"
_PARQUET: Final = b"PAR1"
_GZIP: Final = b"\x1f\x8b"
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LOOKS_LIKE_ONE: Final = re.compile(r"0[xX][0-9a-fA-F]{40}(?![0-9a-fA-F])")
_ROWS_AT_ONCE: Final = 8192
_OURS: Final = re.compile(r'"(?:format|schema)"\s*:\s*"(defirisk[-/][a-z-]+)/')
_OUR_DOCUMENTS: Final = {
    "defirisk-fixture": ("a recording", "defirisk audit WALLETS --fixture RECORDING; `check` and `record` take it too"),
    "defirisk/check": ("a result of `defirisk check`", "give the list that it was made of"),
    "defirisk/check-set": ("a result of `defirisk check`", "give the list that it was made of"),
    "defirisk/audit": ("the summary of an audit", "give the list that it was made of, or its table of positions"),
}
"""What is no list, however its lines read, by what it says of itself; and what was meant instead."""


class Entry(NamedTuple):
    """One entry of a list: its ``line`` (from 1), the ``text`` that should be an address, and its labels by name.

    ``problem`` says why there is no text to look at, where the line itself is broken.
    """

    line: int
    text: str
    labels: Mapping[str, str]
    problem: str | None = None


def entries(path: Path, name: str) -> Iterator[Entry]:
    """The entries of a list, in order; ``name`` stands for it in messages.

    Raises:
        BadList: it cannot be read, is no text, or has columns of which none is named `address`.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_PARQUET)) == _PARQUET:
                yield from _parquet(path, name)
                return
            file.seek(0)
            yield from _text_entries(_unzipped(file), name)
    except (OSError, EOFError) as problem:
        said = problem.strerror if isinstance(problem, OSError) and problem.strerror else problem
        raise BadList(f"{name} cannot be read: {said}") from problem


def _unzipped(file: BinaryIO) -> BinaryIO:
    magic = file.read(len(_GZIP))
    file.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if magic == _GZIP else file


def _text_entries(file: BinaryIO, name: str) -> Iterator[Entry]:
    head = file.read(_SAMPLE)
    file.seek(0)
    encoding = next((kind for mark, kind in _BOMS if head.startswith(mark)), "utf-8")
    sample = head.decode(encoding, errors="replace")
    if _CONTROL.search(sample):
        raise BadList(f"{name} is a binary file, not a list of wallets", hint="CSV, JSON lines, Parquet or one a line")
    with io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="") as text:
        yield from _by_shape(_Lines(text, name), sample, name)


def _by_shape(lines: _Lines, sample: str, name: str) -> Iterator[Entry]:
    first = sample.lstrip("\ufeff \t\r\n")
    _refuse_our_own(sample if first.startswith("{") else "", name)
    if first.startswith("["):
        raise BadList(f"{name} is a JSON array", hint="write one object a line (JSON lines)")
    if first.startswith("{") or (first.startswith('"') and name.lower().endswith((".jsonl", ".ndjson", ".json"))):
        return _json_lines(lines)
    dialect = _dialect_of(sample, name)
    return _csv(lines, dialect, name) if dialect else _plain(lines)


def _refuse_our_own(sample: str, name: str) -> None:
    own = _OURS.search(sample)
    known = _OUR_DOCUMENTS.get(own[1]) if own else None
    if known:
        raise BadList(f"{name} is {known[0]}, not a list of wallets", hint=known[1])


class _Lines:
    """Lines of bounded length, numbered from 1."""

    def __init__(self, stream: IO[str], name: str) -> None:
        self._stream, self._name, self.number = stream, name, 0

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(_LONGEST_LINE):
            self.number += 1
            if len(line) >= _LONGEST_LINE:
                raise BadList(f"{self._name}: line {self.number} is longer than {_LONGEST_LINE:,} characters")
            yield line


# --- one address a line -------------------------------------------------------------------------------------------


def _plain(lines: _Lines) -> Iterator[Entry]:
    """Blank lines and those that begin with ``#`` are none."""
    for line in lines:
        text = line.strip().lstrip("\ufeff")
        if text and not text.startswith("#"):
            yield Entry(lines.number, text, {})


# --- CSV ----------------------------------------------------------------------------------------------------------


class _Plain(csv.excel):
    """Comma, double quotes, doubled inside."""

    strict = False


def _dialect_of(sample: str, name: str) -> type[csv.Dialect] | None:
    """The dialect in which the heading has a column `address`; ``None`` where there are no columns.

    Raises:
        BadList: there are columns, and none is an address.
    """
    heading = next((line for line in sample.splitlines() if line.strip()), "")
    if _LOOKS_LIKE_ONE.fullmatch(heading.strip()):
        return None
    tried = [dialect for dialect in (_sniffed(sample[:_SNIFFED]), _sniffed(heading), _Plain) if dialect is not None]
    for dialect in tried:
        if ADDRESS in map(_folded, _cells(heading, dialect)):
            return dialect
    columns = next((found for dialect in tried if len(found := _cells(heading, dialect)) > 1), None)
    if columns is None or not any(mark in heading for mark in _SURE_DELIMITERS):
        return None
    raise BadList(
        f"{name} has columns, but none is named `address`: {', '.join(quoted(one, 40) for one in columns[:8])}",
        hint="give the column of the wallets the heading `address`",
    )


def _sniffed(sample: str) -> type[csv.Dialect] | None:
    try:
        found = csv.Sniffer().sniff(sample, _DELIMITERS)
    except csv.Error:
        return None
    found.doublequote = True  # the sniffer denies it where the sample has no doubled quote, and later rows may
    return found


def _cells(line: str, dialect: type[csv.Dialect]) -> list[str]:
    try:
        return next(csv.reader([line], dialect), [])
    except csv.Error:
        return []


def _folded(cell: str) -> str:
    return cell.strip().lstrip("\ufeff").lower()


def _csv(lines: _Lines, dialect: type[csv.Dialect], name: str) -> Iterator[Entry]:
    reader = csv.reader(iter(lines), dialect)
    heading: list[str] = []
    at = 0
    began = 1
    try:
        for row in reader:
            line, began = began, lines.number + 1
            if not any(cell.strip() for cell in row):
                continue
            if not heading:
                heading = _heading(row, name)
                at = heading.index(ADDRESS)
                continue
            _refuse_unclosed(row, line, name)
            yield _csv_entry(row, heading, at, line)
    except csv.Error as problem:
        raise BadList(f"{name}: line {began} is no CSV: {problem}", hint="is a quote not closed?") from problem


def _csv_entry(row: Sequence[str], heading: Sequence[str], at: int, line: int) -> Entry:
    labels = {name: cell for place, (name, cell) in enumerate(zip(heading, row, strict=False)) if place != at and cell}
    if any(cell.strip() for cell in row[len(heading) :]):
        return Entry(line, row[at], labels, f"{len(row)} cells under a heading of {len(heading)}")
    return Entry(line, row[at] if at < len(row) else "", labels)


def _heading(row: Sequence[str], name: str) -> list[str]:
    """The names of the columns: the wallets' is `address`; blank and doubled ones get a name of their own."""
    if list(map(_folded, row)).count(ADDRESS) > 1:
        raise BadList(f"{name} has several columns named `address`", hint="rename all but one")
    return _named([ADDRESS if _folded(cell) == ADDRESS else cell.strip() for cell in row], name)


def _named(cells: Iterable[str], name: str) -> list[str]:
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        own = cell[:_LONGEST_NAME] or f"column_{number}"
        names.append(own if own not in names else f"{own}_{number}")
    if len(names) > MOST_LABELS + 1:
        raise BadList(f"{name} has {len(names)} columns: at most {MOST_LABELS} labels are carried through")
    return names


def _refuse_unclosed(row: Sequence[str], line: int, name: str) -> None:
    """A quote that is not closed swallows the wallets below it: no wallet may go missing that way."""
    if any("\n" in cell and _LOOKS_LIKE_ONE.search(cell.partition("\n")[2]) for cell in row):
        raise BadList(
            f"{name}: a quote opened in line {line} is not closed", hint="a quoted cell holds further wallets"
        )


# --- JSON lines ---------------------------------------------------------------------------------------------------


def _json_lines(lines: _Lines) -> Iterator[Entry]:
    seen: set[str] = set()
    for line in lines:
        if line.strip():
            yield _json_entry(line, lines.number, seen)


def _json_entry(line: str, number: int, seen: set[str]) -> Entry:
    try:
        found = json.loads(line, object_pairs_hook=_each_once)
    except _TwiceError:
        return Entry(number, line.strip(), {}, "one key twice")
    except (ValueError, RecursionError):
        return Entry(number, line.strip(), {}, NOT_JSON)
    if isinstance(found, str):
        return Entry(number, found, {})
    keys = [key for key in found if _folded(key) == ADDRESS] if isinstance(found, dict) else []
    if len(keys) != 1 or not isinstance(found[keys[0]], str):
        return Entry(number, line.strip(), {}, NO_KEY)
    labels = {key[:_LONGEST_NAME]: _as_text(value) for key, value in found.items() if key != keys[0]}
    seen.update(labels)
    if len(seen) > MOST_LABELS:
        raise BadList(f"line {number}: more than {MOST_LABELS} labels in all are not carried through")
    return Entry(number, found[keys[0]], {key: value for key, value in labels.items() if value})


class _TwiceError(ValueError):
    """An object that holds a key twice."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of two wallets under one key JSON would drop the first without a word."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


def _as_text(value: Any) -> str:
    """A label as text: text as it is, numbers and the rest as JSON writes them, null as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- Parquet ------------------------------------------------------------------------------------------------------


def _parquet(path: Path, name: str) -> Iterator[Entry]:
    import pyarrow as pa  # noqa: PLC0415 - only for a list of this kind
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    try:
        file = pq.ParquetFile(path)
        heading = _heading(file.schema_arrow.names, name)
        if ADDRESS not in heading:
            raise BadList(f"{name} has no column `address`: {', '.join(quoted(n, 40) for n in heading[:8])}")
        at = heading.index(ADDRESS)
        row = 0
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
            columns = [column.to_pylist() for column in batch.columns]
            for cells in zip(*columns, strict=True):
                row += 1
                labels = {key: _cell(value) for key, value in zip(heading, cells, strict=True) if key != ADDRESS}
                yield Entry(row, _cell(cells[at]), {key: value for key, value in labels.items() if value})
    except (pa.ArrowException, ValueError, OverflowError) as problem:  # text that is none, a date after the year 9999
        raise BadList(f"{name} is no sound Parquet file: {problem}") from problem


def _cell(value: Any) -> str:
    """A cell as text; 20 bytes are an address."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return value if isinstance(value, str) else str(value)
