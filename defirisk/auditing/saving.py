"""A judged chunk on disk: its parts of the tables, and last the record that says that it is complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defirisk.auditing.partition import Judged, Plan, judge_partition
from defirisk.auditing.state import State, write_json
from defirisk.auditing.summary import Summary, merged
from defirisk.auditing.tables import read_part, write_part
from defirisk.errors import StateUnusable
from defirisk.model import AccountReading

if TYPE_CHECKING:
    import pyarrow as pa

POSITIONS = "positions"
OUTCOMES = "outcomes"


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a chunk.

    ``complete`` is the summary of the wallets that were answered in every market, ``rest`` of those that were not;
    ``failed`` are the latter, and the codes of their failures.
    """

    complete: Summary
    rest: Summary
    failed: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Record:
        """From the chunk's record file."""
        return cls(
            Summary.from_json(document["complete"]), Summary.from_json(document["rest"]), dict(document["failed"])
        )

    def to_json(self) -> dict[str, Any]:
        """For the chunk's record file."""
        return {
            "complete": self.complete.to_json(),
            "rest": self.rest.to_json(),
            "failed": {address: list(codes) for address, codes in self.failed.items()},
        }


def saved(state: State, chunk: int) -> Record:
    """The record of a chunk that was saved.

    Raises:
        StateUnusable: it is not what was written.
    """
    try:
        return Record.of(state.record(chunk) or {})
    except (KeyError, TypeError, ValueError) as problem:
        raise StateUnusable(
            f"{state.record_file(chunk)} is no record of a chunk", hint=f"remove {state.folder} to begin anew"
        ) from problem


def judge_and_save(folder: Path, chunk: int, readings: Sequence[AccountReading], plan: Plan) -> Record:
    """Judge a chunk and save what came of it; runs in a worker process too.

    Raises:
        UnwritableOutput: the state cannot be written.
    """
    state = State(folder)
    record, rows = judged(readings, plan)
    save(state, chunk, rows, record)
    return record


def mend_and_save(folder: Path, chunk: int, readings: Sequence[AccountReading], plan: Plan) -> Record:
    """Judge the wallets of a chunk that had failed once more, and put them in their places.

    Raises:
        UnwritableOutput: the state cannot be written.
    """
    state = State(folder)
    before = saved(state, chunk)
    again, rows = judged(readings, plan)
    mended = Record(merged([before.complete, again.complete], plan.keep), again.rest, again.failed)
    old = {kind: read_part(state.part(chunk, kind)) for kind in rows}
    places = {address: place for place, address in enumerate(dict.fromkeys(old[POSITIONS]["address"].to_pylist()))}
    read_again = [reading.address for reading in readings]
    tables = {kind: _sorted(_joined(_without(old[kind], read_again), rows[kind]), places) for kind in rows}
    save(state, chunk, tables, mended)
    return mended


def judged(readings: Sequence[AccountReading], plan: Plan) -> tuple[Record, dict[str, pa.Table]]:
    """All rows in the wallets' order, by kind; the sums of those that are complete apart from the rest."""
    failed = {one.address: sorted({failure.code for failure in one.failures}) for one in readings if one.failures}
    sound = judge_partition([one for one in readings if one.address not in failed], plan)
    if not failed:
        return Record(sound.summary, Summary(plan.keep), {}), _tables(sound, plan)
    rest = judge_partition([one for one in readings if one.address in failed], plan)
    places = {one.address: place for place, one in enumerate(readings)}
    tables = {
        kind: _sorted(_joined(table, other), places)
        for (kind, table), other in zip(_tables(sound, plan).items(), _tables(rest, plan).values(), strict=True)
    }
    return Record(sound.summary, rest.summary, failed), tables


def _joined(*tables: pa.Table) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - late

    return pa.concat_tables(tables)


def _tables(judged: Judged, plan: Plan) -> dict[str, pa.Table]:
    return {POSITIONS: judged.positions} | ({OUTCOMES: judged.outcomes} if plan.rows else {})


def save(state: State, chunk: int, tables: Mapping[str, pa.Table], record: Record) -> None:
    """Keep what came of a chunk; its record last, which says that it is complete."""
    for kind, table in tables.items():
        write_part(state.part(chunk, kind), table)
    write_json(state.record_file(chunk), record.to_json())


def _without(table: pa.Table, addresses: Sequence[str]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - late
    import pyarrow.compute as pc  # noqa: PLC0415 - late

    return table.filter(pc.invert(pc.is_in(table["address"], value_set=pa.array(addresses, pa.string()))))


def _sorted(table: pa.Table, places: Mapping[str, int]) -> pa.Table:
    """By the wallets' places; rows of one wallet keep their order."""
    import pyarrow as pa  # noqa: PLC0415 - late

    addresses = table["address"].to_pylist()
    order = sorted(range(len(addresses)), key=lambda row: places[addresses[row]])
    return table.take(pa.array(order, pa.int64()))
