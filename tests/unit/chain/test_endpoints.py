from urllib.parse import urlsplit

import pytest

from defirisk.chain.abi import parse_address
from defirisk.chain.endpoints import chain_named, chain_with_id, choose_source, known_chains
from defirisk.errors import InputError, UnknownChain


def test_the_data_is_sound() -> None:
    chains = known_chains()
    names = [name for chain in chains for name in (chain.name, *chain.aliases)]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)
    ids = [chain.chain_id for chain in chains]
    assert len(ids) == len(set(ids))
    for chain in chains:
        assert chain.endpoints
        assert chain.coin
        for url in chain.endpoints:
            assert urlsplit(url).scheme == "https"
        for address in (chain.multicall3, chain.dsproxy_registry, chain.dsa_list):
            assert address is None or parse_address(address) == address


@pytest.mark.parametrize(
    ("name", "chain_id"),
    [
        ("ethereum", 1),
        ("Mainnet", 1),
        ("1", 1),
        ("op", 10),
        ("arbitrum", 42161),
        ("base", 8453),
        ("polygon", 137),
        ("avalanche", 43114),
        ("bsc", 56),
        ("gnosis", 100),
        ("scroll", 534352),
        ("zksync", 324),
        ("metis", 1088),
        ("linea", 59144),
        ("sonic", 146),
        ("celo", 42220),
        ("mantle", 5000),
        ("soneium", 1868),
        ("plasma", 9745),
        ("ink", 57073),
        ("moonbeam", 1284),
        ("moonriver", 1285),
        ("fantom", 250),
        ("harmony", 1666600000),
    ],
)
def test_names_of_chains(name: str, chain_id: int) -> None:
    assert chain_named(name).chain_id == chain_id


def test_unknown_chains() -> None:
    with pytest.raises(UnknownChain) as caught:
        chain_named("etherium")
    assert "ethereum" in str(caught.value.hint)
    with pytest.raises(UnknownChain) as caught:
        chain_named("\x1b[2J" * 100)
    assert "\x1b" not in str(caught.value)
    assert chain_with_id(31337) is None


def test_only_where_it_is_there_ens() -> None:
    assert {chain.chain_id for chain in known_chains() if chain.ens} == {1, 11155111}
    zksync = chain_with_id(324)
    assert zksync is not None
    assert zksync.multicall3 == "0xF9cda624FBC7e059355ce98a31693d299FACd963"


def test_the_order_of_sources() -> None:
    base = chain_named("base")
    environment = {"DEFIRISK_RPC_BASE": "http://own/", "ETH_RPC_URL": "http://eth/"}
    assert choose_source(["http://a/", "http://b/"], base, environment).urls == ("http://a/", "http://b/")
    assert choose_source([], base, environment).origin == "DEFIRISK_RPC_BASE"
    assert choose_source([], base, {"ETH_RPC_URL": "http://eth/"}).urls == ("http://eth/",)
    assert choose_source([], base, {"ETH_RPC_URL": "http://eth/"}, only=False).origin == "public"
    assert choose_source([], base, {"ETH_RPC_URL": "  "}).urls == base.endpoints


def test_a_bad_url_is_not_repeated() -> None:
    for rpc, environment in ((["ipc:/secret"], {}), ([], {"ETH_RPC_URL": "wss://h/secret"})):
        with pytest.raises(InputError) as caught:
            choose_source(rpc, chain_named("base"), environment)
        assert "secret" not in str(caught.value)
