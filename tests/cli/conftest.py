"""The command line over a small recording, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from defirisk.chain.recording import load_fixture
from defirisk.cli.app import app
from tests.support.rpc_server import RpcServer

RECORDING = Path(__file__).parents[1] / "recorded" / "data" / "aave-v3-3.5.json.gz"
LIQUIDATABLE = "0x0000000000000000000000000000000000001002"
CLOSE = "0x0000000000000000000000000000000000001003"
STRANGER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BLOCK = 712


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No endpoint and no look of the terminal that runs the tests may reach them."""
    for name in list(os.environ):
        if name.startswith("DEFIRISK_RPC_") or name in {"ETH_RPC_URL", "COLUMNS", "NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def invoke(*args: str) -> Ran:
        done = CliRunner().invoke(app, args, prog_name="defirisk")
        return Ran(done.exit_code, done.stdout, done.stderr)

    return invoke


@pytest.fixture
def check(run: Run) -> Run:
    """`check` on the recording, thresholds left out where nothing asks for them."""

    def invoke(*args: str, thresholds: bool = False) -> Ran:
        more = () if thresholds else ("--no-thresholds",)
        return run("check", "--fixture", str(RECORDING), *more, *args)

    return invoke


@pytest.fixture
def spawn() -> Run:
    """Run a command in a process of its own."""

    def invoke(*args: str, **options: Any) -> Ran:
        command = [sys.executable, "-m", "defirisk", *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)
        return Ran(done.returncode, done.stdout, done.stderr)

    return invoke


@pytest.fixture
def endpoint() -> Iterator[RpcServer]:
    """The recording as a live JSON-RPC endpoint."""
    with RpcServer.of_fixture(RECORDING) as server:
        yield server


@pytest.fixture(scope="session")
def market() -> str:
    """The recorded market as `--market` takes it."""
    return f"aave-v3@{load_fixture(str(RECORDING)).fixture.markets[0].entry}"
