"""The reader on a chain that answers as the recorded contracts did, and on what a chain may do to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from defirisk.chain.abi import checksum
from defirisk.chain.calls import Returned
from defirisk.chain.recording import FixtureMarket, Recorder, load_fixture, write_fixture
from defirisk.errors import (
    CallReverted,
    ContractMismatch,
    DefiriskError,
    MalformedAnswer,
    NotAMarket,
    NotDeployed,
    UnsupportedRules,
)
from defirisk.model import NATIVE_COIN, Bound, Limit, Limits, Position, PositionStatus
from defirisk.protocols.compound_v2.family import PROTOCOL
from defirisk.protocols.compound_v2.reader_comptroller import ABI, MULTICALL3
from defirisk.protocols.compound_v2.state import VaiDebt
from defirisk.protocols.interface import Deployment, MarketReading
from tests.vectors.compound_v2.recording import recorded, state_of

from .fake import BASE, COMPTROLLER, MARKETS, ORACLE, WALLETS, FakeChain, frozen, on_the_line, running

HERE = Deployment("compound-v2-local", "compound-v2", "local", 31337, COMPTROLLER)
PRICES = [raw["price"] for raw in BASE["markets"]]
RICH = 3
"""A wallet with five markets, all entered, which is liquidatable: kind near_limit."""


def read(chain: Any, wallets: Any = tuple(WALLETS), deployment: Deployment = HERE) -> MarketReading:
    return asyncio.run(PROTOCOL.reader.read(chain, deployment, wallets))


def one(chain: FakeChain, wallet: int = RICH) -> Any:
    return read(chain, [WALLETS[wallet]]).positions[0]


def codes(position: Position) -> list[str]:
    return [warning.code for warning in position.warnings]


# --- what is there ------------------------------------------------------------------------------------------------


def test_every_wallet_is_read_as_recorded() -> None:
    reading = read(frozen())
    assert reading.rules == "original"
    for wallet, position in enumerate(reading.positions):
        raw = BASE["wallets"][wallet]
        used = [i for i, (_, tokens, debt, _) in enumerate(raw["snapshots"]) if (tokens, debt) != ("0", "0")]
        if not used:
            assert position is None
            continue
        assert isinstance(position, Position), position
        kept = sorted({*used, *raw["assetsIn"]})
        whole = state_of(wallet, PRICES)
        assert position.state.holdings == tuple(whole.holdings[i] for i in kept)
        assert position.prices == tuple(whole.prices[i] for i in kept)
        assert position.tokens == tuple(whole.tokens[i] for i in kept)
        assert position.contract == position.reproduced
        told = recorded()["shocks"][0]["liquidity"][wallet]
        assert [str(position.contract.liquidity), str(position.contract.shortfall)] == told[1:]
        assert position.rules.standing(position.state).liquidatable == position.contract.liquidatable
        assert position.owner == WALLETS[wallet]
        assert position.market.unit.decimals == 18


def test_debts_and_rates_are_brought_to_the_block_and_stored_ones_kept() -> None:
    accrual = recorded()["accrual"]
    found = {}
    for position in read(running()).positions:
        if position is None:
            continue
        assert isinstance(position, Position), position
        assert "accrual-differs" not in codes(position)
        for holding in position.state.holdings:
            index = MARKETS.index(holding.market.address)
            assert str(holding.books.rate) == accrual["markets_current"][index]["exchangeRateCurrent"]
            assert str(holding.books.borrows) == accrual["markets_current"][index]["totalBorrowsCurrent"]
            found[WALLETS.index(position.owner), index] = (holding.tokens, holding.stored_debt, holding.debt)
    for raw in accrual["wallets"]:
        expected = tuple(int(raw[name]) for name in ("tokens", "borrowStored", "borrowCurrent"))
        if any(expected):
            assert found[raw["wallet"], raw["market"]] == expected


def test_a_shortfall_that_only_interest_knows_is_told() -> None:
    """INV-V2-11: the contract's view is from stored numbers, ours is accrued; where they part it is said."""
    for position in read(running()).positions:
        if isinstance(position, Position):
            assert position.rules.standing(position.state).liquidatable == position.contract.liquidatable
            assert "liquidatable-once-accrued" not in codes(position)
    parted = 0
    for raw in recorded()["accrual"]["wallets"]:
        supplies = any(BASE["wallets"][raw["wallet"]]["snapshots"][i][1] != "0" for i in range(7) if i != raw["market"])
        if int(raw["borrowStored"]) < 10**9 or not supplies:
            continue
        chain = running()
        on_the_line(chain, raw["wallet"], raw["market"])
        position = one(chain, raw["wallet"])
        if isinstance(position, Position) and position.rules.standing(position.state).liquidatable:
            assert (position.contract.liquidatable, "liquidatable-once-accrued" in codes(position)) == (False, True)
            parted += 1
    assert parted > 10


def test_four_round_trips_and_two_where_nobody_has_anything() -> None:
    chain = running()
    read(chain)
    assert chain.trips == 4
    empty = running()
    stranger = checksum("0x" + "12" * 20)
    empty.tell("getAssetsIn", COMPTROLLER, [stranger], ["address[]"], [])
    empty.tell("getAccountLiquidity", COMPTROLLER, [stranger], ["uint256"] * 3, 0, 0, 0)
    for market in MARKETS:
        empty.tell("getAccountSnapshot", market, [stranger], ["uint256"] * 4, 0, 0, 0, 10**18)
    assert read(empty, [stranger]).positions == (None,)
    assert empty.trips == 2


def test_what_is_no_view_is_asked_last_and_alone() -> None:
    """A batch that accrues interest would change what a view in the same batch reads as stored."""
    chain = running()
    read(chain)
    selectors = {ABI[name].selector for name in ("exchangeRateCurrent", "borrowBalanceCurrent")}
    acting = [at for at, call in enumerate(chain.asked) if call.data[:4] in selectors]
    stored = [at for at, call in enumerate(chain.asked) if call.to in {m.lower() for m in MARKETS} and at not in acting]
    assert acting
    assert max(stored) < min(acting)


def test_the_native_market_holds_the_chains_own_coin() -> None:
    position = one(frozen(), next(w for w in range(40) if 0 in BASE["wallets"][w]["assetsIn"]))
    coin = position.tokens[0]
    assert (coin.address, coin.symbol, coin.decimals) == (NATIVE_COIN, "ETHX", 18)


def test_a_recording_replays_to_the_same_positions(tmp_path: Path) -> None:
    recorder = Recorder(running())
    before = read(recorder)
    markets = [FixtureMarket("compound-v2", checksum(COMPTROLLER))]
    write_fixture(tmp_path / "v2.json.gz", recorder.fixture(markets=markets, wallets=WALLETS, recorded_by="test"))
    assert read(load_fixture(str(tmp_path / "v2.json.gz"))) == before


# --- forks --------------------------------------------------------------------------------------------------------


def seconds(elapsed: int) -> FakeChain:
    """Every market keeps the time of its last accrual, as Moonwell's and Benqi's do."""
    chain = running()
    for market, stored in zip(MARKETS, recorded()["accrual"]["markets_stored"], strict=True):
        chain.revert("accrualBlockNumber", market)
        chain.revert("borrowRatePerBlock", market)
        chain.number("accrualBlockTimestamp", market, chain.block.timestamp - elapsed)
        chain.number("borrowRatePerTimestamp", market, stored["borrowRatePerBlock"])
    return chain


def test_a_fork_that_counts_seconds() -> None:
    raw = recorded()["accrual"]["markets_stored"][2]
    elapsed = int(recorded()["accrual"]["block"]) - int(raw["accrualBlockNumber"])
    reading = read(seconds(elapsed))
    assert reading.rules == "seconds"
    rates = {
        holding.market.address: str(holding.books.rate)
        for position in reading.positions
        if isinstance(position, Position)
        for holding in position.state.holdings
    }
    assert rates[MARKETS[2]] == recorded()["accrual"]["markets_current"][2]["exchangeRateCurrent"]


def test_the_block_that_contracts_see_is_asked_for() -> None:
    """On Arbitrum ``block.number`` is Ethereum's: interest runs to the contracts' block, not to the chain's."""
    chain = running()
    own = chain.block
    chain.block = type(own)(own.number * 7, own.timestamp, None)
    position = one(chain)
    assert "block-number-other" in codes(position)
    assert position.state == one(running()).state
    chain.revert("getBlockNumber", COMPTROLLER)
    chain.number("getBlockNumber", MULTICALL3, own.number)
    assert one(chain).state == one(running()).state


def test_a_block_that_nobody_tells_is_said() -> None:
    chain = running()
    chain.revert("getBlockNumber", COMPTROLLER)
    assert "block-number-assumed" in codes(one(chain))
    assert "block-number-assumed" not in codes(one(running()))


def venus(chain: FakeChain) -> FakeChain:
    """Seven members in ``markets``, thresholds and incentives for each owner, a VAIController."""
    controller, vai = checksum("0x" + "7a" * 20), checksum("0x" + "7b" * 20)
    chain.revert("liquidationIncentiveMantissa", COMPTROLLER)
    chain.tell("vaiController", COMPTROLLER, [], ["address"], controller)
    chain.tell("getVAIAddress", controller, [], ["address"], vai)
    chain.tell("symbol", vai, [], ["string"], "VAI")
    types = ["bool", "uint256", "bool", "uint256", "uint256", "uint96", "bool"]
    for raw in BASE["markets"]:
        factor = int(raw["collateralFactorMantissa"])
        members = (True, factor // 2, True, factor, 108 * 10**16, 0, True)
        chain.tell("markets", COMPTROLLER, [raw["market"]], types, *members)
        chain.number("protocolSeizeShareMantissa", raw["market"], 0)
        for wallet in WALLETS:
            chain.number("getEffectiveLtvFactor", COMPTROLLER, wallet, raw["market"], 1, factor)
            chain.number("getEffectiveLiquidationIncentive", COMPTROLLER, wallet, raw["market"], 108 * 10**16)
    for wallet in WALLETS:
        chain.number("mintedVAIs", COMPTROLLER, wallet, 0)
        chain.tell("userPoolId", COMPTROLLER, [wallet], ["uint96"], 0)
    return chain


def mint_vai(chain: FakeChain, wallet: str, minted: int) -> None:
    """VAI of which a part is old interest, at an index that has grown since and grows on."""
    controller = checksum("0x" + "7a" * 20)
    past, own, index = minted // 10, 10**18, 11 * 10**17
    chain.number("mintedVAIs", COMPTROLLER, wallet, minted)
    chain.number("pastVAIInterest", controller, wallet, past)
    chain.number("getVAIMinterInterestIndex", controller, wallet, own)
    chain.number("vaiMintIndex", controller, index)
    chain.number("getVAIRepayRatePerBlock", controller, 10**12)
    chain.number("accrualBlockNumber", controller, chain.block.number - 1000)
    chain.number("getVAIRepayAmount", controller, wallet, minted + (minted - past) * (index - own) // 10**18)


def test_a_threshold_apart_from_the_collateral_factor() -> None:
    reading = read(venus(frozen()))
    assert reading.rules == "venus"
    position = reading.positions[RICH]
    plain = one(frozen())
    assert [h.market.liquidation_threshold for h in position.state.holdings] == [
        h.market.liquidation_threshold for h in plain.state.holdings
    ]
    assert all(h.market.collateral_factor * 2 == h.market.liquidation_threshold for h in position.state.holdings)
    assert position.contract == plain.contract
    assert position.state.entered_only


def test_a_struct_of_seven_tells_the_threshold_too() -> None:
    """Where nothing is effective by owner, the market's own numbers hold."""
    chain = venus(frozen())
    for name in ("getEffectiveLtvFactor", "getEffectiveLiquidationIncentive"):
        selector = ABI[name].selector
        chain.answers = {call: answer for call, answer in chain.answers.items() if call.data[:4] != selector}
    assert one(chain).contract == one(frozen()).contract
    assert {holding.market.incentive for holding in one(chain).state.holdings} == {108 * 10**16}


def test_vai_is_a_debt_at_one_dollar_stored_and_accrued() -> None:
    chain, wallet, minted = venus(frozen()), WALLETS[RICH], 10**18
    mint_vai(chain, wallet, minted)
    stored, accrued = 10**18 + 9 * 10**16, 10**18 + 9 * 10**17 * (10**17 + 10**15) // 10**18
    plain = one(frozen()).contract
    shortfall = plain.shortfall + stored
    chain.tell("getAccountLiquidity", COMPTROLLER, [wallet], ["uint256"] * 3, 0, 0, shortfall)
    position = read(chain, [wallet]).positions[0]
    assert isinstance(position, Position), position
    leg = position.state.holdings[-1]
    assert (leg.market.token.symbol, leg.stored_debt, leg.debt, position.prices[-1]) == ("VAI", stored, accrued, 10**18)
    assert position.contract.shortfall == shortfall
    assert "vai-debt" in codes(position)
    assert position.rules.standing(position.state).debt[-1].amount == accrued


def test_vai_of_a_controller_that_does_not_date_its_accrual_is_counted_as_stored() -> None:
    """Venus's own: what the Comptroller counts is known, what a liquidation of the VAI would find is not."""
    chain, wallet, minted = venus(frozen()), WALLETS[RICH], 10**18
    mint_vai(chain, wallet, minted)
    chain.revert("accrualBlockNumber", checksum("0x" + "7a" * 20))
    stored = 10**18 + 9 * 10**16
    chain.tell(
        "getAccountLiquidity", COMPTROLLER, [wallet], ["uint256"] * 3, 0, 0, one(frozen()).contract.shortfall + stored
    )
    position = read(chain, [wallet]).positions[0]
    assert isinstance(position, Position), position
    leg = position.state.holdings[-1]
    assert (leg.stored_debt, leg.debt, leg.vai) == (stored, stored, VaiDebt(9 * 10**17, 10**17, 10**17))
    assert "vai-interest-unseen" in codes(position)


@pytest.mark.parametrize("named", ["isForcedLiquidationEnabled", "isForcedLiquidationEnabledForUser"])
def test_vai_under_forced_liquidation(named: str) -> None:
    chain, wallet, controller = venus(frozen()), WALLETS[RICH], checksum("0x" + "7a" * 20)
    mint_vai(chain, wallet, 10**18)
    shortfall = one(frozen()).contract.shortfall + 109 * 10**16
    chain.tell("getAccountLiquidity", COMPTROLLER, [wallet], ["uint256"] * 3, 0, 0, shortfall)
    chain.flag(named, COMPTROLLER, *([wallet] if named.endswith("User") else []), controller, True)
    position = read(chain, [wallet]).positions[0]
    assert position.state.holdings[-1].market.forced
    assert "forced-liquidation" in codes(position)


def test_a_debt_whose_repayment_is_paused_cannot_be_liquidated() -> None:
    chain = venus(frozen())
    chain.flag("actionPaused", COMPTROLLER, MARKETS[1], 3, True)
    position = one(chain)
    paused = [holding.market.address for holding in position.state.holdings if holding.market.liquidate_paused]
    assert paused == [checksum(MARKETS[1])]


@pytest.mark.parametrize(("ago", "gone"), [(100, True), (99, False)])
def test_newer_markets_send_their_reserves_away_when_they_accrue(ago: int, gone: bool) -> None:
    plain, chain = one(running()), venus(running())
    for market in MARKETS:
        chain.number("reduceReservesBlockDelta", market, 100)
        chain.number("reduceReservesBlockNumber", market, chain.block.number - ago)
    position = read(chain, [WALLETS[RICH]]).positions[0]
    assert isinstance(position, Position), position
    for before, after in zip(plain.state.holdings, position.state.holdings, strict=True):
        assert after.books.rate == before.books.rate
        moved = before.books.reserves if gone else 0
        assert (before.books.reserves - after.books.reserves, before.books.gross - after.books.gross) == (moved, moved)


def test_an_emode_pool_counts_by_its_own_factors() -> None:
    chain, wallet = venus(frozen()), WALLETS[RICH]
    chain.tell("userPoolId", COMPTROLLER, [wallet], ["uint96"], 2)
    for market in MARKETS:
        chain.number("getEffectiveLtvFactor", COMPTROLLER, wallet, market, 1, 93 * 10**16)
    assert isinstance(read(chain, [wallet]).positions[0], ContractMismatch)
    best = tuple(int(price) for price in PRICES)
    whole = state_of(RICH, [str(price) for price in best])
    collateral = debts = 0
    for holding, price in zip(whole.holdings, best, strict=True):
        if holding.entered:
            collateral += (93 * 10**16 * holding.stored_rate // 10**18 * price // 10**18) * holding.tokens // 10**18
            debts += price * holding.stored_debt // 10**18
    chain.tell("getAccountLiquidity", COMPTROLLER, [wallet], ["uint256"] * 3, 0, collateral - debts, 0)
    position = read(chain, [wallet]).positions[0]
    assert isinstance(position, Position), position
    assert "emode" in codes(position)
    assert {leg.liquidation_threshold for leg in position.rules.standing(position.state).collateral} == {93 * 10**16}
    assert all(limits.borrow.open for limits in position.rules.limits(position.state))
    types = ["bool", "uint256", "bool", "uint256", "uint256", "uint96", "bool"]
    for market in MARKETS:
        chain.number("getEffectiveLtvFactor", COMPTROLLER, wallet, market, 0, 91 * 10**16)
        lends = market == MARKETS[1]
        chain.tell("poolMarkets", COMPTROLLER, [2, market], types, True, 0, False, 0, 0, 2, lends)
    position = read(chain, [wallet]).positions[0]
    assert {holding.market.collateral_factor for holding in position.state.holdings} == {91 * 10**16}
    told = position.rules.limits(position.state)
    lent = [position.state.holdings[one.slot].market.address for one in told if one.borrow.open]
    assert lent == [checksum(MARKETS[1])]
    mint_vai(chain, wallet, 10**18)
    assert isinstance(read(chain, [wallet]).positions[0], UnsupportedRules)


def test_venus_liquidator_keeps_a_part_of_the_bonus() -> None:
    chain = venus(frozen())
    liquidator = checksum("0x" + "7c" * 20)
    chain.tell("liquidatorContract", COMPTROLLER, [], ["address"], liquidator)
    chain.number("treasuryPercentMantissa", liquidator, 5 * 10**17)
    assert one(chain).state.cut == 5 * 10**17
    assert one(chain).state.vai_first is None
    chain.number("minLiquidatableVAI", liquidator, 10**21)
    chain.flag("forceVAILiquidate", liquidator, False)
    assert one(chain).state.vai_first is None
    chain.flag("forceVAILiquidate", liquidator, True)
    assert one(chain).state.vai_first == 10**21
    assert one(frozen()).state.cut == 0


def test_a_deprecated_market_is_liquidatable_at_any_health() -> None:
    chain = frozen()
    healthy = 11
    position = one(chain, healthy)
    assert not position.rules.standing(position.state).liquidatable
    owed = next(h.market.address for h in position.state.holdings if h.debt)
    chain.flag("isDeprecated", COMPTROLLER, owed, True)
    position = one(chain, healthy)
    assert "deprecated-market" in codes(position)
    assert position.rules.standing(position.state).liquidatable
    assert position.contract.liquidatable is False


def test_pauses_are_told_and_obeyed() -> None:
    chain = frozen()
    chain.flag("seizeGuardianPaused", COMPTROLLER, True)
    chain.flag("borrowGuardianPaused", COMPTROLLER, MARKETS[6], True)
    position = one(chain)
    texts = [warning.text for warning in position.warnings if warning.code == "paused-market"]
    assert any(text.startswith("seizing") for text in texts)
    assert "cOLDX takes no new debt; liquidations go on" in texts
    assert all(holding.market.seize_paused for holding in position.state.holdings)


def limits_of(chain: FakeChain, slot: int = 0) -> Limits:
    position = one(chain)
    return position.rules.limits(position.state)[slot]


def totals_of(chain: FakeChain, slot: int = 0) -> tuple[int, int, int]:
    """Total borrows, total supply by the books, and by the cTokens at their rate."""
    books = one(chain).state.holdings[slot].books
    return books.borrows, books.gross - books.reserves, books.rate * books.supply // 10**18


def capped(cap: int | None, room: int | None) -> Limit:
    return Limit(cap=cap, room=room, bound_by=None if cap is None else Bound.CAP)


def test_the_original_has_no_supply_cap_and_no_borrow_cap_until_one_is_set() -> None:
    """Compound: the total after a borrow must stay below the cap, of interest accrued first; 0 is no cap."""
    chain = running()
    market = one(chain).state.holdings[0].market.address
    borrows = totals_of(chain)[0]
    assert limits_of(chain).supply == Limit()
    assert limits_of(chain).borrow == Limit()
    for cap, room in ((0, None), (borrows + 8, 7), (borrows + 1, 0), (borrows, 0), (1, 0)):
        chain.number("borrowCaps", COMPTROLLER, market, cap)
        assert limits_of(chain).borrow == capped(cap - 1 if cap else None, room)


def test_a_supply_cap_of_a_fork_is_held_against_the_books() -> None:
    """Moonwell: cash + borrows - reserves must stay below the cap; 0 is no cap."""
    chain = running()
    market = one(chain).state.holdings[0].market.address
    supply = totals_of(chain)[1]
    for cap, room in ((0, None), (supply + 8, 7), (supply, 0)):
        chain.number("supplyCaps", COMPTROLLER, market, cap)
        assert limits_of(chain).supply == capped(cap - 1 if cap else None, room)


def test_venus_takes_up_to_the_cap_and_nothing_at_zero() -> None:
    chain = venus(running())
    market = one(chain).state.holdings[0].market.address
    borrows, _, by_tokens = totals_of(chain)
    for cap, room in ((0, 0), (by_tokens + 8, 8), (2**256 - 1, None)):
        chain.number("supplyCaps", COMPTROLLER, market, cap)
        assert limits_of(chain).supply == capped(None if room is None else cap, room)
    for cap, room in ((0, 0), (borrows + 8, 8), (2**256 - 1, None)):
        chain.number("borrowCaps", COMPTROLLER, market, cap)
        assert limits_of(chain).borrow == capped(None if room is None else cap, room)


def test_venus_before_the_diamond_has_its_borrow_cap_from_compound() -> None:
    chain = venus(running())
    held = one(chain).state.holdings[0].market
    members = (True, held.collateral_factor, True)
    chain.tell("markets", COMPTROLLER, [held.address], ["bool", "uint256", "bool"], *members)
    for cap, room in ((0, None), (totals_of(chain)[0] + 8, 7)):
        chain.number("borrowCaps", COMPTROLLER, held.address, cap)
        assert limits_of(chain).borrow.room == room


@pytest.mark.parametrize(
    ("action", "closed"), [(0, "supply"), (1, "withdraw_open"), (2, "borrow"), (3, "repay_open"), (4, ""), (5, "")]
)
def test_what_venus_pauses_is_closed_and_told(action: int, closed: str) -> None:
    chain = venus(frozen())
    holdings = one(chain).state.holdings
    slot = next(slot for slot, holding in enumerate(holdings) if (holding.debt if action in (3, 5) else holding.tokens))
    chain.flag("actionPaused", COMPTROLLER, holdings[slot].market.address, action, True)
    limits = limits_of(chain, slot)
    told = {
        "supply": limits.supply.open, "borrow": limits.borrow.open, "repay_open": limits.repay_open,
        "withdraw_open": limits.withdraw_open,
    }  # fmt: skip
    assert told == {name: name != closed for name in told}
    assert "paused-market" in codes(one(chain))


def test_a_venus_market_that_the_core_pool_may_not_borrow_from() -> None:
    chain = venus(frozen())
    held = one(chain).state.holdings[0].market
    types = ["bool", "uint256", "bool", "uint256", "uint256", "uint96", "bool"]
    members = (True, held.collateral_factor, True, held.liquidation_threshold, 108 * 10**16, 0, False)
    chain.tell("markets", COMPTROLLER, [held.address], types, *members)
    assert (limits_of(chain).borrow, limits_of(chain).supply.open) == (
        Limit(open=False, room=0, bound_by=Bound.PAUSED),
        True,
    )


def test_a_paused_protocol_takes_nothing() -> None:
    chain = frozen()
    chain.flag("protocolPaused", COMPTROLLER, True)
    assert limits_of(chain).supply == limits_of(chain).borrow == Limit(open=False, room=0, bound_by=Bound.PAUSED)
    assert not limits_of(chain).repay_open
    assert not limits_of(chain).withdraw_open


def test_isolated_pools_are_refused() -> None:
    chain = frozen()
    chain.number("minLiquidatableCollateral", COMPTROLLER, 10**20)
    with pytest.raises(UnsupportedRules):
        read(chain)


# --- bad input ----------------------------------------------------------------------------------------------------


def broken(chain: FakeChain, name: str, index: int, wallet: int) -> None:
    if name == "code":
        chain.forget(MARKETS[index])
    elif name == "everything":
        for call in [call for call in chain.answers if call.to == MARKETS[index].lower()]:
            chain.answers[call] = Returned(b"\xff" * 7)
    elif name == "error":
        chain.tell("getAccountSnapshot", MARKETS[index], [WALLETS[wallet]], ["uint256"] * 4, 9, 0, 0, 0)
    else:
        chain.revert(name, MARKETS[index], *([WALLETS[wallet]] if name == "getAccountSnapshot" else []))


@pytest.mark.parametrize("name", ["code", "everything", "error", "getAccountSnapshot"])
def test_a_broken_market_spoils_only_those_who_entered_it(name: str) -> None:
    chain, index = frozen(), 5
    for wallet in range(len(WALLETS)):
        broken(chain, name, index, wallet)
    reading = read(chain)
    for wallet, found in enumerate(reading.positions):
        if index in BASE["wallets"][wallet]["assetsIn"]:
            assert isinstance(found, CallReverted | MalformedAnswer), wallet
            assert MARKETS[index] in found.message
        else:
            assert found is None or isinstance(found, Position), (wallet, found)
    assert [warning.code for warning in chain.warnings] == ["unreadable-market"]
    assert MARKETS[index] in chain.warnings[0].text


def test_who_entered_a_broken_market_is_not_warned_but_fails() -> None:
    chain = frozen()
    chain.forget(MARKETS[5])
    assert isinstance(one(chain), MalformedAnswer)
    assert chain.warnings == []


@pytest.mark.parametrize("name", ["totalBorrows", "borrowRatePerBlock", "accrualBlockNumber", "exchangeRateStored"])
def test_a_market_that_does_not_tell_its_books_spoils_only_its_holders(name: str) -> None:
    chain, index = frozen(), 5
    broken(chain, name, index, 0)
    for wallet, found in enumerate(read(chain).positions):
        _, tokens, debt, _ = BASE["wallets"][wallet]["snapshots"][index]
        uses = index in BASE["wallets"][wallet]["assetsIn"] or (tokens, debt) != ("0", "0")
        assert isinstance(found, DefiriskError) == (uses and found is not None), wallet


def test_a_symbol_that_reverts_is_replaced_by_the_address() -> None:
    chain = frozen()
    underlying = BASE["markets"][5]["underlying"]
    chain.revert("symbol", underlying)
    chain.revert("symbol", MARKETS[5])
    position = one(chain)
    assert "symbol-unreadable" in codes(position)
    assert any(token.symbol == f"{underlying[:6]}...{underlying[-4:]}" for token in position.tokens)


def test_decimals_that_cannot_be_spoil_their_holders() -> None:
    chain = frozen()
    chain.number("decimals", BASE["markets"][5]["underlying"], 255)
    assert isinstance(one(chain), MalformedAnswer)


@pytest.mark.parametrize("how", ["zero", "revert"])
def test_a_price_that_is_missing_leaves_the_position_unpriced(how: str) -> None:
    chain, index = frozen(), 5
    if how == "zero":
        chain.number("getUnderlyingPrice", ORACLE, MARKETS[index], 0)
    else:
        chain.revert("getUnderlyingPrice", ORACLE, MARKETS[index])
    for wallet in range(len(WALLETS)):
        if index in BASE["wallets"][wallet]["assetsIn"]:
            chain.tell("getAccountLiquidity", COMPTROLLER, [WALLETS[wallet]], ["uint256"] * 3, 13, 0, 0)
    for wallet, position in enumerate(read(chain).positions):
        if position is None:
            continue
        assert isinstance(position, Position), position
        _, tokens, debt, _ = BASE["wallets"][wallet]["snapshots"][index]
        uses = index in BASE["wallets"][wallet]["assetsIn"] or (tokens, debt) != ("0", "0")
        assert position.status == (PositionStatus.UNPRICED if uses else PositionStatus.OK)
        slots = [
            slot for slot, holding in enumerate(position.state.holdings) if holding.market.address == MARKETS[index]
        ]
        assert list(position.unpriced) == (slots if uses else [])
        if index in BASE["wallets"][wallet]["assetsIn"]:
            assert position.contract.liquidity is None


def test_a_market_entered_and_left_empty_needs_its_price_too() -> None:
    """Error 13 of ``getAccountLiquidity``: nobody can be liquidated, so nothing is judged."""
    chain = frozen()
    empty = {
        (wallet, index)
        for wallet, raw in enumerate(BASE["wallets"])
        for index in raw["assetsIn"]
        if raw["snapshots"][index][1:3] == ["0", "0"]
    }
    wallet, index = min(empty)
    chain.number("getUnderlyingPrice", ORACLE, MARKETS[index], 0)
    chain.tell("getAccountLiquidity", COMPTROLLER, [WALLETS[wallet]], ["uint256"] * 3, 13, 0, 0)
    found = one(chain, wallet)
    assert found.status is PositionStatus.UNPRICED


def test_a_view_that_is_not_ours_is_refused() -> None:
    chain = frozen()
    chain.tell("getAccountLiquidity", COMPTROLLER, [WALLETS[RICH]], ["uint256"] * 3, 0, 1, 0)
    found = one(chain)
    assert isinstance(found, ContractMismatch)
    chain.tell("getAccountLiquidity", COMPTROLLER, [WALLETS[RICH]], ["uint256"] * 3, 5, 0, 0)
    assert isinstance(one(chain), ContractMismatch)


def test_a_debt_outside_of_its_indices_is_told() -> None:
    chain = running()
    owner, index = next(
        (raw["wallet"], raw["market"]) for raw in recorded()["accrual"]["wallets"] if int(raw["borrowStored"]) > 10**6
    )
    right = one(chain, owner)
    chain.number("borrowBalanceCurrent", MARKETS[index], WALLETS[owner], 2**200)
    position = one(chain, owner)
    assert "accrual-differs" in codes(position)
    slot = next(i for i, h in enumerate(position.state.holdings) if h.market.address == MARKETS[index])
    assert 0 <= position.state.holdings[slot].debt - right.state.holdings[slot].debt <= 2


def test_an_exchange_rate_reckoned_otherwise_is_refused() -> None:
    chain = frozen()
    chain.number("exchangeRateStored", MARKETS[5], 1)
    assert isinstance(one(chain), ContractMismatch)


def test_interest_accrued_in_the_future_is_refused() -> None:
    chain = frozen()
    chain.number("accrualBlockNumber", MARKETS[5], chain.block.number + 1)
    assert isinstance(one(chain), MalformedAnswer)


def test_what_is_no_comptroller() -> None:
    with pytest.raises(NotDeployed):
        read(frozen(), deployment=Deployment("x", "compound-v2", "local", 31337, "0x" + "34" * 20))
    with pytest.raises(NotAMarket):
        read(frozen(), deployment=Deployment("x", "compound-v2", "local", 31337, ORACLE))


def test_a_list_without_end_is_refused() -> None:
    chain = frozen()
    endless = ["0x" + f"{number:040x}" for number in range(1, 600)]
    chain.tell("getAllMarkets", COMPTROLLER, [], ["address[]"], endless)
    with pytest.raises(MalformedAnswer):
        read(chain)
    chain = frozen()
    chain.tell("getAssetsIn", COMPTROLLER, [WALLETS[RICH]], ["address[]"], endless)
    assert isinstance(one(chain), MalformedAnswer)


def test_a_market_entered_that_is_no_longer_listed() -> None:
    chain = frozen()
    chain.tell("getAllMarkets", COMPTROLLER, [], ["address[]"], [m for m in MARKETS if m != MARKETS[5]])
    whole = one(frozen())
    position = one(chain)
    assert isinstance(position, Position), position
    assert sorted(h.market.address for h in position.state.holdings) == sorted(
        h.market.address for h in whole.state.holdings
    )
    assert position.contract == whole.contract
