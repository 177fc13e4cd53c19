"""Varied positions: a seeded generator, and hand-made ones for every corner of the rules."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .listing import BY_SYMBOL
from .world import STABLE, VARIABLE, World

USD = 10**8


@dataclass(frozen=True)
class Plan:
    """How to open one position.

    `supplies` are worth so many USD, or exactly so many base units in `units`. `borrows` share the part `use` of what
    may be borrowed; `owes` are exact base units. `boost` raises the collateral's feeds while borrowing: above
    threshold/ltv the position is liquidatable as soon as they are back.
    """

    kind: str
    supplies: tuple[tuple[str, float], ...] = ()
    borrows: tuple[tuple[str, float], ...] = ()
    use: float = 0.7
    boost: float = 1.0
    emode: int = 0
    units: tuple[tuple[str, int], ...] = ()
    owes: tuple[tuple[str, int], ...] = ()
    stable: tuple[tuple[str, float], ...] = ()  # V3.0: shares of `use` borrowed at a stable rate
    off: tuple[str, ...] = ()  # collateral switched off
    on: tuple[str, ...] = ()  # collateral switched on by hand (isolated assets)


COLLATERAL = ("WETH", "WBTC", "USDC", "DAI", "wstETH", "LINK", "AAVE", "MKR", "LONG")
BORROWABLE = ("WETH", "WBTC", "USDC", "DAI", "USDT", "wstETH", "LINK", "MKR", "LONG")


def _shares(rng: random.Random, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    weights = [rng.uniform(0.2, 1.0) for _ in names]
    return tuple((name, weight / sum(weights)) for name, weight in zip(names, weights, strict=True))


def _basket(rng: random.Random, names: Sequence[str], total: float) -> tuple[tuple[str, float], ...]:
    return tuple((name, share * total) for name, share in _shares(rng, names))


def generated(rng: random.Random) -> Iterator[Plan]:
    """Positions drawn at random: sizes from cents to millions, one to four assets a side."""
    shapes = [("one-one", 1, 1)] * 8 + [("many-one", 3, 1)] * 3 + [("one-many", 1, 3)] * 4 + [("many-many", 3, 2)] * 6
    for kind, supplied, owed in shapes:
        collateral = rng.sample(COLLATERAL, supplied)
        debts = rng.sample([s for s in BORROWABLE if s not in collateral], owed)
        total = 10 ** rng.uniform(2.5, 6)
        basket = _basket(rng, collateral, total)
        yield Plan(kind, basket, _shares(rng, debts), rng.uniform(0.75, 0.995), rng.uniform(1.0, 1.06))
    for _ in range(4):  # the size where the dust and close-factor rules of 3.3 and later bite
        pair = rng.sample([s for s in COLLATERAL if s in BORROWABLE], 2)
        yield Plan("small", ((pair[0], rng.uniform(1500, 6500)),), ((pair[1], 1.0),), 0.97, rng.uniform(1.0, 1.05))
    for number in range(10):  # near the line, and what half of the total would leave of one side is dust
        pair = rng.sample([s for s in COLLATERAL if s in BORROWABLE], 3)
        several = _basket(rng, pair[:2], rng.uniform(2600, 5600))
        if number % 2:
            yield Plan("dusty", several, ((pair[2], 1.0),), 0.999, _to_the_line(pair[:2]))
        else:
            yield Plan(
                "dusty", ((pair[0], rng.uniform(2700, 5200)),), _shares(rng, pair[1:]), 0.999, _to_the_line(pair[:1])
            )
    for _ in range(2):
        names = rng.sample(COLLATERAL, 5)
        debts = rng.sample([s for s in BORROWABLE if s not in names], 3)
        yield Plan("wide", _basket(rng, names, rng.uniform(9e3, 9e4)), _shares(rng, debts), 0.99, 1.05)


def _to_the_line(names: Sequence[str]) -> float:
    """How far feeds must rise for a full borrow to end about one percent above liquidation."""
    return min(BY_SYMBOL[name].threshold / BY_SYMBOL[name].ltv for name in names) * 0.99


def edges() -> Iterator[Plan]:
    """Debts as near to the line as a borrower can come."""
    for symbol, debt in (("WETH", "USDC"), ("WBTC", "DAI"), ("DAI", "WETH"), ("wstETH", "USDT"), ("LINK", "LONG")):
        reserve = BY_SYMBOL[symbol]
        boost = reserve.threshold / reserve.ltv * 0.9995
        yield Plan("edge", ((symbol, 41234.5),), ((debt, 1.0),), 0.9999, boost)


def corners() -> Iterator[Plan]:
    """Hand-made positions that mean the same in every revision."""
    yield Plan("empty")
    yield Plan("supply-only", (("WETH", 9123.0), ("USDT", 500.0)))
    yield Plan("supply-only-off", (("USDC", 777.0),), off=("USDC",))
    yield Plan("collateral-off", (("WETH", 5000.0), ("wstETH", 7000.0)), (("USDC", 1.0),), 0.9, off=("wstETH",))
    yield Plan("collateral-off", (("DAI", 150.0), ("LINK", 90.0)), (("WBTC", 1.0),), 0.95, 1.05, off=("LINK",))
    yield Plan("no-threshold", (("WBTC", 3000.0), ("USDT", 2500.0)), (("DAI", 1.0),), 0.95, 1.05)
    yield Plan("not-borrowable", (("AAVE", 20000.0),), (("WETH", 0.5), ("LINK", 0.5)), 0.99, 1.09)
    yield Plan("same-asset", (("WETH", 8000.0),), (("WETH", 0.6), ("DAI", 0.4)), 0.99)
    yield Plan("isolation", (("ISO", 50000.0),), (("USDC", 1.0),), 0.99, 1.3, on=("ISO",))
    yield Plan("isolation", (("ISO", 3100.0),), (("DAI", 0.5), ("USDT", 0.5)), 0.99, 1.36, on=("ISO",))
    yield Plan("isolation-unused", (("ISO", 600.0), ("WETH", 4000.0)), (("LINK", 1.0),), 0.9, off=("ISO",))
    yield Plan("dust", units=(("WETH", 10**14),), owes=(("WBTC", 273),), boost=1.02)
    yield Plan("dust", units=(("USDC", 301),), owes=(("DAI", 3 * 10**13), ("LONG", 10**22)), boost=1.01)
    yield Plan("dust", units=(("WBTC", 19),), owes=(("USDC", 5000), ("USDT", 310)))
    yield Plan("dust", units=(("WETH", 7 * 10**9),), owes=(("DAI", 11),))
    yield Plan("dust", units=(("WETH", 52 * 10**10),), owes=(("WBTC", 1),))
    yield Plan("dust", units=(("LINK", 300 * 10**9),), owes=(("USDC", 1),))
    yield Plan("crumb", (("WETH", 250000.0),), (("DAI", 0.8), ("USDT", 0.2)), 0.99, units=(("DAI", 90),))
    yield Plan("crumb", (("WBTC", 9000.0),), (("USDC", 0.7), ("LINK", 0.3)), 0.99, 1.06, units=(("LINK", 3),))
    yield Plan("crumb", units=(("wstETH", 32_057_769), ("LINK", 5 * 10**16)), owes=(("USDT", 400000),), boost=1.01)
    yield Plan("crumb", (("WETH", 6000.0),), (("USDC", 0.5), ("LINK", 0.5)), 0.99, units=(("DAI", 15 * 10**9),))
    yield Plan("huge", (("DAI", 1.8e8), ("LONG", 9e7)), (("WETH", 0.5), ("WBTC", 0.3), ("USDT", 0.2)), 0.9)
    yield Plan("toxic", (("LINK", 26000.0), ("MKR", 14000.0)), (("USDT", 0.7), ("WETH", 0.3)), 0.99, 1.3)
    yield Plan("emode-eth", (("wstETH", 60000.0),), (("WETH", 1.0),), 0.999, 1.03, emode=1)
    yield Plan("emode-eth-loop", (("wstETH", 900000.0), ("WETH", 5000.0)), (("WETH", 1.0),), 0.99, emode=1)
    yield Plan("emode-eth-mixed", (("WETH", 5000.0), ("LINK", 4000.0)), (("wstETH", 1.0),), 0.97, 1.04, emode=1)
    yield Plan("emode-stable", (("USDC", 33000.0), ("WBTC", 2000.0)), (("DAI", 0.7), ("USDC", 0.3)), 0.99, emode=2)
    yield Plan("emode-stable", (("DAI", 4100.0),), (("USDC", 1.0),), 0.999, 1.02, emode=2)


def corners_v30() -> Iterator[Plan]:
    """What only V3.0 has: stable debt."""
    yield Plan("stable-debt", (("WETH", 30000.0),), stable=(("USDC", 1.0),), use=0.98, boost=1.03)
    yield Plan("stable-debt", (("WBTC", 9000.0),), (("DAI", 0.5),), stable=(("DAI", 0.3),), use=0.99, boost=1.06)
    yield Plan("stable-debt", (("LINK", 900.0),), (("WETH", 0.4),), stable=(("USDT", 0.6),), use=0.99, boost=1.06)
    yield Plan("stable-dust", units=(("WETH", 10**13),), owes=(("USDC", 8000),), stable=(("USDC", 0.3),), use=0.9)


def corners_v36() -> Iterator[Plan]:
    """What only V3.6 has: categories that override a base threshold of 0, and several of them."""
    yield Plan("emode-no-base", (("weETH", 40000.0),), (("WETH", 1.0),), 0.99, 1.02, emode=1)
    yield Plan("emode-no-base", (("USDT", 5200.0), ("WETH", 1200.0)), (("DAI", 1.0),), 0.99, 1.01, emode=2)
    yield Plan("emode-link", (("LINK", 12000.0),), (("USDC", 0.4), ("DAI", 0.6)), 0.99, 1.06, emode=3)
    yield Plan("emode-link-mixed", (("LINK", 1900.0), ("AAVE", 2500.0)), (("DAI", 1.0),), 0.99, 1.06, emode=3)
    yield Plan("emode-crumb", (("weETH", 3000.0),), (("WETH", 1.0),), 0.99, 1.03, emode=1, units=(("WETH", 2),))


def plans(rules: str, rng: random.Random) -> list[Plan]:
    """All positions of a world, in the order in which they are opened."""
    special = corners_v30() if rules == "3.0" else corners_v36()
    drawn = [*generated(rng), *corners(), *special]
    rng.shuffle(drawn)
    return [*drawn, *edges()]


def open_position(world: World, wallet: str, plan: Plan, rng: random.Random) -> None:
    """Carry out a plan with the real contracts."""
    with world.together():
        if plan.emode:
            world.enter_emode(wallet, plan.emode)  # first: from 3.6 on it decides which supplies count
        for symbol, value in plan.supplies:
            world.supply(wallet, symbol, _tokens(symbol, value, rng))
        for symbol, amount in plan.units:
            world.supply(wallet, symbol, amount)
        for symbol in plan.on:
            world.use_as_collateral(wallet, symbol, True)
    for symbol in plan.off:
        if world.holdings([wallet])[wallet][symbol].counts:
            world.use_as_collateral(wallet, symbol, False)
    _borrow(world, wallet, plan)


def _borrow(world: World, wallet: str, plan: Plan) -> None:
    now = world.prices()
    owed = {symbol for symbol, _ in (*plan.borrows, *plan.stable, *plan.owes)}
    raised = {symbol for symbol, _ in (*plan.supplies, *plan.units)} - owed
    world.set_prices({symbol: int(now[symbol] * plan.boost) for symbol in raised})
    with world.together():
        for symbol, amount in plan.owes:
            world.borrow(wallet, symbol, amount)
    available = int(world.account(wallet).available * plan.use)
    with world.together():
        for mode, parts in ((VARIABLE, plan.borrows), (STABLE, plan.stable)):
            for symbol, share in parts:
                amount = int(available * share) * 10 ** BY_SYMBOL[symbol].decimals // now[symbol]
                world.borrow(wallet, symbol, max(amount, 1), mode)
    world.set_prices({symbol: now[symbol] for symbol in raised})


def _tokens(symbol: str, value: float, rng: random.Random) -> int:
    """An amount worth about `value` USD with no round digits in it."""
    reserve = BY_SYMBOL[symbol]
    amount = int(value * USD) * 10**reserve.decimals // reserve.price
    return amount + rng.randrange(amount // 1000 + 1)
