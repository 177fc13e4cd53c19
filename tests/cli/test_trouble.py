"""A chain that says odd things: a price of 0, a contract that disagrees, a hostile symbol, an endpoint that gives up."""

from __future__ import annotations

import pytest

from defirisk.chain.abi import keccak
from defirisk.chain.calls import Call, Returned
from tests.support.faulty_server import Raw
from tests.support.rpc_server import RpcServer

from .conftest import CLOSE, LIQUIDATABLE, Ran, Run


def selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


def of_function(endpoint: RpcServer, signature: str, argument: str = "") -> list[Call]:
    found = [call for call in endpoint.answers if call.data.startswith(selector(signature))]
    return [call for call in found if call.data.hex().endswith(argument.lower().removeprefix("0x"))]


@pytest.fixture
def live(run: Run, endpoint: RpcServer, market: str) -> Run:
    def invoke(*args: str) -> Ran:
        return run("check", "--rpc", endpoint.url, "--market", market, "--no-thresholds", *args)

    return invoke


def weth_of(live: Run) -> str:
    asset: str = live(CLOSE, "--format", "json").json["accounts"][0]["positions"][0]["collateral"][0]["asset"]
    return asset


def test_a_price_of_0_is_named_and_the_rest_is_answered(live: Run, endpoint: RpcServer) -> None:
    [price] = of_function(endpoint, "getAssetPrice(address)", weth_of(live))
    endpoint.answers[price] = Returned(bytes(32))
    ran = live(CLOSE, LIQUIDATABLE, "--format", "json")
    assert ran.code == 3
    broken, other = (account["positions"][0] for account in ran.json["accounts"])
    assert (broken["status"], broken["verdict"]["code"], broken["scenarios"]) == ("unpriced", "unpriced", [])
    assert "WETH" in broken["error"]["message"]
    assert broken["collateral"][0]["amount_raw"] != "0"
    assert other["status"] == "ok"
    text = " ".join(live(CLOSE).out.split())
    assert "!! NOT JUDGED." in text
    assert "NO PRICE" in text


def test_a_contract_that_disagrees_is_said_loudly_and_the_code_is_3(live: Run, endpoint: RpcServer) -> None:
    [account] = of_function(endpoint, "getUserAccountData(address)", CLOSE)
    answer = endpoint.answers[account]
    assert isinstance(answer, Returned)
    health = int.from_bytes(answer.data[-32:], "big")
    endpoint.answers[account] = Returned(answer.data[:-32] + (health + 1).to_bytes(32, "big"))
    ran = live(CLOSE, LIQUIDATABLE, "--format", "json")
    assert ran.code == 3
    odd, fine = ran.json["accounts"]
    assert fine["positions"][0]["status"] == "ok"
    said = str(odd["positions"][0]["warnings"]) + str(odd["positions"][0]["error"])
    assert "contract-mismatch" in said
    assert f"1.{str(health + 1)[1:]}" in said
    assert "!!" in live(CLOSE).out


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_a_hostile_symbol_styles_nothing(live: Run, endpoint: RpcServer, form: str) -> None:
    evil = b"=\x1b]0;owned\x07\x1b[31m" + b"A" * 10_000
    words = (32).to_bytes(32, "big") + len(evil).to_bytes(32, "big") + evil + bytes(-len(evil) % 32)
    [symbol] = [call for call in of_function(endpoint, "symbol()") if call.to == weth_of(live).lower()]
    endpoint.answers[symbol] = Returned(words)
    ran = live(CLOSE, "--format", form)
    assert ran.code == 0, ran.err
    assert not {char for char in ran.out + ran.err if char < " "} - {"\n"}
    assert "A" * 100 not in ran.out
    assert "owned" not in ran.out


def test_an_endpoint_that_gives_up_halfway_prints_nothing(live: Run, endpoint: RpcServer) -> None:
    assert live(CLOSE).code == 0
    endpoint.script.extend(Raw(403, b"forbidden") for _ in range(50))
    ran = live(CLOSE, "--format", "json")
    assert (ran.code, ran.out) == (3, "")
    assert "error[endpoint-refused]" in ran.err
