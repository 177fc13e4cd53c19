"""Where Aave V2 is deployed, as the registry loads it."""

from __future__ import annotations

import pytest

from defirisk.chain.addresses import checksum
from defirisk.protocols.aave_v2.family import PROTOCOL
from defirisk.protocols.interface import Deployment
from defirisk.protocols.registry import _deployments_of

DEPLOYMENTS = list(_deployments_of(PROTOCOL))
each = pytest.mark.parametrize("one", DEPLOYMENTS, ids=lambda one: one.name)


def test_every_market_of_aave_v2_is_there() -> None:
    ids = [(one.name, one.chain_id) for one in DEPLOYMENTS]
    assert ids == [
        ("aave-v2-ethereum", 1),
        ("aave-v2-ethereum-amm", 1),
        ("aave-v2-ethereum-arc", 1),
        ("aave-v2-polygon", 137),
        ("aave-v2-avalanche", 43114),
    ]


@each
def test_addresses_are_checksummed_and_hints_complete(one: Deployment) -> None:
    assert one.protocol == "aave-v2"
    assert [name for name, _ in one.hints] == ["pool", "oracle", "data_provider"]
    for address in (one.entry, *(address for _, address in one.hints)):
        assert address == checksum(address)


def test_entries_pools_and_data_providers_are_each_ones_own() -> None:
    for read in (
        lambda one: one.entry,
        lambda one: dict(one.hints)["pool"],
        lambda one: dict(one.hints)["data_provider"],
    ):
        assert len({read(one) for one in DEPLOYMENTS}) == len(DEPLOYMENTS)
