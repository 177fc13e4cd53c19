"""Compound V2's rules and reader against a real fork: every step really sent, equal to the last digit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from defirisk.model import Ended, Limit, Limits
from defirisk.protocols.compound_v2.rules import ORIGINAL
from defirisk.protocols.interface import Deployment, Pair, Refused
from tests.support.scopes import assert_same_in_both_scopes

from .evm import Reverted
from .local_chain import LocalChain
from .venus_alone import liquidated_alone
from .venus_market import KINDS, LIQUIDATOR, PROVIDER, Venus, enter, stop_interest, venus
from .venus_reading import at, index_of, read, shocked
from .venus_steps import accepted, accrued_one_by_one, call_for, views_at_every_shock, walks_of_every_scenario

STABLE = ("USDV", "DAIV", "CENT")
SCENARIOS: dict[str, dict[str, int]] = {
    "today": {},
    **{
        f"volatile-{drop}": {k.symbol: -drop for k in KINDS if k.symbol not in STABLE}
        for drop in (5, 15, 30, 50, 75, 95)
    },
    "eth-40": {"ETHV": -40},
    "btc-60": {"BTCV": -60},
    "cake-99": {"CAKE": -99},
    "old+80": {"OLDV": 80},
    "usd-depeg": {"USDV": -12},
    "dai+35": {"DAIV": 35},
    "all-but-eth-90": {k.symbol: -90 for k in KINDS if k.symbol != "ETHV"},
}


@pytest.fixture(scope="module")
def market() -> Iterator[Venus]:
    with venus() as made:
        yield made


@pytest.fixture
def still(market: Venus) -> Iterator[Venus]:
    with market.undone():
        stop_interest(market)
        yield market


# --- reading ------------------------------------------------------------------------------------------------------


def test_positions_are_varied(market: Venus) -> None:
    positions = read(market).values()
    assert len(positions) >= 30
    assert len({tuple(h.market.symbol for h in p.state.holdings) for p in positions}) >= 20
    assert any(h.tokens and not h.entered for p in positions for h in p.state.holdings)


def test_accrued_numbers_are_what_each_market_comes_to_by_itself(market: Venus) -> None:
    """The reader's figures for a block, and the contract's own after a transaction that accrues in that block."""
    assert accrued_one_by_one(market) > 20


def test_the_comptrollers_view_at_every_shock(market: Venus) -> None:
    """From stored numbers, months old: equal to the digit."""
    positions = read(market)
    assert len(views_at_every_shock(market, positions, SCENARIOS)) == len(SCENARIOS) * len(positions)


# --- liquidating --------------------------------------------------------------------------------------------------


def test_every_step_really_sent(market: Venus) -> None:
    """After everything accrued. A wallet is liquidatable for us exactly if the contract says that it is short."""
    steps: Counter[str] = Counter()
    endings: Counter[Ended] = Counter()
    with market.undone():
        stop_interest(market)
        for scenario, _, done in walks_of_every_scenario(market, ORIGINAL, read(market), SCENARIOS):
            endings[done.ended] += 1
            steps[scenario] += len(done.liquidations)
    assert sum(steps.values()) > 400, steps
    assert all(steps[scenario] for scenario in SCENARIOS), steps
    assert min(endings[one] for one in (Ended.HEALTHY, Ended.NOTHING_TO_SEIZE)) > 0, endings


def test_one_unit_more_is_refused(still: Venus) -> None:
    prices = shocked(still, SCENARIOS["volatile-50"])
    positions = read(still)
    still.set_prices(prices)
    tried = 0
    for wallet, position in positions.items():
        state = at(still, position, prices)
        standing = ORIGINAL.standing(state)
        for collateral in standing.collateral:
            for debt in standing.debt:
                pair = Pair(collateral.slot, debt.slot)
                try:
                    largest = ORIGINAL.liquidate(state, standing, pair).repaid.raw
                except Refused:
                    assert not accepted(still, call_for(still, wallet, state, pair, 1))
                    continue
                assert accepted(still, call_for(still, wallet, state, pair, largest))
                assert not accepted(still, call_for(still, wallet, state, pair, largest + 1))
                tried += 1
    assert tried > 20


def test_with_only_what_the_liquidation_itself_accrues(market: Venus) -> None:
    """Months of interest, of which a call accrues two markets'; the chain decides by the rest as it is stored. Some are
    liquidatable whom the view calls healthy.
    """
    unseen = 0
    for scenario in ("today", "volatile-15", "volatile-50", "usd-depeg", "dai+35"):
        met = liquidated_alone(market, ORIGINAL, shocked(market, SCENARIOS[scenario]))
        assert met["taken"] > 3, scenario
        unseen += met["unseen"]
    assert unseen > 0


def test_both_scopes_read_the_same_of_what_is_owed_and_secures(market: Venus) -> None:
    here = Deployment("venus-local", "compound-v2", "local", 31337, market.comptroller.address)
    assert assert_same_in_both_scopes(LocalChain(market.evm.rpc), [here], market.wallets, chunk=10) > 20


# --- what a market still takes ------------------------------------------------------------------------------------


SPARE = 12_345


def limits_of(made: Venus, place: int) -> Limits:
    """What our rules say that a market still takes, asked of the first wallet that has something there."""
    for position in read(made).values():
        for limits in position.rules.limits(position.state):
            if index_of(made, position.state.holdings[limits.slot]) == place:
                return limits
    raise AssertionError(place)


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_the_supply_cap_takes_exactly_the_room_that_is_told(still: Venus, place: int) -> None:
    one = still.markets[place]
    supply = one.vtoken.call("exchangeRateStored") * one.vtoken.call("totalSupply") // 10**18
    still.comptroller.send("_setMarketSupplyCaps", [one.vtoken.address], [supply + SPARE])
    limits = limits_of(still, place)
    room = limits.supply.room
    assert room == SPARE
    one.token.send("mint", LIQUIDATOR, SPARE + 1)
    with pytest.raises(Reverted, match="market supply cap reached"):
        one.vtoken.send("mint", room + 1, sender=LIQUIDATOR)
    one.vtoken.send("mint", room, sender=LIQUIDATOR)
    still.comptroller.send("_setMarketSupplyCaps", [one.vtoken.address], [0])
    assert limits_of(still, place).supply.room == 0
    with pytest.raises(Reverted, match="market supply cap is 0"):
        one.vtoken.send("mint", 1, sender=LIQUIDATOR)


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_the_borrow_cap_takes_exactly_the_room_that_is_told(still: Venus, place: int) -> None:
    """Up to the Comptroller before the diamond a total that reaches the cap is refused, and a cap of 0 is none."""
    one = still.markets[place]
    enter(still, PROVIDER, still.markets)
    assert limits_of(still, place).borrow == Limit()
    still.comptroller.send("_setMarketBorrowCaps", [one.vtoken.address], [one.vtoken.call("totalBorrows") + SPARE])
    limits = limits_of(still, place)
    assert limits.borrow is not None
    room = limits.borrow.room
    assert room == SPARE - 1
    with pytest.raises(Reverted, match="market borrow cap reached"):
        one.vtoken.send("borrow", room + 1, sender=PROVIDER)
    one.vtoken.send("borrow", room, sender=PROVIDER)
    assert one.vtoken.call("borrowBalanceStored", PROVIDER) == room
    assert limits_of(still, place).borrow.room == 0
