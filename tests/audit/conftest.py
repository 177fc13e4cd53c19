"""A recording with many wallets, lists of them, and the command in this process or in one of its own."""

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
DEMO = Path(__file__).parents[2] / "fixtures" / "demo.json.gz"
WALLETS = tuple(load_fixture(str(RECORDING)).fixture.wallets)
MARKET = f"aave-v3@{load_fixture(str(RECORDING)).fixture.markets[0].entry}"
STRANGER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
LIQUIDATABLE = "0x0000000000000000000000000000000000001002"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DEFIRISK_RPC_") or name in {"ETH_RPC_URL", "COLUMNS", "NO_COLOR", "FORCE_COLOR"}:
            monkeypatch.delenv(name)


@pytest.fixture
def wallets(tmp_path: Path) -> Path:
    """All the recording's wallets, one a line."""
    path = tmp_path / "wallets.txt"
    path.write_text("\n".join(WALLETS) + "\n")
    return path


@pytest.fixture
def audit() -> Callable[..., Ran]:
    """`audit` on the recording, in this process."""

    def invoke(*args: object, fixture: Path | None = RECORDING, stdin: str | bytes | None = None) -> Ran:
        source = () if fixture is None else ("--fixture", str(fixture))
        done = CliRunner().invoke(app, ["audit", *map(str, args), *source], prog_name="defirisk", input=stdin)
        return Ran(done.exit_code, done.stdout, done.stderr)

    return invoke


@pytest.fixture
def endpoint() -> Iterator[RpcServer]:
    """The recording as a live JSON-RPC endpoint."""
    with RpcServer.of_fixture(RECORDING) as server:
        yield server


def live(server: RpcServer, *args: object) -> list[str]:
    """The command line of an audit over an endpoint."""
    return [sys.executable, "-m", "defirisk", "audit", *map(str, args), "--rpc", server.url, "--market", MARKET]


def spawn(command: list[str], **options: Any) -> Ran:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)
    return Ran(done.returncode, done.stdout, done.stderr)


def lasting(document: dict[str, Any]) -> dict[str, Any]:
    """A summary without what may differ between two runs of one result."""
    return {key: value for key, value in document.items() if key not in ("source", "warnings", "run")}
