"""What-if on a real fork of Compound V2 (Venus 2.2.1), by doing it: acts, parameters, and the inverse."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from defirisk.model import Position
from defirisk.protocols.compound_v2.account import accrued_sums
from defirisk.protocols.compound_v2.family import PROTOCOL
from defirisk.protocols.interface import Acted, ActKind, Deployment, Scope, Setting, changes_of
from defirisk.whatif.inverse import Goal, health_aim, unchanged, ways_of

from .evm import MAX
from .local_chain import LocalChain
from .venus_market import KINDS, Venus, stop_interest, venus
from .venus_steps import chain_says
from .whatif import named, ours, steps

SYMBOLS = tuple(kind.symbol for kind in KINDS)


@pytest.fixture(scope="module")
def market() -> Iterator[Venus]:
    with venus(stale=100) as made:
        stop_interest(made)
        yield made


@pytest.fixture(scope="module")
def positions(market: Venus) -> dict[str, Position]:
    return found(market)


def found(market: Venus) -> dict[str, Position]:
    here = Deployment("venus-local", "compound-v2", "local", 31337, market.comptroller.address)
    reader: Any = PROTOCOL.reader
    reading = asyncio.run(reader.read(LocalChain(market.evm.rpc), here, market.wallets, Scope.LISTED))
    read = {}
    for wallet, position in zip(market.wallets, reading.positions, strict=True):
        assert position is None or isinstance(position, Position), position
        if position is not None:
            read[wallet] = position
    return read


def theirs(made: Venus, wallet: str, kind: ActKind, symbol: str, amount: int | None) -> bool:
    """Send the owner's transactions; whether they went through: error codes are no reverts, the event decides."""
    one = made.markets[SYMBOLS.index(symbol)]
    if kind in (ActKind.DEPOSIT, ActKind.REPAY):
        with made.evm.together():
            one.token.send("mint", wallet, amount if amount is not None else 10**12 * 10**one.kind.decimals)
            one.token.send("approve", one.vtoken.address, MAX, sender=wallet)
    tokens = one.vtoken.call("balanceOf", wallet)
    calls = {
        ActKind.DEPOSIT: ("mint", amount),
        ActKind.WITHDRAW: ("redeem", tokens) if amount is None else ("redeemUnderlying", amount),
        ActKind.BORROW: ("borrow", amount),
        ActKind.REPAY: ("repayBorrow", MAX if amount is None else amount),
    }
    function, *arguments = calls[kind]
    receipt = made.evm.send(one.vtoken.address, one.vtoken.data(function, *arguments), wallet)
    done = int(receipt["status"], 16) == 1 and not any(e.name == "Failure" for e in made.evm.events(receipt))
    if done and kind is ActKind.DEPOSIT:
        made.comptroller.send("enterMarkets", [one.vtoken.address], sender=wallet)
    return done


def compare(made: Venus, position: Position, acts: list[tuple[ActKind, str, int | None]], met: Counter[str]) -> None:
    with made.undone():
        for kind, symbol, amount in acts:
            mine = ours(position, kind, symbol, amount)
            accepted = theirs(made, position.owner, kind, symbol, amount)
            assert accepted == isinstance(mine, Acted), (position.owner, kind, symbol, amount, mine)
            met[kind.value if isinstance(mine, Acted) else str(mine)] += 1
            if not isinstance(mine, Acted):
                return
            position = mine.position
            chain_says(made, {position.owner: position.state})


def room(position: Position) -> int:
    sums = accrued_sums(position.state)
    return max(0, sums.collateral - sums.debts)


def test_acts_in_a_row(market: Venus, positions: dict[str, Position]) -> None:
    met: Counter[str] = Counter()
    for wallet, position in positions.items():
        for number in range(2):
            rng = random.Random(f"{wallet} {number}")
            compare(market, position, list(drawn(position, rng)), met)
    assert min(met[kind.value] for kind in ActKind) >= 6, met
    assert {"INSUFFICIENT_LIQUIDITY"} <= set(met)


def drawn(position: Position, rng: random.Random) -> Iterator[tuple[ActKind, str, int | None]]:
    """A few acts that fit the position more or less."""
    for _ in range(rng.randint(2, 5)):
        kind = rng.choice([*ActKind, ActKind.BORROW, ActKind.WITHDRAW])
        holding = rng.choice(position.state.holdings)
        symbol = holding.market.token.symbol if rng.random() < 0.7 else rng.choice(SYMBOLS)
        price = next(one.price for one in position.listing.offers if one.market.token.symbol == symbol)
        decimals = next(kind.decimals for kind in KINDS if kind.symbol == symbol)
        scale = {
            ActKind.DEPOSIT: 10 ** rng.randint(0, decimals + 4),
            ActKind.WITHDRAW: holding.tokens * holding.books.rate // 10**18,
            ActKind.BORROW: room(position) * 10**18 // price,
            ActKind.REPAY: holding.debt,
        }[kind]
        whole = kind in (ActKind.WITHDRAW, ActKind.REPAY) and rng.random() < 0.2
        amounts = list(steps(scale, 10**decimals))
        yield kind, symbol, None if whole else rng.choice(amounts[: 5 if rng.random() < 0.7 else None])


# --- parameters -----------------------------------------------------------------------------------------------------


def test_parameters_as_the_comptroller_sets_them(market: Venus, positions: dict[str, Position]) -> None:
    """Collateral factors, incentive and close factor really set: the chain's liquidity is what we said it would be."""
    factors = {"ETHV": "0.65", "USDV": "0.9", "OLDV": "0.3333", "CAKE": "0"}
    felt = 0
    with market.undone():
        for symbol, text in factors.items():
            vtoken = market.markets[SYMBOLS.index(symbol)].vtoken.address
            market.comptroller.send("_setCollateralFactor", vtoken, int(float(text) * 10**4) * 10**14)
        market.comptroller.send("_setLiquidationIncentive", 1_072 * 10**15)
        market.comptroller.send("_setCloseFactor", 61 * 10**16)
        told = dict(zip(market.wallets, market.liquidity(market.wallets), strict=True))
        fresh = found(market)
        for wallet, position in positions.items():
            changed = set_all(position, factors)
            sums = accrued_sums(changed.state)
            ours = (0, max(0, sums.collateral - sums.debts), max(0, sums.debts - sums.collateral))
            assert tuple(told[wallet]) == ours, wallet
            assert changed.state == fresh[wallet].state, wallet
            felt += changed.state != position.state
    assert felt > 20


def set_all(position: Position, factors: dict[str, str]) -> Position:
    changes = changes_of(position.rules)
    assert changes is not None
    for symbol, text in factors.items():
        position = changes.set(position, Setting("collateral_factor", text, asset=named(position, symbol))).position
    position = changes.set(position, Setting("incentive", "1.072")).position
    return changes.set(position, Setting("close_factor", "61%")).position


# --- the inverse ----------------------------------------------------------------------------------------------------


def test_the_least_amounts_reach_the_health_factor(market: Venus, positions: dict[str, Position]) -> None:
    """Each amount really sent leaves at least the health factor asked for, a base unit less does not."""
    aim, tried = 1_234_567_890_123_456_789, 0
    for wallet, position in list(positions.items())[::3]:
        for way in ways_of(position, [Goal(health_aim(aim), unchanged)], (named(position, "BTCV"),)):
            if way.act is None or way.amount is None or way.asset is None:
                continue
            assert way.proved
            for amount, enough in ((way.amount, True), (way.amount - 1, False)):
                with market.undone():
                    if amount:
                        assert theirs(market, wallet, ActKind(way.act), way.asset.symbol, amount)
                    health = health_there(market, position, way.asset.symbol)
                    assert (health is None or health >= aim) == enough, (wallet, way, amount, health)
            tried += 1
    assert tried > 12


def health_there(made: Venus, position: Position, extra: str) -> int | None:
    """floor(collateral after factors * 1e18 / debts) from what the markets themselves store, no interest running."""
    wallet, collateral, debts = position.owner, 0, 0
    entered = {address.lower() for address in made.comptroller.call("getAssetsIn", wallet)}
    for one, price, (_, tokens, debt, rate) in zip(
        made.markets, made.prices, made.look([wallet])[wallet].snapshots, strict=True
    ):
        if one.vtoken.address.lower() in entered:
            factor = one.kind.factor * 10**16
            collateral += (factor * rate // 10**18) * price // 10**18 * tokens // 10**18
            debts += price * debt // 10**18
    assert extra in SYMBOLS
    assert tuple(made.comptroller.call("getAccountLiquidity", wallet)[1:]) == (
        max(0, collateral - debts),
        max(0, debts - collateral),
    )
    return collateral * 10**18 // debts if debts else None


# --- a market without a price ---------------------------------------------------------------------------------------


def test_a_market_entered_and_left_empty_needs_its_price(market: Venus, positions: dict[str, Position]) -> None:
    """The Comptroller answers an error to whoever entered it: nobody is judged, nor liquidated."""
    first, met = market.markets[0].vtoken.address, Counter[bool]()
    with market.undone():
        market.set_prices([0, *market.prices[1:]])
        for wallet, position in found(market).items():
            held = [one for one in positions[wallet].state.holdings if one.market.address == first and one.entered]
            error = market.comptroller.call("getAccountLiquidity", wallet)[0]
            assert (error != 0) == bool(held)
            if held:
                assert (list(position.unpriced.values()) != [], position.contract.liquidity) == (True, None)
                met[held[0].tokens == held[0].debt == 0] += 1
    assert min(met[empty] for empty in (True, False)) > 0, met
