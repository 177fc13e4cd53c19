"""How small a recording is, and how little memory a large one takes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import defirisk
from benchmarks.market import BLOCK, Site, answers, asset_of, wallet_of
from benchmarks.positions import LISTINGS
from benchmarks.table import Note, Row, seconds
from defirisk.chain.calls import Answer, Call, Returned, Reverted
from tests.support.rpc_server import RpcServer

MOST_BYTES: Final = 150_000
MOST_MEGABYTES: Final = 350
_CALLS_A_WALLET: Final = 10


def sizes(wallets: int = 50) -> Iterator[Row | Note]:
    """Issue 5: a recording fit for a repository, made by ``defirisk record`` from an endpoint on this machine."""
    site = Site(2)
    spread = _Scattered(site, wallets)
    market = f"aave-v3@{spread.address(site.entry)}"
    owners = [spread.address(wallet_of(number)) for number in range(wallets)]
    told = {spread.call(call): spread.answer(answer) for call, answer in answers([site], wallets).items()}
    with TemporaryDirectory() as folder, RpcServer(told, chain_id=1, block=BLOCK) as server:
        packed = _recorded(Path(folder, "all.json.gz"), owners, market, server.url)
        plain = _recorded(Path(folder, "all.json"), owners, market, server.url)
        alone = _recorded(Path(folder, "one.json.gz"), owners[:1], market, server.url)
    yield Row(f"{wallets} wallets, 20 reserves, gzipped", [packed], kilobytes, "< 150 kB", packed < MOST_BYTES)
    yield Row("the same as plain JSON", [plain], kilobytes, beside=True)
    yield Row("a recording a wallet", [alone * wallets], kilobytes, beside=True)
    yield Note(
        "Every address is as random as a real one. What the market says is held once, whoever asks; a wallet costs its "
        "own calls: 40 balances, its account and what kind of address it is."
    )


def large(wallets: int = 100_000) -> Iterator[Row | Note]:
    """A recording of many wallets, ten calls each: written, then loaded and asked by processes of their own."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "large.json")
        wrote, write_peak, _ = _measured("write", path, wallets)
        size = path.stat().st_size
        read, read_peak, looked = _measured("read", path, wallets)
    yield Row(f"{wallets:,} wallets, ten calls each", [size / 1e6], megabytes)
    yield Row("load it", [read], seconds)
    yield Row("memory while loading", [read_peak], megabytes, f"< {MOST_MEGABYTES} MB", read_peak < MOST_MEGABYTES)
    yield Row("an answer looked up", [looked], microseconds)
    yield Row("make and write it", [wrote], seconds)
    yield Row("memory while writing", [write_peak], megabytes)


def kilobytes(value: float) -> str:
    """Thousands of bytes."""
    return f"{value / 1000:,.1f} kB"


def megabytes(value: float) -> str:
    """Millions of bytes."""
    return f"{value:,.0f} MB"


def microseconds(value: float) -> str:
    """A time in seconds, shown in microseconds."""
    return f"{value * 1e6:.1f} us"


def _recorded(path: Path, owners: list[str], market: str, url: str) -> int:
    defirisk.record(owners, path, rpc=url, markets=market)
    return path.stat().st_size


class _Scattered:
    """The benchmark's market, whose addresses are numbers in a row, with addresses that compress like real ones."""

    def __init__(self, site: Site, wallets: int) -> None:
        contracts = [site.entry, site.pool, site.oracle, site.token(9, 0)]
        contracts += [site.token(kind, number) for kind in range(3) for number in range(len(LISTINGS))]
        assets = [asset_of(number) for number in range(len(LISTINGS))]
        known = [*contracts, *assets, *(wallet_of(number) for number in range(wallets))]
        self._places = {bytes.fromhex(one[2:]): sha256(one.lower().encode()).digest()[:20] for one in known}
        self._any = re.compile(b"|".join(re.escape(one) for one in self._places))

    def address(self, text: str) -> str:
        """Where that address is now."""
        return "0x" + self._bytes(bytes.fromhex(text[2:])).hex()

    def call(self, call: Call) -> Call:
        """The same call to the new addresses."""
        return Call(self.address(call.to), self._bytes(call.data))

    def answer(self, answer: Answer) -> Answer:
        """The same answer with the new addresses."""
        return (Returned if isinstance(answer, Returned) else Reverted)(self._bytes(answer.data))

    def _bytes(self, data: bytes) -> bytes:
        return self._any.sub(lambda found: self._places[found[0]], data)


_PROGRAM: Final = """
import asyncio, hashlib, resource, sys, time
from pathlib import Path
from defirisk.chain import Block, Call, Returned
from defirisk.chain.recording import Fixture, load_fixture, write_fixture
from defirisk.chain.store import AnswerStore

what, path, wallets, each = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])

def owner(number):
    return hashlib.sha256(str(number).encode()).digest()[:20]

def calls(numbers):
    return (Call(f"0x{place:040x}", b"abcd" + bytes(12) + owner(n)) for n in numbers for place in range(each))

looked, start = 0.0, time.perf_counter()
if what == "write":
    answers = AnswerStore()
    answers.put((call, Returned(call.data[16:] + bytes(200))) for call in calls(range(wallets)))
    held = tuple("0x" + owner(number).hex() for number in range(wallets))
    write_fixture(path, Fixture(1, Block(1, 1, None), "benchmark", (), held, answers))
else:
    chain = load_fixture(path)
taken = time.perf_counter() - start
if what == "read":
    asked = list(calls(number * 7919 % wallets for number in range(min(wallets, 2000))))
    start = time.perf_counter()
    asyncio.run(chain.calls(asked))
    looked = (time.perf_counter() - start) / len(asked)
print(taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, looked)
"""


def _measured(what: str, path: Path, wallets: int) -> tuple[float, float, float]:
    """Seconds, megabytes at most, and seconds an answer, of a process of its own."""
    words = [sys.executable, "-c", _PROGRAM, what, str(path), str(wallets), str(_CALLS_A_WALLET)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    taken, peak, looked = map(float, done.stdout.split())
    return taken, peak, looked
