"""ENS names in a policy: a wallet by its name is the same wallet, for labels, waivers and doubles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from defirisk.chain.abi import Abi
from defirisk.chain.calls import Returned
from defirisk.chain.ens import ENS_REGISTRY, namehash
from defirisk.chain.recording import load_fixture
from tests.support.rpc_server import RpcServer

from .conftest import CLOSE, SMALL, Check, Write, waiver, wallet

NAME = "treasury.eth"
RESOLVER = "0x" + "5e" * 20
RULES = "[policy]\nmin_health_factor = 1.2\n"


def word(address: str) -> Returned:
    return Returned(bytes(12) + bytes.fromhex(address[2:]))


@pytest.fixture
def mainnet() -> Iterator[RpcServer]:
    """The small recording as if it were Ethereum's, with one name in its ENS."""
    abi, node = Abi.load("ens"), namehash(NAME)
    registry, resolver = abi["resolver"](ENS_REGISTRY, node), abi["addr"](RESOLVER, node)
    with RpcServer.of_fixture(SMALL) as server:
        server.chain_id = 1
        server.answers |= {registry: word(RESOLVER), resolver: word(CLOSE)}
        server.contracts |= {registry.to, resolver.to}
        yield server


@pytest.fixture
def head() -> str:
    return f'markets = ["aave-v3@{load_fixture(str(SMALL)).fixture.markets[0].entry}"]'


def test_a_wallet_by_its_name(write: Write, check: Check, mainnet: RpcServer, head: str) -> None:
    write(wallet("Treasury.eth", "treasury") + RULES + waiver("treasury", "min_health_factor"), head=head, fixture=None)
    ran = check("--rpc", mainnet.url, "--format", "json")
    [finding] = ran.policy["findings"]
    assert (ran.code, finding["wallet"], finding["label"], finding["status"]) == (0, CLOSE, "treasury", "waived")
    assert f"{CLOSE} ({NAME}): treasury" in check("--rpc", mainnet.url).out


def test_a_name_and_its_address_are_listed_twice(write: Write, check: Check, mainnet: RpcServer, head: str) -> None:
    write(wallet(NAME, "a") + wallet(CLOSE, "b") + RULES, head=head, fixture=None)
    ran = check("--rpc", mainnet.url, "--report", "junit=a.xml")
    assert ran.code == 2
    assert "error[bad-policy]: defirisk.toml, line 6: b stands for the same address as another wallet" in ran.err


def test_an_unknown_name_is_code_2(write: Write, check: Check, mainnet: RpcServer, head: str) -> None:
    write(wallet("nobody.eth") + RULES, head=head, fixture=None)
    ran = check("--rpc", mainnet.url)
    assert (ran.code, "error[name-not-found]: 'nobody.eth'" in ran.err) == (2, True)
