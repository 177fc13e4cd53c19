"""`snapshot`, as the command takes it, and `audit` of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import defirisk

from .conftest import RECORDINGS, listed, run, wallets_of


def test_it_is_the_file_that_the_command_writes(tmp_path: Path) -> None:
    wallets, recording = listed(tmp_path, "demo"), str(RECORDINGS["demo"])
    assert run("snapshot", str(wallets), "--fixture", recording, "-o", str(tmp_path / "command.parquet")).code == 0
    taken = defirisk.snapshot(wallets, tmp_path / "api.parquet", fixture=recording)
    assert (tmp_path / "api.parquet").read_bytes() == (tmp_path / "command.parquet").read_bytes()
    assert (taken.complete, taken.failures, taken.wallets) == (True, (), len(set(wallets_of("demo"))))
    by_address = defirisk.snapshot(wallets_of("demo"), str(tmp_path / "addresses.parquet"), fixture=recording)
    assert by_address == taken
    audits = [
        defirisk.audit(source, fixture=fixture, scenarios=["-20%"]).to_dict()
        for source, fixture in ((tmp_path / "api.parquet", None), (wallets, recording))
    ]
    assert audits[0]["units"] == audits[1]["units"]


def test_what_is_no_snapshot_s_name_or_list_is_refused(tmp_path: Path) -> None:
    recording = str(RECORDINGS["demo"])
    with pytest.raises(defirisk.InputError, match="a snapshot is a Parquet file"):
        defirisk.snapshot(wallets_of("demo"), tmp_path / "s.csv", fixture=recording)
    defirisk.snapshot(wallets_of("demo")[:1], tmp_path / "s.parquet", fixture=recording)
    with pytest.raises(defirisk.InputError, match="is a snapshot already"):
        defirisk.snapshot(tmp_path / "s.parquet", tmp_path / "t.parquet", fixture=recording)
