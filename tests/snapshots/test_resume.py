"""A snapshot that was interrupted goes on, and is the very file of one that never was."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from defirisk.errors import EndpointUnreachable, StateExists, StateUnusable
from defirisk.snapshots import replaying, taking
from defirisk.snapshots.reading import SnapshotFile
from defirisk.sources import Where
from tests.support.faulty_server import held
from tests.support.rpc_server import RpcError, RpcServer

from .conftest import RECORDINGS, listed, run, wallets_of

NAME = "demo"
CHUNK = 2


class Killed(BaseException):
    """Nothing that anybody would catch."""


@pytest.fixture
def wallets(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return listed(tmp_path / "in", NAME)


@pytest.fixture
def whole(wallets: Path, tmp_path: Path) -> bytes:
    """The file of a run that was never interrupted."""
    path = tmp_path / "in" / "whole.parquet"
    take(wallets, path)
    return path.read_bytes()


def take(wallets: Path, output: Path, where: Where | None = None, **more: Any) -> taking.SnapshotResult:
    how = {"strict": False, "chunk": CHUNK, "resume": False} | more
    hook = how.pop("progress", None)
    ask = taking.asked(str(wallets), where or Where(fixture=str(RECORDINGS[NAME])), output, **how)
    return asyncio.run(taking.take(ask, output, progress=hook))


def killed_at(monkeypatch: pytest.MonkeyPatch, name: str, count: int, module: Any = taking) -> None:
    """The function ``name`` is reached for the last time at its ``count``-th call."""
    was, left = getattr(module, name), [count]

    def dies(*args: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return was(*args)

    monkeypatch.setattr(module, name, dies)


MOMENTS = {
    "a part is written, its record is not": ("write_json", 1),
    "two chunks are done": ("write_part", 2),
    "all are done, the file is not": ("replace_with", 0),
    "the file is half written": ("read_part", 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_it_goes_on_to_the_same_bytes(
    moment: str, wallets: Path, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "s.parquet"
    with monkeypatch.context() as patched:
        killed_at(patched, *MOMENTS[moment])
        with pytest.raises(Killed):
            take(wallets, output)
    assert not output.exists()
    with pytest.raises(StateExists):
        take(wallets, output)
    read: list[list[str]] = []
    once = taking._Taking._once

    async def counted(self: Any, addresses: list[str]) -> Any:
        read.append(addresses)
        return await once(self, addresses)

    monkeypatch.setattr(taking._Taking, "_once", counted)
    done = take(wallets, output, resume=True)
    assert output.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "s.parquet", "s.parquet.rejected.csv"]
    chunks = -(-done.wallets // CHUNK)
    finished = {"write_json": 1, "write_part": 2}.get(MOMENTS[moment][0], chunks)
    assert len(read) == chunks - finished, "a chunk that was done was read again"


def test_what_one_part_lacks_is_an_error(wallets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "s.parquet"
    with monkeypatch.context() as patched:
        killed_at(patched, "write_part", 2)
        with pytest.raises(Killed):
            take(wallets, output)
    record = tmp_path / "s.parquet.resume" / "chunks" / "000001.json"
    record.write_text(record.read_text().replace('"numbers"', '"numbres"'))
    with pytest.raises(StateUnusable, match="is no record of a chunk"):
        take(wallets, output, resume=True)
    assert not output.exists()


def test_it_goes_on_with_nothing_else(wallets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "s.parquet"
    with monkeypatch.context() as patched:
        killed_at(patched, "write_part", 2)
        with pytest.raises(Killed):
            take(wallets, output)
    with pytest.raises(StateUnusable, match="other options: chunk"):
        take(wallets, output, resume=True, chunk=CHUNK + 1)
    ran = run(
        "audit", str(wallets), "--fixture", str(RECORDINGS[NAME]), "-o", str(output), "--resume", "--chunk", str(CHUNK)
    )
    assert (ran.code, ran.out) == (2, "")
    assert "other options: " in ran.err
    assert "work" in ran.err


# --- its replay -----------------------------------------------------------------------------------------------------


def replayed(snapshot: Path, folder: Path, *more: str) -> Any:
    folder.mkdir(exist_ok=True)
    output, outcomes = str(folder / "p.csv"), str(folder / "o.csv")
    return run("audit", str(snapshot), "-o", output, "--outcomes", outcomes, "--drop", "20", "--format", "json", *more)


def test_a_replay_goes_on_to_the_same_tables(wallets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("defirisk.snapshots.writing.ROWS", 3)  # a row group a chunk
    snapshot = tmp_path / "in" / "s.parquet"
    take(wallets, snapshot)
    expected = replayed(snapshot, tmp_path / "whole")
    assert expected.code == 0, expected.err
    with monkeypatch.context() as patched:
        killed_at(patched, "save", 2, replaying)
        with pytest.raises(Killed):
            replayed(snapshot, tmp_path / "killed")
    assert replayed(snapshot, tmp_path / "killed").code == 2, "a state was overwritten"
    ran = replayed(snapshot, tmp_path / "killed", "--resume", "--no-thresholds")
    assert (ran.code, "other options: thresholds" in ran.err) == (2, True)
    judged: list[int] = []
    part = replaying.replay_part

    def counted(job: Any, number: int) -> Any:
        judged.append(number)
        return part(job, number)

    monkeypatch.setattr(replaying, "replay_part", counted)
    ran = replayed(snapshot, tmp_path / "killed", "--resume")
    assert ran.code == 0, ran.err
    parts = len(SnapshotFile(snapshot).head.parts)
    assert len(judged) == parts - 2 > 0, "what was done was done again"
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == ["o.csv", "p.csv"]
    for name in ("p.csv", "o.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    documents = [json.loads(one.out) for one in (ran, expected)]
    assert [one.pop("run")["resumed"] for one in documents] == [True, False]
    assert documents[0] == documents[1]


# --- over an endpoint -----------------------------------------------------------------------------------------------


@pytest.fixture
def endpoint() -> Iterator[RpcServer]:
    with RpcServer.of_fixture(RECORDINGS[NAME]) as server:
        yield server


def over(server: RpcServer) -> Where:
    markets = tuple(f"{one.protocol}@{one.entry}" for one in markets_of())
    return Where(rpc=(server.url,), markets=markets)


def markets_of() -> Any:
    from defirisk.chain.recording import load_fixture

    return load_fixture(str(RECORDINGS[NAME])).fixture.markets


def test_an_endpoint_that_dies_leaves_no_file_but_what_was_read(
    endpoint: RpcServer, wallets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "PAUSE", 0)
    take(wallets, tmp_path / "whole.parquet", over(endpoint))

    def dies(_stage: str, done: int, _of: int) -> None:
        if done == CHUNK:
            endpoint.call_error = RpcError(-32000, "no more")

    output = tmp_path / "s.parquet"
    with pytest.raises(EndpointUnreachable) as caught:
        take(wallets, output, over(endpoint), progress=dies)
    assert caught.value.hint == "what was read is kept: --resume goes on"
    assert not output.exists()
    endpoint.call_error = None
    take(wallets, output, over(endpoint), resume=True)
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_killed_for_good_it_goes_on(endpoint: RpcServer, wallets: Path, tmp_path: Path) -> None:
    output = tmp_path / "s.parquet"
    take(wallets, tmp_path / "whole.parquet", over(endpoint), chunk=1)
    last = wallets_of(NAME)[-1][2:].lower()
    command = ["snapshot", str(wallets), "-o", str(output), "--rpc", endpoint.url, "--chunk", "1"]
    command += [word for market in over(endpoint).markets for word in ("--market", market)]
    program = [sys.executable, "-m", "defirisk", *command]
    with (
        held(endpoint, lambda asked: last in json.dumps(asked).lower()),  # so that it cannot have ended
        subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as process,
    ):
        while not (tmp_path / "s.parquet.resume" / "chunks" / "000000.json").exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    ran = run(*command, "--resume")
    assert ran.code == 0, ran.err
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert SnapshotFile(output).head.listing.rejected == 1
