"""A market of Aave V2 with people in it: what the other world does, said to V2, and its own varied positions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from eth_utils import to_checksum_address

from .anvil import running
from .deploy import OWNER, place_multicall
from .deploy_v20 import deploy_v20
from .evm import Evm
from .positions import Plan, generated, open_position
from .world import Wallet, World
from .worlds import DAY, keep_busy, lend, pass_time

DRAWN = ("one-one", "many-one", "one-many", "many-many", "small", "wide")


def corners() -> Iterator[Plan]:
    """Hand-made positions for every corner of V2's rules."""
    yield Plan("empty")
    yield Plan("supply-only", (("WETH", 9123.0), ("USDT", 500.0)))
    yield Plan("supply-only-off", (("USDC", 777.0),), off=("USDC",))
    yield Plan("collateral-off", (("DAI", 5000.0), ("wstETH", 7000.0)), (("USDC", 1.0),), 0.9, off=("wstETH",))
    yield Plan("no-threshold", (("WBTC", 3000.0), ("USDT", 2500.0)), (("DAI", 1.0),), 0.95, 1.05)
    yield Plan("no-threshold", (("LINK", 300.0), ("weETH", 900.0)), (("WETH", 1.0),), 0.95, 1.05)
    yield Plan("same-asset", (("wstETH", 8000.0),), (("wstETH", 0.6), ("DAI", 0.4)), 0.99)
    yield Plan("weth-debt", (("DAI", 40000.0),), (("WETH", 1.0),), 0.999, 1.04)
    yield Plan("weth-collateral", (("WETH", 40000.0),), (("USDC", 1.0),), 0.9999)
    yield Plan("stable-debt", (("WBTC", 30000.0),), stable=(("USDC", 1.0),), use=0.98, boost=1.05)
    yield Plan("stable-debt", (("WBTC", 9000.0),), (("DAI", 0.5),), stable=(("DAI", 0.3),), use=0.99, boost=1.06)
    yield Plan("stable-debt", (("LINK", 900.0),), (("WETH", 0.4),), stable=(("USDT", 0.6),), use=0.99, boost=1.06)
    yield Plan("stable-more", (("LINK", 7000.0),), (("DAI", 0.05),), stable=(("DAI", 0.95),), use=0.99, boost=1.06)
    yield Plan("stable-dust", units=(("wstETH", 10**13),), owes=(("USDC", 8000),), stable=(("USDC", 0.3),), use=0.9)
    yield Plan("dust", units=(("wstETH", 10**14),), owes=(("WBTC", 273),), boost=1.02)
    yield Plan("dust", units=(("USDC", 301),), owes=(("DAI", 3 * 10**13), ("LONG", 10**22)), boost=1.01)
    yield Plan("dust", units=(("WBTC", 19),), owes=(("USDC", 5000), ("USDT", 310)))
    yield Plan("dust", units=(("LINK", 300 * 10**9),), owes=(("USDC", 1),))
    yield Plan("dust", units=(("WBTC", 1),), owes=(("USDC", 120),))
    yield Plan("unseen-debt", units=(("WETH", 10**12),), owes=(("LONG", 10**5),))  # worth less than a wei of ether
    yield Plan("crumb", (("wstETH", 250000.0),), (("DAI", 0.8), ("USDT", 0.2)), 0.99, units=(("DAI", 90),))
    yield Plan("crumb", (("WBTC", 9000.0),), (("USDC", 0.7), ("LINK", 0.3)), 0.99, 1.06, units=(("LINK", 3),))
    yield Plan("huge", (("DAI", 1.8e8), ("LONG", 9e7)), (("WETH", 0.5), ("WBTC", 0.3), ("USDT", 0.2)), 0.9)
    yield Plan("toxic", (("LINK", 26000.0), ("MKR", 14000.0)), (("USDT", 0.7), ("WETH", 0.3)), 0.99, 1.05)
    yield Plan("long-debt", (("AAVE", 20000.0),), (("LONG", 1.0),), 0.99, 1.05)
    yield Plan("overflow", (("LONG", 9e6),), (("LONG", 1.0),), 0.999)
    for symbol, debt in (("WBTC", "DAI"), ("DAI", "WETH"), ("wstETH", "USDT"), ("LINK", "LONG")):
        yield Plan("edge", ((symbol, 41234.5),), ((debt, 1.0),), 0.9999, 1.03)


def plans(rng: random.Random) -> list[Plan]:
    """All positions, in the order in which they are opened: those of the generator that V2 tells apart, and corners."""
    drawn = [plan for plan in generated(rng) if plan.kind in DRAWN]
    chosen = [*drawn[::2], *corners()]
    rng.shuffle(chosen)
    return chosen


@contextmanager
def world_v20(seed: int = 1) -> Iterator[World]:
    """A chain with one market of V2 and all kinds of wallets, its clock stopped."""
    with running() as rpc:
        evm = Evm(rpc, OWNER, gathers=True)
        place_multicall(evm)
        made = World(deploy_v20(evm))
        populate(made, random.Random(f"2.0/{seed}"))
        yield made


def populate(made: World, rng: random.Random) -> None:
    """Liquidity and a busy borrower first, then one wallet after another while time passes."""
    lend(made)
    keep_busy(made)
    made.fund_liquidator()
    for _ in range(4):
        pass_time(made, rng, rng.randrange(15 * DAY, 30 * DAY))
    for number, plan in enumerate(plans(rng)):
        made.wallets.append(Wallet(to_checksum_address(f"0x{0x2000 + number:040x}"), plan.kind))
        open_position(made, made.wallets[-1].address, plan, rng)
        if number % 6 == 5:
            pass_time(made, rng, rng.randrange(DAY, 12 * DAY))
    made.warp(rng.randrange(2 * DAY, 4 * DAY))
