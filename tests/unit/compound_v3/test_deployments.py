"""The registry of Compound V3: one Comet a deployment, named by chain and base token."""

import re
from collections import Counter

import pytest

from tests.unit.test_deployments import REQUIRED, chains, checksummed, known_names, load

DEPLOYMENTS = load("compound_v3")
OPTIONAL = {"aliases": list, "note": str}

# Written here a second time on purpose: a slip in the data must not agree with itself.
CHAIN_IDS = {
    "ethereum": 1, "optimism": 10, "unichain": 130, "polygon": 137, "ronin": 2020, "mantle": 5000, "base": 8453,
    "arbitrum": 42161, "linea": 59144, "scroll": 534352,
}  # fmt: skip
WELL_KNOWN = {
    "compound-v3-ethereum-usdc": "0xc3d688B66703497DAA19211EEdff47f25384cdc3",
    "compound-v3-ethereum-weth": "0xA17581A9E3356d9A858b789D68B4d866e593aE94",
    "compound-v3-base-usdc": "0xb125E6687d4313864e53df431d5425969c15Eb2F",
    "compound-v3-arbitrum-usdc": "0x9c4ec768c28520B50860ea7a15bd7213a9fF58bf",
}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_shape(deployment: dict) -> None:
    """Known fields of the right type, a checksummed entry, a name of chain and base, one id a chain."""
    assert REQUIRED.keys() <= deployment.keys() <= REQUIRED.keys() | OPTIONAL.keys()
    assert all(type(value) is (REQUIRED | OPTIONAL)[field] for field, value in deployment.items())
    assert deployment["protocol"] == "compound-v3"
    assert deployment["entry"] == checksummed(deployment["entry"])
    assert re.fullmatch(rf"compound-v3-{deployment['chain']}-[a-z]+", deployment["name"])
    assert CHAIN_IDS[deployment["chain"]] == deployment["chain_id"] == chains()[deployment["chain"]]


def test_names_and_entries_are_unique() -> None:
    """An address may be deployed to on two chains (one is), never twice on one."""
    names = Counter(name for deployment in DEPLOYMENTS for name in known_names(deployment))
    entries = Counter((deployment["chain_id"], deployment["entry"]) for deployment in DEPLOYMENTS)
    assert max(names.values()) == max(entries.values()) == 1
    assert {deployment["chain"] for deployment in DEPLOYMENTS} == CHAIN_IDS.keys()


def test_well_known_entries_stand() -> None:
    entries = {deployment["name"]: deployment["entry"] for deployment in DEPLOYMENTS}
    assert WELL_KNOWN.items() <= entries.items()
