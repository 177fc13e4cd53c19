"""A million positions under twenty scenarios, from Parquet to summary: a whole process, its peak memory, its time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from benchmarks.population import Drawn
from benchmarks.table import Note, Row, count, percent, seconds
from defirisk.chain.addresses import checksum
from defirisk.chain.calls import Block
from defirisk.model import AccountReading
from defirisk.snapshots import writing
from defirisk.snapshots.encoding import Encoder
from defirisk.snapshots.writing import SnapshotWriter

POSITIONS: Final = 1_000_000
DIFFERENT: Final = 20_000
"""So many different positions; wallets hold them in turn."""
SCENARIOS: Final = 20
LIMIT: Final = 60.0
MEMORY: Final = 4096
"""MiB."""
PROGRAM: Final = """
import json, re, resource, sys
from pathlib import Path
import defirisk

if __name__ == "__main__":
    path, falls, workers = sys.argv[1:]
    result = defirisk.audit(path, scenarios=falls.split(), thresholds=False, engine="fast", workers=int(workers))
    sums = [one for market in result.summary.markets.values() for one in market.book.scenarios.values()]
    own = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    told = {
        "positions": sum(one.positions for one in sums),
        "fast": sum(one.fast for one in sums),
        "liquidatable": sum(one.liquidatable.count for one in sums),
        "own": own,
        "cores": sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)),
        "worker": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
    }
    print(json.dumps(told))
"""


def figures(positions: int = POSITIONS, different: int = DIFFERENT, workers: int = 2) -> Iterator[Row | Note]:
    """Issue 4: one million positions x 20 scenarios from Parquet to summary."""
    with TemporaryDirectory(prefix="defirisk-bench-") as name:
        folder = Path(name)
        path, program = folder / "positions.parquet", folder / "audit.py"
        program.write_text(PROGRAM)
        began = perf_counter()
        wallets = _write(path, positions, different)
        written = perf_counter() - began
        size = path.stat().st_size
        falls = " ".join(f"-{3 * step}%" for step in range(1, SCENARIOS + 1))
        began = perf_counter()
        command = [sys.executable, str(program), str(path), falls, str(workers)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        took = perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"the audit ended with {done.returncode}: {done.stderr[-500:]}")
    told = json.loads(done.stdout)
    pairs = wallets * SCENARIOS
    if told["positions"] != pairs:
        raise RuntimeError(f"{told['positions']:,} pairs were added up, not {pairs:,}")
    peak = (told["own"] + workers * told["worker"]) / 1024
    yield Row(f"{wallets:,} x {SCENARIOS}: time", [took], seconds, f"< {LIMIT:.0f} s", took < LIMIT)
    yield Row("peak memory, all processes", [peak], _mebibytes, f"< {MEMORY >> 10} GiB", peak < MEMORY)
    yield Row("core time, all processes", [told["cores"]], seconds)
    yield Row("pairs a second", [pairs / took], count)
    yield Row("liquidatable", [told["liquidatable"] / pairs], percent)
    yield Row("by the exact engine", [1 - told["fast"] / pairs], lambda share: f"{share:.1e}")
    yield Note(
        f"`audit` of a snapshot of {size / 2**20:,.0f} MiB, {different:,} different positions of Aave V3 held in turn, falls "
        f"of 3 to 60 %, no tables and no thresholds, {workers} worker processes. Peak memory is the process's own "
        f"high-water mark and that of its largest worker times {workers}. Writing the file took {written:.0f} s, which is "
        "no part of the figure."
    )


def _mebibytes(value: float) -> str:
    return f"{value:,.0f} MiB"


def _write(path: Path, positions: int, different: int) -> int:
    """A snapshot of at least so many positions; how many they are."""
    drawn = list(Drawn(different))
    market = drawn[0].market
    readings = [AccountReading(_wallet(number), (_owned(position, number),)) for number, position in enumerate(drawn)]
    block = Block(1, 1, None)
    with path.open("wb") as file:
        encoder = Encoder([(market.name, market.protocol)], chain_id=market.chain_id, block=block.number)
        writer = SnapshotWriter(file, encoder)
        parts = (readings[start : start + writing.ROWS] for start in range(0, different, writing.ROWS))
        kept = [encoder.encode(part, [{}] * len(part)) for part in parts]
        wallets = copies = 0
        while wallets < positions:
            for table, _, today in kept:
                writer.put(_moved(table, copies), len(table), today)
                wallets += len(table)
                copies += 1
        listing = {"digest": "", "given": wallets, "distinct": wallets, "duplicates": 0, "rejected": 0}
        writer.finish(
            chain_id=market.chain_id,
            block=block,
            source="benchmark",
            listing={**listing, "labels": [], "sample": []},
            assets=list(dict.fromkeys(token for position in drawn for token in position.tokens)),
            warnings=(),
        )
    return wallets


def _wallet(number: int) -> str:
    return checksum(f"0x{number + 1:040x}")


def _owned(position: Any, number: int) -> Any:
    from dataclasses import replace

    return replace(position, owner=_wallet(number))


def _moved(table: Any, copy: int) -> Any:
    """The same rows as other wallets'."""
    import pyarrow as pa

    addresses = pa.array([f"0x{copy:020x}{number:020x}" for number in range(len(table))], pa.string())
    return table.set_column(table.schema.get_field_index("address"), table.schema.field("address"), addresses)
