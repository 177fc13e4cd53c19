"""Comet's reader on two recorded markets, weeks after their last accrual: what stands there is what it finds."""

from dataclasses import replace

import pytest

from defirisk.chain.calls import Call, Returned, Reverted
from defirisk.errors import ContractMismatch, MalformedAnswer, MissingCall, NotAMarket, NotDeployed, UnsupportedRules
from defirisk.model import NATIVE_COIN, ContractView, Position, PositionStatus, Unit
from defirisk.protocols.compound_v3.account import borrow_balance, is_borrow_collateralized, supply_balance
from defirisk.protocols.compound_v3.family import PROTOCOL
from defirisk.protocols.compound_v3.state import CometState
from tests.recorded.compound_v3.tampered import ABI, BAD_PRICE, Market, words
from tests.vectors.comet import recording

MARKETS = [Market("usdc"), Market("weth")]
USDC, WETH = MARKETS
OVER, LATER = "liquidatable on stored indices", "liquidatable only once interest is accrued"
MANY = "healthy, several collaterals"


@pytest.fixture(params=MARKETS, ids=lambda market: market.name)
def market(request: pytest.FixtureRequest) -> Market:
    return request.param


async def test_every_wallet_is_what_was_recorded_of_it(market: Market) -> None:
    """The same state as made from the vectors' own fields, which no reader touched."""
    vectors = recording(market.name)
    comet = vectors.comet(vectors.data["stale"]["totals"])
    prices = vectors.prices()
    by_address = {one["address"]: i for i, one in enumerate(vectors.base["wallets"])}
    reading = await market.read()
    assert reading.rules == vectors.rules.name
    for owner, position in zip(market.wallets, reading.positions, strict=True):
        expected = vectors.state(vectors.data["stale"]["users"][by_address[owner]], comet, prices)
        if expected.principal == 0 and not expected.assets:
            assert position is None
            continue
        assert isinstance(position, Position)
        assert _without_totals(position.state) == expected
        assert position.owner == owner
        assert position.status is PositionStatus.OK
        assert position.contract == position.reproduced
        assert len(position.price_times) == len(position.tokens)


def _without_totals(state: CometState) -> CometState:
    """What the vectors do not tell: how much of each collateral all owners have together."""
    return replace(state, assets=tuple(replace(asset, total_supply=0) for asset in state.assets))


async def test_what_a_collateral_takes_is_its_cap_less_what_everybody_supplied(market: Market) -> None:
    """Exactly the cap is accepted; over the cap, which governance may lower, nothing is."""
    chain = market.chain()
    first = await market.position(MANY)
    for limits in first.rules.limits(first.state)[1:]:
        call = market.call("totalsCollateral", limits.token.address)
        total = int.from_bytes((await chain.calls([call]))[0].data[:32])
        assert (limits.supply.cap or 0) - total == limits.supply.room > 0
        assert (limits.borrow, limits.supply.open) == (None, True)
        for told, room in ((limits.supply.cap, 0), ((limits.supply.cap or 0) + 5, 0), (limits.supply.cap - 7, 7)):
            position = await market.position(MANY, {call: words(told, 0)})
            assert position.rules.limits(position.state)[limits.slot].supply.room == room


async def test_a_paused_market_takes_and_gives_nothing(market: Market) -> None:
    position = await market.position(MANY)
    state = position.state
    for paused, supply, borrow in (({"supply"}, False, True), ({"withdraw"}, True, False), ({"absorb"}, True, True)):
        comet = replace(state.comet, paused=frozenset(paused))
        base, *rest = position.rules.limits(replace(state, comet=comet))
        assert (base.supply.open, base.borrow.open, base.repay_open) == (supply, borrow, supply)
        assert {(one.supply.open, one.withdraw_open) for one in rest} == {(supply, borrow)}
        assert {one.supply.room == 0 for one in rest} == {not supply}


async def test_feed_times_are_the_feeds_own(market: Market) -> None:
    """By slot; 0, as a mock that was never updated says, is no time."""
    chain, seen = market.chain(), 0
    for position in (await market.read(chain)).positions:
        feeds = [] if position is None else [feed_of(market, position, slot) for slot in range(len(position.tokens))]
        rounds = await chain.calls([ABI["latestRoundData"](feed) for feed in feeds])
        for time, answer in zip(position.price_times if position else (), rounds, strict=True):
            assert time == (int.from_bytes(answer.data[96:128]) or None)
            seen += time is not None
    assert seen >= 10


async def test_balances_are_the_accrued_ones(market: Market) -> None:
    """Against ``borrowBalanceOf`` and ``balanceOf`` as recorded; with stored indices they would differ."""
    chain = market.chain()
    for position in (await market.read(chain)).positions:
        if position is None:
            continue
        owed, held = await chain.calls([market.call(name, position.owner) for name in ("borrowBalanceOf", "balanceOf")])
        assert borrow_balance(position.state) == int.from_bytes(owed.data)
        assert supply_balance(position.state) == int.from_bytes(held.data)
        stored = position.state.as_stored()
        assert abs(stored.principal) < 1000 or borrow_balance(stored) + supply_balance(stored) < int.from_bytes(
            owed.data
        ) + int.from_bytes(held.data)


async def test_reserves_and_parameters(market: Market) -> None:
    """The market's own numbers, from the vectors' fields."""
    base = recording(market.name).base
    comet = (await market.position(MANY)).state.comet
    assert comet.target_reserves == int(base["targetReserves"])
    assert comet.base_borrow_min == int(base["baseBorrowMin"])
    assert comet.reserves == int(recording(market.name).data["stale"]["totals"]["getReserves"])
    assert comet.paused == frozenset()


async def test_three_round_trips_and_one_where_nobody_has_anything(market: Market) -> None:
    """INV-C6: the stages do not grow with wallets or assets."""
    chain = market.chain()
    await market.read(chain)
    assert len(chain.asked) == 3
    chain = market.chain()
    reading = await market.read(chain, wallets=[])
    assert reading.positions == ()
    assert len(chain.asked) == 1


async def test_a_wallet_with_nothing_costs_one_round_trip() -> None:
    chain = WETH.chain()
    reading = await WETH.read(chain, [WETH.wallet("empty")])
    assert reading.positions == (None,)
    assert reading.rules == "comet"
    assert len(chain.asked) == 1


async def test_no_call_beyond_the_recording_but_the_probe(market: Market) -> None:
    """Without the probe's answer the recording serves all the same, and every position says so."""
    unprobed = await market.read(market.chain(probed=False))
    probed = await market.read()
    for one, other in zip(unprobed.positions, probed.positions, strict=True):
        if one is None or other is None:
            assert one is other
            continue
        assert [w.code for w in one.warnings if w not in other.warnings] == ["partial-liquidation-unprobed"]
        assert replace(one, warnings=()) == replace(other, warnings=())


async def test_who_is_liquidatable_only_once_accrued(market: Market) -> None:
    """The contract says no, we say yes, a warning says why, and it is no difference from the contract."""
    position = await market.position(LATER)
    assert position.contract.liquidatable is False
    assert position.reproduced.liquidatable is False
    assert position.rules.standing(position.state).liquidatable
    assert [warning.code for warning in position.warnings] == ["liquidatable-once-accrued"]


async def test_units() -> None:
    """USD; and ether for a WETH market with a constant feed, with the base itself as the unit's asset."""
    assert (await USDC.position(OVER)).market.unit == Unit("USD", 8)
    position = await WETH.position(LATER)
    assert position.market.unit == Unit("ETH", 8, position.tokens[0].address)


@pytest.mark.parametrize(
    ("description", "base_price", "unit"),
    [
        ("USDC / USD", 100003000, Unit("USD", 8)),
        ("Custom price feed for wstETH / ETH", 117234567, Unit("ETH", 8, NATIVE_COIN)),
        ("wstETH / ETH CAPO Price Feed", 117234567, Unit("ETH", 8, NATIVE_COIN)),
        ("WBTC / BTC", 99900000, "BTC"),
        ("Constant price feed", 100000000, "ETH"),
        ("Constant price feed", 100000001, Unit("USD", 8)),
        ("WETH / USD", 100000000, Unit("USD", 8)),
    ],
)
async def test_units_by_the_feed_s_description(description: str, base_price: int, unit: Unit | str) -> None:
    feed = recording("weth").base["base_price_feed"]
    text = description.encode().ljust(64, b"\0")
    instead = {
        ABI["description"](feed): Returned(words(32, len(description)).data + text),
        WETH.call("getPrice", feed): words(base_price),
    }
    position = await WETH.position("supplier", instead)
    expected = Unit(unit, 8, position.tokens[0].address) if isinstance(unit, str) else unit
    assert position.market.unit == expected


async def test_a_description_that_reverts_is_no_harm() -> None:
    feed = recording("weth").base["base_price_feed"]
    position = await WETH.position("supplier", {ABI["description"](feed): Reverted(b"")})
    assert position.market.unit.symbol == "ETH"


# --- prices -------------------------------------------------------------------------------------------------------


def feed_of(market: Market, position: Position, slot: int) -> str:
    base = recording(market.name).base
    by_asset = {one["asset"]: one["price_feed"] for one in base["assets"]}
    by_asset[base["base_token"]] = base["base_price_feed"]
    return by_asset[position.tokens[slot].address]


async def test_a_bad_price_of_what_is_held_makes_it_unpriced(market: Market) -> None:
    healthy = await market.position(MANY)
    call = market.call("getPrice", feed_of(market, healthy, 2))
    position = await market.position(MANY, {call: BAD_PRICE})
    assert position.status is PositionStatus.UNPRICED
    assert list(position.unpriced) == [2]
    assert "BadPrice" in position.unpriced[2]
    assert position.prices[2] == 0
    assert position.prices[1] == healthy.prices[1]


async def test_a_bad_price_reaches_no_other_wallet() -> None:
    feeds = {one["price_feed"] for one in recording("usdc").base["assets"]}
    kept = {
        feed_of(USDC, await USDC.position(OVER), slot) for slot in range(1, len((await USDC.position(OVER)).tokens))
    }
    position = await USDC.position(OVER, {USDC.call("getPrice", feed): BAD_PRICE for feed in feeds - kept})
    assert position.status is PositionStatus.OK
    assert position.contract == position.reproduced


async def test_a_price_of_zero_is_no_price() -> None:
    feed = recording("usdc").base["base_price_feed"]
    views = {USDC.call(name, USDC.wallet(OVER)): BAD_PRICE for name in ("isLiquidatable", "isBorrowCollateralized")}
    position = await USDC.position(OVER, {USDC.call("getPrice", feed): words(0), **views})
    assert position.contract == position.reproduced == ContractView()
    assert list(position.unpriced) == [0]
    assert "price of 0" in position.unpriced[0]


async def test_a_base_price_is_not_needed_without_base() -> None:
    """A bad base feed makes nobody unpriced who neither owes nor supplies the base."""
    owner = USDC.wallet(MANY)
    basic = words(0, 0, 0, 0b11, 0)
    feed = recording("usdc").base["base_price_feed"]
    instead = {
        USDC.call("userBasic", owner): basic,
        USDC.call("getPrice", feed): BAD_PRICE,
        USDC.call("borrowBalanceOf", owner): words(0),
        USDC.call("isLiquidatable", owner): words(0),
        USDC.call("isBorrowCollateralized", owner): words(1),
    }
    position = await USDC.position(MANY, instead)
    assert 0 not in position.unpriced


async def test_a_feed_without_a_time() -> None:
    feed = recording("weth").base["base_price_feed"]
    for answer in (Reverted(b""), Returned(b""), words(1, 10**8, 0, 0, 1)):
        position = await WETH.position(MANY, {ABI["latestRoundData"](feed): answer})
        assert position.price_times[0] is None
        assert position.status is PositionStatus.OK


async def test_a_feed_s_time_is_when_it_was_updated() -> None:
    """Not when the round began, which comes before it in the answer."""
    feed = recording("weth").base["base_price_feed"]
    position = await WETH.position(MANY, {ABI["latestRoundData"](feed): words(9, 10**8, 1700000000, 1700000777, 9)})
    assert position.price_times[0] == 1700000777


# --- what is refused ----------------------------------------------------------------------------------------------


async def refused(market: Market, instead: dict[Call, object], **named: object) -> Exception:
    with pytest.raises(Exception) as caught:
        await market.read(market.chain(instead, **named))  # type: ignore[arg-type]
    return caught.value


async def test_partial_liquidation_is_refused_by_name(market: Market) -> None:
    problem = await refused(market, {market.call("targetHealthFactor"): words(105 * 10**16)})
    assert type(problem) is UnsupportedRules
    assert "targetHealthFactor" in problem.message
    assert problem.hint


@pytest.mark.parametrize("name", ["baseToken", "baseTokenPriceFeed", "numAssets", "totalsBasic"])
async def test_another_contract_is_no_market(market: Market, name: str) -> None:
    assert type(await refused(market, {market.call(name): Reverted(b"")})) is NotAMarket
    assert type(await refused(market, {market.call(name): words(2**255, 1)})) is NotAMarket
    assert type(await refused(market, {market.call(name): Returned(b"")})) is NotDeployed


@pytest.mark.parametrize(
    ("name", "value"),
    [("baseIndexScale", 10**18), ("priceScale", 10**18), ("factorScale", 10**4), ("maxAssets", 25), ("maxAssets", 0)],
)
async def test_other_scales_and_longer_lists_are_refused(market: Market, name: str, value: int) -> None:
    problem = await refused(market, {market.call(name): words(value)})
    assert type(problem) is UnsupportedRules
    assert str(value) in problem.message


async def test_a_list_longer_than_its_own_bound_is_refused() -> None:
    assert type(await refused(USDC, {USDC.call("maxAssets"): words(15)})) is UnsupportedRules


async def test_an_asset_with_other_parameters_is_refused(market: Market) -> None:
    problem = await refused(market, {market.call("getAssetInfo", 0): words(*range(9))})
    assert type(problem) is UnsupportedRules
    assert "9 words" in problem.message


@pytest.mark.parametrize("place", [0, 3, 4, 5, 6])
async def test_an_asset_that_cannot_be(market: Market, place: int) -> None:
    """Its offset, scale and factors are checked."""
    real = (await market.chain().calls([market.call("getAssetInfo", 0)]))[0].data
    info = [int.from_bytes(real[i : i + 32]) for i in range(0, 256, 32)]
    info[place] = 10**18 + 1
    assert type(await refused(market, {market.call("getAssetInfo", 0): words(*info)})) is MalformedAnswer


async def test_books_that_cannot_be(market: Market) -> None:
    real = (await market.chain().calls([market.call("totalsBasic")]))[0].data
    totals = [int.from_bytes(real[i : i + 32]) for i in range(0, 256, 32)]
    for place, value in ((0, 0), (1, 10**15 - 1), (6, market.chain().block.timestamp + 1)):
        wrong = [*totals[:place], value, *totals[place + 1 :]]
        assert type(await refused(market, {market.call("totalsBasic"): words(*wrong)})) is MalformedAnswer
    assert type(await refused(market, {market.call("storeFrontPriceFactor"): words(10**18 + 1)})) is MalformedAnswer
    assert type(await refused(market, {market.call("baseScale"): words(15 * 10**5)})) is MalformedAnswer


async def test_a_recording_that_lacks_more_than_the_probe() -> None:
    """A wallet that was not recorded is a failure of its own; a market that was not, is one of all."""
    stranger = "0x" + "11" * 20
    reading = await WETH.read(WETH.chain(), [stranger, WETH.wallet(MANY)])
    assert isinstance(reading.positions[0], MissingCall)
    assert isinstance(reading.positions[1], Position)
    other = Market("weth")
    other.entry = stranger
    other.deployment = replace(other.deployment, entry=stranger)
    with pytest.raises(MissingCall):
        await other.read(other.chain(probed=False))


# --- differences from the contract --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["borrowBalanceOf", "balanceOf"])
async def test_a_balance_that_is_not_ours_is_a_failure(market: Market, name: str) -> None:
    """INV-C7: one unit off, and the position is refused rather than shown."""
    owner = market.wallet(MANY)
    call = market.call(name, owner)
    real = int.from_bytes((await market.chain().calls([call]))[0].data)
    (found,) = (await market.read(market.chain({call: words(real + 1)}), [owner])).positions
    assert isinstance(found, ContractMismatch)
    assert name in found.message


async def test_a_borrow_line_that_is_not_ours_is_a_failure(market: Market) -> None:
    owner = market.wallet(MANY)
    (found,) = (
        await market.read(market.chain({market.call("isBorrowCollateralized", owner): words(0)}), [owner])
    ).positions
    assert isinstance(found, ContractMismatch)


async def test_the_borrow_line_is_compared_by_stored_indices(market: Market) -> None:
    """A debt within the line by the stored index and beyond it by the accrued one: the contract says yes, as we do."""
    state = (await market.position(MANY)).state
    limit = sum(
        amount * price // asset.scale * asset.borrow_collateral_factor // 10**18
        for asset, amount, price in zip(state.assets, state.balances, state.prices[1:], strict=True)
    )
    debt = limit * state.comet.base_scale // state.prices[0]
    comet = state.comet
    principal = -debt * 10**15 * 2 // (comet.stored.borrow_index + comet.accrued.borrow_index)
    call = market.call("userBasic", market.wallet(MANY))
    real = (await market.chain().calls([call]))[0].data
    basic = [int.from_bytes(real[i : i + 32], signed=True) for i in range(0, 160, 32)]
    owed = -principal * comet.accrued.borrow_index // 10**15
    owner = market.wallet(MANY)
    instead = {
        call: words(principal, *basic[1:]),
        market.call("borrowBalanceOf", owner): words(owed),
        market.call("isBorrowCollateralized", owner): words(1),
    }
    position = await market.position(MANY, instead)
    assert is_borrow_collateralized(position.state.as_stored()) is True
    assert is_borrow_collateralized(position.state) is False


async def test_a_flag_that_is_not_ours_stands_beside_ours(market: Market) -> None:
    position = await market.position(MANY, {market.call("isLiquidatable", market.wallet(MANY)): words(1)})
    assert position.contract.liquidatable is True
    assert position.reproduced.liquidatable is False


# --- the rest -----------------------------------------------------------------------------------------------------


async def test_pauses_are_read_and_said() -> None:
    real = (await WETH.chain().calls([WETH.call("totalsBasic")]))[0].data
    totals = [int.from_bytes(real[i : i + 32]) for i in range(0, 256, 32)]
    position = await WETH.position(LATER, {WETH.call("totalsBasic"): words(*totals[:7], 0b11000)})
    assert position.state.comet.paused == {"absorb", "buy"}
    assert any(w.code == "paused" and "absorb, buy" in w.text for w in position.warnings)


async def test_the_low_bits_alone_count_in_the_classic_contract() -> None:
    """Comet before the asset list does not know ``_reserved``; what stands there is not held."""
    owner = WETH.wallet(MANY)
    call = WETH.call("userBasic", owner)
    real = (await WETH.chain().calls([call]))[0].data
    basic = [int.from_bytes(real[i : i + 32], signed=True) for i in range(0, 160, 32)]
    position = await WETH.position(MANY, {call: words(*basic[:4], 255)})
    assert position.state == (await WETH.position(MANY)).state


async def test_high_bits_are_held_in_the_extended_one() -> None:
    position = await USDC.position("asset bits 16 and up (or the last assets)")
    assert isinstance(position.state, CometState)
    assert max(asset.offset for asset in position.state.assets) >= 16


async def test_a_token_without_a_symbol_is_shown_by_its_address() -> None:
    token = recording("weth").base["base_token"]
    for answer in (Reverted(b""), Returned(b""), words(2**200, 5)):
        position = await WETH.position("supplier", {ABI["symbol"](token): answer})
        assert position.tokens[0].symbol == f"{token[:6]}...{token[-4:]}"
        assert [w.code for w in position.warnings] == ["symbol-unreadable"]


async def test_early_calls_are_the_first_round_trip_without_wallets(market: Market) -> None:
    early = list(PROTOCOL.reader.early_calls(market.deployment))
    chain = market.chain()
    await market.read(chain, wallets=[])
    assert chain.asked == [early]


# --- the smallest debt --------------------------------------------------------------------------------------------


async def test_a_debt_below_the_smallest_is_said(market: Market) -> None:
    """To the unit: a debt of exactly the least is none of it."""
    owed = (await market.position(LATER)).rules.standing((await market.position(LATER)).state).debt[0].amount
    for least, said in ((owed, False), (owed + 1, True)):
        position = await market.position(LATER, {market.call("baseBorrowMin"): words(least)})
        assert ("below-borrow-min" in [warning.code for warning in position.warnings]) is said
