"""`record --refresh`: the same wallets and markets at another block, what changed, and the old file whole or replaced."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import defirisk
from defirisk.chain import Block, Returned, Reverted
from defirisk.chain.abi import Abi
from defirisk.chain.recording import load_fixture
from defirisk.errors import UnwritableOutput
from defirisk.report.refreshed_json import schema
from tests.support.rpc_server import RpcError, RpcServer

from .conftest import Run

FIRST = "0x0000000000000000000000000000000000001002"
SECOND = "0x0000000000000000000000000000000000001003"
POOL = Abi.load("aave_v3")
VALID = jsonschema.Draft202012Validator(schema())


@pytest.fixture
def file(run: Run, endpoint: RpcServer, market: str, tmp_path: Path) -> Path:
    """Two wallets, recorded from the endpoint."""
    place = tmp_path / "two.json.gz"
    ran = run("record", FIRST, SECOND, "--rpc", endpoint.url, "--market", market, "-o", str(place), "-q")
    assert ran.code == 0, ran.err
    return place


@pytest.fixture
def refresh(run: Run, endpoint: RpcServer, file: Path) -> Run:
    def invoke(*args: str):
        return run("record", "--refresh", str(file), "--rpc", endpoint.url, *args)

    return invoke


def answers_of(endpoint: RpcServer, name: str):
    begin = POOL[name].selector
    return [(call, answer) for call, answer in endpoint.answers.items() if call.data.startswith(begin)]


def later(endpoint: RpcServer, seconds: int = 0) -> None:
    endpoint.block = Block(720, endpoint.block.timestamp + seconds, "0x" + "cc" * 32)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_full_stdout_is_not_taken_for_an_unwritten_recording(
    refresh: Run, endpoint: RpcServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_text: str) -> None:
        raise UnwritableOutput("standard output cannot be written: No space left on device")

    monkeypatch.setattr("defirisk.cli.recording.print_out", full)
    later(endpoint)
    ran = refresh("--format", "json")
    assert (ran.code, load_fixture(file).block.number) == (2, 720)
    assert f"hint: the new recording is written all the same, to {file}" in ran.err


def test_nothing_changed_but_the_block(refresh: Run, endpoint: RpcServer, file: Path, run: Run, market: str) -> None:
    later(endpoint)
    ran = refresh()
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "two.json.gz: block 712 -> 720 of 2024-08-06 01:01:08 UTC, 0 s later", "", "2 positions as before.",
    ]  # fmt: skip
    fresh = file.with_name("fresh.json.gz")
    run("record", FIRST, SECOND, "--rpc", endpoint.url, "--market", market, "-o", str(fresh))
    assert file.read_bytes() == fresh.read_bytes(), "as if it had been recorded now"
    again = refresh()
    assert again.out.startswith("two.json.gz: block 720 of 2024-08-06 01:01:08 UTC again\n")
    assert file.read_bytes() == fresh.read_bytes()


def test_two_equal_readings_differ_in_nothing(file: Path) -> None:
    from defirisk.comparing import PositionChange, compare
    from defirisk.reading import read_snapshot
    from defirisk.sources import Where, deployments_for

    chain = load_fixture(file)
    snapshot = asyncio.run(read_snapshot(chain, deployments_for(Where(), chain), chain.fixture.wallets))
    found = list(compare(snapshot, snapshot))
    assert [type(one) for one in found] == [PositionChange] * 2
    assert not any(one.differs for one in found)


def test_interest_alone_is_less_than_is_shown(refresh: Run, endpoint: RpcServer) -> None:
    later(endpoint, 1)
    assert "2 positions changed by less than is shown.\n" in refresh().out


def test_prices_health_and_settings_are_told(refresh: Run, endpoint: RpcServer, file: Path, market: str) -> None:
    moved(endpoint)
    ran = refresh()
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "two.json.gz: block 712 -> 720 of 2024-08-06 02:01:08 UTC, 1 h 0 min later"
    assert market.split("@")[1].lower() in ran.out.lower()
    assert "!! 0x0000...1003 liquidatable 1.0054 -> $4,148.55 -> $3,424.79 -> 0.9932 $3,733.70 $3,082.54" in flat(
        ran.out
    )
    assert "WBTC $43,012.77 $38,711.49 -10.00 %" in flat(ran.out)
    assert "WBTC: liquidation threshold 78 % -> 77 % (1 wallet)" in ran.out
    assert "now: the contract says that the health factor is" in flat(ran.out)
    assert lines[-1] == "2 positions changed."
    held = load_fixture(file).fixture
    assert (held.block.number, len(held.wallets), len(held.markets)) == (720, 2, 1)


def moved(endpoint: RpcServer) -> None:
    """An hour later every price is a tenth lower and WBTC's threshold a point."""
    later(endpoint, 3600)
    for call, answer in answers_of(endpoint, "getAssetPrice"):
        endpoint.answers[call] = Returned((int.from_bytes(answer.data) * 9 // 10).to_bytes(32))
    for call, answer in answers_of(endpoint, "getReserveData"):
        data = int.from_bytes(answer.data[:32])
        if data >> 16 & 0xFFFF:
            endpoint.answers[call] = Returned((data - (100 << 16)).to_bytes(32) + answer.data[32:])


def test_the_same_for_programs(refresh: Run, endpoint: RpcServer, file: Path, market: str) -> None:
    before = defirisk.check(fixture=file, scenarios=[], thresholds=False)
    moved(endpoint)
    ran = refresh("--format", "json")
    assert ran.code == 0, ran.err
    told = ran.json
    VALID.validate(told)
    assert (told["schema"], told["recording"], told["chain_id"]) == ("defirisk/refresh/1", "two.json.gz", 31337)
    assert [told[when]["block"] for when in ("before", "after")] == [712, 720]
    assert told["after"]["block_hash"] == "0x" + "cc" * 32
    after = defirisk.check(fixture=file, scenarios=[], thresholds=False)
    for when, result in (("before", before), ("after", after)):
        for shown, account in zip(told["positions"], result.accounts, strict=True):
            [held] = account.positions
            assert (shown["wallet"], shown["market"], shown["change"]) == (account.address, market, "changed")
            assert shown[when] == {
                "status": "ok",
                "health_factor_raw": held.standing.health_factor and str(held.standing.health_factor),
                "liquidatable": held.standing.liquidatable,
                "collateral_value_raw": str(held.standing.collateral_value),
                "debt_value_raw": str(held.standing.debt_value),
            }
    [wbtc] = [one for one in told["prices"] if one["symbol"] == "WBTC"]
    assert (wbtc["before"], wbtc["after"], wbtc["move"]) == ("43012.77000101", "38711.4930009", "-0.100000000000209240")
    [setting] = [
        one for one in told["settings"] if one["setting"] == "liquidation threshold" and one["symbol"] == "WBTC"
    ]
    assert (setting["before"], setting["after"], setting["wallets"]) == (
        "0.780000000000000000", "0.770000000000000000", 1,
    )  # fmt: skip
    assert any(one["setting"] == "warning" and one["asset"] is None for one in told["settings"])


def test_from_python(refresh: Run, endpoint: RpcServer, file: Path, tmp_path: Path) -> None:
    """Both faces; the file is the very one that the command line writes."""
    held = file.read_bytes()
    moved(endpoint)
    new, newer = tmp_path / "new.json.gz", tmp_path / "newer.json.gz"
    found = defirisk.refresh(file, new, rpc=endpoint.url)
    again = asyncio.run(defirisk.refresh_async(str(file), newer, rpc=endpoint.url, block=720))
    assert file.read_bytes() == held
    assert (found.path, found.before.number, found.after.number) == (new, 712, 720)
    assert repr(found) == "<RefreshResult two.json.gz, block 712 to 720>"
    assert str(found).startswith("two.json.gz: block 712 -> 720 of 2024-08-06 02:01:08 UTC, 1 h 0 min later\n")
    assert found.to_dict() == again.to_dict()
    with pytest.raises(defirisk.InputError, match="not of base"):
        defirisk.refresh(file, rpc=endpoint.url, chain="base")
    ran = refresh("--format", "json")
    assert ran.json == found.to_dict()
    assert file.read_bytes() == new.read_bytes() == newer.read_bytes()
    unchanged = defirisk.refresh(file, rpc=endpoint.url)
    assert {one["change"] for one in unchanged.to_dict()["positions"]} == {"as-before"}
    assert (unchanged.path, unchanged.to_dict()["prices"]) == (file, [])


def test_new_gone_and_unread_positions_for_programs(refresh: Run, endpoint: RpcServer, file: Path) -> None:
    before = empty_the_second(endpoint)
    later(endpoint)
    for change, sides in (("gone", (True, False)), ("new", (False, True))):
        told = refresh("--format", "json").json
        VALID.validate(told)
        [second] = [one for one in told["positions"] if one["wallet"] == SECOND]
        assert (second["change"], (second["before"] is not None, second["after"] is not None)) == (change, sides)
        endpoint.answers = before
    document = json.loads(gzip.decompress(file.read_bytes()))
    del document["digest"]
    begin = "0x" + POOL["getUserConfiguration"].selector.hex()
    lacks = [one for one in document["calls"] if not (one["data"].startswith(begin) and SECOND[2:] in one["data"])]
    file.write_text(json.dumps(document | {"calls": lacks}))
    told = refresh("--format", "json").json
    VALID.validate(told)
    [second] = [one for one in told["positions"] if one["wallet"] == SECOND]
    assert (second["change"], second["before"]) == ("not-read-before", None)
    assert "does not hold getUserConfiguration" in second["unread_before"]


def empty_the_second(endpoint: RpcServer) -> dict:
    """The second wallet holds and owes nothing any more; what it answered before is returned."""
    kept = dict(endpoint.answers)
    owner = bytes.fromhex(SECOND[2:])
    for name in ("scaledBalanceOf", "getUserConfiguration", "getUserAccountData"):
        for call, answer in answers_of(endpoint, name):
            if call.data.endswith(owner):
                none = bytes(160) + b"\xff" * 32 if name == "getUserAccountData" else bytes(len(answer.data))
                endpoint.answers[call] = Returned(none)
    return kept


def test_positions_that_are_gone_and_new(refresh: Run, endpoint: RpcServer) -> None:
    before = empty_the_second(endpoint)
    later(endpoint)
    gone = refresh()
    assert gone.code == 0, gone.err
    assert "0x0000...1003 gone 1.0054 -> - $4,148.55 -> - $3,424.79 -> -" in flat(gone.out)
    assert gone.out.endswith("1 position changed.\n1 position as before.\n")
    endpoint.answers = before
    new = refresh()
    assert "0x0000...1003 new - -> 1.0054 - -> $4,148.55 - -> $3,424.79" in flat(new.out)


def test_another_file_may_take_it(refresh: Run, endpoint: RpcServer, file: Path) -> None:
    old = file.read_bytes()
    later(endpoint)
    assert refresh("-o", str(file.with_name("new.json"))).code == 0
    assert file.read_bytes() == old
    assert load_fixture(file.with_name("new.json")).block.number == 720
    assert sorted(path.name for path in file.parent.iterdir()) == ["new.json", "two.json.gz"]


def test_what_cannot_be_read_leaves_the_old_one(refresh: Run, endpoint: RpcServer, file: Path) -> None:
    old = file.read_bytes()
    later(endpoint)
    owner = bytes.fromhex(SECOND[2:])
    for call, _ in answers_of(endpoint, "getUserEMode"):
        if call.data.endswith(owner):
            endpoint.answers[call] = Reverted(b"")
    ran = refresh()
    assert (ran.code, ran.out) == (3, "")
    assert "error[incomplete-recording]" in ran.err
    assert f"of {SECOND}: " in ran.err
    endpoint.errors_by_method["eth_call"] = RpcError(-32601, "no such method")
    assert refresh().code == 3
    assert file.read_bytes() == old
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_what_the_old_one_lacks_is_read_all_the_same(refresh: Run, file: Path) -> None:
    """An older version of defirisk asked for less: that is a reason to refresh."""
    document = json.loads(gzip.decompress(file.read_bytes()))
    owner = SECOND[2:].lower()
    begin = "0x" + POOL["getUserConfiguration"].selector.hex()
    document["calls"] = [
        one for one in document["calls"] if not (one["data"].startswith(begin) and owner in one["data"])
    ]
    del document["digest"]
    file.write_text(json.dumps(document))
    ran = refresh()
    assert ran.code == 0, ran.err
    assert "0x0000...1003 not read before" in flat(ran.out)
    assert "Not readable in the old recording (1 wallet): two.json.gz does not hold getUserConfiguration" in flat(
        ran.out
    )


def test_an_endpoint_that_is_behind_is_refused(refresh: Run, endpoint: RpcServer, file: Path) -> None:
    endpoint.block = replace(endpoint.block, number=700)
    ran = refresh()
    assert (ran.code, ran.out) == (3, "")
    assert "is at block 700, behind the recording's 712" in ran.err
    assert "--block 700" in ran.err
    back = refresh("--block", "700")
    assert back.code == 0, back.err
    assert "block 712 -> 700" in back.out
    assert load_fixture(file).block.number == 700


def test_a_chain_that_began_anew_is_said(refresh: Run, endpoint: RpcServer) -> None:
    endpoint.block = replace(endpoint.block, hash="0x" + "ee" * 32)
    assert "the block of that number is another one: the chain's history differs" in flat(refresh().out)


def test_another_chain_is_refused(run: Run, endpoint: RpcServer, file: Path) -> None:
    endpoint.chain_id = 8453
    ran = run("record", "--refresh", str(file), "--rpc", endpoint.url)
    assert ran.code == 2
    assert "expected chain id 31337, but the source is of chain id 8453" in ran.err
    asserted = run("record", "--refresh", str(file), "--rpc", endpoint.url, "--chain", "base")
    assert asserted.code == 2
    assert "two.json.gz is a recording of 31337, not of base" in asserted.err


def test_wrong_usage(run: Run, file: Path, tmp_path: Path) -> None:
    for args, said in (
        (("--refresh", str(file)), "no public endpoint is known for chain id 31337"),
        (("--refresh", str(file), FIRST), "name no others"),
        (("--refresh", str(file), "--market", "aave-v3-ethereum"), "name no others"),
        (("--refresh", str(tmp_path / "none.json"), "-o", str(tmp_path / "x.json")), "cannot be read"),
        (("--refresh", str(file), "-o", str(tmp_path / "no" / "x.json")), "is not a folder"),
        ((FIRST,), "--output FILE"),
        ((FIRST, "-o", str(tmp_path / "x.json"), "--format", "json"), "--format is of --refresh"),
        (("-o", str(tmp_path / "x.json")), "no wallet was given"),
    ):
        ran = run("record", *args)
        assert ran.code == (3 if said == "cannot be read" else 2), ran.err
        assert said in flat(ran.err)
        assert ran.out == ""


def test_a_recording_without_wallets_names_none_to_refresh(run: Run, file: Path) -> None:
    document = json.loads(gzip.decompress(file.read_bytes()))
    del document["digest"]
    file.write_text(json.dumps(document | {"wallets": []}))
    ran = run("record", "--refresh", str(file), "--rpc", "http://127.0.0.1:1")
    assert ran.code == 2
    assert "names no wallets to record again" in ran.err
