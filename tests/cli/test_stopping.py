"""Stopped by Ctrl-C or SIGTERM: one line, the exit code that a shell expects, and nothing half-written."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from defirisk.cli import app, main
from defirisk.cli.stopping import STOP, kept_in, nothing_kept

from .conftest import CLOSE

CASES = [
    (signal.SIGTERM, "check", CLOSE),
    (signal.SIGTERM, "record", CLOSE),
    (signal.SIGTERM, "audit", "list"),
    (signal.SIGTERM, "snapshot", CLOSE),
    (signal.SIGINT, "snapshot", CLOSE),
]


def start(folder: Path, *args: str, background: bool) -> subprocess.Popen[str]:
    """A process of its own; in the background Ctrl-C is ignored, as a shell without job control starts its jobs."""
    handler = "SIG_IGN" if background else "default_int_handler"
    program = (
        f"import signal, sys; signal.signal(signal.SIGINT, signal.{handler}); "
        "from defirisk.cli.app import app; app(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, *args]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("number", "name", "what"), CASES, ids=[f"{name}-{number.name}" for number, name, _ in CASES])
def test_it_ends_with_one_line_and_no_file(number: signal.Signals, name: str, what: str, tmp_path: Path) -> None:
    """A listener that never answers, so that the program waits."""
    (tmp_path / "list").write_text(f"{CLOSE}\n")
    out = "out.parquet" if name in ("snapshot", "audit") else "out.json"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(120)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        process = start(tmp_path, name, what, "--rpc", url, "-o", out, background=number is signal.SIGTERM)
        connection, _ = silent.accept()
        process.send_signal(number)
        printed, said = process.communicate(timeout=120)
        connection.close()
    assert (process.returncode, printed) == (128 + number, "")
    assert said == "interrupted: nothing was written, nothing is kept\n"
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


def test_a_stop_while_it_loads_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stops:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "defirisk.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "defirisk.cli.app")
    monkeypatch.setattr(sys, "meta_path", [Stops(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (130, "interrupted: nothing was written, nothing is kept\n")


def test_what_is_kept_is_said_only_where_something_is(tmp_path: Path) -> None:
    assert kept_in(tmp_path, "run.json")() == nothing_kept()
    (tmp_path / "run.json").touch()
    assert str(tmp_path) in kept_in(tmp_path, "run.json")()
    assert "--resume" in kept_in(tmp_path, "run.json")()
    assert "-o FILE" in kept_in(None, "run.json")()


def test_a_term_where_nothing_is_awaited_stops_at_once() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def work() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("went on")

    with STOP.also_by_term():
        assert app._guarded(app.Session(), work) == 143
    assert signal.getsignal(signal.SIGTERM) is before
    with STOP.also_by_term():
        assert STOP.exit_code == 130  # an earlier run's signal is not this one's


def test_a_term_during_work_drops_what_it_gives_back() -> None:
    """Work that awaits nothing any more is not said to be done when it was stopped."""

    async def work() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 1

    with STOP.also_by_term(), pytest.raises(click.Abort, match="nothing is kept"):
        STOP.run(work(), nothing_kept)
    assert STOP.exit_code == 143
