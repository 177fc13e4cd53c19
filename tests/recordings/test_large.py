"""A recording of any size is read line by line, in the memory of a small one; whatever it holds, the answer is the same
as if it were parsed whole.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from defirisk.chain import Block, Call, Returned, Reverted, recording, store
from defirisk.chain.fixture import decode_fixture, encode_fixture
from defirisk.chain.recording import Fixture, FixtureMarket, Recorder, load_fixture, write_fixture
from defirisk.chain.store import AnswerStore
from defirisk.errors import DigestMismatch, FixtureError, MissingCall, UnwritableOutput

from .conftest import RECORDING

TOKEN = "0x" + "ab" * 20
OTHER = "0x" + "0c" * 20
BLOCK = Block(7, 1_700_000_000, "0x" + "11" * 32)


def made(answers, wallets=(TOKEN,)):
    return Fixture(1, BLOCK, "tests", (FixtureMarket("aave-v3", TOKEN, "aave-v3-here"),), wallets, answers)


SMALL = {
    Call(TOKEN, b"\x01\x02"): Returned(b"\x05" * 32),
    Call(TOKEN, b"\x01"): Reverted(b""),
    Call(OTHER, b"\xff" * 36): Returned(b""),
    Call(OTHER, b""): Reverted(b"\xde\xad"),
}
DOCUMENT = encode_fixture(made(SMALL))


# --- the store ---


def spilled(answers):
    full = AnswerStore(room=1)
    full.put(answers.items())
    assert full._disk is not None
    return full


def test_on_disk_it_is_the_same_mapping() -> None:
    disk = spilled(SMALL)
    assert disk == SMALL
    assert len(disk) == 4
    assert list(disk) == [
        Call(OTHER, b""), Call(OTHER, b"\xff" * 36), Call(TOKEN, b"\x01"), Call(TOKEN, b"\x01\x02"),
    ]  # fmt: skip
    assert Call(TOKEN, b"\x03") not in disk
    with pytest.raises(KeyError):
        disk[Call(TOKEN, b"\x03")]
    disk.put([(Call(TOKEN, b"\x01"), Returned(b"\x09"))])
    assert disk[Call(TOKEN, b"\x01")] == Returned(b"\x09")
    assert len(disk) == 4


def test_what_is_in_memory_goes_to_disk_once_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = AnswerStore(room=1500)
    pairs = [(Call(TOKEN, number.to_bytes(32)), Returned(number.to_bytes(32))) for number in range(9)]
    answers.put(pairs[:3])
    assert answers._disk is None
    answers.put(pairs[3:])
    assert answers._disk is not None
    assert not answers._memory
    assert answers == dict(pairs)
    monkeypatch.setattr(store, "ROOM", 1)
    assert encode_fixture(made(answers)) == encode_fixture(made(dict(pairs)))


async def test_a_replay_from_disk_answers_as_from_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = load_fixture(RECORDING)
    monkeypatch.setattr(AnswerStore.__init__, "__kwdefaults__", {"room": 1000})
    large = load_fixture(RECORDING)
    assert large.fixture.answers._disk is not None
    assert large.fixture == plain.fixture
    calls = list(plain.fixture.answers)[::-1]
    assert await large.calls(calls) == await plain.calls(calls)
    with pytest.raises(MissingCall, match="1 more"):
        await large.calls([Call(TOKEN, b"1234"), calls[0], Call(TOKEN, b"4321")])
    recorder = Recorder(plain)
    await recorder.calls(calls)
    again = recorder.fixture(
        markets=plain.fixture.markets, wallets=plain.fixture.wallets, recorded_by=plain.fixture.recorded_by
    )
    assert again.answers._disk is not None
    write_fixture(tmp_path / "again.json.gz", again)
    assert (tmp_path / "again.json.gz").read_bytes() == RECORDING.read_bytes()


async def test_a_recorder_asks_nothing_twice() -> None:
    class Counting:
        chain_id, block, source, warnings = 1, BLOCK, "counting", []
        asked = 0

        async def calls(self, calls):
            self.asked += len(calls)
            return [SMALL[call] for call in calls]

    chain = Counting()
    recorder = Recorder(chain)
    calls = list(SMALL)
    assert await recorder.calls([*calls[:2], calls[0]]) == [SMALL[calls[0]], SMALL[calls[1]], SMALL[calls[0]]]
    assert await recorder.calls(calls) == list(SMALL.values())
    assert chain.asked == 4


def test_a_temporary_folder_without_room_is_said(tmp_path: Path) -> None:
    """A limit on a file's size is as a full disk to SQLite."""
    path = tmp_path / "large.json"
    write_fixture(path, made({Call(TOKEN, number.to_bytes(32)): Returned(bytes(4000)) for number in range(500)}))
    program = (
        "import resource, sys; from defirisk.chain import recording, store; from defirisk.errors import UnwritableOutput\n"
        "store.AnswerStore.__init__.__kwdefaults__['room'] = 1000\n"
        "store._SETTINGS = (*store._SETTINGS[:2], 'cache_size=-100')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: recording.load_fixture(sys.argv[1])\n"
        "except UnwritableOutput as problem: print(problem, '|', problem.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert "the temporary folder cannot hold a large recording: " in done.stdout
    assert "SQLITE_TMPDIR" in done.stdout
    assert UnwritableOutput.exit_code == 2


# --- memory ---

PROGRAM = """
import hashlib, resource, sys
from pathlib import Path
from defirisk.chain import Block, Call, Returned
from defirisk.chain.recording import Fixture, load_fixture, write_fixture
from defirisk.chain.store import AnswerStore

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def told(count):
    for number in range(count):
        owner = hashlib.sha256(str(number).encode()).digest()[:20]
        yield Call(f"0x{number % 40:040x}", b"abcd" + bytes(12) + owner), Returned(owner + bytes(300))

path, count = Path(sys.argv[1]), int(sys.argv[2])
before = most()
answers = AnswerStore()
answers.put(told(count))
write_fixture(path, Fixture(1, Block(1, 1, None), "tests", (), (), answers))
wrote = most()
chain = load_fixture(path)
held = chain.fixture.answers
assert len(held) == count
assert all(held[call] == answer for call, answer in told(1000))
print(before, wrote, most())
"""


def test_a_large_one_takes_the_memory_of_a_small_one(tmp_path: Path) -> None:
    """200,000 calls of 790 bytes: as objects 160 MB, as parsed JSON most of a gigabyte."""
    path = tmp_path / "large.json"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path, "200000"], capture_output=True, text=True, check=True, timeout=300
    )
    before, wrote, read = (int(word) for word in done.stdout.split())
    print(before, wrote, read)
    assert path.stat().st_size > 150 << 20
    assert wrote - before < 130, "megabytes while writing"
    assert read - before < 140, "megabytes while reading, the writer's still held"


# --- the same as parsed whole ---


def outcome(job):
    try:
        return job()
    except FixtureError as problem:
        return type(problem), str(problem), problem.hint


@given(place=st.integers(0, len(DOCUMENT) - 1), byte=st.sampled_from(b'0fAg"{}[],:\n x\x00\xff'))
@example(place=len(DOCUMENT) - 1, byte=ord(" "))
@example(place=DOCUMENT.index(b"sha256:") + 9, byte=ord("0"))
@settings(max_examples=1500, deadline=None)
def test_a_byte_changed_anywhere_ends_as_if_it_were_parsed_whole(place: int, byte: int) -> None:
    changed = DOCUMENT[:place] + bytes([byte]) + DOCUMENT[place + 1 :]
    assert outcome(lambda: load_fixture(changed, "it").fixture) == outcome(lambda: decode_fixture(changed, "it"))


@given(cut=st.integers(0, len(DOCUMENT)), more=st.sampled_from([b"", b"\n", b" ", b"x", b"]}\n", DOCUMENT[-200:]]))
@settings(max_examples=600, deadline=None)
def test_cut_off_anywhere_as_well(cut: int, more: bytes) -> None:
    changed = DOCUMENT[:cut] + more
    assert outcome(lambda: load_fixture(changed, "it").fixture) == outcome(lambda: decode_fixture(changed, "it"))


LINES = [line.rstrip(b",") for line in DOCUMENT.splitlines()[9:-1]]


@given(lines=st.lists(st.sampled_from(LINES), max_size=6), sealed=st.booleans())
@settings(max_examples=300, deadline=None)
def test_lines_in_any_order_and_number_as_well(lines: list[bytes], sealed: bool) -> None:
    """Twice the same call is refused, another order is taken, none at all too."""
    head = DOCUMENT[: DOCUMENT.index(b'"digest"')]
    digest = b'"digest": "sha256:' + b"0" * 64 + b'",\n' if sealed else b""
    changed = head + digest + b'"calls": [\n' + b",\n".join(lines) + b"\n]}\n"
    assert outcome(lambda: load_fixture(changed, "it").fixture) == outcome(lambda: decode_fixture(changed, "it"))


def test_members_that_it_does_not_know_are_in_the_digest() -> None:
    """Before and behind `calls` in the order of names, as whatever wrote them would hash them."""
    for extra in ('"a": 1', '"callt": "\\u00e9"', '"zz": {"calls": [\n]}'):
        text = DOCUMENT.decode().replace('"wallets"', f'{extra},\n"wallets"')
        unsealed = json.loads(text)
        del unsealed["digest"]
        right = recording.decode_fixture(json.dumps(unsealed).encode(), "it")
        with pytest.raises(DigestMismatch):
            load_fixture(text.encode(), "it")
        from defirisk.chain.fixture import digest_of

        resealed = text.replace(json.loads(text)["digest"], digest_of(unsealed))
        assert load_fixture(resealed.encode(), "it").fixture.answers == right.answers


# --- limits ---


def test_any_other_layout_has_less_room_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    many = encode_fixture(made({Call(TOKEN, number.to_bytes(32)): Returned(bytes(64)) for number in range(6000)}))
    monkeypatch.setattr(recording, "MAX_WHOLE_BYTES", 1 << 20)
    assert len(many) > 1 << 20
    assert len(load_fixture(many, "it").fixture.answers) == 6000
    assert len(load_fixture(gzip.compress(many), "it").fixture.answers) == 6000
    for changed, why in (
        (many[:-5000], "after 5,9.. calls it is cut off, changed or too large"),
        (
            many.replace(b'"data":"0x' + bytes(29).hex().encode() + b"000bb8", b'"data":"0x' + b"ff" * 32),
            "is not in order",
        ),
        (b" " + many, "it does not begin as `defirisk record` begins"),
        (many.replace(b"tests", b"te\x00ts"), "what stands before its calls is not sound"),
        (gzip.compress(bytes(2 << 20)), "it does not begin"),
        (gzip.compress(DOCUMENT[:300] + bytes(2 << 20)), "its list of calls does not begin"),
    ):
        with pytest.raises(FixtureError, match=f"larger than 1 MiB.*line by line, and .*{why}") as caught:
            load_fixture(changed, "it")
        assert "record it again" in str(caught.value.hint)


def test_a_bomb_of_sound_calls_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    many = encode_fixture(made({Call(TOKEN, number.to_bytes(32)): Returned(bytes(900)) for number in range(3000)}))
    monkeypatch.setattr(recording, "MAX_DOCUMENT_BYTES", 2 << 20)
    monkeypatch.setattr(recording, "MAX_WHOLE_BYTES", 1 << 20)
    with pytest.raises(FixtureError, match="too large"):
        load_fixture(gzip.compress(many), "bomb.gz")


def test_a_newer_version_says_what_to_do() -> None:
    for stated, hint in (("defirisk-fixture/2", "newer defirisk"), ("defirisk-fixture/0", "record it again")):
        for layout in (DOCUMENT, json.dumps(json.loads(DOCUMENT)).encode()):
            with pytest.raises(FixtureError, match=f"its format is '{stated}'") as caught:
                load_fixture(layout.replace(b"defirisk-fixture/1", stated.encode()), "it")
            assert hint in str(caught.value.hint)


def test_it_comes_through_a_pipe_too(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(RECORDING.read_bytes()))
    writer.start()
    assert load_fixture(pipe).fixture == load_fixture(RECORDING).fixture
    writer.join()


def test_a_recording_is_written_over_a_link_and_keeps_its_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_fixture(link, made(SMALL))
    assert link.is_symlink()
    assert real.read_bytes() == DOCUMENT
    assert real.stat().st_mode & 0o777 == 0o640
