"""What-if on Aave V3.0, V3.6 and V2 against the contracts, by doing it: acts, parameters, and the inverse."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from defirisk.model import Position, Scenario
from defirisk.protocols.aave_v2.family import PROTOCOL as V2
from defirisk.protocols.aave_v3.family import PROTOCOL as V3
from defirisk.protocols.interface import ActKind, Setting, changes_of
from defirisk.risk.binding import known_assets, validate
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenarios import moved_prices
from defirisk.whatif.inverse import Goal, health_aim, survival_aim, unchanged, ways_of

from .evm import ZERO
from .listing import BY_SYMBOL
from .whatif import Done, compare, named, ours, read_listing, same_account, steps, theirs
from .world import NO_DEBT, World
from .world_v20 import world_v20

SYMBOLS = tuple(BY_SYMBOL)


@pytest.fixture(scope="module")
def v20() -> Iterator[World]:
    with world_v20() as made:
        yield made


@pytest.fixture(scope="module", params=["2.0", "3.0", "3.6"])
def market(request: pytest.FixtureRequest) -> World:
    name = {"2.0": "v20", "3.0": "v30", "3.6": "v36"}[request.param]
    made: World = request.getfixturevalue(name)
    return made


@pytest.fixture(scope="module")
def positions(market: World) -> Mapping[str, Position]:
    family: Any = V2 if market.market.rules == "2.0" else V3
    return read_listing(market, family.reader, family.name)


def test_acts_one_by_one(market: World, positions: Mapping[str, Position]) -> None:
    """On every wallet: what it holds withdrawn, what it owes repaid, in whole and by a unit more or less."""
    done = Done()
    for wallet, position in list(positions.items())[::3]:
        rng = random.Random(f"{wallet} one")
        for holding in position.state.holdings:
            symbol, rules = holding.reserve.token.symbol, position.rules
            supplied, owed = rules.supply_of(holding), rules.debt_of(holding) - holding.stable_debt
            unit = 10**holding.reserve.token.decimals
            for kind, most in ((ActKind.WITHDRAW, supplied), (ActKind.REPAY, owed)):
                if most:
                    compare(market, position, [(kind, symbol, rng.choice(list(steps(most, unit))))], done)
            compare(market, position, [(rng.choice((ActKind.WITHDRAW, ActKind.REPAY)), symbol, None)], done)
    assert sum(done.accepted.values()) > 24, done
    assert len(done.refused) > 3, done


def drawn(position: Position, rng: random.Random) -> Iterator[tuple[ActKind, str, int | None]]:
    """A few acts that fit the position more or less, also in reserves that it has nothing in."""
    rules: Any = position.rules
    for _ in range(rng.randint(2, 5)):
        kind = rng.choice([*ActKind, ActKind.BORROW, ActKind.WITHDRAW])
        holding = rng.choice(position.state.holdings)
        symbol = holding.reserve.token.symbol if rng.random() < 0.6 else rng.choice(SYMBOLS)
        offer = next(one for one in position.listing.offers if one.reserve.token.symbol == symbol)
        unit = 10**offer.reserve.token.decimals
        held = next((one for one in position.state.holdings if one.reserve.id == offer.reserve.id), None)
        room = rules.account_data(position.state).available_borrows * unit // offer.price
        scale = {
            ActKind.DEPOSIT: unit * 10 ** rng.randint(0, 4) // 1000,
            ActKind.WITHDRAW: rules.supply_of(held) if held else unit,
            ActKind.BORROW: room,
            ActKind.REPAY: rules.debt_of(held) if held else unit,
        }[kind]
        whole = kind in (ActKind.WITHDRAW, ActKind.REPAY) and rng.random() < 0.2
        amounts = list(steps(scale, unit))
        yield kind, symbol, None if whole else rng.choice(amounts[: 5 if rng.random() < 0.7 else None])


def test_acts_in_a_row(market: World, positions: Mapping[str, Position]) -> None:
    """Deposits of what was not held, borrowing to the last unit of the room and beyond, flags set and cleared."""
    done = Done()
    for wallet, position in positions.items():
        for number in range(2):
            compare(market, position, list(drawn(position, random.Random(f"{wallet} {number}"))), done)
    assert min(done.accepted[kind.value] for kind in ActKind) >= 6, done
    assert len(done.refused) > 4, done


def test_all_of_the_room_and_a_unit_more(market: World, positions: Mapping[str, Position]) -> None:
    """Where we say that a unit more is refused, it is: the largest borrow, found by our own rules."""
    done = Done()
    for wallet, position in list(positions.items())[::3]:
        rng = random.Random(f"{wallet} room")
        symbol = rng.choice([one.symbol for one in market.market.reserves if one.borrowable])
        most = largest(position, ActKind.BORROW, symbol)
        if most:
            compare(market, position, [(ActKind.BORROW, symbol, most)], done)
            compare(market, position, [(ActKind.BORROW, symbol, most + 1)], done)
    assert done.accepted["borrow"] >= 6, done
    assert sum(done.refused.values()) >= 6, done


def largest(position: Position, kind: ActKind, symbol: str) -> int:
    """The largest amount that our acts accept, by bisection; 0 where that is none."""
    low, high = 0, 2**100
    while high - low > 1:
        middle = (low + high) // 2
        taken = not isinstance(ours(position, kind, symbol, middle), str)
        low, high = (middle, high) if taken else (low, middle)
    return low


# --- the market's own limits ----------------------------------------------------------------------------------------


def again(world: World) -> Mapping[str, Position]:
    """What our reader finds now."""
    family: Any = V2 if world.market.rules == "2.0" else V3
    return read_listing(world, family.reader, family.name, world.addresses[::6])


def test_frozen_and_paused(market: World) -> None:
    done = Done()
    with market.reverting():
        if market.market.rules == "2.0":
            market.market.configurator.send("freezeReserve", market.asset("USDC"))
            market.market.configurator.send("disableBorrowingOnReserve", market.asset("DAI"))
        else:
            market.freeze("USDC")
            market.pause("DAI")
        for position in again(market).values():
            for symbol in ("USDC", "DAI"):
                for kind in ActKind:
                    compare(market, position, [(kind, symbol, 10**6)], done)
    assert sum(done.refused.values()) > 20, done


@pytest.mark.parametrize("side", ["supply", "borrow"])
def test_caps(market: World, side: str) -> None:
    """The cap itself is taken, a unit more is not; with months of interest owed to the treasury."""
    if market.market.rules == "2.0":
        assert largest(next(iter(again(market).values())), ActKind.DEPOSIT, "USDC") >= 2**99
        return
    done = Done()
    kind = ActKind.DEPOSIT if side == "supply" else ActKind.BORROW
    with market.reverting():
        for symbol in ("WETH", "wstETH", "LINK"):  # none of which has a stable debt in 3.0
            token = market.market.atokens[symbol] if side == "supply" else market.market.debts[symbol]
            unit = 10 ** BY_SYMBOL[symbol].decimals
            cap = token.call("totalSupply") // unit + (100_000 if side == "supply" else 4)
            market.market.configurator.send(f"set{side.capitalize()}Cap", market.asset(symbol), cap)
        reason = {"supply": ("51", "SupplyCapExceeded()"), "borrow": ("50", "BorrowCapExceeded()")}[side]
        for position in again(market).values():
            for symbol in ("WETH", "wstETH", "LINK"):
                most = largest(position, kind, symbol)
                if most:
                    compare(market, position, [(kind, symbol, most)], done)
                    compare(market, position, [(kind, symbol, most + 1)], done)
    assert done.accepted[kind.value] > 8, done
    assert sum(done.refused[name] for name in reason) >= 2, done


# --- parameters -----------------------------------------------------------------------------------------------------

PARAMETERS = (
    ("WETH", 7000, 7500, 10800),
    ("WETH", 8050, 9500, 10500),
    ("USDC", 7700, 7801, 10449),
    ("wstETH", 1, 5001, 10001),
    ("LINK", 6600, 8100, 10900),
    ("WBTC", 0, 7800, 10625),
)


@pytest.mark.parametrize(("symbol", "ltv", "threshold", "bonus"), PARAMETERS)
def test_parameters_as_the_configurator_sets_them(
    market: World, positions: Mapping[str, Position], symbol: str, ltv: int, threshold: int, bonus: int
) -> None:
    """``configureReserveAsCollateral`` really sent: every wallet's account is the one that we said it would be."""
    texts = {"ltv": ltv, "liquidation_threshold": threshold, "liquidation_bonus": bonus - 10_000}
    felt = 0
    with market.reverting():
        market.market.configurator.send("configureReserveAsCollateral", market.asset(symbol), ltv, threshold, bonus)
        for wallet, position in positions.items():
            changed = position
            for name, bps in texts.items():
                changed = setting(changed, Setting(name, bps_text(bps), asset=named(changed, symbol)))
            felt += changed.state != position.state
            same_account(market, wallet, changed, f"{market.market.rules} {wallet} {symbol}")
    assert felt > 3


def bps_text(bps: int) -> str:
    """As a user would write it: 8050 is 0.805, or 80.5%."""
    return f"{bps // 100}.{bps % 100:02d}%" if bps % 3 else f"{bps / 10_000:.4f}"


def setting(position: Position, one: Setting) -> Position:
    changes = changes_of(position.rules)
    assert changes is not None
    return changes.set(position, one).position


@pytest.mark.parametrize(("category", "ltv", "threshold", "bonus"), [(1, 9100, 9450, 10150), (2, 9310, 9510, 10201)])
def test_emodes_as_the_configurator_sets_them(
    market: World, positions: Mapping[str, Position], category: int, ltv: int, threshold: int, bonus: int
) -> None:
    if market.market.rules == "2.0":
        changes = changes_of(next(iter(positions.values())).rules)
        assert changes is not None
        assert changes.emode_parameters == ()
        return
    mode = next(one for one in market.market.emodes if one.id == category)
    texts = {"ltv": ltv, "liquidation_threshold": threshold, "liquidation_bonus": bonus - 10_000}
    felt = 0
    with market.reverting():
        source = [market.market.keys[mode.price_key] if mode.price_key else ZERO] if market.market.rules == "3.0" else []
        market.market.configurator.send("setEModeCategory", category, ltv, threshold, bonus, *source, mode.label)
        for wallet, position in positions.items():
            changed = position
            for name, bps in texts.items():
                changed = setting(changed, Setting(name, bps_text(bps), emode=category))
            felt += changed.state != position.state
            same_account(market, wallet, changed, f"{market.market.rules} {wallet} eMode {category}")
    assert felt >= 2


def test_members_of_an_emode(market: World, positions: Mapping[str, Position]) -> None:
    """LINK comes to a category, WETH leaves it: bitmaps in 3.6, each reserve's own category in 3.0."""
    if market.market.rules == "2.0":
        return
    felt = 0
    with market.reverting():
        configurator, old = market.market.configurator, market.market.rules == "3.0"
        for symbol, inside in (("LINK", True), ("WETH", False)):
            if old:
                configurator.send("setAssetEModeCategory", market.asset(symbol), 1 if inside else 0)
            else:
                configurator.send("setAssetCollateralInEMode", market.asset(symbol), 1, inside)
        for wallet, position in positions.items():
            changed = setting(position, Setting("collateral", "+LINK,-WETH", emode=1))
            felt += changed.state != position.state
            same_account(market, wallet, changed, f"{market.market.rules} {wallet} members")
    assert felt >= 2


# --- the inverse ----------------------------------------------------------------------------------------------------

AIMS = (1_050_000_000_000_000_000, 1_333_333_333_333_333_333, 2 * 10**18)


def test_the_least_amounts_reach_the_health_factor(market: World, positions: Mapping[str, Position]) -> None:
    """Each amount really sent leaves at least the health factor asked for, a base unit less does not; and deposits of
    what was not held.
    """
    tried = 0
    for number, (wallet, position) in list(enumerate(positions.items()))[::5]:
        aim = AIMS[number % len(AIMS)]
        extra = (named(position, ("DAI", "wstETH", "LINK")[number % 3]),)
        for way in ways_of(position, [Goal(health_aim(aim), unchanged)], extra):
            if way.act is None or way.amount is None or way.asset is None:
                continue
            assert way.proved
            for amount, enough in ((way.amount, True), (way.amount - 1, False)):
                with market.reverting():
                    refused = theirs(market, wallet, ActKind(way.act), way.asset.symbol, amount) if amount else None
                    health = market.health_factor(wallet)
                    what = f"{market.market.rules} {wallet} {way.act} {amount} {way.asset.symbol} to {aim}: {health}"
                    assert (refused is None and health >= aim) == enough, f"{what} {refused}"
                    if enough:
                        assert health == (way.health if way.health is not None else NO_DEBT), what
            tried += 1
    assert tried >= 8


def test_the_least_amounts_survive_a_fall(market: World, positions: Mapping[str, Position]) -> None:
    """After the act and the fall nobody can liquidate; with a base unit less somebody can."""
    book = FamilyBook.load()
    tried = 0
    fall = Scenario("-30%", volatile=-3 * 10**17)
    for wallet, position in list(positions.items())[1::5]:
        if market.market.rules == "2.0" and "WETH" not in {token.symbol for token in position.tokens}:
            continue
        (bound,) = validate([fall], known_assets([position]), book)
        for way in ways_of(position, [Goal(survival_aim(fall.name), lambda p, b=bound: moved_prices(p, b, book).oracle)], ()):
            if way.act is None or way.amount is None or way.asset is None:
                continue
            prices = moved_prices(position, bound, book).oracle
            feeds = {t.symbol: p for t, p in zip(position.tokens, prices, strict=True) if t.symbol in market.market.feeds}
            if market.market.rules == "2.0":
                feeds.pop("WETH", None)
            for amount, enough in ((way.amount, True), (way.amount - 1, False)):
                with market.reverting():
                    refused = theirs(market, wallet, ActKind(way.act), way.asset.symbol, amount) if amount else None
                    market.set_prices(feeds)
                    health = market.health_factor(wallet)
                    what = f"{market.market.rules} {wallet} {way.act} {amount} {way.asset.symbol}: {health}"
                    assert (refused is None and health >= 10**18) == enough, what
            tried += 1
    assert tried >= 2
