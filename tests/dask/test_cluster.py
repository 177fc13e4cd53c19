"""A real cluster of two worker processes: the same tables as on one machine, row for row, whatever happens to a worker."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import pyarrow.parquet as pq
import pytest

from tests.snapshots.conftest import RECORDINGS, listed, run

SCENARIOS = ("--drop", "15,45", "--no-thresholds")
DIFFERENT = ("warnings", "source", "run", "files")

# distributed leaves the pipes of its worker processes to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many wallets in many row groups."""
    folder = tmp_path_factory.mktemp("snapshot")
    path = folder / "positions.parquet"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("defirisk.snapshots.writing.ROWS", 3)
        source = listed(folder, "aave-v3-3.7")
        ran = run(
            "snapshot", str(source), "--fixture", str(RECORDINGS["aave-v3-3.7"]), "--chunk", "3", "-o", str(path), "-q"
        )
    assert ran.code == 0, ran.err
    assert pq.read_metadata(path).num_row_groups > 10
    return path


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as made:
        yield made
    gc.collect()  # here, where what it leaves open is known


def audit(source: Path, folder: Path, name: str, *more: str) -> tuple[dict, list[bytes]]:
    tables = [folder / f"{name}.p.parquet", folder / f"{name}.o.jsonl"]
    ran = run(
        "audit", str(source), "-o", str(tables[0]), "--outcomes", str(tables[1]), "--format", "json", *SCENARIOS, *more
    )
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    return {key: one for key, one in document.items() if key not in DIFFERENT}, [table.read_bytes() for table in tables]


@pytest.fixture(scope="module")
def locally(snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, list[bytes]]:
    return audit(snapshot, tmp_path_factory.mktemp("here"), "here")


def test_a_scheduler_s_address_gives_the_same(snapshot: Path, cluster: Any, locally: Any, tmp_path: Path) -> None:
    assert audit(snapshot, tmp_path, "there", "--engine", f"dask={cluster.scheduler_address}") == locally
    with distributed.Client(cluster.scheduler_address) as client:
        used = client.run(lambda: "defirisk.snapshots.replaying" in sys.modules)
    assert True in used.values(), "no worker did any of it"


def test_a_cluster_of_its_own_gives_the_same(snapshot: Path, locally: Any, tmp_path: Path) -> None:
    """In a process of its own, as a user runs it."""
    tables = [tmp_path / "own.p.parquet", tmp_path / "own.o.jsonl"]
    command = [
        sys.executable,
        "-m",
        "defirisk",
        "audit",
        str(snapshot),
        "-o",
        str(tables[0]),
        "--outcomes",
        str(tables[1]),
    ]
    done = subprocess.run([*command, *SCENARIOS, "--engine", "dask"], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert [table.read_bytes() for table in tables] == locally[1]


def test_a_worker_that_is_killed_loses_no_row(snapshot: Path, cluster: Any, locally: Any, tmp_path: Path) -> None:
    """The first one that opens the snapshot for a row group dies of it."""
    victim = str(tmp_path / "victim")

    def die_at_work() -> int:
        from defirisk.snapshots import replaying

        real = replaying._opened

        def opened(path: str, digest: str) -> Any:
            try:
                file = os.open(victim, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileExistsError:
                return real(path, digest)
            os.write(file, str(os.getpid()).encode())
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        replaying._opened = opened  # type: ignore[assignment]
        return os.getpid()

    with distributed.Client(cluster.scheduler_address) as client:
        workers = set(client.run(die_at_work).values())
    assert len(workers) == 2
    found = audit(snapshot, tmp_path, "there", "--engine", f"dask={cluster.scheduler_address}")
    assert int(Path(victim).read_text()) in workers
    assert found == locally


def test_a_scheduler_that_is_not_there_is_said(snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("defirisk.snapshots.cluster._PATIENCE", "1s")
    ran = run("audit", str(snapshot), "-o", str(tmp_path / "p.csv"), "--engine", "dask=tcp://127.0.0.1:9")
    assert ran.code == 3
    assert "error[cluster-failed]" in ran.err
    assert not (tmp_path / "p.csv").exists()


def test_a_worker_with_another_file_under_that_path_is_found_out(snapshot: Path, cluster: Any, tmp_path: Path) -> None:
    from defirisk.auditing.ask import Ask
    from defirisk.errors import InputError
    from defirisk.judging import Terms
    from defirisk.snapshots.replaying import Job, replay_part
    from defirisk.sources import Where

    ask = Ask(source=str(snapshot), where=Where(), terms=Terms(()))
    with distributed.Client(cluster.scheduler_address) as client:
        future = client.submit(replay_part, Job(str(snapshot), "sha256:another", ask), 0, pure=False)
        with pytest.raises(InputError, match="another snapshot"):
            future.result()


def test_an_error_of_ours_arrives_as_it_is(snapshot: Path, cluster: Any, tmp_path: Path) -> None:
    ran = run(
        "audit",
        str(snapshot),
        "-o",
        str(tmp_path / "p.csv"),
        "--engine",
        f"dask={cluster.scheduler_address}",
        "--shock",
        "NOSUCH=-40%",
    )
    assert ran.code == 2
    assert "error[unknown-asset]" in ran.err


def test_a_list_is_not_for_a_cluster(tmp_path: Path) -> None:
    source = listed(tmp_path, "aave-v3-3.7")
    ran = run("audit", str(source), "--fixture", str(RECORDINGS["aave-v3-3.7"]), "--engine", "dask")
    assert (ran.code, "write one first" in ran.err) == (2, True)


@pytest.mark.parametrize("engine", ["dask=", "dusk", "dask =tcp://x"])
def test_an_engine_that_is_none_is_refused(snapshot: Path, engine: str) -> None:
    assert run("audit", str(snapshot), "--engine", engine).code == 2


def test_without_the_extra_it_says_how_to_get_it(snapshot: Path) -> None:
    program = "import sys; sys.modules['distributed'] = None; from defirisk.cli.app import app; app(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, "audit", str(snapshot), "--engine", "dask"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "error[missing-extra]" in done.stderr
    assert "pip install 'defirisk[dask]'" in done.stderr
