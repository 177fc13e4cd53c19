"""Killed at any moment, a run goes on and ends as one that was never interrupted; nothing half-written is ever seen."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from defirisk.auditing.state import State, state_for
from defirisk.cli.app import app
from defirisk.errors import RunInProgress, StateExists
from tests.support.faulty_server import held
from tests.support.rpc_server import RpcServer

from .conftest import RECORDING, WALLETS, Ran, lasting, live, spawn
from .killed import run_killed

PEOPLE = WALLETS[:21]
CHUNK = 3
CHUNKS = -(-len(PEOPLE) // CHUNK)


def command(server, folder, *more):
    files = ("-o", folder / "p.csv", "--outcomes", folder / "o.jsonl", "--top", "2", "--format", "json")
    return live(server, folder / "list.csv", *files, "--chunk", CHUNK, "--drop", "20,50", *more)


def result(folder):
    """Every file of a finished run, byte for byte but for the endpoint's name; nothing else may be there."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    if "p.csv.top.json" in files:
        files["p.csv.top.json"] = {**json.loads(files["p.csv.top.json"]), "source": None}
    return files


def inside(arguments):
    """The same command in this process, which is quicker."""
    done = CliRunner().invoke(app, arguments[3:], prog_name="defirisk")
    return Ran(done.exit_code, done.stdout, done.stderr)


def fill(folder):
    folder.mkdir()
    rows = [f"{address},desk {number % 3},{number}" for number, address in enumerate(PEOPLE)]
    (folder / "list.csv").write_text("\n".join(["address,desk,n", *rows, "0xbad,x,", f"{WALLETS[0].lower()},y,"]))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A run that was never interrupted: its files, its summary, how many requests it took."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    fill(folder)
    with RpcServer.of_fixture(RECORDING) as server:
        ran = spawn(command(server, folder))
    assert ran.code == 0, ran.err
    assert set(result(folder)) == {"list.csv", "p.csv", "o.jsonl", "p.csv.rejected.csv", "p.csv.top.json"}
    return result(folder), lasting(ran.json), ran.json["run"]["requests"]


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path / "run")
    return tmp_path / "run"


MAIN = "from defirisk.cli import main; main()"


def start(arguments):
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def about(wallet):
    """Whether a wallet is asked about."""
    return lambda asked: wallet[2:].lower() in json.dumps(asked).lower()


@contextmanager
def running(server, folder, until, arguments=None):
    """A run that has got as far as a file, and gets no further than its last chunk before the block is left."""
    with start(arguments or command(server, folder)) as process:
        with held(server, about(PEOPLE[-1])):
            while not (folder / "p.csv.resume" / until).exists():
                assert process.poll() is None
                time.sleep(0.002)
            yield process
        process.out, process.err = process.communicate(timeout=300)


def finished(folder, server, reference, *more):
    ran = inside(command(server, folder, "--resume", *more))
    assert ran.code == 0, ran.err
    assert result(folder) == reference[0]
    assert lasting(ran.json) == reference[1]
    return ran


MOMENTS = {
    "the folder is there": ("after", "p.csv.resume"),
    "the list is taken in": ("before", "manifest.json"),
    "the block is pinned": ("after", "manifest.json"),
    "a part is written": ("after", "000001.positions.parquet"),
    "some chunks are done": ("after", "000003.json"),
    "a chunk is half done": ("before", "000004.json"),
    "all chunks are done": ("after", f"{CHUNKS - 1:06}.json"),
    "a table is being written": ("before", "p.csv"),
    "one table is done": ("after", "p.csv"),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder for each moment, as it was left by a run that was killed then."""
    folders = {moment: tmp_path_factory.mktemp("killed") / "run" for moment in MOMENTS}
    for folder in folders.values():
        fill(folder)
    with RpcServer.of_fixture(RECORDING) as server:
        jobs = [(*MOMENTS[at], signal.SIGKILL, command(server, folder)[3:]) for at, folder in folders.items()]
        assert run_killed(jobs) == [-signal.SIGKILL] * len(jobs)
    return folders


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_goes_on_the_same(moment, killed, tmp_path, endpoint, reference):
    folder = shutil.copytree(killed[moment], tmp_path / "run")
    if (folder / "p.csv.resume" / "manifest.json").exists():
        assert inside(command(endpoint, folder)).code == 2, "a state was overwritten"
    for name in {"p.csv", "o.jsonl"} & set(result_names(folder)):
        assert (folder / name).read_bytes() == reference[0][name], "half-written under its final name"
    finished(folder, endpoint, reference)


def result_names(folder):
    return [path.name for path in folder.iterdir()]


def test_killed_again_and_again(folder, endpoint, reference):
    """Each attempt gets a little further than the last."""
    moments = [
        ("before", "manifest.json", signal.SIGKILL),
        ("after", "000001.json", signal.SIGTERM),
        ("before", "000003.json", signal.SIGKILL),
        ("after", "000004.json", signal.SIGINT),
        ("before", "o.jsonl", signal.SIGKILL),
    ]
    anew, again = (command(endpoint, folder, *more)[3:] for more in ((), ("--resume",)))
    jobs = [(*moment, again if number else anew) for number, moment in enumerate(moments)]
    assert run_killed(jobs) == [-9, 128 + signal.SIGTERM, -9, 128 + signal.SIGINT, -9]
    finished(folder, endpoint, reference)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_says_what_is_kept_and_leaves_what_can_be_resumed(how, folder, endpoint, reference):
    with running(endpoint, folder, "chunks/000001.json") as process:
        process.send_signal(how)
        process.wait(300)
    assert (process.returncode, process.out) == (128 + how, "")
    kept = f"what was read is kept in {folder / 'p.csv.resume'}; the same command with --resume goes on"
    assert process.err.splitlines()[2:] == [f"interrupted: {kept}"]
    assert not list(folder.glob(".*"))
    run = finished(folder, endpoint, reference).json["run"]
    assert run["resumed"]
    assert run["requests"] < reference[2], "finished chunks were read again"


def test_a_killed_run_takes_its_workers_with_it(folder, endpoint):
    """After kill -9 nobody is left, and nobody holds the lock."""
    worth_it = "from defirisk.auditing import workers; workers.WORTH_IT = 1; "
    arguments = [sys.executable, "-c", worth_it + MAIN, *command(endpoint, folder)[3:]]
    with running(endpoint, folder, "chunks/000001.json", arguments) as process:
        found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(found) >= 2, "a worker and multiprocessing's own tracker"
        process.kill()
    until = time.monotonic() + 300
    while any(Path(f"/proc/{child}").exists() for child in found):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def interrupted(killed, tmp_path):
    """A run that was killed after some chunks."""
    return shutil.copytree(killed["some chunks are done"], tmp_path / "interrupted")


def test_it_does_not_go_on_with_anything_else(interrupted, endpoint):
    folder, state = interrupted, interrupted / "p.csv.resume"
    before = {path.name: path.read_bytes() for path in state.rglob("*") if path.is_file() and path.name != "lock"}
    said = {
        ("--drop", "30"): "scenarios",
        ("--liquidator", "best-bonus"): "liquidator",
        ("--family", "WETH=own"): "families",
        ("--no-thresholds",): "thresholds",
        ("--top", "3"): "top",
        ("--chunk", "8"): "chunk",
        ("--engine", "exact"): "engine",
        ("--block", "711"): "block 712, not 711",
    }
    for options, word in said.items():
        ran = inside(command(endpoint, folder, "--resume", *options))
        assert (ran.code, ran.out) == (2, ""), options
        assert "error[state-unusable]" in ran.err
        assert word in ran.err
    with (folder / "list.csv").open("a") as file:
        file.write("\n0xmore,,")
    ran = inside(command(endpoint, folder, "--resume"))
    assert ran.code == 2
    assert "another list" in ran.err
    now = {path.name: path.read_bytes() for path in state.rglob("*") if path.is_file() and path.name != "lock"}
    assert now == before


def test_a_replaced_block_stops_it_with_3_and_no_other_is_pinned(interrupted, endpoint, reference):
    folder, state = interrupted, interrupted / "p.csv.resume"
    manifest = (state / "manifest.json").read_bytes()
    endpoint.header = {"hash": "0x" + "cc" * 32}
    ran = inside(command(endpoint, folder, "--resume"))
    assert (ran.code, ran.out) == (3, "")
    assert "error[block-reorganised]" in ran.err
    assert (state / "manifest.json").read_bytes() == manifest
    assert not (folder / "p.csv").exists()
    endpoint.header = {}
    finished(folder, endpoint, reference)


def test_a_block_that_is_gone_stops_it_with_3(interrupted, endpoint):
    endpoint.no_header = True
    ran = inside(command(endpoint, interrupted, "--resume"))
    assert ran.code == 3
    assert "error[block-unavailable]" in ran.err


def test_a_block_replaced_while_it_was_read_is_noticed_before_anything_is_written(folder, endpoint):
    with running(endpoint, folder, "chunks/000002.json") as process:
        endpoint.header = {"hash": "0x" + "cc" * 32}
    assert process.returncode == 3
    assert "error[block-reorganised]" in process.err
    assert not {"p.csv", "o.jsonl"} & set(result_names(folder))


def test_two_runs_at_once(folder, endpoint, reference):
    with running(endpoint, folder, "manifest.json") as first:
        for more in ((), ("--resume",)):
            second = inside(command(endpoint, folder, *more))
            assert second.code == 2
            assert f"process {first.pid} on " in second.err
    assert first.returncode == 0
    assert result(folder) == reference[0]


def test_resume_where_nothing_was_begun_begins(folder, endpoint, reference):
    finished(folder, endpoint, reference)


def test_the_lock_says_who(tmp_path):
    with (
        state_for(tmp_path / "p.csv", resume=False),
        pytest.raises(RunInProgress, match=f"process {os.getpid()} on"),
        state_for(tmp_path / "p.csv", resume=True),
    ):
        pass
    with state_for(tmp_path / "p.csv", resume=False) as state:
        state.begin({})
    with pytest.raises(StateExists, match="interrupted") as caught, state_for(tmp_path / "p.csv", resume=False):
        pass
    assert "--resume" in caught.value.hint


def test_the_lock_is_freed_by_death_alone(tmp_path):
    """A lock file left behind holds nobody up."""
    (tmp_path / "p.csv.resume").mkdir()
    (tmp_path / "p.csv.resume" / "lock").write_text("process 1 on nowhere")
    with state_for(tmp_path / "p.csv", resume=False) as state:
        assert isinstance(state, State)
        handle = os.open(state.folder / "lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)


@pytest.mark.parametrize("name", ["manifest.json", "chunks/000001.json"])
def test_a_broken_state_is_said(name, interrupted, endpoint):
    (interrupted / "p.csv.resume" / name).write_bytes(b"{")
    ran = inside(command(endpoint, interrupted, "--resume"))
    assert ran.code == 2
    assert "error[state-unusable]" in ran.err
    assert "begin anew" in ran.err


LIMITED = "import resource, sys; n = int(sys.argv.pop(1)); resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); "


@pytest.mark.parametrize("limit", [300, 12_000])
def test_a_full_disk_is_said_and_leaves_nothing_half_written(limit, folder, endpoint, reference):
    """A limit on the size of files, at which the kernel refuses to write, as a full disk does."""
    ran = spawn([sys.executable, "-c", LIMITED + MAIN, str(limit), *command(endpoint, folder)[3:]])
    assert ran.code == 2, ran.err
    assert "error[unwritable-output]" in ran.err
    assert "File too large" in ran.err
    for name in {"p.csv", "o.jsonl"} & set(result_names(folder)):
        assert (folder / name).read_bytes() == reference[0][name]
    assert not list(folder.glob(".*.part"))
    finished(folder, endpoint, reference)


def test_outputs_that_cannot_be_written_are_refused_first(audit, wallets, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "no" / "p.csv", tmp_path / "folder.csv"):
        for option in ("-o", "--outcomes"):
            ran = audit(wallets, option, path)
            assert ran.code == 2
            assert "error[unwritable-output]" in ran.err
    assert audit(wallets, "-o", tmp_path / "p.xlsx").code == 2
    assert audit(wallets, "-o", tmp_path / "p.csv", "--outcomes", tmp_path / "p.csv").code == 2
    assert audit(wallets, "--resume").code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "wallets.txt"]


def test_a_full_stdout_leaves_the_tables_and_what_can_be_resumed(folder, endpoint, reference):
    arguments = command(endpoint, folder)
    done = subprocess.run(["sh", "-c", '"$@" >/dev/full', "sh", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert "error[unwritable-output]: standard output" in done.stderr
    assert (folder / "p.csv").read_bytes() == reference[0]["p.csv"]
    finished(folder, endpoint, reference)


# --- wallets that fail; what an endpoint may do wrong is in test_anvil.py ---


def test_wallets_that_fail_once_are_asked_again_at_the_end(folder, endpoint, reference):
    """Calls of one wallet are refused until everything else was read."""
    victim = bytes.fromhex(WALLETS[9][2:])
    hidden = {call: answer for call, answer in endpoint.answers.items() if victim in call.data}
    shown = dict(endpoint.answers)
    for call, answer in hidden.items():
        endpoint.answers[call] = type(answer)(b"\x01")  # too short to decode
    with start(command(endpoint, folder)) as process:
        while not (folder / "p.csv.resume" / "chunks" / f"{CHUNKS - 1:06}.json").exists():
            assert process.poll() is None
            time.sleep(0.002)
        endpoint.answers.update(shown)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["run"]["retried"] >= 1
    assert lasting(json.loads(out)) == reference[1]
    assert result(folder) == reference[0]


def test_a_wallet_that_always_fails_is_listed_and_the_code_is_3(folder, endpoint):
    victim = bytes.fromhex(WALLETS[9][2:])
    for call in [call for call in endpoint.answers if victim in call.data]:
        endpoint.answers[call] = type(endpoint.answers[call])(b"\x01")
    ran = inside(command(endpoint, folder))
    assert ran.code == 3
    assert [one["address"] for one in ran.json["failed"]] == [WALLETS[9]]
    assert WALLETS[9] in ran.err
    lines = (folder / "p.csv").read_text().splitlines()
    assert len(lines) == 1 + len(PEOPLE)
    assert WALLETS[9] in lines[10]
    assert '"failed"' in lines[10]


def test_strict_stops_on_what_is_no_wallet_and_lists_it(folder, endpoint):
    ran = inside(command(endpoint, folder, "--strict"))
    assert (ran.code, ran.out) == (2, "")
    assert f"line {len(PEOPLE) + 2}: 0xbad: not an address" in ran.err
    assert "error[bad-list]" in ran.err
    assert sorted(result(folder)) == ["list.csv", "p.csv.rejected.csv"]
    assert endpoint.requests == 0
    shutil.rmtree(folder)
