"""What only a terminal sees: a progress bar while the work is long, and nothing of it on stdout."""

import os
import pty
import select
import subprocess
import sys

import pytest

from defirisk.cli import progress
from tests.support.rpc_server import RpcServer

from .conftest import CLOSE


def run_on_terminal(command: list[str]) -> tuple[str, str, int]:
    """stdout through a pipe, stderr on a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL, env=environment
    )
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        if not more:
            break
        seen += more
    out = process.stdout.read().decode() if process.stdout else ""
    if process.stdout:
        process.stdout.close()
    os.close(ours)
    return out, seen.decode(), process.wait(30)


def check(*more: str) -> list[str]:
    return [sys.executable, "-m", "defirisk", "check", CLOSE, "--no-thresholds", "--format", "json", *more]


@pytest.fixture
def slow(endpoint: RpcServer) -> RpcServer:
    endpoint.latency = 0.6
    return endpoint


def test_a_bar_while_a_slow_endpoint_is_read(slow: RpcServer, market: str) -> None:
    out, seen, code = run_on_terminal(check("--rpc", slow.url, "--market", market))
    assert code == 0
    assert "\x1b[" in seen
    assert "reading 1 market" in seen
    assert out.startswith("{")


def test_no_bar_when_quiet(slow: RpcServer, market: str) -> None:
    assert run_on_terminal(check("--rpc", slow.url, "--market", market, "--quiet"))[1] == ""


@pytest.mark.parametrize(("patience", "is_seen"), [(0.0, True), (3_600.0, False)])
def test_no_bar_when_quick(
    patience: float, is_seen: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How quick depends on the machine; so here the patience differs, not the work."""
    monkeypatch.setattr(progress, "PATIENCE", patience)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # what rich asks of a captured stream
    bar = progress.Bar()
    bar("reading", 1, 2)
    if is_seen:
        bar._timer.join()
    bar.close()
    bar._timer.join()
    out, seen = capsys.readouterr()
    assert (out, "reading" in seen) == ("", is_seen)
