"""The gate in CI: a policy over a recording, a whole process (issue 5)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.market import BLOCK, Site, answers, wallet_of
from benchmarks.table import Note, Row, seconds, times
from defirisk.chain.recording import Fixture, FixtureMarket, write_fixture

SCENARIOS: Final = (
    "-10%", "-20%", "-30%", "-40%", "-50%", "black-thursday-2020", "may-2021", "ftx-2022", "usdc-2023", "eth-rise-30",
)  # fmt: skip
LIMIT: Final = 2.0


def figures(wallets: int = 50, runs: int = 5) -> Iterator[Row | Note]:
    """50 wallets of a market of 20 reserves under 10 scenarios, all four rules, JUnit and SARIF written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _write(folder, wallets)
        taken = times(lambda: _check(folder, wallets), runs)
        reached = sorted(taken)[len(taken) // 2] < LIMIT
        yield Row(f"{wallets} wallets x {len(SCENARIOS)} scenarios", taken, seconds, f"< {LIMIT} s", reached)
        checks = json.loads((folder / "a.json").read_text())["policy"]["counts"]
        told = ", ".join(f"{count} {status}" for status, count in checks.items())
        yield Note(f"{sum(checks.values())} checks ({told}); the recording has {size / 1000:.0f} kB.")


def _write(folder: Path, wallets: int) -> int:
    """A recording and a policy for its wallets; the recording's size, bytes."""
    site = Site(1)
    owners = [wallet_of(number) for number in range(wallets)]
    market = FixtureMarket("aave-v3", site.entry, "aave-v3-benchmark")
    told = answers((site,), wallets)
    fixture = Fixture(1, BLOCK, "defirisk benchmarks", (market,), tuple(owners), told)
    write_fixture(folder / "chain.json.gz", fixture)
    listed = "\n".join(f'[[wallet]]\naddress = "{owner}"\nlabel = "wallet {n}"' for n, owner in enumerate(owners))
    rules = 'min_health_factor = 1.1\nsurvives = ["-20%"]\nmax_bad_debt = 0\nmax_oracle_age = "3h"'
    head = f'fixture = "chain.json.gz"\nscenarios = {json.dumps(SCENARIOS)}'
    (folder / "defirisk.toml").write_text(f"{head}\n{listed}\n[policy]\n{rules}\n")
    return (folder / "chain.json.gz").stat().st_size


def _check(folder: Path, wallets: int) -> None:
    reports = ("--report", "junit=a.xml", "--report", "sarif=a.sarif", "--report", "json=a.json")
    command = [sys.executable, "-m", "defirisk", "check", *reports]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or "Policy: " not in done.stdout:
        raise RuntimeError(f"the gate of {wallets} wallets ended with {done.returncode}: {done.stderr}")
