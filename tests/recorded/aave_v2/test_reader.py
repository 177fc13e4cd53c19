"""The recorded market of Aave V2, read offline: one wallet of every kind, equal to what the contracts said."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from defirisk.chain.abi import checksum
from defirisk.chain.recording import ReplayChain, load_fixture
from defirisk.fixedpoint import UINT256_MAX
from defirisk.model import Position
from defirisk.protocols.aave_v2.family import PROTOCOL
from defirisk.protocols.interface import Deployment, MarketReading

DATA = Path(__file__).parent / "data"
KINDS = 24


@pytest.fixture(scope="module")
def chain() -> ReplayChain:
    return load_fixture(str(DATA / "aave-v2.json.gz"))


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    text = gzip.decompress((DATA / "aave-v2-expected.json.gz").read_bytes())
    return {checksum(wallet): one for wallet, one in json.loads(text).items()}


@pytest.fixture(scope="module")
def reading(chain: ReplayChain, told: dict[str, Any]) -> MarketReading:
    (market,) = chain.fixture.markets
    deployment = Deployment(market.name, "aave-v2", "lab", chain.chain_id, market.entry)
    return asyncio.run(PROTOCOL.reader.read(chain, deployment, list(told)))


def test_one_wallet_of_every_kind(told: dict[str, Any], reading: MarketReading) -> None:
    assert len(told) >= KINDS
    assert len({one["kind"] for one in told.values()}) == len(told)
    for one, position in zip(told.values(), reading.positions, strict=True):
        assert isinstance(position, Position) == bool(one["held"])


def test_every_account_as_the_contract_told_it(told: dict[str, Any], reading: MarketReading) -> None:
    for one, position in zip(told.values(), reading.positions, strict=True):
        if isinstance(position, Position):
            account = position.rules.account_data(position.state)
            keys = ("collateral", "debt", "available", "threshold", "ltv", "health_factor")
            assert [str(value) for value in account] == [one["account"][key] for key in keys], one["kind"]
            assert position.contract == position.reproduced
            health = int(one["account"]["health_factor"])
            assert position.contract.health_factor == (None if health == UINT256_MAX else health)


def test_every_balance_as_the_contracts_told_it(told: dict[str, Any], reading: MarketReading) -> None:
    for one, position in zip(told.values(), reading.positions, strict=True):
        if isinstance(position, Position):
            rules, ours = position.rules, {}
            for holding in position.state.holdings:
                ours[holding.reserve.token.symbol] = {
                    "supply": rules.supply_of(holding),
                    "scaled_supply": holding.scaled_supply,
                    "debt": rules.debt_of(holding),
                    "stable_debt": holding.stable_debt,
                    "scaled_debt": holding.scaled_variable_debt,
                    "counts": holding.collateral,
                }
            theirs = one["held"]
            assert {s: {k: str(v) for k, v in row.items()} for s, row in ours.items()} == theirs, one["kind"]
