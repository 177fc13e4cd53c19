"""A folder with a policy over the demo's recording, and the command run in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from defirisk.cli.app import app

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "fixtures" / "demo.json.gz"
SMALL = ROOT / "fixtures" / "aave-v3-demo.json.gz"
ALL_FOUR = "0x87FB2e8879BDa2C64A9b78f75C24bFc2478B2d1c"
SAFE = "0x1111111111111111111111111111111111111111"
CLOSE = "0x2222222222222222222222222222222222222222"
UNDER = "0x4444444444444444444444444444444444444444"
NO_DEBT = "0x7777777777777777777777777777777777777777"
TODAY = "2026-11-24"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def policy(self) -> Any:
        return self.json["policy"]

    def findings(self, **wanted: Any) -> list[Any]:
        return [f for f in self.policy["findings"] if all(f[name] == value for name, value in wanted.items())]


Check = Callable[..., Ran]
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither an endpoint nor the CI that runs the tests reaches them; each runs in a folder of its own."""
    for name in list(os.environ):
        if re.match(r"DEFIRISK_RPC_|ETH_RPC_URL|GITHUB_|COLUMNS|NO_COLOR|FORCE_COLOR", name):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write defirisk.toml: head keys, wallets, rules, waivers."""

    def written(body: str, *, head: str = 'scenarios = ["-40%"]', fixture: Path | None = DEMO) -> Path:
        source = f"fixture = {json.dumps(str(fixture))}\n" if fixture else ""
        path = tmp_path / "defirisk.toml"
        path.write_text(f"{source}{head}\n{body}")
        return path

    return written


@pytest.fixture
def check() -> Check:
    """`defirisk check` in the folder, on a fixed day."""

    def invoke(*args: str, today: str | None = TODAY) -> Ran:
        day = ("--today", today) if today else ()
        done = CliRunner().invoke(app, ["check", *day, *args], prog_name="defirisk")
        return Ran(done.exit_code, done.stdout, done.stderr)

    return invoke


def wallet(address: str, label: str | None = None, **more: str) -> str:
    """One [[wallet]]."""
    lines = [f'address = "{address}"', *([f'label = "{label}"'] if label else [])]
    return "\n".join(["[[wallet]]", *lines, *(f"{key} = {value}" for key, value in more.items()), ""])


def waiver(wallet: str, rule: str, expires: str = "2026-12-31", **more: str) -> str:
    """One [[waiver]]."""
    lines = [f'wallet = "{wallet}"', f'rule = "{rule}"', 'reason = "unwinding"', f"expires = {expires}"]
    return "\n".join(["[[waiver]]", *lines, *(f'{key} = "{value}"' for key, value in more.items()), ""])
