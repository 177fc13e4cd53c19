"""A scan that is stopped says where it is kept, and goes on from there."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.faulty_server import held

from .conftest import borrowers, spawn
from .log_server import LogServer, most_blocks
from .test_resuming import beyond, journal, wait_for


def test_it_says_what_is_kept(server: LogServer, tmp_path: Path) -> None:
    server.populate(300)
    server.limit = most_blocks(600)
    assert borrowers(server, tmp_path / "whole.csv").code == 0
    out = tmp_path / "w.csv"
    with held(server, beyond(10_500)), spawn(server, out) as process:
        wait_for(journal(out), 2)
        process.send_signal(signal.SIGTERM)
        printed, said = process.communicate(timeout=300)
    assert (process.returncode, printed) == (143, "")
    kept = f"what was read is kept in {journal(out).parent}; the same command with --resume goes on"
    assert said == f"interrupted: {kept}\n"
    assert not out.exists()
    assert borrowers(server, out, "--resume").code == 0
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
