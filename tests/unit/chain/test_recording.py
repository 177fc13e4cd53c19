"""Recordings: written deterministically, read strictly, replayed without anything else."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from defirisk.chain import Call, Returned, Reverted, recording
from defirisk.chain.abi import Abi
from defirisk.chain.fixture import decode_fixture, digest_of, encode_fixture
from defirisk.chain.recording import Fixture, FixtureMarket, Recorder, load_fixture, pack_fixture, write_fixture
from defirisk.errors import DigestMismatch, FixtureError, MissingCall, UnwritableOutput

from .fakes import SLICE, FakeChain, word

TOKEN = "0x" + "ab" * 20


@pytest.fixture(scope="module")
def shipped() -> Fixture:
    return load_fixture(str(SLICE)).fixture


@pytest.fixture
def document() -> dict[str, Any]:
    return json.loads(SLICE.read_text())


def load(document: dict[str, Any], *, reseal: bool = False) -> Fixture:
    if reseal:
        document = document | {"digest": digest_of(document)}
    return load_fixture(json.dumps(document).encode(), "test").fixture


# --- writing ---


def test_bytes_do_not_depend_on_the_order_of_asking(shipped: Fixture) -> None:
    shuffled = list(shipped.answers.items())
    random.Random(1).shuffle(shuffled)
    again = Fixture(
        shipped.chain_id, shipped.block, shipped.recorded_by, shipped.markets, shipped.wallets, dict(shuffled)
    )
    assert encode_fixture(again) == encode_fixture(shipped) == SLICE.read_bytes()


def test_the_layout_is_the_promised_one(document: dict[str, Any]) -> None:
    assert list(document)[-1] == "calls"
    assert document["format"] == "defirisk-fixture/1"
    keys = [(call["to"], call["data"]) for call in document["calls"]]
    assert keys == sorted(keys)
    lines = SLICE.read_text().splitlines()
    assert sum(line.startswith('{"to":') for line in lines) == len(keys) == 60
    assert SLICE.read_text().lower().count("0x") == SLICE.read_text().count("0x")
    bare = {key: value for key, value in document.items() if key != "digest"}
    canonical = json.dumps(bare, sort_keys=True, separators=(",", ":"))
    assert document["digest"] == "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def test_gzip_holds_neither_time_nor_name(shipped: Fixture, tmp_path: Path) -> None:
    one, two = tmp_path / "one.json.gz", tmp_path / "two.json.gz"
    write_fixture(one, shipped)
    write_fixture(two, shipped)
    assert one.read_bytes() == two.read_bytes() == pack_fixture(SLICE.read_bytes())
    assert one.read_bytes()[3:8] == bytes(5)  # no name flag, mtime 0
    assert gzip.decompress(one.read_bytes()) == SLICE.read_bytes()
    assert load_fixture(one).fixture == shipped
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json.gz", "two.json.gz"]


def test_an_unwritable_path(shipped: Fixture, tmp_path: Path) -> None:
    with pytest.raises(UnwritableOutput):
        write_fixture(tmp_path / "no" / "such.json", shipped)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(UnwritableOutput):
        write_fixture(tmp_path / "folder.json", shipped)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.json"]


async def test_a_recorder_remembers_returns_and_reverts() -> None:
    balance = Abi.load("erc20")["balanceOf"](TOKEN, TOKEN)
    broken = Call(TOKEN, b"\xff\xff\xff\xff")
    chain = FakeChain({balance: Returned(word(5)), broken: Reverted(b"\xde\xad")}, chain_id=31337)
    recorder = Recorder(chain)
    assert await recorder.calls([balance, broken, balance]) == [
        Returned(word(5)),
        Reverted(b"\xde\xad"),
        Returned(word(5)),
    ]
    made = recorder.fixture(markets=[FixtureMarket("aave-v3", TOKEN)], wallets=[TOKEN], recorded_by="tests")
    replay = load_fixture(encode_fixture(made), "made")
    assert await replay.calls([broken, balance]) == [Reverted(b"\xde\xad"), Returned(word(5))]
    assert replay.block == chain.block
    assert replay.chain_id == 31337
    assert replay.fixture.markets == (FixtureMarket("aave-v3", "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"),)
    assert replay.warnings == []
    await replay.verify()


# --- replay ---


async def test_a_missing_call_names_itself_and_the_way_out(shipped: Fixture) -> None:
    replay = load_fixture(str(SLICE))
    known = next(iter(shipped.answers))
    missing = [Abi.load("erc20")["balanceOf"](TOKEN, TOKEN), Call(TOKEN, b"\x01\x02\x03\x04")]
    with pytest.raises(MissingCall) as caught:
        await replay.calls([known, *missing])
    text = str(caught.value)
    assert "balanceOf(address)" in text
    assert TOKEN in text
    assert "0x70a08231" in text
    assert "slice.json" in text
    assert "1 more" in text
    assert "defirisk record" in str(caught.value.hint)
    assert caught.value.missing == tuple((call.to, "0x" + call.data.hex()) for call in missing)
    assert str(SLICE.parent) not in text


def test_one_without_a_digest_is_used_and_said_to_be_unsealed(document: dict[str, Any]) -> None:
    del document["digest"]
    replay = load_fixture(json.dumps(document).encode(), "plain.json")
    assert [warning.code for warning in replay.warnings] == ["unsealed-fixture"]
    assert load_fixture(str(SLICE)).warnings == []


def test_any_json_of_the_shape_is_read(document: dict[str, Any], shipped: Fixture) -> None:
    document["calls"] = [call | {"what": "for people"} for call in reversed(document["calls"])]
    document["calls"] = [call | {"to": call["to"].upper().replace("0X", "0x")} for call in document["calls"]]
    document["markets"] = [
        {key: value for key, value in market.items() if key != "name"} for market in document["markets"]
    ]
    document["block_hash"] = None
    read = load(document, reseal=True)
    assert read.answers == shipped.answers
    assert read.markets[0].name is None
    assert read.block.hash is None


# --- bad input ---


def test_an_edited_one_does_not_fit_its_digest(document: dict[str, Any]) -> None:
    call = next(call for call in document["calls"] if call.get("result", "0x").endswith("0"))
    call["result"] = call["result"][:-1] + "1"
    with pytest.raises(DigestMismatch, match="digest") as caught:
        load(document)
    assert caught.value.code == "digest-mismatch"
    load(document, reseal=True)


BAD: list[tuple[str, Any]] = [
    ("chain_id", "1"), ("chain_id", 0), ("chain_id", True), ("chain_id", None), ("chain_id", 2**70),
    ("block_number", -1), ("block_number", "0x1"), ("block_timestamp", 0),
    ("block_hash", "0x12"), ("block_hash", 5), ("block_hash", "0x" + "zz" * 32),
    ("recorded_by", 7), ("recorded_by", "\x1b[2J"), ("recorded_by", "x" * 200), ("recorded_by", None),
    ("markets", {}), ("markets", [5]), ("markets", [{"protocol": "aave-v3"}]),
    ("markets", [{"protocol": "a\nb", "entry": TOKEN}]), ("markets", [{"protocol": "aave-v3", "entry": "0x1"}]),
    ("markets", [{"protocol": "aave-v3", "entry": TOKEN, "name": "[red]"}]),
    ("wallets", None), ("wallets", ["0x12"]), ("wallets", [5]),
    ("calls", {}), ("calls", [5]), ("calls", [{}]),
    ("calls", [{"to": TOKEN, "data": "0x"}]),
    ("calls", [{"to": TOKEN, "data": "0x", "result": "0x", "error": "0x"}]),
    ("calls", [{"to": "0x12", "data": "0x", "result": "0x"}]),
    ("calls", [{"to": 5, "data": "0x", "result": "0x"}]),
    ("calls", [{"to": TOKEN, "data": "0x0", "result": "0x"}]),
    ("calls", [{"to": TOKEN, "data": "0x00 00", "result": "0x"}]),
    ("calls", [{"to": TOKEN, "data": "00", "result": "0x"}]),
    ("calls", [{"to": TOKEN, "data": 5, "result": "0x"}]),
    ("calls", [{"to": TOKEN, "data": "0x", "result": ["0x"]}]),
    ("calls", [{"to": TOKEN, "data": "0x", "error": "0xgg"}]),
    ("calls", [{"to": TOKEN, "data": "0x00", "result": "0x"}, {"to": TOKEN, "data": "0x00", "result": "0x"}]),
    ("calls", [{"to": TOKEN, "data": "0xAB", "result": "0x"}, {"to": TOKEN.upper().replace("0X", "0x"), "data": "0xab", "result": "0x01"}]),
    ("format", "defirisk-fixture/2"), ("format", None),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BAD)
def test_every_member_is_checked(document: dict[str, Any], key: str, value: Any) -> None:
    with pytest.raises(FixtureError) as caught:
        load(document | {key: value}, reseal=True)
    assert type(caught.value) is FixtureError
    text = str(caught.value)
    assert text.isascii()
    assert "\x1b" not in text
    assert len(text) < 200
    assert key.removesuffix("s") in text


@pytest.mark.parametrize(
    "key", ["format", "chain_id", "block_number", "block_timestamp", "recorded_by", "markets", "wallets", "calls"]
)
def test_no_member_may_lack(document: dict[str, Any], key: str) -> None:
    del document[key]
    with pytest.raises(FixtureError):
        load(document, reseal=True)


WHOLE = SLICE.read_bytes()
PACKED = pack_fixture(WHOLE)


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (b"", "not valid JSON"),
        (WHOLE[:-20], "not valid JSON"),
        (WHOLE + b"x", "not valid JSON"),
        (b"\xff\xfe" + WHOLE, "not valid JSON"),
        (b"[]", "no JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1.5}', "not an integer"),
        (b'{"a": NaN}', "not an integer"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"calls": [{"to": "0x1", "to": "0x2"}]}', "twice"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
        (b'{"a": "\\ud800"}', "format"),
        (PACKED[:-30], "not sound gzip"),
        (PACKED[:200] + b"\x00" + PACKED[201:], "not sound gzip"),
        (PACKED[:2], "not sound gzip"),
        (PACKED + b"trailing", "not sound gzip"),
        (gzip.compress(PACKED), "gzipped twice"),
        (b"<html>not found</html>", "not valid JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_files_that_are_none(raw: bytes, match: str) -> None:
    with pytest.raises(FixtureError, match=match) as caught:
        load_fixture(raw, "bad.json.gz")
    assert "bad.json.gz" in str(caught.value)


def test_a_lone_surrogate_is_no_text(document: dict[str, Any]) -> None:
    raw = json.dumps(document | {"what": "\ud800"}).encode()
    with pytest.raises(FixtureError):
        load_fixture(raw, "bad")


def test_a_bomb_and_a_huge_file_are_refused_unread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recording, "MAX_DOCUMENT_BYTES", 1 << 20)
    monkeypatch.setattr(recording, "MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(FixtureError, match="larger than 1 MiB"):
        load_fixture(gzip.compress(bytes(2 << 20)), "bomb.gz")
    large = tmp_path / "large.json"
    large.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(FixtureError, match="larger than 1 MiB"):
        load_fixture(large)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(FixtureError, match="cannot be read") as caught:
            load_fixture(path)
        assert str(tmp_path.parent) not in str(caught.value)


def test_large_recordings_load_fast_enough_to_be_read_whole() -> None:
    """Not timed: only that nothing is quadratic."""
    answers = {Call(TOKEN, number.to_bytes(36)): Returned(word(number)) for number in range(20_000)}
    made = Fixture(1, FakeChain({}).block, "tests", (), (), answers)
    assert decode_fixture(encode_fixture(made), "large").answers == answers
