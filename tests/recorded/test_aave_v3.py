"""The reader and the rules against what the contracts of six revisions answered: equal, to the last digit."""

from __future__ import annotations

import asyncio
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from defirisk.chain.recording import Recorder, ReplayChain, load_fixture
from defirisk.model import Position, PositionStatus, Snapshot
from defirisk.protocols.aave_v3.family import PROTOCOL
from defirisk.protocols.registry import deployment_at
from defirisk.reading import read_snapshot

DATA = Path(__file__).parent / "data"
REVISIONS = ("3.1", "3.2", "3.3", "3.4", "3.5", "3.7")
UINT256_MAX = 2**256 - 1

each_revision = pytest.mark.parametrize("revision", REVISIONS)


class Trips(Recorder):
    """A recorder that counts how often it is asked."""

    def __init__(self, chain: ReplayChain) -> None:
        super().__init__(chain)
        self.trips = 0

    async def calls(self, calls: Any) -> Any:
        self.trips += 1
        return await super().calls(calls)


def load(revision: str) -> ReplayChain:
    return load_fixture(str(DATA / f"aave-v3-{revision}.json.gz"))


@cache
def expected(revision: str) -> Any:
    return json.loads(gzip.decompress((DATA / f"aave-v3-{revision}-expected.json.gz").read_bytes()))


@cache
def snapshot(revision: str) -> Snapshot:
    chain = load(revision)
    (market,) = chain.fixture.markets
    deployment = deployment_at(market.protocol, market.entry, chain.chain_id, market.name)
    return asyncio.run(read_snapshot(chain, [deployment], chain.fixture.wallets))


def positions(revision: str) -> dict[str, Position]:
    found = {}
    for account in snapshot(revision).accounts:
        assert account.failures == ()
        (found[account.address.lower()],) = account.positions
    return found


def by_symbol(revision: str) -> list[tuple[str, str]]:
    return [(symbol, one["asset"].lower()) for symbol, one in expected(revision)["reserves"].items()]


@each_revision
def test_all_wallets_are_read_by_the_rules_of_their_pool(revision: str) -> None:
    read = positions(revision)
    assert set(read) == {wallet.lower() for wallet in expected(revision)["wallets"]}
    assert len(read) == 69
    for position in read.values():
        assert (position.market.rules, position.rules.name, position.status) == (revision, revision, PositionStatus.OK)
        assert (position.market.unit.symbol, position.market.unit.decimals) == ("USD", 8)
        assert position.market.name == f"aave-v3-lab-{revision}"


@each_revision
def test_every_balance_is_what_the_token_says(revision: str) -> None:
    for wallet, position in positions(revision).items():
        told = {key.lower(): one for key, one in expected(revision)["wallets"].items()}[wallet]["balances"]
        standing = position.rules.standing(position.state)
        supply = {leg.token.address.lower(): leg.amount for leg in standing.collateral}
        debt = {leg.token.address.lower(): leg.amount for leg in standing.debt}
        for symbol, asset in by_symbol(revision):
            supplied, *owed = map(int, told[symbol])
            assert supply.get(asset, 0) == supplied, (wallet, symbol)
            assert debt.get(asset, 0) == sum(owed), (wallet, symbol)


@each_revision
def test_the_account_is_the_contracts_own_in_all_six_figures(revision: str) -> None:
    wallets = {key.lower(): one for key, one in expected(revision)["wallets"].items()}
    for wallet, position in positions(revision).items():
        told = tuple(map(int, wallets[wallet]["account"]))
        assert tuple(position.rules.account_data(position.state)) == told, wallet
        health = None if told[-1] == UINT256_MAX else told[-1]
        assert position.contract.has_health_factor
        assert position.contract.health_factor == health
        assert position.reproduced == position.contract


@each_revision
def test_flags_and_emode_are_the_owners(revision: str) -> None:
    wallets = {key.lower(): one for key, one in expected(revision)["wallets"].items()}
    for wallet, position in positions(revision).items():
        told = wallets[wallet]
        assert (position.state.emode.id if position.state.emode else 0) == int(told["emode"])
        flags = int(told["flags"])
        for holding in position.state.holdings:
            bits = flags >> 2 * holding.reserve.id
            assert (holding.borrowing, holding.collateral) == (bool(bits & 1), bool(bits & 2)), wallet


@each_revision
def test_reserves_are_configured_and_accrued_as_the_contracts_say(revision: str) -> None:
    told = {one["asset"].lower(): one for one in expected(revision)["reserves"].values()}
    seen = {}
    for position in positions(revision).values():
        for holding in position.state.holdings:
            seen[holding.reserve.token.address.lower()] = holding.reserve
    assert seen.keys() == told.keys()
    for asset, reserve in seen.items():
        numbers = {key: int(value) for key, value in told[asset].items() if key != "asset"}
        assert reserve.token.decimals == numbers["decimals"]
        assert reserve.protocol_fee == numbers["liquidation_protocol_fee"]
        assert (reserve.active, reserve.frozen, reserve.paused, reserve.borrowing) == tuple(
            bool(numbers[key]) for key in ("active", "frozen", "paused", "borrowing")
        )
        assert reserve.emode_category == numbers.get("emode_category", 0)
        for key in ("id", "ltv", "liquidation_threshold", "liquidation_bonus", "debt_ceiling", "isolation_total_debt"):
            assert getattr(reserve, key) == numbers[key], (asset, key)
        assert (reserve.liquidity_index, reserve.variable_borrow_index) == (
            numbers["liquidity_index"],
            numbers["variable_borrow_index"],
        )


@each_revision
def test_prices_are_the_oracles_and_have_an_age(revision: str) -> None:
    told, assets = expected(revision)["prices"], {asset: symbol for symbol, asset in by_symbol(revision)}
    for position in positions(revision).values():
        held = len(position.state.holdings)
        assert len(position.price_times) == len(position.prices) == len(position.tokens)
        for token, price, time in list(zip(position.tokens, position.prices, position.price_times, strict=True))[:held]:
            assert price == int(told[assets[token.address.lower()]])
            assert token.symbol == assets[token.address.lower()]
            assert time is not None
            assert 0 < time <= snapshot(revision).timestamp


@each_revision
def test_one_market_takes_four_round_trips(revision: str) -> None:
    chain = Trips(load(revision))
    (market,) = chain._chain.fixture.markets
    deployment = deployment_at(market.protocol, market.entry, chain.chain_id)
    asyncio.run(PROTOCOL.reader.read(chain, deployment, chain._chain.fixture.wallets))
    assert chain.trips == 4
    assert set(chain.answers) == set(load(revision).fixture.answers)


def test_the_recordings_hold_what_makes_reading_hard() -> None:
    kinds = {one["kind"] for revision in REVISIONS for one in expected(revision)["wallets"].values()}
    assert len(kinds) >= 20
    sources = [p for p in positions("3.1").values() if len(p.tokens) > len(p.state.holdings)]
    assert sources, "an eMode with a price source of its own"
    codes = {warning.code for r in REVISIONS for p in positions(r).values() for warning in p.warnings}
    assert codes == {"emode", "isolation-mode", "frozen-reserve"}
    bare = [
        holding
        for revision in REVISIONS
        for position in positions(revision).values()
        for holding in position.state.holdings
        if holding.scaled_supply and not holding.collateral
    ]
    assert bare, "a supply that is no collateral"
