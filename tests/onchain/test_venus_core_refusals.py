"""What newer Venus refuses, how much it takes, and its Liquidator: what our rules say, asked of the real contracts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_utils import to_checksum_address

from defirisk.fixedpoint import WAD
from defirisk.model import Limits, Position
from defirisk.protocols.compound_v2.liquidation import cover, seize_ratio
from defirisk.protocols.compound_v2.rules import VENUS
from defirisk.protocols.compound_v2.state import CompoundState, Holding
from defirisk.protocols.interface import ActKind, Pair, Refused, Scope
from defirisk.risk.replay import replay

from .evm import MAX, Contract, Reverted, Transaction
from .rpc import RpcError
from .venus_core import KINDS, MAJORS, POOLS, VenusCore, artifacts
from .venus_market import LIQUIDATOR, PROVIDER, Kind, VMarket, enter, supply
from .venus_market import artifacts as older_artifacts
from .venus_people import SCENARIOS, stop_interest, venus_core, with_liquidator
from .venus_reading import at, index_of, read, shocked
from .venus_steps import (
    accepted,
    asked_of,
    call_for,
    chain_says,
    is_vai,
    liquidatable,
    most_of,
    pair_of,
    walk_all,
)
from .whatif import ours


@pytest.fixture(scope="module")
def market() -> Iterator[VenusCore]:
    with venus_core() as made:
        yield made


@pytest.fixture
def still(market: VenusCore) -> Iterator[VenusCore]:
    with market.undone():
        stop_interest(market)
        yield market


# --- what is refused ----------------------------------------------------------------------------------------------


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
                assert not accepted(made, call_for(made, wallet, state, pair, 1)), (wallet, pair, problem)
                refused.append(str(problem))
                continue
            holding = state.holdings[pair.debt]
            most = most_of(state, holding)
            covered = cover(
                state.holdings[pair.collateral or 0].tokens, seize_ratio(state, pair.debt, pair.collateral or 0)
            )
            assert accepted(made, call_for(made, wallet, state, pair, min(most, covered))), (wallet, pair)
            if not is_vai(holding) or most <= covered:
                assert not accepted(made, call_for(made, wallet, state, pair, min(most, covered) + 1)), (wallet, pair)
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
    states = {wallet: position.state for wallet, position in read(still).items()}
    for wallet, state in liquidatable(VENUS, states).items():
        with still.undone():  # all of everybody's debt is a few units more than the market's total
            assert walk_all(still, VENUS, {wallet: state})[wallet].liquidations


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


def test_a_pool_that_is_no_longer_active_counts_as_the_core_pool_and_lends_nothing(still: VenusCore) -> None:
    before = read(still)
    for pool in POOLS:
        still.comptroller.send("setPoolActive", pool, False)
    asked = 0
    for wallet, position in read(still).items():  # which compares with the Comptroller's own view
        if not still.comptroller.call("userPoolId", wallet):
            continue
        assert position.state != before[wallet].state
        for slot, holding in enumerate(position.state.holdings):
            one = still.markets[index_of(still, holding)]
            core = still.comptroller.call("markets", one.vtoken.address)
            terms = (holding.market.collateral_factor, holding.market.liquidation_threshold, holding.market.incentive)
            assert terms == (core[1], core[3], core[4])
            assert not position.rules.limits(position.state)[slot].borrow.open
            assert refusal(one, wallet) in ("InactivePool(uint96)", "BorrowNotAllowedInPool()")
            asked += 1
    assert asked > 20


# --- markets that are hard to price, or older than the pools --------------------------------------------------------


def is_empty(holding: Holding) -> bool:
    return holding.tokens == holding.debt == 0


def test_a_market_entered_and_left_empty_needs_no_price(still: VenusCore) -> None:
    """Others that have something in it cannot be judged, nor liquidated."""
    before, first = read(still), still.markets[0].vtoken.address
    still.set_prices([0, *still.prices[1:]])
    met = {True: 0, False: 0}
    for wallet, position in read(still).items():
        held = [one for one in before[wallet].state.holdings if one.market.address == first and one.entered]
        error, *view = still.comptroller.call("getAccountLiquidity", wallet)
        assert (error == 0) == all(map(is_empty, held))
        if held:
            assert bool(position.unpriced) == (error != 0)
            assert (position.contract.liquidity, position.contract.shortfall) == (
                tuple(view) if error == 0 else (None, None)
            )
            met[error == 0] += 1
    assert min(met.values()) > 0, met


def with_older_market(made: VenusCore, wallet: str) -> VenusCore:
    """With a market as Venus made them before there were pools, as vBNB is, that a pool lends; one wallet owes it."""
    kind, evm = Kind("OLDER", 18, 0, 10_000, 0), made.evm
    token, model = evm.deploy(artifacts()["Token"], "OLDER", "OLDER", 18), evm.deploy(artifacts()["StillModel"])
    arguments = (token.address, made.comptroller.address, model.address, 2 * 10**26, "vOLDER", "vOLDER", 8, evm.owner)
    one = VMarket(kind, token, evm.deploy(older_artifacts()["VBep20Immutable"], *arguments))
    address, comptroller, collateral = one.vtoken.address, made.comptroller, made.markets[0]
    comptroller.send("_supportMarket", address)
    made.oracle.send("set", [address], [WAD])
    comptroller.send("addPoolMarkets", [MAJORS], [address])
    comptroller.send("setIsBorrowAllowed", MAJORS, address, True)
    for setter in ("_setMarketSupplyCaps", "_setMarketBorrowCaps"):
        comptroller.send(setter, [address], [MAX])
    supply(made, PROVIDER, one, 10**24)
    supply(made, wallet, collateral, 10**19)
    enter(made, wallet, [collateral])
    comptroller.send("enterPool", MAJORS, sender=wallet)
    one.vtoken.send("borrow", 10**21, sender=wallet)
    token.send("mint", LIQUIDATOR, 10**24)
    token.send("approve", address, MAX, sender=LIQUIDATOR)
    return replace(made, markets=(*made.markets, one), prices=(*made.prices, WAD), wallets=(wallet,))


def test_a_debt_older_than_the_pools_is_liquidated_by_the_core_pools_incentive(still: VenusCore) -> None:
    """So it is refused rather than reckoned by the pool's; where the two are the same, every step is equal."""
    wallet = to_checksum_address("0x" + "0d" * 20)
    made = with_older_market(still, wallet)
    collateral, owed = made.markets[0].vtoken, made.markets[-1].vtoken
    core, pools = (made.comptroller.call(f"get{kind}LiquidationIncentive", *of, collateral.address)
                   for kind, of in (("", ()), ("Effective", (wallet,))))  # fmt: skip
    assert core != pools == WAD + POOLS[MAJORS]["ETHV"].bonus * WAD // 100
    with pytest.raises(AssertionError, match=r"e-mode pool 1 and owes vOLDER"):
        read(made)
    made.set_prices([*still.prices, 30 * WAD])
    rate = collateral.call("exchangeRateStored")
    with made.undone():
        receipt = owed.send("liquidateBorrow", wallet, 10**20, collateral.address, sender=LIQUIDATOR)
        [event] = [one.args for one in made.evm.events(receipt) if one.name == "LiquidateBorrow"]
        ratio = (core * 30 * WAD // WAD) * WAD // (still.prices[0] * rate // WAD)
        assert event["seizeTokens"] == ratio * 10**20 // WAD
    made.comptroller.send("setCollateralFactor", MAJORS, collateral.address, 80 * WAD // 100, 85 * WAD // 100)
    made.comptroller.send("setLiquidationIncentive", MAJORS, collateral.address, core)
    (position,) = read(made).values()
    assert len(walk_all(made, VENUS, {wallet: position.state})[wallet].liquidations) > 1


# --- what may be borrowed and redeemed ------------------------------------------------------------------------------


def largest(position: Position, kind: ActKind, symbol: str) -> int:
    """The largest amount that our acts accept, by bisection; 0 where that is none."""
    low, high = 0, 2**100
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if isinstance(ours(position, kind, symbol, middle), str) else (middle, high)
    return low


def test_bounded_prices_say_what_may_be_borrowed_and_redeemed(still: VenusCore) -> None:
    """A collateral a percent down, a debt a percent up: the largest amount of ours is taken, a unit more is not."""
    functions = {ActKind.BORROW: "borrow", ActKind.WITHDRAW: "redeemUnderlying"}
    short: Counter[ActKind] = Counter()
    for number, (wallet, position) in enumerate(read(still, scope=Scope.LISTED).items()):
        for kind, function in functions.items():
            one = still.markets[number % len(still.markets)]
            if kind is ActKind.WITHDRAW:
                held = [holding for holding in position.state.holdings if holding.tokens]
                one = still.markets[index_of(still, held[number % len(held)])]
            most = largest(position, kind, one.kind.symbol)
            for amount, taken in ((most, True), (most + 1, False)):
                call = Transaction(one.vtoken.address, one.vtoken.data(function, amount), wallet)
                assert accepted(still, call) == taken or amount == 0, (wallet, kind, one.kind.symbol, amount)
            short[kind] += most > 0 and ours(position, kind, one.kind.symbol, most + 1) == "INSUFFICIENT_LIQUIDITY"
    assert min(short[kind] for kind in functions) > 4, short


# --- through the Liquidator ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "forces_vai"), [("volatile-35", False), ("volatile-90", False), ("volatile-90", True)]
)
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
                taken, pair = step.seized[0], pair_of(step)
                event = through(still, liquidator, wallet, state, pair)
                assert event["seizeTokensForLiquidator"] == taken.shares
                assert event["seizeTokensForTreasury"] == taken.protocol_shares
                state = VENUS.liquidate(state, VENUS.standing(state), pair).state
                chain_says(still, {wallet: state})
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
        made.evm.rpc(
            "eth_call", {"from": LIQUIDATOR, "to": liquidator.address, "data": data, "gasPrice": "0x0"}, "pending"
        )
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
