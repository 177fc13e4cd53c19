"""Aave V2 against its own contracts: every wallet as it stands, under shocks, and every step of every replay really
sent. To the digit.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Mapping
from dataclasses import astuple

import pytest

from defirisk.model import Move, Position, Scenario
from defirisk.protocols.aave_v2 import reader_market
from defirisk.protocols.aave_v2.family import PROTOCOL
from defirisk.protocols.interface import Deployment, MarketReading, Pair, Refused
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenarios import moved_prices
from tests.support.scopes import assert_same_in_both_scopes

from .anvil import GENESIS
from .deploy_v20 import aave_v20
from .evm import MAX
from .follow import Scene, Tally, follow_all
from .local_chain import LocalChain
from .reading import state_at
from .test_positions import health, nonzero
from .test_replay import several
from .world import Liquidated, Refusal, World

PERCENT = 10**16
VOLATILE = {f"volatile {percent:+}%": percent for percent in (-3, -10, -25, -40, -60, -97, 45)}
SINGLE = {
    "WETH -40%": ("WETH", -40),
    "WETH +60%": ("WETH", 60),
    "family ETH -35%": ("family:ETH", -35),
    "wstETH -9%": ("wstETH", -9),
    "WBTC -50%": ("WBTC", -50),
    "WBTC +80%": ("WBTC", 80),
    "LINK -70%": ("LINK", -70),
    "LONG x3": ("LONG", 200),
    "DAI -30%": ("DAI", -30),
    "USDC -12%": ("USDC", -12),
}
SCENARIOS = (
    *(Scenario(name, volatile=percent * PERCENT) for name, percent in VOLATILE.items()),
    *(Scenario(name, {key: Move(change=percent * PERCENT)}) for name, (key, percent) in SINGLE.items()),
)
RANDOM = 3
UNFOLLOWED = ("overflow",)
"""Kinds whose largest amount is not what the contract accepts when asked for all: see their own test."""

Positions = dict[str, Position]
ByAddress = Mapping[str, int]


@pytest.fixture(scope="module")
def world(v20: World) -> World:
    return v20


@pytest.fixture(scope="module")
def market(world: World) -> MarketReading:
    return read(world)


@pytest.fixture(scope="module")
def positions(world: World, market: MarketReading) -> Positions:
    found = {}
    for wallet, one in zip(world.addresses, market.positions, strict=True):
        if isinstance(one, BaseException):
            raise one
        if one is not None:
            found[wallet] = one
    return found


def read(world: World, wallets: list[str] | None = None) -> MarketReading:
    deployment = Deployment("local", "aave-v2", "local", 31337, world.entry)
    asked = world.addresses if wallets is None else wallets
    return asyncio.run(PROTOCOL.reader.read(LocalChain(world.rpc), deployment, asked))


@pytest.fixture(scope="module")
def moves(world: World, positions: Positions) -> dict[str, dict[str, int]]:
    """Every scenario as feeds' answers by symbol, moved by our own engine: where ether moves, all else does."""
    book = FamilyBook.load()
    found: dict[str, dict[str, int]] = {"none": {}}
    for scenario in SCENARIOS:
        moved: dict[str, int] = {}
        for position in positions.values():
            if known(position, scenario):
                prices = moved_prices(position, scenario, book).oracle
                for token, price in zip(position.tokens, prices, strict=True):
                    assert moved.setdefault(token.symbol, price) == price
        found[scenario.name] = {symbol: price for symbol, price in moved.items() if symbol != "WETH"}
    base = world.prices()
    for number in range(RANDOM):
        rng = random.Random(number)
        found[f"random {number}"] = {s: max(int(p * rng.lognormvariate(-0.1, 0.3)), 1) for s, p in base.items()}
    return found


def known(position: Position, scenario: Scenario) -> bool:
    names = {token.symbol for token in position.tokens} | {position.market.unit.symbol}
    return all(key.startswith("family:") or key in names for key in scenario.oracle)


# --- as it stands ---------------------------------------------------------------------------------------------------


def test_the_market(world: World, market: MarketReading, positions: Positions) -> None:
    assert market.rules == "2.0"
    for position in positions.values():
        unit = position.market.unit
        assert (unit.symbol, unit.decimals, unit.asset) == ("WETH", 18, world.asset("WETH"))
        assert not {"unverified-revision", "contract-mismatch"} & {warning.code for warning in position.warnings}


def test_balances_flags_and_shares(world: World, positions: Positions) -> None:
    held = world.holdings(world.addresses)
    assert set(positions) == {wallet for wallet in held if nonzero(held[wallet])}
    assert len(positions) >= 36
    assert sum(row.stable_debt > 0 for rows in held.values() for row in rows.values()) >= 5
    for wallet, position in positions.items():
        standing = position.rules.standing(position.state)
        assert {leg.token.symbol: leg.amount for leg in standing.collateral} == {
            symbol: row.supply for symbol, row in held[wallet].items() if row.supply
        }, wallet
        assert {leg.token.symbol: leg.amount for leg in standing.debt} == {
            symbol: row.debt for symbol, row in held[wallet].items() if row.debt
        }, wallet
        for holding in position.state.holdings:
            row = held[wallet][holding.reserve.token.symbol]
            ours = (holding.scaled_supply, holding.scaled_variable_debt, holding.stable_debt, holding.collateral)
            assert ours == (row.scaled_supply, row.scaled_debt, row.stable_debt, row.counts), wallet


def test_prices_and_their_times(world: World, positions: Positions) -> None:
    truth = world.prices_by_address()
    for position in positions.values():
        assert [truth[token.address.lower()] for token in position.tokens] == list(position.prices)
        times = tuple(None if token.symbol == "WETH" else GENESIS for token in position.tokens)
        assert position.price_times == times


def test_the_contracts_own_word_stands_beside_ours(world: World, positions: Positions) -> None:
    accounts = dict(zip(world.addresses, world.accounts(world.addresses), strict=True))
    for wallet, position in positions.items():
        assert position.contract.has_health_factor
        assert position.contract.health_factor == health(accounts[wallet].health_factor)
        assert position.reproduced == position.contract
        assert tuple(position.rules.account_data(position.state)) == astuple(accounts[wallet])


def test_a_supply_without_a_threshold_has_its_flag_and_counts_for_nothing(world: World, positions: Positions) -> None:
    kinds = {wallet.address: wallet.kind for wallet in world.wallets}
    met = 0
    for wallet, position in positions.items():
        if kinds[wallet] == "no-threshold":
            flagged = {h.reserve.token.symbol for h in position.state.holdings if h.collateral}
            counted = {leg.token.symbol for leg in position.rules.standing(position.state).collateral if leg.counts}
            met += len(flagged - counted)
    assert met == 2


# --- under shocks ---------------------------------------------------------------------------------------------------


def test_health_factor_under_every_shock(world: World, positions: Positions, moves: dict[str, dict[str, int]]) -> None:
    assert len(moves) >= 12
    wallets, liquidatable = list(positions), 0
    for name, prices in moves.items():
        with world.shock(prices):
            by_address = world.prices_by_address()
            accounts = world.accounts(wallets)
        for wallet, account in zip(wallets, accounts, strict=True):
            state, standing = state_at(positions[wallet], by_address)
            assert tuple(positions[wallet].rules.account_data(state)) == astuple(account), (name, wallet)
            assert standing.health_factor == health(account.health_factor), (name, wallet)
            assert standing.liquidatable == (account.health_factor < 10**18), (name, wallet)
            liquidatable += standing.liquidatable
    assert liquidatable > 150


def test_every_step_of_the_replay(world: World, positions: Positions, moves: dict[str, dict[str, int]]) -> None:
    tally = Tally()
    for name, prices in moves.items():
        with world.shock(prices):
            follow_all(scenes(world, positions, name), "largest", tally)
    assert tally.met["step"] > 300, tally
    assert tally.met["fee"] == tally.met["deficit"] == 0, tally
    assert min(tally.endings[ending] for ending in ("healthy", "nothing-to-seize", "rules")) > 0, tally


def test_every_step_of_who_goes_for_the_bonus(
    world: World, positions: Positions, moves: dict[str, dict[str, int]]
) -> None:
    """Of wallets with several collaterals: with one, the same is taken as above."""
    tally = Tally()
    for name, prices in moves.items():
        with world.shock(prices):
            follow_all([one for one in scenes(world, positions, name) if several(one)], "best-bonus", tally)
    assert tally.met["step"] > 150, tally


def scenes(world: World, positions: Positions, shock: str) -> list[Scene]:
    """The wallets that can be liquidated at the present prices, by the contract's own word."""
    kinds = {wallet.address: wallet.kind for wallet in world.wallets}
    accounts = dict(zip(positions, world.accounts(list(positions)), strict=True))
    return [
        Scene(world, position, shock, kinds[wallet])
        for wallet, position in positions.items()
        if accounts[wallet].health_factor < 10**18 and kinds[wallet] not in UNFOLLOWED
    ]


# --- what is refused ------------------------------------------------------------------------------------------------


def of_kind(world: World, positions: Positions, kind: str) -> Position:
    return next(positions[wallet.address] for wallet in world.wallets if wallet.kind == kind)


def refusal(position: Position, by_address: ByAddress, pair: Pair, repay: int | None = MAX) -> str | None:
    state, standing = state_at(position, by_address)
    try:
        position.rules.liquidate(state, standing, pair, repay)
    except Refused as refused:
        return refused.reason
    return None


def test_an_overflow_is_refused_and_the_largest_amount_below_it_is_found(world: World, positions: Positions) -> None:
    position = of_kind(world, positions, "overflow")
    with world.reverting():
        asset = world.asset("LONG")
        world.market.configurator.send("configureReserveAsCollateral", asset, 500, 4000, 10900)
        [fresh] = read(world, [position.owner]).positions
        assert isinstance(fresh, Position)
        standing = fresh.rules.standing(fresh.state)
        slot = standing.debt[0].slot
        step = fresh.rules.liquidate(fresh.state, standing, Pair(slot, slot))
        assert refusal(fresh, world.prices_by_address(), Pair(slot, slot)) == "23"
        assert refusal(fresh, world.prices_by_address(), Pair(slot, slot), step.repaid.raw + 1) == "23"
        pair = (position.owner, "LONG", "LONG")
        assert world.liquidate(*pair) == Refusal("23")
        assert world.liquidate(*pair, step.repaid.raw + 1) == Refusal("23")
        sent = world.liquidate(*pair, step.repaid.raw)
        after = fresh.rules.standing(step.state).health_factor
        assert sent == Liquidated(step.repaid.raw, step.seized[0].amount, 0, {}, after)


def test_every_refusal_has_the_contracts_own_number(world: World, positions: Positions) -> None:
    position = of_kind(world, positions, "collateral-off")
    slots = {token.symbol: slot for slot, token in enumerate(position.tokens)}
    good, off, bare = (Pair(slots[c], slots[d]) for c, d in (("DAI", "USDC"), ("wstETH", "USDC"), ("DAI", "wstETH")))
    check(world, position, good, "42")
    with world.shock({"DAI": world.prices()["DAI"] // 2}):
        check(world, position, good, None)
        check(world, position, off, "43")
        check(world, position, bare, "44")
        check(world, position, good, "23", repay=0)
        with world.reverting():
            world.market.configurator.send("setPoolPause", True)
            check(world, position, good, "64")
            [paused] = read(world, [position.owner]).positions
            assert isinstance(paused, Position)
            assert "paused-reserve" in {warning.code for warning in paused.warnings}
        with world.reverting():
            world.market.configurator.send("freezeReserve", world.asset("USDC"))
            check(world, position, good, None)


def check(world: World, position: Position, pair: Pair, reason: str | None, repay: int = MAX) -> None:
    """Ours of a position as it is read now, and the contract's, at the present prices."""
    [fresh] = read(world, [position.owner]).positions
    assert isinstance(fresh, Position)
    assert refusal(fresh, world.prices_by_address(), pair, repay) == reason
    symbols = [fresh.tokens[slot].symbol for slot in (pair.collateral, pair.debt) if slot is not None]
    assert world.refusals(position.owner, symbols[0], symbols[1], [repay]) == [reason]


# --- the collateral managers of later years -------------------------------------------------------------------------


def whole_debt_manager(world: World) -> str:
    """The package's collateral manager with the one constant that Aave changed in 2025: the close factor, 100 %."""
    artifact = aave_v20()["LendingPoolCollateralManager"]
    half, whole = "611388", "612710"  # PUSH2 5000, PUSH2 10000; later ones are the rounding's half
    patched = dataclasses.replace(artifact, bytecode=artifact.bytecode.replace(half, whole, 1))
    return world.evm.deploy(patched).address


def test_under_a_close_factor_of_all_each_step_is_the_contracts_too(
    world: World, moves: dict[str, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally()
    with world.reverting():
        manager = whole_debt_manager(world)
        monkeypatch.setattr(reader_market, "known_close_factors", lambda: {(31337, manager.lower()): 10_000})
        world.market.provider.send("setLendingPoolCollateralManager", manager)
        found = read(world)
        fresh = {one.owner: one for one in found.positions if isinstance(one, Position)}
        assert found.rules == "2.0-cf100"
        assert all(one.warnings[0].code == "unverified-revision" for one in fresh.values())
        for name in ("volatile -10%", "volatile -40%", "LINK -70%", "random 1"):
            with world.shock(moves[name]):
                follow_all(scenes(world, fresh, name), "largest", tally)
    assert tally.met["step"] > 50, tally
    assert tally.met["no debt left"] > 0, tally


def test_a_price_that_is_missing_makes_its_positions_unpriced(world: World, positions: Positions) -> None:
    with world.reverting():
        world.break_feed("LINK")
        found = [one for one in read(world).positions if isinstance(one, Position)]
    holders = {p.owner for p in positions.values() if "LINK" in {token.symbol for token in p.tokens}}
    assert holders
    assert {position.owner for position in found if position.unpriced} == holders
    assert len(found) == len(positions)


def test_both_scopes_read_the_same_of_what_is_owed_and_secures(world: World) -> None:
    here = Deployment("local", "aave-v2", "local", 31337, world.entry)
    assert assert_same_in_both_scopes(LocalChain(world.rpc), [here], world.addresses, chunk=25) > 20
