"""A market's past behind a local endpoint, and the command run on it."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from defirisk.cli.app import app

from .log_server import RECORDING, LogServer

PROGRAM = [sys.executable, "-m", "defirisk"]


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def server() -> Iterator[LogServer]:
    with LogServer.of_fixture(RECORDING) as one:  # type: ignore[attr-defined]
        yield one


@pytest.fixture
def other() -> Iterator[LogServer]:
    with LogServer.of_fixture(RECORDING) as one:  # type: ignore[attr-defined]
        yield one


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DEFIRISK_RPC_") or name == "ETH_RPC_URL":
            monkeypatch.delenv(name)


def arguments(
    server: LogServer, output: Path | str, *more: str, first: int = 0, market: str | None = None
) -> list[str]:
    start = ["borrowers", "--market", market or server.market, "--rpc", server.url, "--from-block", str(first)]
    return [*start, "-o", str(output), *more]


def run(*args: str) -> Ran:
    done = CliRunner().invoke(app, args, prog_name="defirisk")
    return Ran(done.exit_code, done.stdout, done.stderr)


def borrowers(server: LogServer, output: Path | str, *more: str, **named: Any) -> Ran:
    return run(*arguments(server, output, *more, **named))


def spawn(server: LogServer, output: Path, *more: str) -> subprocess.Popen[str]:
    command = [*PROGRAM, *arguments(server, output, *more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def listed(path: Path) -> list[tuple[str, int, str]]:
    """The rows of a CSV, addresses lower-case."""
    return rows(path.read_text())


def rows(text: str) -> list[tuple[str, int, str]]:
    table = list(csv.DictReader(io.StringIO(text)))
    return [(row["address"].lower(), int(row["first_block"]), row["kind"]) for row in table]


def whole(server: LogServer, first: int = 0, last: int | None = None) -> list[tuple[str, int, str]]:
    """What the list must be."""
    found = server.expected(first) if last is None else server.expected(first, last)
    return [(address, block, "borrower") for address, block in found.items()]
