"""The rules for newer Venus against its real contracts: every step really sent, equal to the last digit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from defirisk.fixedpoint import WAD, wad_mul_down
from defirisk.model import Ended, Limits, Position
from defirisk.protocols.compound_v2.account import accrued_sums, supply_of
from defirisk.protocols.compound_v2.liquidation import cover, seize_ratio
from defirisk.protocols.compound_v2.rules import VENUS
from defirisk.protocols.compound_v2.state import CompoundState, Holding
from defirisk.protocols.interface import Pair, Refused
from defirisk.risk.replay import Replay, replay

from .evm import Contract, Reverted
from .rpc import RpcError
from .venus_core import KINDS, MAJORS, POOLS, STRICT, VenusCore, stop_interest, venus_core, with_liquidator
from .venus_market import LIQUIDATOR, PROVIDER, VMarket, enter
from .venus_reading import Next, at, index_of, read, shocked

STABLE = ("USDV", "DAIV")
SCENARIOS: dict[str, dict[str, int]] = {
    "today": {},
    **{f"volatile-{drop}": {k.symbol: -drop for k in KINDS if k.symbol not in STABLE} for drop in (10, 20, 35, 50, 90)},
    "eth-40": {"ETHV": -40},
    "btc-60": {"BTCV": -60},
    "cake-99": {"CAKE": -99},
    "old+80": {"OLDV": 80},
    "usd-depeg": {"USDV": -12},
    "dai+35": {"DAIV": 35},
}


@pytest.fixture(scope="module")
def market() -> Iterator[VenusCore]:
    with venus_core() as made:
        yield made


@pytest.fixture
def still(market: VenusCore) -> Iterator[VenusCore]:
    with market.undone():
        stop_interest(market)
        yield market


def is_vai(holding: Holding) -> bool:
    return holding.market.caps is None


def chain_says(made: VenusCore, wallet: str, state: CompoundState) -> None:
    """Tokens, debts, rates and liquidity of the chain are those of our state."""
    snapshots = made.snapshots(wallet)
    for holding in state.holdings:
        if is_vai(holding):
            assert made.controller.call("getVAIRepayAmount", wallet) == holding.debt
        else:
            error, tokens, debt, rate = snapshots[index_of(made, holding)]
            assert (error, tokens, debt, rate) == (0, holding.tokens, holding.debt, holding.books.rate)
    sums = accrued_sums(state)
    ours = (0, max(0, sums.collateral - sums.debts), max(0, sums.debts - sums.collateral))
    assert tuple(made.comptroller.call("getAccountLiquidity", wallet)) == ours


# --- reading ------------------------------------------------------------------------------------------------------


def test_positions_are_varied(market: VenusCore) -> None:
    positions = read(market).values()
    assert len(positions) >= 40
    assert {p.rules.name for p in positions} == {"venus"}
    assert len({tuple(h.market.symbol for h in p.state.holdings) for p in positions}) >= 25
    assert sum(any(is_vai(h) for h in p.state.holdings) for p in positions) >= 5
    assert any(h.tokens and not h.entered for p in positions for h in p.state.holdings)
    assert any(h.market.liquidation_threshold == h.market.incentive == 0 for p in positions for h in p.state.holdings)
    pools = [market.comptroller.call("userPoolId", position.owner) for position in positions]
    assert pools.count(MAJORS) >= 5 <= pools.count(STRICT)


def test_accrued_numbers_are_what_each_market_comes_to_by_itself(market: VenusCore) -> None:
    """The reader's figures for a block, and the contract's own after a transaction that accrues in that block."""
    ahead = read(market, Next(market.evm.rpc))
    stale = 0
    for number, one in enumerate(market.markets):
        with market.undone():
            one.vtoken.send("accrueInterest", sender=LIQUIDATOR)
            totals = one.vtoken.call("totalReserves"), one.vtoken.call("totalBorrows")
            for wallet, position in ahead.items():
                for holding in position.state.holdings:
                    if not is_vai(holding) and index_of(market, holding) == number:
                        _, tokens, debt, rate = one.vtoken.call("getAccountSnapshot", wallet)
                        assert (tokens, debt, rate) == (holding.tokens, holding.debt, holding.books.rate)
                        assert supply_of(holding) == one.vtoken.call("balanceOfUnderlying", wallet)
                        assert totals == (holding.books.reserves, holding.books.borrows)
                        stale += holding.debt > holding.stored_debt
    assert stale > 20


def test_the_comptrollers_view_at_every_shock(market: VenusCore) -> None:
    """By thresholds and spot prices, from stored numbers: equal to the digit."""
    positions = read(market)
    compared = short = 0
    for moves in SCENARIOS.values():
        with market.undone():
            prices = shocked(market, moves)
            market.set_prices(prices)
            told = market.liquidity(list(positions))
            for (wallet, position), view in zip(positions.items(), told, strict=True):
                ours = position.rules.contract_view(at(market, position, prices))
                assert (0, ours.liquidity, ours.shortfall) == tuple(view), wallet
                compared += 1
                short += ours.shortfall > 0
    assert compared == len(SCENARIOS) * len(positions)
    assert 90 < short < compared - 100


# --- liquidating --------------------------------------------------------------------------------------------------


def asked_of(state: CompoundState, pair: Pair) -> int:
    """What a liquidator asks to repay: the close factor's part, or what the collateral covers. VAI takes a little less."""
    debt, collateral = state.holdings[pair.debt], state.holdings[pair.collateral or 0]
    ratio = seize_ratio(state, pair.debt, pair.collateral or 0)
    return min(most_of(state, debt), cover(collateral.tokens, ratio))


def most_of(state: CompoundState, debt: Holding) -> int:
    return debt.debt if debt.market.forced else wad_mul_down(state.close_factor, debt.debt)


def sent(made: VenusCore, wallet: str, state: CompoundState) -> Replay:
    """Replay a state and really send every step."""
    done = replay(VENUS, state)
    now = state
    for step in done.liquidations:
        taken = step.seized[0]
        pair = Pair(taken.slot, step.repaid_slot)
        debt, collateral = now.holdings[pair.debt], index_of(made, now.holdings[taken.slot])
        if is_vai(debt):
            event = made.liquidate_vai(collateral, wallet, asked_of(now, pair))
        else:
            event = made.liquidate(index_of(made, debt), collateral, wallet, step.repaid.raw)
        assert event is not None, (wallet, step)
        assert event["repayAmount"] == step.repaid.raw
        assert event["seizeTokens"] == taken.shares
        now = VENUS.liquidate(now, VENUS.standing(now), pair).state
        chain_says(made, wallet, now)
    assert now == done.state
    return done


DONE: dict[tuple[str, str], tuple[int, int, Ended]] = {}
"""Steps sent, those that repaid VAI, and the ending, by scenario and wallet."""


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_step_really_sent(still: VenusCore, scenario: str) -> None:
    """After everything accrued. A wallet is liquidatable for us exactly if the contract says that it is short."""
    prices = shocked(still, SCENARIOS[scenario])
    positions = read(still)
    still.set_prices(prices)
    for wallet, position in positions.items():
        state = at(still, position, prices)
        chain_says(still, wallet, state)
        if VENUS.standing(state).liquidatable:
            with still.undone():
                done = sent(still, wallet, state)
            vai = sum(is_vai(state.holdings[step.repaid_slot]) for step in done.liquidations)
            DONE[scenario, wallet] = (len(done.liquidations), vai, done.ended)


def test_enough_was_sent_and_every_ending_met() -> None:
    """Runs after the scenarios; one that lost its liquidations would not be noticed otherwise."""
    assert sum(steps for steps, _, _ in DONE.values()) > 400
    assert sum(vai for _, vai, _ in DONE.values()) > 20
    assert {scenario for scenario, _ in DONE} >= set(SCENARIOS) - {"today"}  # thresholds stand above what may be borrowed
    assert {ended for _, _, ended in DONE.values()} >= {Ended.HEALTHY, Ended.NOTHING_TO_SEIZE}


# --- what is refused ----------------------------------------------------------------------------------------------


def accepted(made: VenusCore, wallet: str, state: CompoundState, pair: Pair, repay: int) -> bool:
    debt, collateral = state.holdings[pair.debt], index_of(made, state.holdings[pair.collateral or 0])
    if is_vai(debt):
        return made.accepts_vai(collateral, wallet, repay)
    return made.accepts(index_of(made, debt), collateral, wallet, repay)


def compared(made: VenusCore, positions: dict[str, Position], prices: Sequence[int]) -> tuple[int, list[str]]:
    """Every pair of every wallet: what the contracts take and refuse is what we do; how often, and why we refused."""
    taken, refused = 0, []
    for wallet, position in positions.items():
        state = at(made, position, prices)
        standing = VENUS.standing(state)
        for pair in [Pair(one.slot, other.slot) for one in standing.collateral for other in standing.debt]:
            try:
                VENUS.liquidate(state, standing, pair)
            except Refused as problem:
                assert not accepted(made, wallet, state, pair, 1), (wallet, pair, problem)
                refused.append(str(problem))
                continue
            holding = state.holdings[pair.debt]
            most = most_of(state, holding)
            covered = cover(state.holdings[pair.collateral or 0].tokens, seize_ratio(state, pair.debt, pair.collateral or 0))
            assert accepted(made, wallet, state, pair, min(most, covered)), (wallet, pair)
            if not is_vai(holding) or most <= covered:
                assert not accepted(made, wallet, state, pair, min(most, covered) + 1), (wallet, pair)
            taken += 1
    return taken, refused


def under(made: VenusCore, scenario: str) -> tuple[int, list[str]]:
    prices = shocked(made, SCENARIOS[scenario])
    positions = read(made)
    made.set_prices(prices)
    return compared(made, positions, prices)


def test_one_unit_more_is_refused_and_so_is_what_was_not_entered(still: VenusCore) -> None:
    taken, refused = under(still, "volatile-35")
    assert taken > 30
    assert {"INSUFFICIENT_SHORTFALL", "MARKET_NOT_COLLATERAL"} <= set(refused)


@pytest.mark.parametrize("whose", ["everyone's", "the wallet's"])
def test_forced_liquidation_needs_no_shortfall_and_takes_all(still: VenusCore, whose: str) -> None:
    """Of two markets' debts and of VAI, of which the whole is taken whole."""
    forced = [one.vtoken.address for one in still.markets[:2]] + [still.controller.address]
    for market in forced:
        if whose == "everyone's":
            still.comptroller.send("_setForcedLiquidation", market, True)
        else:
            for wallet in still.wallets[1::2]:
                still.comptroller.send("_setForcedLiquidationForUser", wallet, market, True)
    taken, refused = under(still, "today")
    assert taken > 20 <= refused.count("INSUFFICIENT_SHORTFALL")
    for wallet, position in read(still).items():
        state = position.state
        if VENUS.standing(state).liquidatable:
            with still.undone():
                assert sent(still, wallet, state).liquidations


PAUSES = {"repay": 3, "seize": 4, "liquidate": 5}


@pytest.mark.parametrize("action", [*PAUSES, "protocol"])
def test_paused_actions(still: VenusCore, action: str) -> None:
    """Of two markets (VAI's cannot be), or all at once."""
    paused = [one.vtoken.address for one in still.markets[:2]]
    if action == "protocol":
        still.comptroller.send("_setProtocolPaused", True)
    else:
        still.comptroller.send("_setActionsPaused", paused, [PAUSES[action]], True)
    taken, refused = under(still, "volatile-50")
    assert (taken == 0) == (action == "protocol")
    assert any("paused" in why for why in refused)


# --- what a market still takes ------------------------------------------------------------------------------------


SPARE = 12_345


def limits_of(made: VenusCore, place: int) -> Limits:
    """What our rules say that a market still takes, asked of the first wallet of the core pool that is in it."""
    for position in read(made).values():
        for limits in position.rules.limits(position.state):
            if limits.borrow.open and index_of(made, position.state.holdings[limits.slot]) == place:
                return limits
    raise AssertionError(place)


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_caps_take_exactly_the_room_that_is_told(still: VenusCore, place: int) -> None:
    """A total may reach the cap, and a cap of 0 lets nothing in, of debts as of supplies."""
    one = still.markets[place]
    enter(still, PROVIDER, still.markets)
    supply = one.vtoken.call("exchangeRateStored") * one.vtoken.call("totalSupply") // 10**18
    still.comptroller.send("_setMarketSupplyCaps", [one.vtoken.address], [supply + SPARE])
    still.comptroller.send("_setMarketBorrowCaps", [one.vtoken.address], [one.vtoken.call("totalBorrows") + SPARE])
    limits = limits_of(still, place)
    assert (limits.supply.room, limits.borrow.room) == (SPARE, SPARE)
    with pytest.raises(Reverted, match="market borrow cap reached"):
        one.vtoken.send("borrow", SPARE + 1, sender=PROVIDER)
    one.vtoken.send("borrow", SPARE, sender=PROVIDER)
    one.token.send("mint", LIQUIDATOR, SPARE + 1)
    with pytest.raises(Reverted, match="market supply cap reached"):
        one.vtoken.send("mint", SPARE + 1, sender=LIQUIDATOR)
    one.vtoken.send("mint", SPARE, sender=LIQUIDATOR)
    still.comptroller.send("_setMarketSupplyCaps", [one.vtoken.address], [0])
    still.comptroller.send("_setMarketBorrowCaps", [one.vtoken.address], [0])
    none = limits_of(still, place)
    assert (none.supply.room, none.borrow.room) == (0, 0)
    with pytest.raises(Reverted, match="market supply cap is 0"):
        one.vtoken.send("mint", 1, sender=LIQUIDATOR)
    with pytest.raises(Reverted, match="market borrow cap is 0"):
        one.vtoken.send("borrow", 1, sender=PROVIDER)


def refusal(one: VMarket, wallet: str) -> str | None:
    """Why borrowing nothing is refused; a market that says "math error" may only mean that the wallet is too poor."""
    try:
        one.vtoken.send("borrow", 0, sender=wallet)
    except Reverted as problem:
        return problem.reason
    return None


def test_a_pool_has_its_own_factors_and_lends_what_it_allows(still: VenusCore) -> None:
    """What the wallet may borrow against, and what it may borrow at all, asked of the Comptroller one by one."""
    still.comptroller.send("setIsBorrowAllowed", 0, still.markets[2].vtoken.address, False)
    asked = {True: 0, False: 0}
    for wallet, position in read(still).items():
        pool = still.comptroller.call("userPoolId", wallet)
        limits = {one.slot: one for one in position.rules.limits(position.state)}
        for slot, holding in enumerate(position.state.holdings):
            if is_vai(holding):
                continue
            one = still.markets[index_of(still, holding)]
            factor = still.comptroller.call("getEffectiveLtvFactor", wallet, one.vtoken.address, 0)
            assert holding.market.collateral_factor == factor
            allowed = one.kind.symbol in POOLS[pool] if pool else one is not still.markets[2]
            assert limits[slot].borrow.open == allowed
            assert (refusal(one, wallet) == "BorrowNotAllowedInPool()") != allowed
            asked[allowed] += 1
    assert min(asked.values()) > 20


# --- through the Liquidator ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scenario", "forces_vai"), [("volatile-35", False), ("volatile-90", False), ("volatile-90", True)])
def test_the_liquidator_keeps_its_part_and_redeems_it(still: VenusCore, scenario: str, forces_vai: bool) -> None:
    """Every step, and what it refuses: other debts before VAI, and collateral whose pool gives it no incentive."""
    liquidator = with_liquidator(still, WAD // 2)
    if forces_vai:
        liquidator.send("setMinLiquidatableVAI", 100 * WAD)
        liquidator.send("resumeForceVAILiquidate")
    prices = shocked(still, {**SCENARIOS[scenario], "DAIV": -25})
    positions = read(still)
    still.set_prices(prices)
    steps, refused = 0, set()
    for wallet, position in positions.items():
        state = at(still, position, prices)
        refused |= refused_by(still, liquidator, wallet, state)
        with still.undone():
            for step in replay(VENUS, state).liquidations:
                taken = step.seized[0]
                pair = Pair(taken.slot, step.repaid_slot)
                event = through(still, liquidator, wallet, state, pair)
                assert event["seizeTokensForLiquidator"] == taken.shares
                assert event["seizeTokensForTreasury"] == taken.protocol_shares
                state = VENUS.liquidate(state, VENUS.standing(state), pair).state
                chain_says(still, wallet, state)
                steps += 1
    assert steps > 20
    assert ("VAIDebtTooHigh" in refused) == forces_vai
    assert "LIQUIDATOR_FINDS_NO_BONUS" in refused


def call_of(wallet: str, state: CompoundState, pair: Pair) -> tuple[str, str, int, str]:
    owed, taken = state.holdings[pair.debt], state.holdings[pair.collateral or 0]
    return owed.market.address, wallet, asked_of(state, pair), taken.market.address


def goes_through(made: VenusCore, liquidator: Contract, wallet: str, state: CompoundState, pair: Pair) -> bool:
    data = liquidator.data("liquidateBorrow", *call_of(wallet, state, pair))
    try:
        made.evm.rpc("eth_call", {"from": LIQUIDATOR, "to": liquidator.address, "data": data, "gasPrice": "0x0"}, "pending")
    except RpcError:
        return False
    return True


def through(made: VenusCore, liquidator: Contract, wallet: str, state: CompoundState, pair: Pair) -> Mapping[str, Any]:
    """Really send it; the event's arguments."""
    receipt = liquidator.send("liquidateBorrow", *call_of(wallet, state, pair), sender=LIQUIDATOR)
    return {event.name: event.args for event in made.evm.events(receipt)}["LiquidateBorrowedTokens"]


def refused_by(made: VenusCore, liquidator: Contract, wallet: str, state: CompoundState) -> set[str]:
    """Why we refuse the pairs of a wallet; the contracts do too."""
    standing, refused = VENUS.standing(state), set()
    for pair in [Pair(one.slot, other.slot) for one in standing.collateral for other in standing.debt]:
        try:
            VENUS.liquidate(state, standing, pair)
        except Refused as problem:
            assert not goes_through(made, liquidator, wallet, state, pair), (wallet, pair)
            refused.add(str(problem))
    return refused
