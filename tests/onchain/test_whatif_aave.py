"""What-if on Aave V3.0, V3.6 and V2 against the contracts, by doing it: acts, parameters, and the inverse."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from defirisk.model import Position
from defirisk.protocols.aave_v2.family import PROTOCOL as V2
from defirisk.protocols.aave_v3.family import PROTOCOL as V3
from defirisk.protocols.interface import ActKind, Setting, changes_of

from .evm import ZERO
from .listing import BY_SYMBOL
from .whatif import Done, compare, named, ours, read_listing, same_account, steps
from .world import World

SYMBOLS = tuple(BY_SYMBOL)


def test_acts_one_by_one(aave: World, listed: Mapping[str, Position]) -> None:
    """On every wallet: what it holds withdrawn, what it owes repaid, in whole and by a unit more or less."""
    done = Done()
    for wallet, position in list(listed.items())[::3]:
        rng = random.Random(f"{wallet} one")
        for holding in position.state.holdings:
            symbol, rules = holding.reserve.token.symbol, position.rules
            supplied, owed = rules.supply_of(holding), rules.debt_of(holding) - holding.stable_debt
            unit = 10**holding.reserve.token.decimals
            for kind, most in ((ActKind.WITHDRAW, supplied), (ActKind.REPAY, owed)):
                if most:
                    compare(aave, position, [(kind, symbol, rng.choice(list(steps(most, unit))))], done)
            compare(aave, position, [(rng.choice((ActKind.WITHDRAW, ActKind.REPAY)), symbol, None)], done)
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


def test_acts_in_a_row(aave: World, listed: Mapping[str, Position]) -> None:
    """Deposits of what was not held, borrowing to the last unit of the room and beyond, flags set and cleared."""
    done = Done()
    for wallet, position in listed.items():
        for number in range(2):
            compare(aave, position, list(drawn(position, random.Random(f"{wallet} {number}"))), done)
    assert min(done.accepted[kind.value] for kind in ActKind) >= 6, done
    assert len(done.refused) > 4, done


def test_all_of_the_room_and_a_unit_more(aave: World, listed: Mapping[str, Position]) -> None:
    """Where we say that a unit more is refused, it is: the largest borrow, found by our own rules."""
    done = Done()
    for wallet, position in list(listed.items())[::3]:
        rng = random.Random(f"{wallet} room")
        symbol = rng.choice([one.symbol for one in aave.market.reserves if one.borrowable])
        most = largest(position, ActKind.BORROW, symbol)
        if most:
            compare(aave, position, [(ActKind.BORROW, symbol, most)], done)
            compare(aave, position, [(ActKind.BORROW, symbol, most + 1)], done)
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


def test_frozen_and_paused(aave: World) -> None:
    done = Done()
    with aave.reverting():
        if aave.market.rules == "2.0":
            aave.market.configurator.send("freezeReserve", aave.asset("USDC"))
            aave.market.configurator.send("disableBorrowingOnReserve", aave.asset("DAI"))
        else:
            aave.freeze("USDC")
            aave.pause("DAI")
        for position in again(aave).values():
            for symbol in ("USDC", "DAI"):
                for kind in ActKind:
                    compare(aave, position, [(kind, symbol, 10**6)], done)
    assert sum(done.refused.values()) > 20, done


@pytest.mark.parametrize("side", ["supply", "borrow"])
def test_caps(aave: World, side: str) -> None:
    """The cap itself is taken, a unit more is not; with months of interest owed to the treasury."""
    if aave.market.rules == "2.0":
        assert largest(next(iter(again(aave).values())), ActKind.DEPOSIT, "USDC") >= 2**99
        return
    done = Done()
    kind = ActKind.DEPOSIT if side == "supply" else ActKind.BORROW
    with aave.reverting():
        for symbol in ("WETH", "wstETH", "LINK"):  # none of which has a stable debt in 3.0
            token = aave.market.atokens[symbol] if side == "supply" else aave.market.debts[symbol]
            unit = 10 ** BY_SYMBOL[symbol].decimals
            cap = token.call("totalSupply") // unit + (100_000 if side == "supply" else 4)
            aave.market.configurator.send(f"set{side.capitalize()}Cap", aave.asset(symbol), cap)
        reason = {"supply": ("51", "SupplyCapExceeded()"), "borrow": ("50", "BorrowCapExceeded()")}[side]
        for position in again(aave).values():
            for symbol in ("WETH", "wstETH", "LINK"):
                most = largest(position, kind, symbol)
                if most:
                    compare(aave, position, [(kind, symbol, most)], done)
                    compare(aave, position, [(kind, symbol, most + 1)], done)
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
    aave: World, listed: Mapping[str, Position], symbol: str, ltv: int, threshold: int, bonus: int
) -> None:
    """``configureReserveAsCollateral`` really sent: every wallet's account is the one that we said it would be."""
    texts = {"ltv": ltv, "liquidation_threshold": threshold, "liquidation_bonus": bonus - 10_000}
    felt = 0
    with aave.reverting():
        aave.market.configurator.send("configureReserveAsCollateral", aave.asset(symbol), ltv, threshold, bonus)
        for wallet, position in listed.items():
            changed = position
            for name, bps in texts.items():
                changed = setting(changed, Setting(name, bps_text(bps), asset=named(changed, symbol)))
            felt += changed.state != position.state
            same_account(aave, wallet, changed, f"{aave.market.rules} {wallet} {symbol}")
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
    aave: World, listed: Mapping[str, Position], category: int, ltv: int, threshold: int, bonus: int
) -> None:
    if aave.market.rules == "2.0":
        changes = changes_of(next(iter(listed.values())).rules)
        assert changes is not None
        assert changes.emode_parameters == ()
        return
    mode = next(one for one in aave.market.emodes if one.id == category)
    texts = {"ltv": ltv, "liquidation_threshold": threshold, "liquidation_bonus": bonus - 10_000}
    felt = 0
    with aave.reverting():
        source = [aave.market.keys[mode.price_key] if mode.price_key else ZERO] if aave.market.rules == "3.0" else []
        aave.market.configurator.send("setEModeCategory", category, ltv, threshold, bonus, *source, mode.label)
        for wallet, position in listed.items():
            changed = position
            for name, bps in texts.items():
                changed = setting(changed, Setting(name, bps_text(bps), emode=category))
            felt += changed.state != position.state
            same_account(aave, wallet, changed, f"{aave.market.rules} {wallet} eMode {category}")
    assert felt >= 2


def test_members_of_an_emode(aave: World, listed: Mapping[str, Position]) -> None:
    """LINK comes to a category, WETH leaves it: bitmaps in 3.6, each reserve's own category in 3.0."""
    if aave.market.rules == "2.0":
        return
    felt = 0
    with aave.reverting():
        configurator, old = aave.market.configurator, aave.market.rules == "3.0"
        for symbol, inside in (("LINK", True), ("WETH", False)):
            if old:
                configurator.send("setAssetEModeCategory", aave.asset(symbol), 1 if inside else 0)
            else:
                configurator.send("setAssetCollateralInEMode", aave.asset(symbol), 1, inside)
        for wallet, position in listed.items():
            changed = setting(position, Setting("collateral", "+LINK,-WETH", emode=1))
            felt += changed.state != position.state
            same_account(aave, wallet, changed, f"{aave.market.rules} {wallet} members")
    assert felt >= 2
