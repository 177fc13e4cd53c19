"""The command line against a live endpoint on this machine."""

import json
from pathlib import Path

import pytest

from tests.support.rpc_server import RpcServer

from .conftest import BLOCK, CLOSE, LIQUIDATABLE, RECORDING, STRANGER, Run


def without(document: dict[str, object], *names: str) -> dict[str, object]:
    return {key: value for key, value in document.items() if key not in names}


@pytest.fixture
def live(run: Run, endpoint: RpcServer, market: str) -> Run:
    def invoke(*args: str) -> object:
        return run("check", "--rpc", endpoint.url, "--market", market, "--no-thresholds", *args)

    return invoke  # type: ignore[return-value]


def test_a_live_chain_answers_as_its_recording_does(live: Run, check: Run) -> None:
    ran = live(CLOSE, LIQUIDATABLE, "--format", "json")
    assert ran.code == 0, ran.err
    recorded = check(CLOSE, LIQUIDATABLE, "--format", "json").json
    for account, other in zip(ran.json["accounts"], recorded["accounts"], strict=True):
        [position], [same] = account["positions"], other["positions"]
        assert without(position, "market") == without(same, "market")
    assert [warning["code"] for warning in ran.json["warnings"]] == ["old-block"]
    assert ran.json["block"] == BLOCK


def test_the_age_of_a_live_block_is_said_loudly(live: Run) -> None:
    out = " ".join(live(CLOSE).out.split())
    assert "days old" in out
    assert "! WARNING the block is" in out


def test_few_requests_and_round_trips(live: Run, endpoint: RpcServer) -> None:
    assert live(CLOSE, LIQUIDATABLE, "--format", "json").code == 0
    assert endpoint.round_trips <= 4
    assert endpoint.requests <= 8


def test_record_then_replay(run: Run, live: Run, endpoint: RpcServer, market: str, tmp_path: Path) -> None:
    file, again = tmp_path / "wallet.json.gz", tmp_path / "again.json.gz"
    for place in (file, again):
        ran = run("record", CLOSE, "--rpc", endpoint.url, "--market", market, "-o", str(place))
        assert ran.code == 0, ran.err
        assert (ran.out, "recorded 1 wallet in 1 market at block" in ran.err) == ("", True)
    assert file.read_bytes() == again.read_bytes()
    assert endpoint.url.encode() not in file.read_bytes()
    replayed = run("check", "--fixture", str(file), "--format", "json", "--no-thresholds")
    assert replayed.code == 0, replayed.err
    differing = ("source", "warnings")
    assert without(replayed.json, *differing) == without(live(CLOSE, "--format", "json").json, *differing)


def test_record_quietly(run: Run, endpoint: RpcServer, market: str, tmp_path: Path) -> None:
    ran = run("record", CLOSE, "--rpc", endpoint.url, "--market", market, "-o", str(tmp_path / "a.json"), "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_recording_of_what_cannot_be_read_is_not_written(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    ran = run("record", STRANGER, "--fixture", str(RECORDING), "-o", str(file))
    assert (ran.code, file.exists()) == (3, False)
    assert "error[incomplete-recording]" in ran.err


def test_another_chain_than_asserted(live: Run) -> None:
    ran = live(CLOSE, "--chain", "base")
    assert (ran.code, ran.out) == (2, "")
    assert "error[wrong-chain]: expected chain id 8453" in ran.err
    assert live(CLOSE, "--chain", "31337").code == 0


def test_a_chain_without_known_markets_asks_for_one(run: Run, endpoint: RpcServer) -> None:
    ran = run("check", CLOSE, "--rpc", endpoint.url)
    assert (ran.code, ran.out) == (2, "")
    assert "--market PROTOCOL@0xENTRY" in ran.err


def test_a_contract_that_is_no_market(run: Run, endpoint: RpcServer) -> None:
    ran = run("check", CLOSE, "--rpc", endpoint.url, "--market", f"aave-v3@{STRANGER}")
    assert (ran.code, ran.out) == (2, "")
    assert "error[not-" in ran.err


def test_an_endpoint_from_the_environment(
    run: Run, endpoint: RpcServer, market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETH_RPC_URL", endpoint.url)
    ran = run("check", CLOSE, "--market", market)
    assert (ran.code, ran.out) == (2, "")
    assert "error[wrong-chain]: expected chain id 1, but the source is of chain id 31337" in ran.err


def two_chains(first: RpcServer, second: RpcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    first.chain_id, second.chain_id = 8453, 10
    monkeypatch.setenv("DEFIRISK_RPC_BASE", first.url)
    monkeypatch.setenv("DEFIRISK_RPC_OPTIMISM", second.url)


def test_several_chains_are_a_set_and_one_that_fails_leaves_the_others(
    run: Run, endpoint: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RpcServer.of_fixture(RECORDING) as other:
        two_chains(endpoint, other, monkeypatch)
        asked = ("check", CLOSE, "--chain", "base", "--chain", "optimism", "--format", "json")
        both = run(*asked)
        monkeypatch.setenv("DEFIRISK_RPC_OPTIMISM", "http://127.0.0.1:1/")
        one = run(*asked)
    assert both.json["schema"] == "defirisk/check-set/1"
    assert [check["chain_id"] for check in both.json["checks"]] == [8453, 10]
    assert (both.json["failures"], both.code) == ([], 0)
    assert [check["chain_id"] for check in one.json["checks"]] == [8453]
    assert [failure["chain"] for failure in one.json["failures"]] == ["optimism"]
    assert one.code == 3
    assert "error[endpoint-unreachable]: optimism" in one.err


def test_a_market_named_leaves_out_the_chains_without_it(
    run: Run, endpoint: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.chain_id = 8453
    monkeypatch.setenv("DEFIRISK_RPC_BASE", endpoint.url)
    ran = run("check", CLOSE, "--chain", "all", "--market", "aave-v3-base", "--format", "json")
    assert [check["chain_id"] for check in ran.json["checks"]] == [8453]
    assert json.loads(ran.out)["failures"] == []
