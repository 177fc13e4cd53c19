"""Worlds ready for tests: a market, people in it, months of interest, and a clock that stands still."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eth_utils import to_checksum_address

from .anvil import running
from .deploy import OWNER, Deployment, place_multicall
from .deploy_v30 import deploy_v30
from .deploy_v36 import deploy_v36
from .evm import Evm
from .positions import open_position, plans
from .world import PROVIDER, Wallet, World

DAY = 86_400
LENT = 900_000_000  # USD of liquidity in every reserve
DEPLOY: dict[str, Callable[[Evm], Deployment]] = {"3.0": deploy_v30, "3.6": deploy_v36}
BORROWER = to_checksum_address("0x00000000000000000000000000000000000B0440")


@contextmanager
def world(rules: str, seed: int = 1) -> Iterator[World]:
    """A chain with one market of these rules and all kinds of wallets, its clock stopped."""
    with running() as rpc:
        evm = Evm(rpc, OWNER, gathers=True)
        place_multicall(evm)
        made = World(DEPLOY[rules](evm))
        populate(made, random.Random(f"{rules}/{seed}"))
        yield made


def populate(made: World, rng: random.Random) -> None:
    """Liquidity and a busy borrower first, then one wallet after another while time passes."""
    lend(made)
    keep_busy(made)
    made.fund_liquidator()
    for _ in range(4):
        pass_time(made, rng, rng.randrange(15 * DAY, 30 * DAY))
    todo = plans(made.market.rules, rng)
    for number, plan in enumerate(todo):
        made.wallets.append(Wallet(to_checksum_address(f"0x{0x1000 + number:040x}"), plan.kind))
        open_position(made, made.wallets[-1].address, plan, rng)
        if number % 6 == 5:
            pass_time(made, rng, rng.randrange(DAY, 12 * DAY))
    made.warp(rng.randrange(2 * DAY, 4 * DAY))


def lend(made: World) -> None:
    """Enough of everything that no liquidation fails for want of cash."""
    with made.together():
        for reserve in made.market.reserves:
            amount = LENT * 10**8 * 10**reserve.decimals // reserve.price
            made.supply(PROVIDER, reserve.symbol, amount if reserve.decimals <= 18 else amount // 3)


def keep_busy(made: World) -> None:
    """Someone who borrows a third of every reserve, so that interest runs."""
    tokens, atokens = made.market.tokens, made.market.atokens
    cash = {symbol: token.call("balanceOf", atokens[symbol].address) for symbol, token in tokens.items()}
    with made.together():
        for symbol in ("WETH", "WBTC", "USDC", "DAI", "wstETH"):
            made.supply(BORROWER, symbol, cash[symbol])
        for reserve in made.market.reserves:
            if reserve.borrowable:
                made.borrow(BORROWER, reserve.symbol, cash[reserve.symbol] // 3)


def pass_time(made: World, rng: random.Random, seconds: int) -> None:
    """Interest accrues; a few reserves are touched, so that every index has its own age."""
    made.warp(seconds)
    with made.together():
        for reserve in rng.sample(made.market.reserves, 4):
            made.supply(PROVIDER, reserve.symbol, rng.randrange(10**5, 10**6))
