"""ENS names on the command line: resolved where the chain has ENS, recorded like everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from defirisk.chain.abi import Abi
from defirisk.chain.calls import Returned
from defirisk.chain.ens import ENS_REGISTRY, namehash
from tests.support.rpc_server import RpcServer

from .conftest import CLOSE, LIQUIDATABLE, Run

RESOLVER = "0x" + "5e" * 20
NAME = "treasury.eth"


def word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


@pytest.fixture
def mainnet(endpoint: RpcServer) -> RpcServer:
    """The recording as if it were Ethereum's, with one name in its ENS."""
    abi, node = Abi.load("ens"), namehash(NAME)
    endpoint.chain_id = 1
    registry, resolver = abi["resolver"](ENS_REGISTRY, node), abi["addr"](RESOLVER, node)
    endpoint.answers |= {registry: Returned(word(RESOLVER)), resolver: Returned(word(CLOSE))}
    endpoint.contracts |= {registry.to, resolver.to}
    return endpoint


def test_a_name_is_resolved_and_shown(run: Run, mainnet: RpcServer, market: str) -> None:
    asked = ("check", NAME, "--rpc", mainnet.url, "--market", market, "--no-thresholds")
    ran = run(*asked, "--format", "json")
    assert (ran.code, ran.json["accounts"][0]["address"]) == (0, CLOSE), ran.err
    assert f"{CLOSE} ({NAME})" in run(*asked).out


def test_a_name_and_its_address_are_one_wallet(run: Run, mainnet: RpcServer, market: str) -> None:
    ran = run("check", NAME, CLOSE, "--rpc", mainnet.url, "--market", market, "--no-thresholds", "--format", "json")
    assert [account["address"] for account in ran.json["accounts"]] == [CLOSE]
    assert "duplicate-address" in {warning["code"] for warning in ran.json["warnings"]}


def test_a_name_that_resolves_to_nothing(run: Run, mainnet: RpcServer, market: str) -> None:
    ran = run("check", "nobody.eth", "--rpc", mainnet.url, "--market", market)
    assert (ran.code, ran.out) == (2, "")
    assert "error[name-not-found]: 'nobody.eth'" in ran.err


def test_a_name_is_recorded(run: Run, mainnet: RpcServer, market: str, tmp_path: Path) -> None:
    file = str(tmp_path / "named.json.gz")
    assert run("record", NAME, LIQUIDATABLE, "--rpc", mainnet.url, "--market", market, "-o", file).code == 0
    ran = run("check", NAME, "--fixture", file, "--no-thresholds", "--format", "json")
    assert (ran.code, ran.json["accounts"][0]["address"]) == (0, CLOSE), ran.err


def test_names_for_several_chains_are_resolved_where_ens_is(
    run: Run, mainnet: RpcServer, endpoint: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEFIRISK_RPC_ETHEREUM", mainnet.url)
    monkeypatch.setenv("DEFIRISK_RPC_BASE", "http://127.0.0.1:1/")
    ran = run("check", NAME, "--chain", "base", "--chain", "ethereum", "--format", "json", "--no-thresholds")
    assert ran.code == 3
    assert [account["address"] for check in ran.json["checks"] for account in check["accounts"]] == [CLOSE]
