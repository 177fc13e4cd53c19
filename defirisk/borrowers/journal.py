"""What a scan has found so far, on disk: one line a finished stretch, so that a run killed at any moment goes on.

The folder ``<output>.resume/`` holds ``run.json`` (what is looked for, written whole), ``found.jsonl`` (a line is
written and synced before the next stretch counts as finished; a last line without its end is one that was being
written) and ``lock``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from defirisk.borrowers.decoding import Sighting
from defirisk.borrowers.scan import Stretch
from defirisk.chain.addresses import is_address
from defirisk.chain.calls import Block
from defirisk.errors import BadFile, InputError
from defirisk.files import locked, writing_to
from defirisk.protocols.interface import DebtEvent, Emitter

FORMAT: Final = "defirisk-borrowers/1"
RUN: Final = "run.json"
_OURS: Final = frozenset({"lock", RUN, "run.json.part", "found.jsonl"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scan looks for: a market's emitters, from one block to another that is pinned by its hash."""

    chain_id: int
    market: str
    entry: str
    first: int
    last: Block
    emitters: tuple[Emitter, ...]


class Journal:
    """The folder of one run, locked while it is open. ``plan`` is ``None`` where there is nothing to go on from."""

    def __init__(self, folder: Path) -> None:
        self.plan: Plan | None = None
        self._folder = folder
        self._file: IO[bytes] | None = None
        if (folder / RUN).is_file():
            self.plan = _read_plan(folder / RUN)

    def begin(self, plan: Plan) -> None:
        """Start anew."""
        self.plan = plan
        (self._folder / "found.jsonl").unlink(missing_ok=True)
        part = self._folder / "run.json.part"
        part.write_text(json.dumps(_plan_json(plan), indent=1) + "\n", encoding="utf-8")
        part.replace(self._folder / RUN)

    def stretches(self) -> Iterator[Stretch]:
        """What earlier runs finished; what was being written when one was killed is cut off.

        Raises:
            BadFile: a line is not what was written.

        """
        path = self._folder / "found.jsonl"
        if not path.exists():
            return
        whole = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                yield _read_stretch(line, path, number)
        os.truncate(path, whole)

    def add(self, stretch: Stretch) -> None:
        """Keep a finished stretch."""
        if self._file is None:
            self._file = (self._folder / "found.jsonl").open("ab")
        found = [[one.address, one.block, one.certain] for one in stretch.found]
        line = {"last": stretch.last.number, "time": stretch.last.timestamp, "hash": stretch.last.hash, "found": found}
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close what is open."""
        if self._file is not None:
            self._file.close()

    def remove(self) -> None:
        """The run is over and its result stands: forget how it came about."""
        self.close()
        shutil.rmtree(self._folder)


@contextmanager
def opened(folder: Path, *, resume: bool) -> Iterator[Journal]:
    """Open a run's folder, its own alone; a new one is removed again if nothing was begun in it.

    Raises:
        InputError: another run has it, or it is there without ``resume``, or it is not with it.
        UnwritableOutput: it cannot be written.

    """
    if folder.exists() != resume:
        raise _not_there(folder) if resume else _there(folder)
    with writing_to(folder):
        folder.mkdir(exist_ok=True)
        _refuse_what_is_not_ours(folder)
        with locked(folder / "lock"):
            journal = Journal(folder)
            try:
                yield journal
            finally:
                journal.close()
                if journal.plan is None:
                    shutil.rmtree(folder, ignore_errors=True)


def _refuse_what_is_not_ours(folder: Path) -> None:
    """The folder is removed in the end: never one of an audit, or of anybody's own files."""
    for path in folder.iterdir():
        if path.name not in _OURS:
            raise InputError(f"{folder} is of no run of this kind: it holds {path.name!a}", hint="name another output")


def _there(folder: Path) -> InputError:
    return InputError(
        f"{folder} holds an unfinished run", hint="go on with --resume, or remove that folder to start anew"
    )


def _not_there(folder: Path) -> InputError:
    return InputError(f"there is no unfinished run to resume: {folder} does not exist", hint="leave out --resume")


# --- run.json -----------------------------------------------------------------------------------------------------


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "chain_id": plan.chain_id,
        "market": plan.market,
        "entry": plan.entry,
        "from_block": plan.first,
        "to_block": plan.last.number,
        "to_time": plan.last.timestamp,
        "to_hash": plan.last.hash,
        "emitters": [
            {"address": emitter.address, "events": [_event_json(event) for event in emitter.events]}
            for emitter in plan.emitters
        ],
    }


def _event_json(event: DebtEvent) -> dict[str, Any]:
    layouts = [list(layout) for layout in event.layouts]
    return {"signature": event.signature, "owner": event.owner, "layouts": layouts, "certain": event.certain}


def _read_plan(path: Path) -> Plan:
    try:
        raw = json.loads(path.read_bytes())
        if raw["format"] != FORMAT:
            _bad(path, f"is of the format {raw['format']!a}, not {FORMAT}")
        return Plan(
            chain_id=_whole(raw["chain_id"]),
            market=_text(raw["market"]),
            entry=_address(raw["entry"]),
            first=_whole(raw["from_block"]),
            last=Block(_whole(raw["to_block"]), _whole(raw["to_time"]), _text(raw["to_hash"])),
            emitters=tuple(_emitter(one) for one in raw["emitters"]),
        )
    except (ValueError, KeyError, TypeError) as problem:
        _bad(path, f"does not say what was looked for ({type(problem).__name__}: {problem})")


def _emitter(raw: Mapping[str, Any]) -> Emitter:
    return Emitter(_address(raw["address"]).lower(), tuple(_event(one) for one in raw["events"]))


def _event(raw: Mapping[str, Any]) -> DebtEvent:
    layouts = tuple(tuple(_whole(place) for place in layout) for layout in raw["layouts"])
    return DebtEvent(_text(raw["signature"]), _whole(raw["owner"]), layouts, _truth(raw["certain"]))


# --- found.jsonl --------------------------------------------------------------------------------------------------


def _read_stretch(line: bytes, path: Path, number: int) -> Stretch:
    try:
        raw = json.loads(line)
        last = Block(_whole(raw["last"]), _whole(raw["time"]), _text(raw["hash"]))
        return Stretch(last, tuple(_sighting(one) for one in raw["found"]))
    except (ValueError, KeyError, TypeError) as problem:
        _bad(path, f"holds in line {number} what was not written there ({type(problem).__name__}: {problem})")


def _sighting(raw: Sequence[Any]) -> Sighting:
    address, block, certain = raw
    return Sighting(_address(address), _whole(block), _truth(certain))


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!a:.80} is no whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!a:.80} is no text")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!a:.80} is neither true nor false")
    return value


def _address(value: Any) -> str:
    if not is_address(_text(value)):
        raise ValueError(f"{value!a:.80} is no address")
    return str(value)


def _bad(path: Path, what: str) -> NoReturn:
    raise BadFile(f"{path} {what}", hint="remove that folder to start anew")
