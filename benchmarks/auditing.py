"""An audit of many wallets from a recording, end to end: a whole process, its peak memory, its time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks.market import BLOCK, Site, answers, wallet_of
from benchmarks.table import Note, Row, count, seconds
from defirisk.chain.calls import Answer, Call, Returned
from defirisk.chain.recording import Fixture, FixtureMarket, write_fixture
from defirisk.chain.store import AnswerStore

WALLETS: Final = 100_000
PATTERNS: Final = 360
"""So many different positions; wallets hold them in turn, and every third wallet holds nothing."""
LIMIT: Final = 1024
"""MiB."""
MARKET: Final = "aave-v3-bench"
PROGRAM: Final = """
import re, sys
from pathlib import Path
from defirisk.cli.app import app
try:
    app(sys.argv[1:])
finally:
    print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""


def figures(wallets: int = WALLETS) -> Iterator[Row | Note]:
    """Issue 4: the memory of an audit of 100,000 wallets from a recording."""
    with TemporaryDirectory(prefix="defirisk-bench-") as name:
        folder = Path(name)
        recording, given = folder / "recording.json", folder / "wallets.txt"
        calls = _record(recording, wallets)
        given.write_text("".join(f"{wallet_of(number)}\n" for number in range(wallets)))
        size = recording.stat().st_size
        began = perf_counter()
        peaks = _audit(folder, recording, given, wallets)
        took = perf_counter() - began
    yield Row(f"audit of {wallets:,} wallets: peak memory", [peaks[0]], _mebibytes, "< 1 GiB", peaks[0] < LIMIT)
    yield Row("its worker, at most", [peaks[1]], _mebibytes)
    yield Row("audit: time, one Aave V3 market", [took], seconds)
    yield Row("audit: wallets a second", [wallets / took], count)
    yield Note(
        f"The recording holds {calls:,} calls, {size / 2**20:,.0f} MiB. Both tables as Parquet, falls of 20 and 40 %, "
        "nearest liquidation of every position, engine auto. Peak memory is the process's own high-water mark."
    )


def _mebibytes(value: float) -> str:
    return f"{value:,.0f} MiB"


def _audit(folder: Path, recording: Path, given: Path, wallets: int) -> tuple[float, float]:
    """The peak of the process and of its worker, MiB."""
    files = ("-o", str(folder / "p.parquet"), "--outcomes", str(folder / "o.parquet"), "--drop", "20,40")
    command = [sys.executable, "-c", PROGRAM, "audit", str(given), "--fixture", str(recording), *files]
    process = subprocess.Popen([*command, "--format", "json", "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    worker = 0
    while process.poll() is None:
        worker = max(worker, *(_peak(child) for child in _children(process.pid)), 0)
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    out, err = process.communicate()
    told = json.loads(out) if process.returncode == 0 else {}
    if not told.get("complete") or sum(told["wallets"].values()) != wallets:
        raise RuntimeError(f"the audit ended with {process.returncode}: {err.decode()[-500:]}")
    return int(err.split()[-1]) / 1024, worker / 1024


def _children(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []


def _peak(process: str) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _record(path: Path, wallets: int) -> int:
    """Write what an audit of so many wallets asks; how many calls that are."""
    site = Site(77)
    told = answers([site], PATTERNS)
    patterns = [bytes.fromhex(wallet_of(number)[2:]) for number in range(PATTERNS)]
    held: list[list[tuple[Call, Answer]]] = [[] for _ in patterns]
    numbers = {pattern: number for number, pattern in enumerate(patterns)}
    store = AnswerStore()
    for call, answer in told.items():
        number = numbers.get(call.data[16:36])
        if number is None:
            store.put([(call, answer)])
        else:
            held[number].append((call, answer))
    held = [list(_used(calls, site)) for calls in held]
    store.put(pair for number in range(wallets) for pair in _moved(held, patterns, number))
    markets = (FixtureMarket("aave-v3", site.entry, MARKET),)
    write_fixture(path, Fixture(1, BLOCK, "benchmark", markets, (), store))
    return len(store)


def _used(calls: list[tuple[Call, Answer]], site: Site) -> Iterator[tuple[Call, Answer]]:
    """What is asked of a wallet: its flags, and both balances of the reserves that it uses."""
    holding = {call.to for call, answer in calls if isinstance(answer, Returned) and any(answer.data)}
    pairs = [(site.token(0, number), site.token(1, number)) for number in range(32)]
    asked = {token for pair in pairs if holding & set(pair) for token in pair} | {site.pool}
    return ((call, answer) for call, answer in calls if call.to in asked)


def _moved(held: list[list[tuple[Call, Answer]]], patterns: list[bytes], number: int) -> Iterator[tuple[Call, Answer]]:
    """A pattern's calls as another wallet's."""
    pattern = patterns[number % PATTERNS]
    wallet = bytes.fromhex(wallet_of(number)[2:])
    empty = number % 3 == 2
    for call, answer in held[number % PATTERNS]:
        data = call.data.replace(pattern, wallet)
        if not empty:
            yield Call(call.to, data), answer
        elif call.to == held[number % PATTERNS][0][0].to:
            yield Call(call.to, data), Returned(bytes(len(answer.data)))
