"""A cold start: the whole process, as a person waits for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.table import Note, Row, seconds, times

HEAVY = ("web3", "pandas", "numpy", "eth_abi", "aiohttp")


def figures(runs: int = 7) -> Iterator[Row | Note]:
    """``demo`` and ``--help`` beside an empty interpreter and one that imports web3."""
    demo, help_ = (_whole(["-m", "defirisk", *args], runs) for args in (["demo"], ["--help"]))
    yield _row("defirisk demo, a whole process", demo, 1.0)
    yield _row("defirisk --help, a whole process", help_, 0.25)
    yield Row("python -c pass", _whole(["-c", "pass"], runs), seconds, beside=True)
    yield Row("python -c 'import web3'", _whole(["-c", "import web3"], runs), seconds, beside=True)
    for args in (["demo"], ["--help"]):
        loaded = ", ".join(_imported(args)) or "none"
        yield Note(f"defirisk {args[0]} imports of {', '.join(HEAVY)}: {loaded}")


def _row(name: str, taken: list[float], limit: float) -> Row:
    return Row(name, taken, seconds, f"< {limit} s", sorted(taken)[len(taken) // 2] < limit)


def _whole(arguments: list[str], runs: int) -> list[float]:
    return times(lambda: _run([sys.executable, *arguments]), runs)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True)


def _imported(arguments: list[str]) -> list[str]:
    """Which of the heavy modules a command loads, asked of the process itself."""
    program = (
        "import sys\nfrom defirisk.cli.app import app\n"
        "try: app(sys.argv[1:])\nfinally: print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr)"
    )
    loaded = set(_run([sys.executable, "-c", program, *arguments]).stderr.splitlines()[-1].split())
    return [name for name in HEAVY if name in loaded]
