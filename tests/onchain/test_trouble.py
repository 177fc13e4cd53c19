"""When something is wrong with the market: paused, frozen, in grace, without a price, with names that lie in wait."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple

import pytest
from eth_utils import to_checksum_address

from defirisk.model import PositionStatus

from . import artifacts
from .deploy import make_feed
from .deploy_v36 import list_reserves
from .evm import Contract, Reverted
from .follow import Tally, follow_all
from .listing import BY_SYMBOL, Reserve
from .positions import Plan, open_position
from .reading import Reading, read
from .shocks import SHOCKS, prices_of
from .test_positions import compare_indices, health
from .test_replay import liquidatable_scenes
from .world import World


@contextmanager
def shocked(chain: World, name: str) -> Iterator[None]:
    with chain.shock(prices_of(chain.prices(), SHOCKS[name])):
        yield


def followed(chain: World, reading: Reading, shock: str) -> Tally:
    tally = Tally()
    scenes = liquidatable_scenes(chain, reading, shock)
    assert scenes
    follow_all(scenes, "largest", tally)
    return tally


def refused_everywhere(tally: Tally, before: Tally) -> None:
    assert tally.endings["rules"] > before.endings["rules"]


@pytest.mark.parametrize("symbol", ["WETH", "USDC", "LINK"])
def test_a_paused_reserve_stops_every_pair_with_it(chain: World, symbol: str) -> None:
    with shocked(chain, "volatile -40%"):
        with chain.reverting():
            free = followed(chain, read(chain), "as usual")
        chain.pause(symbol)
        refused_everywhere(followed(chain, read(chain), f"{symbol} paused"), free)


def test_a_frozen_reserve_is_liquidated_as_usual(chain: World) -> None:
    with shocked(chain, "volatile -40%"):
        for symbol in ("WETH", "LINK", "USDC"):
            chain.freeze(symbol)
        reading = read(chain)
        for wallet, account in zip(reading.positions, chain.accounts(list(reading.positions)), strict=True):
            position = reading.positions[wallet]
            assert tuple(position.rules.account_data(position.state)) == astuple(account), wallet
        assert followed(chain, reading, "frozen").met["step"] > 10


def test_a_reserve_whose_ltv_is_taken_away(chain: World) -> None:
    """A base LTV of 0 stays 0 in an eMode of 3.0; from 3.6 on the category's own bitmap decides."""
    with chain.reverting():
        for symbol in ("wstETH", "DAI", "LINK"):
            take_ltv(chain, symbol)
        positions = read(chain).positions
        for wallet, account in zip(positions, chain.accounts(list(positions)), strict=True):
            position = positions[wallet]
            assert tuple(position.rules.account_data(position.state)) == astuple(account), wallet


def take_ltv(chain: World, symbol: str) -> None:
    reserve = BY_SYMBOL[symbol]
    terms = (chain.asset(symbol), 0, reserve.threshold, reserve.bonus)
    chain.market.configurator.send("configureReserveAsCollateral", *terms)


def test_the_grace_period_ends_to_the_second(v36: World) -> None:
    with shocked(v36, "volatile -40%"):
        v36.pause("WETH")
        v36.unpause_with_grace("WETH", 3600)
        v36.warp(3600)
        last = follow_undone(v36, "the last second of grace")
        v36.warp(1)
        over = follow_undone(v36, "grace is over")
    assert last.endings["rules"] > over.endings["rules"]


def follow_undone(chain: World, name: str) -> Tally:
    with chain.reverting():
        return followed(chain, read(chain), name)


@pytest.mark.parametrize("allowed", [True, False])
def test_the_sentinel_forbids_liquidation_only_near_the_line(chain: World, allowed: bool) -> None:
    with shocked(chain, "volatile -10%"):
        chain.set_sentinel(liquidation=allowed)
        positions = read(chain).positions
        assert {position.state.liquidations_allowed for position in positions.values()} == {allowed}
        tally = follow_undone(chain, f"sentinel says {allowed}")
        assert tally.met["step"] > 0
        assert (tally.endings["rules"] > 5) is not allowed


def test_a_stale_market_is_read_at_the_present_second(chain: World) -> None:
    """Four hundred days without a touch: indices, balances and health are those of the block, not of the last touch."""
    with chain.reverting():
        chain.warp(400 * 86_400 + 12_345)
        accounts = dict(zip(chain.addresses, chain.accounts(chain.addresses), strict=True))
        reading = read(chain)
        assert compare_indices(chain, reading) >= 11
        for wallet, position in reading.positions.items():
            standing = position.rules.standing(position.state)
            account = accounts[wallet]
            assert (standing.collateral_value, standing.debt_value) == (account.collateral, account.debt), wallet
            assert standing.health_factor == health(account.health_factor), wallet
            assert position.reproduced == position.contract


def test_interest_over_decades(chain: World) -> None:
    """So much interest that each rounding of the compounding shows in the last digit of some index."""
    with chain.reverting():
        for years in (17, 23, 31, 44):
            chain.warp(years * 31_536_000 + 7)
            assert compare_indices(chain, read(chain)) >= 11


def test_a_price_that_is_zero_or_reverts_leaves_its_holders_unpriced(chain: World) -> None:
    for spoil in (lambda: chain.set_prices({"WETH": 0}), lambda: chain.break_feed("WETH"), lambda: zero_price(chain)):
        with chain.reverting():
            spoil()
            check_unpriced(chain, "WETH")


def zero_price(chain: World) -> None:
    """A fallback oracle that says 0: then AaveOracle itself answers 0 and nothing reverts."""
    nothing = "0x5f5f5260205ff3"  # returns 32 zero bytes to anyone
    fallback = "0x00000000000000000000000000000000000FA110"
    chain.rpc("anvil_setCode", fallback, nothing)
    chain.market.oracle.send("setFallbackOracle", fallback)
    chain.set_prices({"WETH": 0})
    assert chain.prices()["WETH"] == 0


def check_unpriced(chain: World, symbol: str) -> None:
    held = chain.holdings(chain.addresses)
    positions = read(chain).positions
    for wallet, position in positions.items():
        row = held[wallet][symbol]
        touches_emode = chain.market.pool.call("getUserEMode", wallet) and chain.market.rules == "3.0"
        if row.supply or row.debt:
            assert position.status is PositionStatus.UNPRICED, wallet
            assert list(position.unpriced) == [
                slot for slot, token in enumerate(position.tokens) if chain.symbol_of(token.address) == symbol
            ]
        elif not touches_emode:
            assert position.status is PositionStatus.OK, wallet
            account = chain.account(wallet)
            standing = position.rules.standing(position.state)
            assert standing.health_factor == health(account.health_factor)
    assert {position.status for position in positions.values()} == set(PositionStatus)


HOSTILE = {
    "empty": "",
    "long": "L" * 10_000,
    "escapes": "\x1b[31mRED\x1b[0m\x1b]0;title\x07\r\n\x00\u202e",
    "markup": "[bold red]USDC[/] | <b>&amp;</b> =cmd()",
    "twin": "USDC",
}


def list_hostile(chain: World) -> list[str]:
    """Six more reserves whose tokens answer symbol() with malice, or not at all; the helpers' names for them."""
    ours, evm = artifacts.ours(), chain.evm
    tokens: dict[str, Contract] = {name: evm.deploy(ours["Token"], text, text, 18) for name, text in HOSTILE.items()}
    tokens["no symbol"] = evm.deploy(ours["NamelessToken"], 18)
    tokens["bad bytes"] = evm.deploy(ours["Bytes32Token"], b"\xff" * 32, b"\xff\xfe\x1b[2J".ljust(32, b"\0"), 18)
    reserves = tuple(Reserve(name, 18, 123456789, 6000, 6500, 10500, 1000) for name in tokens)
    for name, token in tokens.items():
        chain.add_token(name, token, make_feed(evm, 123456789))
    list_reserves(chain.market, reserves)
    for name, token in tokens.items():
        atoken = chain.market.data.call("getReserveTokensAddresses", token.address)[0]
        chain.market.atokens[name] = Contract(evm, atoken, chain.market.atokens["WETH"].coder, name)
    return list(tokens)


@contextmanager
def hostile_wallet(chain: World) -> Iterator[str]:
    """A wallet that holds every hostile token and owes USDC; market helpers are put back afterwards."""
    market = chain.market
    before = (dict(market.tokens), dict(market.feeds), dict(market.atokens))
    wallet = to_checksum_address("0x" + "0bad" * 10)
    try:
        with chain.reverting():
            for name in list_hostile(chain):
                chain.supply(wallet, name, 10**21)
            chain.borrow(wallet, "USDC", 100_000_000)
            yield wallet
    finally:
        market.tokens, market.feeds, market.atokens = before


def test_hostile_symbols_change_no_number(v36: World) -> None:
    with hostile_wallet(v36) as wallet:
        position = read(v36, [wallet]).positions[wallet]
        account = v36.account(wallet)
        standing = position.rules.standing(position.state)
        assert (standing.collateral_value, standing.debt_value) == (account.collateral, account.debt)
        assert standing.health_factor == account.health_factor
        assert len(position.tokens) == len(HOSTILE) + 3
        assert all(len(token.symbol) < 200 for token in position.tokens)


def test_an_unreadable_feed_is_refused_by_the_contract_too(chain: World) -> None:
    """Why such a position is not judged: the contract itself cannot."""
    holder = next(w.address for w in chain.wallets if w.kind == "same-asset")
    with chain.reverting():
        chain.break_feed("WETH")
        with pytest.raises(Reverted):
            chain.account(holder)


def test_a_position_opened_later_is_read_without_restart(chain: World) -> None:
    wallet = "0x00000000000000000000000000000000000a77e5"
    with chain.reverting():
        open_position(chain, wallet, Plan("late", (("WBTC", 700.0),), (("DAI", 1.0),)), random.Random(0))
        position = read(chain, [wallet]).positions[wallet]
        assert position.rules.standing(position.state).health_factor == chain.health_factor(wallet)
