"""Recordings that are edited, cut off, newer, or bombs, at the command line: one clear line, exit code 3, no traceback."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from defirisk.chain import recording

from .conftest import RECORDING, Ran, Run

WALLET = "0x0000000000000000000000000000000000001003"
DOCUMENT = gzip.decompress(RECORDING.read_bytes())


@pytest.fixture
def check(run: Run, tmp_path: Path) -> Callable[[bytes], Ran]:
    def invoke(content: bytes) -> Ran:
        file = tmp_path / "wallets.json.gz"
        file.write_bytes(content)
        return run("check", WALLET, "--fixture", str(file), "--no-thresholds", "--drop", "10", "--format", "json")

    return invoke


def edited(**changes: object) -> bytes:
    return json.dumps(json.loads(DOCUMENT) | changes).encode()


def unsealed() -> bytes:
    """Without its digest, in our own layout and its line taken out."""
    lines = DOCUMENT.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b'"digest"'))


@pytest.mark.parametrize(
    "content", [unsealed(), gzip.compress(unsealed()), json.dumps(json.loads(unsealed())).encode()]
)
def test_one_without_a_digest_is_used_and_said_to_be_unsealed(check, content: bytes) -> None:
    ran = check(content)
    assert ran.code == 0, ran.err
    (warning,) = [one for one in ran.json["warnings"] if one["code"] == "unsealed-fixture"]
    assert warning["text"] == "wallets.json.gz carries no digest: nobody vouches for its contents"
    assert [one["positions"][0]["status"] for one in ran.json["accounts"]] == ["ok"]


def test_the_table_says_so_too(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(unsealed())
    out = run("check", WALLET, "--fixture", str(file), "--no-thresholds", "--drop", "10").out
    assert "WARNING mine.json carries no digest: nobody vouches for its contents" in " ".join(out.split())


@pytest.mark.parametrize(
    ("content", "code", "said", "hint"),
    [
        (edited(block_number=713), "digest-mismatch", "does not fit its digest: it was changed after it", "remove `digest`"),
        (DOCUMENT.replace(b'"result":"0x00', b'"result":"0x01', 1), "digest-mismatch", "does not fit its digest", "record"),
        (DOCUMENT.replace(b"sha256:", b"sha256:0", 1), "digest-mismatch", "does not fit its digest", "record it again"),
        (edited(digest=5), "digest-mismatch", "does not fit its digest", "record it again"),
        (DOCUMENT[: len(DOCUMENT) // 2], "bad-fixture", "is not valid JSON", "cut off"),
        (gzip.compress(DOCUMENT)[:-2000], "bad-fixture", "is not sound gzip", "cut off"),
        (DOCUMENT.replace(b"fixture/1", b"fixture/2", 1), "bad-fixture", "its format is 'defirisk-fixture/2'", "newer defirisk"),
        (gzip.compress(gzip.compress(DOCUMENT)), "bad-fixture", "gzipped twice", "unzip it once"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(check, content: bytes, code: str, said: str, hint: str) -> None:
    ran = check(content)
    assert (ran.code, ran.out) == (3, "")
    error, advice = ran.err.strip().splitlines()
    assert error.startswith(f"error[{code}]: wallets.json.gz")
    assert said in error
    assert advice.startswith("hint: ")
    assert hint in advice


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"entry": "0x" + "11" * 20, "name": "one"}, "two markets are called 'one'"),
        ({"name": "two"}, "is listed twice, once as 'two'"),
    ],
)
@pytest.mark.parametrize("command", ["check", "audit"])
def test_two_markets_of_one_name_are_not_taken_for_one(
    run: Run, tmp_path: Path, command: str, other: dict[str, str], said: str
) -> None:
    """All tables and sums go by the name: one of the two would be counted twice, and the other not at all."""
    document = json.loads(unsealed())
    first = document["markets"][0] | {"name": "one"}
    file, wallets = tmp_path / "mine.json", tmp_path / "wallets.txt"
    file.write_text(json.dumps(document | {"markets": [first, first | other]}))
    wallets.write_text(WALLET)
    whom = WALLET if command == "check" else str(wallets)
    ran = run(command, whom, "--fixture", str(file), "--no-thresholds", "--drop", "10")
    assert (ran.code, ran.out) == (3, "")
    assert "error[bad-fixture]: mine.json: " in ran.err
    assert said in ran.err


@pytest.mark.parametrize(
    "bomb",
    [
        bytes(1 << 22),
        b" " * (1 << 22),
        b"\n" * (1 << 22),
        DOCUMENT[: DOCUMENT.index(b'"calls"')] + b'"calls": [\n' + b" " * (1 << 22),
        DOCUMENT[: DOCUMENT.index(b'"digest"')] + b'"x": "' + b"a" * (1 << 22),
        DOCUMENT[: DOCUMENT.index(b'"calls"')]
        + b'"calls": [\n{"to":"0x'
        + b"0" * 40
        + b'","data":"0x'
        + b"0" * (1 << 22),
    ],
)
def test_a_bomb_is_refused(check, monkeypatch: pytest.MonkeyPatch, bomb: bytes) -> None:
    """4 MiB out of 4 kB, where 1 MiB is allowed."""
    monkeypatch.setattr(recording, "MAX_WHOLE_BYTES", 1 << 20)
    packed = gzip.compress(bomb)
    assert len(packed) < 100_000
    ran = check(packed)
    assert (ran.code, ran.out) == (3, "")
    assert "error[bad-fixture]: wallets.json.gz is larger than 1 MiB" in ran.err


def test_the_real_limits_are_those_that_are_documented() -> None:
    assert recording.MAX_WHOLE_BYTES == 128 << 20
    assert recording.MAX_DOCUMENT_BYTES == recording.MAX_FILE_BYTES == 2 << 30


def test_a_file_that_is_too_large_is_not_read(run: Run, tmp_path: Path) -> None:
    """Three gigabytes of nothing, that take no room on the disk."""
    file = tmp_path / "huge.json"
    with file.open("wb") as handle:
        handle.truncate(3 << 30)
    ran = run("check", WALLET, "--fixture", str(file))
    assert ran.code == 3
    assert "huge.json is larger than 2048 MiB: too large to be a recording" in ran.err
