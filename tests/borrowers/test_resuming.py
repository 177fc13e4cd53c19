"""Killed at any moment, a run goes on and ends with the very file of one that was never interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.faulty_server import held

from .conftest import PROGRAM, arguments, borrowers, listed, run, spawn, whole
from .log_server import LAST, LogServer, most_blocks


@pytest.fixture
def crowded(server: LogServer) -> LogServer:
    server.populate(1500)
    server.limit = most_blocks(600)
    return server


def journal(out: Path) -> Path:
    return out.with_name(out.name + ".resume") / "found.jsonl"


def wait_for(path: Path, lines: int) -> None:
    deadline = time.monotonic() + 300
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def beyond(block: int) -> Callable[[Any], bool]:
    """Whether logs beyond a block are asked for."""

    def about(asked: Any) -> bool:
        asks = asked if isinstance(asked, list) else [asked]
        return any(one["method"] == "eth_getLogs" and int(one["params"][0]["toBlock"], 16) > block for one in asks)

    return about


def test_killed_again_and_again_it_ends_with_the_same_bytes(crowded: LogServer, tmp_path: Path) -> None:
    assert borrowers(crowded, tmp_path / "whole.csv").code == 0
    out, lines = tmp_path / "w.csv", 0
    for end in (10_500, 20_500, 29_999):  # each takes a range of 10,000 blocks, in pieces, and is at the next one
        with held(crowded, beyond(end)), spawn(crowded, out, *(["--resume"] if lines else [])) as process:
            wait_for(journal(out), lines + 1)
            process.kill()
            process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not out.exists()
        lines = journal(out).read_bytes().count(b"\n")
    done = json.loads(journal(out).read_bytes().splitlines()[-1])["last"]
    crowded.ranges = []
    assert borrowers(crowded, out, "--resume").code == 0
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not journal(out).parent.exists()
    assert min(first for first, last in crowded.ranges if first != last or first > done) > done, "asked for again"


def interrupted(server: LogServer, out: Path, at: int = 20_000, *more: str) -> None:
    """A run that got to some block and no further."""
    was, bad = server.limit, most_blocks(0, "not for you", -32601)
    server.limit = lambda first, last, logs: bad(first, last, logs) if last > at else was(first, last, logs)
    assert borrowers(server, out, *more).code == 3
    assert journal(out).exists()
    assert not out.exists()
    server.limit = was


@pytest.mark.parametrize("tail", [b'{"last":29', b'{"last":29999,"time":1,"hash":"0x', b"\x00\x00\x00"])
def test_a_line_that_was_being_written_is_read_again(crowded: LogServer, tmp_path: Path, tail: bytes) -> None:
    out = tmp_path / "w.csv"
    interrupted(crowded, out)
    with journal(out).open("ab") as file:
        file.write(tail)
    interrupted(crowded, out, 29_999, "--resume")  # what it writes behind the cut line must be read by the next one
    assert borrowers(crowded, out, "--resume").code == 0
    assert listed(out) == whole(crowded)


def test_only_what_was_found_before_and_after_is_listed_once(crowded: LogServer, tmp_path: Path) -> None:
    interrupted(crowded, tmp_path / "w.csv")
    crowded.ranges = []
    ran = borrowers(crowded, tmp_path / "w.csv", "--resume")
    assert ran.code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)
    assert min(first for first, last in crowded.ranges if first != last) > 18_000


def test_the_end_stays_where_it_was_pinned(crowded: LogServer, tmp_path: Path) -> None:
    interrupted(crowded, tmp_path / "w.csv")
    crowded.borrow(LAST + 5, 0, "0x" + "cd" * 20)
    crowded.block = type(crowded.block)(LAST + 10, crowded.block.timestamp, "0x" + f"{LAST + 10:064x}")
    assert borrowers(crowded, tmp_path / "w.csv", "--resume").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded, 0, LAST)


def test_no_state_of_the_pinned_block_is_needed_to_go_on(crowded: LogServer, tmp_path: Path) -> None:
    """Hours later an endpoint that is no archive has pruned it."""
    from tests.support.rpc_server import RpcError

    interrupted(crowded, tmp_path / "w.csv")
    crowded.call_error = RpcError(-32000, "missing trie node: state is not available")
    assert borrowers(crowded, tmp_path / "w.csv", "--resume").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)


@pytest.mark.parametrize("which", ["end", "middle"])
def test_a_block_that_was_replaced_meanwhile_stops_it(crowded: LogServer, tmp_path: Path, which: str) -> None:
    interrupted(crowded, tmp_path / "w.csv")
    done = json.loads(journal(tmp_path / "w.csv").read_text().splitlines()[-1])["last"]
    crowded.forked = {LAST if which == "end" else done}
    ran = borrowers(crowded, tmp_path / "w.csv", "--resume")
    assert ran.code == 3
    assert "error[block-reorganised]" in ran.err
    assert not (tmp_path / "w.csv").exists()
    crowded.forked = set()
    assert borrowers(crowded, tmp_path / "w.csv", "--resume").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)


def test_a_pinned_block_that_is_replaced_while_it_is_read_stops_it(crowded: LogServer, tmp_path: Path) -> None:
    was = crowded.limit

    def limit(first, last, logs):
        if first > 15_000:
            crowded.forked = {LAST}
        return was(first, last, logs)

    crowded.limit = limit
    ran = borrowers(crowded, tmp_path / "w.csv")
    assert ran.code == 3
    assert "error[block-reorganised]" in ran.err
    assert not (tmp_path / "w.csv").exists()


@pytest.mark.parametrize(
    ("more", "first", "said"),
    [
        ((), 0, "holds an unfinished run"),
        (("--resume",), 1, "the unfinished run is of the blocks 0 to"),
        (("--resume", "--to-block", "29000"), 0, "the unfinished run is of the blocks 0 to"),
    ],
)
def test_another_run_does_not_go_on_with_it(
    crowded: LogServer, tmp_path: Path, more: tuple[str, ...], first: int, said: str
) -> None:
    interrupted(crowded, tmp_path / "w.csv")
    before = journal(tmp_path / "w.csv").read_bytes()
    ran = borrowers(crowded, tmp_path / "w.csv", *more, first=first)
    assert ran.code == 2
    assert said in ran.err
    assert journal(tmp_path / "w.csv").read_bytes() == before


def test_another_market_or_chain_does_not_go_on_with_it(crowded: LogServer, tmp_path: Path) -> None:
    interrupted(crowded, tmp_path / "w.csv")
    elsewhere = borrowers(
        crowded, tmp_path / "w.csv", "--resume", market="aave-v3@0x0000000000000000000000000000000000000009"
    )
    assert (elsewhere.code, "the unfinished run is of aave-v3@" in elsewhere.err) == (2, True)
    crowded.chain_id = 1
    other = borrowers(crowded, tmp_path / "w.csv", "--resume")
    assert (other.code, "error[wrong-chain]" in other.err) == (2, True)


def test_nothing_to_resume_is_said(crowded: LogServer, tmp_path: Path) -> None:
    ran = borrowers(crowded, tmp_path / "w.csv", "--resume")
    assert (ran.code, "there is no unfinished run" in ran.err) == (2, True)
    assert (borrowers(crowded, "-", "--resume").code, list(tmp_path.iterdir())) == (2, [])


def test_two_runs_do_not_share_a_folder(crowded: LogServer, tmp_path: Path) -> None:
    out = tmp_path / "w.csv"
    with spawn(crowded, out) as process:
        with held(crowded, beyond(LAST // 2)):
            wait_for(journal(out), 1)
            second = borrowers(crowded, out, "--resume")
        process.communicate()
    assert (second.code, f"is in use by process {process.pid}" in second.err) == (2, True)
    assert process.returncode == 0
    assert listed(out) == whole(crowded)


SPOILT = {
    "run.json": (b"{}", b"[]", b"\xff", b'{"format": "defirisk-borrowers/2"}'),
    "found.jsonl": (
        b"{}\n",
        b"nonsense\n",
        b'{"last":5,"time":1,"hash":"0x","found":[["0x12",5,true]]}\n',
        b'{"last":-1,"time":1,"hash":"0x","found":[]}\n',
    ),
}


@pytest.mark.parametrize(("name", "content"), [(name, one) for name, all_ in SPOILT.items() for one in all_])
def test_a_spoilt_folder_is_refused(crowded: LogServer, tmp_path: Path, name: str, content: bytes) -> None:
    interrupted(crowded, tmp_path / "w.csv")
    (journal(tmp_path / "w.csv").parent / name).write_bytes(content)
    ran = borrowers(crowded, tmp_path / "w.csv", "--resume")
    assert (ran.code, "error[bad-file]" in ran.err) == (2, True)
    assert "remove that folder" in ran.err


def test_a_folder_in_which_nothing_was_begun_is_no_hindrance(crowded: LogServer, tmp_path: Path) -> None:
    journal(tmp_path / "w.csv").parent.mkdir()
    journal(tmp_path / "w.csv").write_text("left by whatever it was")
    assert borrowers(crowded, tmp_path / "w.csv", "--resume").code == 0
    assert listed(tmp_path / "w.csv") == whole(crowded)


def test_a_disk_that_is_full_is_an_error_that_can_be_resumed(crowded: LogServer, tmp_path: Path) -> None:
    out = tmp_path / "w.csv"
    command = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *PROGRAM, *arguments(crowded, out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error[unwritable-output]" in done.stderr
    assert not out.exists()
    assert journal(out).stat().st_size <= 8 * 512
    assert borrowers(crowded, out, "--resume").code == 0
    assert listed(out) == whole(crowded)


def test_the_folder_holds_no_key(crowded: LogServer, tmp_path: Path) -> None:
    crowded_url = crowded.url
    out = tmp_path / "w.csv"
    was = crowded.limit
    crowded.limit = lambda first, last, logs: (
        most_blocks(0, "no", -32601)(first, last, logs) if last > 9_000 else was(first, last, logs)
    )
    ran = run(
        "borrowers",
        "--market",
        crowded.market,
        "--rpc",
        f"{crowded_url}/v3/s3cr3tK3yValue99?apikey=s3cr3tK3yValue99",
        "--from-block",
        "0",
        "-o",
        str(out),
    )
    assert ran.code == 3
    stored = b"".join(path.read_bytes() for path in journal(out).parent.iterdir())
    assert b"s3cr3t" not in stored + ran.err.encode()
    assert os.fspath(tmp_path) not in stored.decode()


@pytest.mark.parametrize("name", ["manifest.json", "photos"])
def test_a_folder_that_is_of_no_such_run_is_left_alone(crowded: LogServer, tmp_path: Path, name: str) -> None:
    """The state of an audit with the same output, say: a run that ends removes its folder."""
    out = tmp_path / "w.csv"
    folder = journal(out).parent
    folder.mkdir()
    (folder / name).write_text("{}")
    ran = borrowers(crowded, out, "--resume")
    assert ran.code == 2
    assert f"it holds '{name}'" in ran.err
    assert [path.name for path in folder.iterdir()] == [name]
