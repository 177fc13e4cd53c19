"""Compound V2's rules and reader against a real fork: every step really sent, equal to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from defirisk.model import Ended, Limit, Limits
from defirisk.protocols.compound_v2.account import accrued_sums, supply_of
from defirisk.protocols.compound_v2.rules import ORIGINAL
from defirisk.protocols.compound_v2.state import Books, CompoundState, Holding
from defirisk.protocols.interface import Deployment, Pair, Refused
from defirisk.risk.replay import Replay, replay
from tests.support.scopes import assert_same_in_both_scopes

from .evm import Reverted
from .local_chain import LocalChain
from .venus_market import KINDS, LIQUIDATOR, PROVIDER, Venus, enter, stop_interest, venus
from .venus_reading import Next, at, index_of, read, shocked

STABLE = ("USDV", "DAIV", "CENT")
SCENARIOS: dict[str, dict[str, int]] = {
    "today": {},
    **{f"volatile-{drop}": {k.symbol: -drop for k in KINDS if k.symbol not in STABLE} for drop in (5, 15, 30, 50, 75, 95)},
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


def chain_says(made: Venus, wallet: str, state: CompoundState) -> None:
    """Tokens, debts, rates and liquidity of the chain are those of our state."""
    snapshots = made.snapshots(wallet)
    for holding in state.holdings:
        error, tokens, debt, rate = snapshots[index_of(made, holding)]
        assert (error, tokens, debt, rate) == (0, holding.tokens, holding.debt, holding.books.rate)
    sums = accrued_sums(state)
    ours = (0, max(0, sums.collateral - sums.debts), max(0, sums.debts - sums.collateral))
    assert tuple(made.comptroller.call("getAccountLiquidity", wallet)) == ours


# --- reading ------------------------------------------------------------------------------------------------------


def test_positions_are_varied(market: Venus) -> None:
    positions = read(market).values()
    assert len(positions) >= 30
    assert len({tuple(h.market.symbol for h in p.state.holdings) for p in positions}) >= 20
    assert any(h.tokens and not h.entered for p in positions for h in p.state.holdings)


def test_accrued_numbers_are_what_each_market_comes_to_by_itself(market: Venus) -> None:
    """The reader's figures for a block, and the contract's own after a transaction that accrues in that block."""
    ahead = read(market, Next(market.evm.rpc))
    stale = 0
    for number, one in enumerate(market.markets):
        with market.undone():
            one.vtoken.send("accrueInterest", sender=LIQUIDATOR)
            for wallet, position in ahead.items():
                for holding in position.state.holdings:
                    if index_of(market, holding) == number:
                        _, tokens, debt, rate = one.vtoken.call("getAccountSnapshot", wallet)
                        assert (tokens, debt, rate) == (holding.tokens, holding.debt, holding.books.rate)
                        assert supply_of(holding) == one.vtoken.call("balanceOfUnderlying", wallet)
                        assert one.vtoken.call("totalReserves") == holding.books.reserves
                        assert one.vtoken.call("totalBorrows") == holding.books.borrows
                        stale += holding.debt > holding.stored_debt
    assert stale > 20


def test_the_comptrollers_view_at_every_shock(market: Venus) -> None:
    """From stored numbers, months old: equal to the digit."""
    positions = read(market)
    compared = 0
    for moves in SCENARIOS.values():
        with market.undone():
            prices = shocked(market, moves)
            market.set_prices(prices)
            told = market.liquidity(list(positions))
            for (wallet, position), view in zip(positions.items(), told, strict=True):
                ours = position.rules.contract_view(at(market, position, prices))
                assert (0, ours.liquidity, ours.shortfall) == tuple(view), wallet
                compared += 1
    assert compared == len(SCENARIOS) * len(positions)


# --- liquidating --------------------------------------------------------------------------------------------------


def sent(made: Venus, wallet: str, state: CompoundState) -> Replay:
    """Replay a state and really send every step."""
    done = replay(ORIGINAL, state)
    now = state
    for step in done.liquidations:
        taken = step.seized[0]
        debt, collateral = index_of(made, now.holdings[step.repaid_slot]), index_of(made, now.holdings[taken.slot])
        event = made.liquidate(debt, collateral, wallet, step.repaid.raw)
        assert event is not None, (wallet, step)
        assert event["repayAmount"] == step.repaid.raw
        assert event["seizeTokens"] == (taken.shares or 0) + (taken.protocol_shares or 0)
        now = ORIGINAL.liquidate(now, ORIGINAL.standing(now), Pair(taken.slot, step.repaid_slot)).state
        chain_says(made, wallet, now)
    assert now == done.state
    return done


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_step_really_sent(still: Venus, scenario: str) -> None:
    """After everything accrued. A wallet is liquidatable for us exactly if the contract takes a call."""
    prices = shocked(still, SCENARIOS[scenario])
    positions = read(still)
    still.set_prices(prices)
    for wallet, position in positions.items():
        state = at(still, position, prices)
        chain_says(still, wallet, state)
        if ORIGINAL.standing(state).liquidatable:
            with still.undone():
                done = sent(still, wallet, state)
            DONE[scenario, wallet] = (len(done.liquidations), done.ended)


DONE: dict[tuple[str, str], tuple[int, Ended]] = {}
"""Steps sent and the ending, by scenario and wallet."""


def test_enough_was_sent_and_every_ending_met() -> None:
    """Runs after the scenarios; one that lost its liquidations would not be noticed otherwise."""
    assert sum(steps for steps, _ in DONE.values()) > 400
    assert {scenario for scenario, _ in DONE} >= set(SCENARIOS)
    assert {ended for _, ended in DONE.values()} >= {Ended.HEALTHY, Ended.NOTHING_TO_SEIZE}


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
                places = index_of(still, state.holdings[debt.slot]), index_of(still, state.holdings[collateral.slot])
                try:
                    largest = ORIGINAL.liquidate(state, standing, pair).repaid.raw
                except Refused:
                    assert not still.accepts(*places, wallet, 1)
                    continue
                assert still.accepts(*places, wallet, largest)
                assert not still.accepts(*places, wallet, largest + 1)
                tried += 1
    assert tried > 20


def stored_but(state: CompoundState, fresh: set[int], made: Venus) -> CompoundState:
    """What a liquidation that touches only some markets finds: the others as they are stored."""
    holdings = tuple(
        one if slot in fresh else replace(one, debt=one.stored_debt, books=_stored(one, made))
        for slot, one in enumerate(state.holdings)
    )
    return replace(state, holdings=holdings)


def _stored(holding: Holding, made: Venus) -> Books:
    vtoken = made.markets[index_of(made, holding)].vtoken
    cash, borrows, reserves, supply = (vtoken.call(n) for n in ("getCash", "totalBorrows", "totalReserves", "totalSupply"))
    return Books(cash + borrows, borrows, reserves, supply, holding.stored_rate)


@pytest.mark.parametrize("scenario", ["today", "volatile-15", "volatile-50", "usd-depeg", "dai+35"])
def test_with_only_what_the_liquidation_itself_accrues(market: Venus, scenario: str) -> None:
    """Months of interest, of which a call accrues two markets'; the chain decides by the rest as it is stored."""
    prices = shocked(market, SCENARIOS[scenario])
    unseen = done = 0
    with market.undone():
        market.set_prices(prices)
        ahead, told = read(market, Next(market.evm.rpc)), dict(zip(market.wallets, market.liquidity(market.wallets), strict=True))
        for wallet, position in ahead.items():
            state = position.state
            standing = ORIGINAL.standing(state)
            for collateral in [leg for leg in standing.collateral if leg.counts][:2]:
                for debt in standing.debt[:2]:
                    partial = stored_but(state, {collateral.slot, debt.slot}, market)
                    places = index_of(market, state.holdings[debt.slot]), index_of(market, state.holdings[collateral.slot])
                    pair = Pair(collateral.slot, debt.slot)
                    with market.undone():
                        try:
                            step = ORIGINAL.liquidate(partial, ORIGINAL.standing(partial), pair)
                        except Refused:
                            assert not market.accepts(*places, wallet, 1)
                            continue
                        event = market.liquidate(*places, wallet, step.repaid.raw)
                        assert event is not None
                        assert event["seizeTokens"] == (step.seized[0].shares or 0) + (step.seized[0].protocol_shares or 0)
                        chain_says(market, wallet, step.state)
                        done += 1
                        unseen += told[wallet][2] == 0
    assert done > 3
    UNSEEN[scenario] = unseen


UNSEEN: dict[str, int] = {}


def test_some_were_liquidatable_that_the_view_called_healthy() -> None:
    assert sum(UNSEEN.values()) > 0


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
