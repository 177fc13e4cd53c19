"""The registry of Aave V3 deployments: shape, checksums, unique names, chain names that mean one chain id."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

import defirisk

PACKAGE = Path(defirisk.__file__).parent
REQUIRED = {"name": str, "protocol": str, "chain": str, "chain_id": int, "entry": str}
OPTIONAL = {
    "aliases": list,
    "pool": str,
    "oracle": str,
    "data_provider": str,
    "sentinel": str,
    "umbrella": str,
    "note": str,
}
ADDRESSES = ("entry", "pool", "oracle", "data_provider", "sentinel", "umbrella")

# Written here a second time on purpose: a slip in the data must not agree with itself.
CHAIN_IDS = {
    "ethereum": 1, "optimism": 10, "bnb": 56, "gnosis": 100, "polygon": 137, "monad": 143, "sonic": 146,
    "manta": 169, "xlayer": 196, "fantom": 250, "zksync": 324, "flow": 747, "hyperevm": 999, "metis": 1088,
    "sei": 1329, "soneium": 1868, "megaeth": 4326, "mantle": 5000, "base": 8453, "plasma": 9745,
    "arbitrum": 42161, "etherlink": 42793, "celo": 42220, "avalanche": 43114, "ink": 57073, "linea": 59144,
    "blast": 81457, "scroll": 534352, "harmony": 1666600000,
}  # fmt: skip

# Entries that every Aave user can look up: the registry may grow, these may not drift.
WELL_KNOWN = {
    "aave-v3-ethereum": "0x2f39d218133AFaB8F2B819B1066c7E434Ad94E9e",
    "aave-v3-arbitrum": "0xa97684ead0e402dC232d5A977953DF7ECBaB3CDb",
    "aave-v3-optimism": "0xa97684ead0e402dC232d5A977953DF7ECBaB3CDb",
    "aave-v3-polygon": "0xa97684ead0e402dC232d5A977953DF7ECBaB3CDb",
    "aave-v3-avalanche": "0xa97684ead0e402dC232d5A977953DF7ECBaB3CDb",
    "aave-v3-gnosis": "0x36616cf17557639614c1cdDb356b1B83fc0B2132",
    "spark-ethereum": "0x02C3eA4e34C0cBd694D2adFa2c690EECbC1793eE",
}


def load(protocol: str) -> list[dict[str, Any]]:
    """Return the deployments of one rule family as the file has them."""
    with (PACKAGE / "protocols" / protocol / "deployments.toml").open("rb") as file:
        return list(tomllib.load(file)["deployment"])


def checksummed(address: str) -> str:
    """Return the EIP-55 form, computed here from the EIP and not by the code under test."""
    plain = address.lower().removeprefix("0x")
    digest = keccak(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(digest[i], 16) > 7 else c for i, c in enumerate(plain))


def chains() -> dict[str, int]:
    """Return chain names and ids as the chain room has them."""
    with (PACKAGE / "chain" / "endpoints.toml").open("rb") as file:
        return {chain["name"]: chain["chain_id"] for chain in tomllib.load(file)["chain"]}


def known_names(deployment: dict[str, Any]) -> list[str]:
    """Return the name and the aliases of one deployment."""
    return [deployment["name"], *deployment.get("aliases", [])]


DEPLOYMENTS = load("aave_v3")


def test_checksum_of_this_test_is_eip_55() -> None:
    """An example from the EIP itself."""
    assert checksummed("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed") == "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_fields_are_the_known_ones(deployment: dict[str, Any]) -> None:
    """Required fields stand, nothing unknown does, every type fits."""
    assert REQUIRED.keys() <= deployment.keys() <= REQUIRED.keys() | OPTIONAL.keys()
    for field, value in deployment.items():
        assert type(value) is (REQUIRED | OPTIONAL)[field]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_addresses_carry_their_checksum(deployment: dict[str, Any]) -> None:
    """A mistyped address fails its checksum."""
    for field in ADDRESSES:
        if field in deployment:
            assert re.fullmatch(r"0x[0-9a-fA-F]{40}", deployment[field])
            assert int(deployment[field], 16) != 0
            assert deployment[field] == checksummed(deployment[field])


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_one_deployment_has_distinct_addresses(deployment: dict[str, Any]) -> None:
    """A pool in the place of its provider would be a slip of the pen."""
    addresses = [deployment[field] for field in ADDRESSES if field in deployment]
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_name_is_protocol_chain_instance(deployment: dict[str, Any]) -> None:
    """`<protocol>-<chain>[-<instance>]`, lower case."""
    chain = re.escape(deployment["chain"])
    assert re.fullmatch(rf"[a-z][a-z0-9]*(-v3)?-{chain}(-[a-z0-9]+)?", deployment["name"])
    for alias in deployment.get("aliases", []):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", alias)
    assert deployment["protocol"] == "aave-v3"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_chain_name_and_id_agree(deployment: dict[str, Any]) -> None:
    """One name, one id."""
    assert CHAIN_IDS[deployment["chain"]] == deployment["chain_id"]


def test_every_chain_is_one_that_the_chain_room_knows() -> None:
    """A deployment on a chain without a name to type could never be asked for."""
    known = chains()
    assert {d["chain"]: known.get(d["chain"]) for d in DEPLOYMENTS} == {d["chain"]: d["chain_id"] for d in DEPLOYMENTS}


def test_names_and_aliases_are_unique() -> None:
    """`--market NAME` means one deployment."""
    counted = Counter(name for deployment in DEPLOYMENTS for name in known_names(deployment))
    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("field", ["entry", "pool"])
def test_no_contract_is_listed_twice_on_a_chain(field: str) -> None:
    """The same entry twice would count a position twice."""
    counted = Counter((d["chain_id"], d[field]) for d in DEPLOYMENTS)
    assert [key for key, count in counted.items() if count > 1] == []


def test_well_known_entries_stand() -> None:
    """The registry may grow; the largest markets may not drift."""
    entries = {deployment["name"]: deployment["entry"] for deployment in DEPLOYMENTS}
    assert {name: entries[name] for name in WELL_KNOWN} == WELL_KNOWN


def test_aaves_own_markets_are_all_there() -> None:
    """26 markets in Aave's address book of September 2026, testnets left out."""
    assert sum(d["name"].startswith("aave-v3-") for d in DEPLOYMENTS) == 26
