"""The chain of `defirisk demo`: one market of Aave V3.6 and eight wallets, each telling a story."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from eth_utils import to_checksum_address

from .anvil import running
from .deploy import OWNER, place_multicall
from .deploy_v36 import deploy_v36
from .evm import Evm
from .listing import BY_SYMBOL, EMODES_V36
from .positions import Plan, open_position
from .world import Wallet, World
from .worlds import DAY, keep_busy, lend, pass_time

RECORDED = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
MONTHS = 5
LAST_TOUCH = 1800  # seconds before the end
SYMBOLS = ("WETH", "WBTC", "USDC", "DAI", "USDT", "wstETH", "LINK", "AAVE", "weETH")

STORY = (
    Plan("healthy", (("WETH", 30_000.0),), (("USDC", 1.0),), use=0.42),
    Plan("near the edge", (("WBTC", 60_000.0),), (("USDT", 1.0),), use=0.999, boost=1.058),
    Plan("leveraged loop", (("wstETH", 240_000.0),), (("WETH", 1.0),), use=0.985, emode=1),
    Plan("toxic", (("LINK", 48_000.0),), (("USDC", 1.0),), use=0.999, boost=1.435),
    Plan("bad debt at -40%", (("WETH", 90_000.0), ("AAVE", 30_000.0)), (("USDC", 0.8), ("DAI", 0.2)), use=0.97),
    Plan("debt that rises", (("USDC", 75_000.0),), (("WETH", 1.0),), use=0.93),
    Plan("supply only", (("WETH", 12_000.0), ("DAI", 8_000.0))),
    Plan("stablecoin loop", (("USDC", 500_000.0),), (("USDT", 1.0),), use=0.985, emode=2),
)


@contextmanager
def story() -> Iterator[World]:
    """The chain, its clock stopped at noon of 2026-11-20 UTC."""
    with running(RECORDED - MONTHS * 30 * DAY) as rpc:
        evm = Evm(rpc, OWNER)
        place_multicall(evm)
        reserves = tuple(BY_SYMBOL[symbol] for symbol in SYMBOLS)
        made = World(deploy_v36(evm, reserves, tuple(mode for mode in EMODES_V36 if mode.id in {1, 2})))
        tell(made, random.Random("story"))
        yield made


def tell(made: World, rng: random.Random) -> None:
    """Months of interest, then the wallets, then a last touch of every feed."""
    grow_old(made, rng, RECORDED)
    open_positions(made, rng)
    made.warp(RECORDED - LAST_TOUCH - made.now())
    touch_feeds(made)
    made.warp(RECORDED - made.now())


def grow_old(made: World, rng: random.Random, end: int) -> None:
    """Lenders, a busy borrower, and interest until some days before the end (a time in seconds)."""
    lend(made)
    keep_busy(made)
    while made.now() < end - 12 * DAY:
        pass_time(made, rng, 9 * DAY + rng.randrange(DAY))


def open_positions(made: World, rng: random.Random) -> None:
    """The wallets of the story."""
    for number, plan in enumerate(STORY, start=1):
        made.wallets.append(Wallet(to_checksum_address("0x" + str(number) * 40), plan.kind))
        open_position(made, made.wallets[-1].address, plan, rng)


def touch_feeds(made: World) -> None:
    """Every feed says its price once more, now."""
    for reserve in made.market.reserves:
        made.market.feeds[reserve.symbol].send("set", reserve.price)
