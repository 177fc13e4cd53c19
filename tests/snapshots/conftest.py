"""Snapshots of the recordings, and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from defirisk.chain.recording import load_fixture
from defirisk.cli.app import app

ROOT = Path(__file__).parents[2]
RECORDINGS = {
    path.name.removesuffix(".json.gz"): path
    for folder in ("fixtures", "tests/recorded/data", "tests/recorded/aave_v2/data", "tests/recorded/compound_v3/data")
    for path in sorted((ROOT / folder).glob("*.json.gz"))
    if "expected" not in path.name
}


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def run(*args: str) -> Ran:
    done = CliRunner().invoke(app, args, prog_name="defirisk")
    return Ran(done.exit_code, done.stdout, done.stderr)


def wallets_of(name: str) -> list[str]:
    return list(load_fixture(str(RECORDINGS[name])).fixture.wallets)


def listed(folder: Path, name: str) -> Path:
    """A recording's wallets as a list, with a label; some twice, one nowhere."""
    path = folder / f"{name}.csv"
    wallets = wallets_of(name)
    rows = [f"{wallet},the {number}th\n" for number, wallet in enumerate(wallets)]
    path.write_text("address,story\n" + "".join(rows) + rows[0] + "nonsense,x\n")
    return path


def taken(folder: Path, name: str) -> Path:
    """A snapshot of a recording's wallets."""
    path = folder / f"{name}.parquet"
    ran = run("snapshot", str(listed(folder, name)), "--fixture", str(RECORDINGS[name]), "-o", str(path), "-q")
    assert ran.code in (0, 3), ran.err
    return path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four families."""
    return taken(tmp_path_factory.mktemp("demo"), "demo")
