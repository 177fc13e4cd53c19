"""A snapshot written: what was encoded as row groups, and at the end the head that names them all."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

from defirisk.auditing.summary import Summary, merged
from defirisk.chain.calls import Block
from defirisk.model import Token
from defirisk.model import Warning as Notice
from defirisk.snapshots.encoding import Encoded, Encoder
from defirisk.snapshots.head import sealed
from defirisk.snapshots.layout import FORMAT, KEY, schema
from defirisk.snapshots.numbers import token_json

if TYPE_CHECKING:
    import pyarrow as pa

ROWS: Final = 20_000
"""Rows that are gathered before they are written as a row group."""
_CODEC: Final = "zstd"


class SnapshotWriter:
    """Writes what an encoder encoded into a binary file that is new."""

    def __init__(self, file: BinaryIO, encoder: Encoder) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - late

        self._file = _Hashing(file)
        self._writer = pq.ParquetWriter(self._file, schema(), compression=_CODEC, store_schema=True)
        self._encoder = encoder
        self._held: list[Encoded] = []
        self._parts: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        """Close the writer in the end, while the file is open: pyarrow would do it whenever it is collected."""
        return self

    def __exit__(self, *_: object) -> None:
        """What was not finished is no snapshot."""
        self._writer.close()

    def add(self, encoded: Encoded) -> None:
        """Whole wallets, after those before."""
        self._held.append(encoded)
        if sum(len(one.table) for one in self._held) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what was added and is not written yet as a row group."""
        import pyarrow as pa  # noqa: PLC0415 - late

        held, self._held = self._held, []
        if any(len(one.table) for one in held):
            table = pa.concat_tables([one.table for one in held]).combine_chunks()
            self.put(table, sum(one.wallets for one in held), merged(one.today for one in held))

    def put(self, table: pa.Table, wallets: int, today: Summary) -> None:
        """A row group as it is: whole wallets, and what they add up to today."""
        self._file.restart()
        self._writer.write_table(table, row_group_size=len(table))
        start, end, digest = self._file.written()
        part = {"rows": len(table), "wallets": wallets, "start": start, "end": end, "digest": digest}
        self._parts.append({**part, "today": today.to_json()})

    def finish(
        self,
        *,
        chain_id: int,
        block: Block,
        source: str,
        listing: Mapping[str, Any],
        assets: Sequence[Token],
        warnings: Sequence[Notice],
    ) -> None:
        """Write the head; nothing can be added then."""
        self.flush()
        head = {
            "format": FORMAT,
            "written_by": f"defirisk {version('defirisk')}",
            "chain_id": chain_id,
            "block": {"number": block.number, "timestamp": block.timestamp, "hash": block.hash},
            "source": source,
            "list": {**listing, "chunks": len(self._parts)},
            "asked": [list(one) for one in self._encoder.markets],
            "listed": [token_json(token) for token in assets],
            "warnings": [[one.code, one.text] for one in warnings],
            **self._encoder.numbers.to_json(),
            "row_groups": self._parts,
        }
        text = json.dumps(sealed(head), separators=(",", ":"), sort_keys=True)  # in whatever order it became known
        self._writer.add_key_value_metadata({KEY: text})
        self._writer.close()


class _Hashing(io.RawIOBase):
    """A file that is written on, and the digest of what was written since it was asked to begin."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._inner = file
        self._at = 0
        self.restart()

    def restart(self) -> None:
        """From here on."""
        self._from = self._at
        self._digest = hashlib.sha256()

    def written(self) -> tuple[int, int, str]:
        """From where to where, and the digest."""
        return self._from, self._at, self._digest.hexdigest()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Write, and count."""
        self._inner.write(data)
        self._digest.update(data)
        size = len(memoryview(data).cast("B"))
        self._at += size
        return size

    def tell(self) -> int:
        """How much was written."""
        return self._at
