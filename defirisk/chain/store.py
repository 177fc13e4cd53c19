"""Answers by call: in memory while they are few, in a temporary database on disk once they are many.

A recording of 100,000 wallets holds about a million answers; as Python objects they take half a gigabyte.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from defirisk.chain.calls import Answer, Call, Returned, Reverted
from defirisk.errors import UnwritableOutput

Row = tuple[bytes, bytes]
"""Address and data of a call; and its answer behind a byte that tells its kind."""
ROOM: Final = 64 << 20
"""Bytes that answers may take in memory: about 150,000 of them."""
_OBJECTS: Final = 300  # bytes that a call and its answer take beside their data
_ADDRESS: Final = 20
_RETURNED, _REVERTED = b"\x01", b"\x00"
_SETTINGS: Final = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-32768")


class AnswerStore(Mapping[Call, Answer]):
    """Answers by call, in any number; iterates in the order of (to, data) once it is on disk.

    Args:
        room: bytes that they may take in memory before they go to disk.
    """

    def __init__(self, *, room: int = ROOM) -> None:
        self._room = room
        self._memory: dict[Call, Answer] = {}
        self._taken = 0
        self._disk: _Disk | None = None

    def put(self, pairs: Iterable[tuple[Call, Answer]]) -> None:
        """Add answers; a later one of the same call replaces the earlier.

        Raises:
            UnwritableOutput: they are many, and the temporary folder has no room for them.
        """
        waiting = iter(pairs)
        self._keep(waiting)
        if self._disk is not None:
            self._disk.put((_key(call), _packed(answer)) for call, answer in waiting)

    def put_rows(self, rows: Iterable[Row]) -> None:
        """Add answers as :func:`row` gives them: the same as :meth:`put`, for a million of them.

        Raises:
            UnwritableOutput: as :meth:`put`.
        """
        waiting = iter(rows)
        self._keep((_call(key), _unpacked(answer)) for key, answer in waiting)
        if self._disk is not None:
            self._disk.put(waiting)

    def _keep(self, pairs: Iterable[tuple[Call, Answer]]) -> None:
        """Keep answers in memory while there is room; the rest is left in ``pairs``."""
        if self._disk is not None:
            return
        for call, answer in pairs:
            self._memory[call] = answer
            self._taken += _OBJECTS + len(call.data) + len(answer.data)
            if self._taken > self._room:
                self._disk = _Disk()
                self._disk.put((_key(call), _packed(answer)) for call, answer in self._memory.items())
                self._memory.clear()
                return

    def __getitem__(self, call: Call) -> Answer:
        if self._disk is None:
            return self._memory[call]
        found = self._disk.find(call)
        if found is None:
            raise KeyError(call)
        return found

    def __iter__(self) -> Iterator[Call]:
        return iter(self._memory) if self._disk is None else (call for call, _ in self._disk)

    def __len__(self) -> int:
        return len(self._memory) if self._disk is None else len(self._disk)

    def in_order(self) -> Iterator[tuple[Call, Answer]]:
        """Calls and answers, sorted by (to, data)."""
        return iter(self._disk) if self._disk is not None else in_order(self._memory)


def in_order(answers: Mapping[Call, Answer]) -> Iterator[tuple[Call, Answer]]:
    """Calls and answers, sorted by (to, data)."""
    if isinstance(answers, AnswerStore):
        yield from answers.in_order()
        return
    for call in sorted(answers, key=_key):
        yield call, answers[call]


class _Disk:
    """A private temporary SQLite database: it has no name that another could open, and ends with the process."""

    def __init__(self) -> None:
        import sqlite3  # noqa: PLC0415 - only for large recordings

        self._problem = sqlite3.Error
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._base.close)
        for setting in _SETTINGS:
            self._base.execute(f"PRAGMA {setting}")
        self._base.execute("CREATE TABLE answers (call BLOB PRIMARY KEY, answer BLOB NOT NULL) WITHOUT ROWID")
        self._base.execute("BEGIN")  # one transaction for ever: nobody else reads it

    def put(self, rows: Iterable[Row]) -> None:
        """Keep calls with their answers.

        Raises:
            UnwritableOutput: the temporary folder has no room for them.
        """
        try:
            self._base.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)
        except self._problem as problem:
            raise UnwritableOutput(
                f"the temporary folder cannot hold a large recording: {problem}",
                hint="name a folder with room in the environment variable SQLITE_TMPDIR",
            ) from problem

    def find(self, call: Call) -> Answer | None:
        row = self._base.execute("SELECT answer FROM answers WHERE call = ?", (_key(call),)).fetchone()
        return None if row is None else _unpacked(row[0])

    def __len__(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0])

    def __iter__(self) -> Iterator[tuple[Call, Answer]]:
        for key, answer in self._base.execute("SELECT call, answer FROM answers ORDER BY call"):
            yield _call(key), _unpacked(answer)


def row(key: bytes, data: bytes, *, returned: bool) -> Row:
    """What is stored of a call whose address and data are ``key``, answered with ``data``."""
    return key, (_RETURNED if returned else _REVERTED) + data


def _key(call: Call) -> bytes:
    """Sorts as (to, data) does: the address is of one length."""
    return bytes.fromhex(call.to[2:]) + call.data


def _call(key: bytes) -> Call:
    return Call(_address(key[:_ADDRESS]), key[_ADDRESS:])


@lru_cache(maxsize=4096)
def _address(raw: bytes) -> str:
    """The same text for the same address: a recording names few of them many times."""
    return "0x" + raw.hex()


def _packed(answer: Answer) -> bytes:
    return (_RETURNED if isinstance(answer, Returned) else _REVERTED) + answer.data


def _unpacked(packed: bytes) -> Answer:
    return Returned(packed[1:]) if packed[:1] == _RETURNED else Reverted(packed[1:])
