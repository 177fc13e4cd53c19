"""A market of 20 reserves and a thousand wallets in it, opened by real transactions, many to a block."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from eth_utils import to_checksum_address

from . import artifacts
from .anvil import running
from .deploy import OWNER, place_multicall
from .deploy_v36 import deploy_v36
from .evm import Contract, Evm, Transaction
from .listing import RESERVES
from .world import PROVIDER, VARIABLE, World

DAY = 86_400
RESERVES_20 = (
    *RESERVES,
    *(replace(RESERVES[place], symbol=f"{RESERVES[place].symbol}{place}") for place in (0, 1, 2, 3, 5, 6, 8, 10)),
)
COLLATERAL = tuple(one.symbol for one in RESERVES_20 if one.threshold and not one.ceiling)
BORROWABLE = tuple(one.symbol for one in RESERVES_20 if one.borrowable)
PER_BLOCK = 100
USD = 10**8


@dataclass(frozen=True)
class Plan:
    """What a wallet does: supplies (symbol, USD), borrows the share `use` of what it may, in equal parts."""

    supplies: tuple[tuple[str, float], ...] = ()
    borrows: tuple[str, ...] = ()
    use: float = 0.0

    @property
    def used(self) -> int:
        return len({symbol for symbol, _ in self.supplies} | set(self.borrows))


@dataclass(frozen=True)
class Crowd:
    """The market as a `World`, its wallets and what they did, and the lens of the package beside it."""

    world: World
    plans: dict[str, Plan]
    lens: Contract

    @property
    def wallets(self) -> list[str]:
        return list(self.plans)

    @property
    def url(self) -> str:
        return self.world.rpc.url

    @property
    def market(self) -> str:
        return f"aave-v3@{self.world.entry}"


@contextmanager
def crowd(wallets: int = 1_000, seed: int = 1) -> Iterator[Crowd]:
    """A chain with the market and its wallets, its clock stopped; every thirtieth wallet has nothing."""
    with running() as rpc:
        evm = Evm(rpc, OWNER, gathers=True)
        place_multicall(evm)
        world = World(deploy_v36(evm, RESERVES_20))
        lens = evm.deploy(artifacts.ui_v36()["UiPoolDataProviderV3"], *[world.market.feeds["WETH"].address] * 2)
        plans = dict(_plans(random.Random(seed), wallets))
        _lend(world)
        _send(evm, _supplies(world, plans))
        world.warp(20 * DAY)
        _send(evm, _borrows(world, plans))
        world.warp(40 * DAY)
        yield Crowd(world, plans, lens)


def _plans(rng: random.Random, count: int) -> Iterator[tuple[str, Plan]]:
    for number in range(count):
        wallet = to_checksum_address(f"0x{0xC0 << 120 | rng.getrandbits(104) << 12 | number:040x}")
        yield wallet, Plan() if number % 30 == 29 else _plan(rng)


def _plan(rng: random.Random) -> Plan:
    """One to three supplies and up to two debts: three reserves on average."""
    supplied, owed = rng.choice([(1, 1), (1, 1), (2, 1), (2, 1), (2, 2), (3, 1), (1, 2), (3, 2), (2, 0)])
    symbols = rng.sample(COLLATERAL, supplied)
    debts = rng.sample([symbol for symbol in BORROWABLE if symbol not in symbols], owed)
    return Plan(tuple((one, rng.uniform(50, 9000)) for one in symbols), tuple(debts), rng.uniform(0.3, 0.95))


# --- transactions -----------------------------------------------------------------------------------------------------


def _lend(world: World) -> None:
    for reserve in world.market.reserves:
        world.give(PROVIDER, reserve.symbol, 10**9 * 10**reserve.decimals)
        world.market.pool.send(
            "supply", world.asset(reserve.symbol), 10**8 * 10**reserve.decimals, PROVIDER, 0, sender=PROVIDER
        )


def _supplies(world: World, plans: dict[str, Plan]) -> Iterator[Transaction]:
    pool = world.market.pool
    for wallet, plan in plans.items():
        for symbol, value in plan.supplies:
            amount = _amount(world, symbol, value)
            data = pool.data("supply", world.asset(symbol), amount, wallet, 0)
            yield Transaction(pool.address, data, PROVIDER)


def _borrows(world: World, plans: dict[str, Plan]) -> Iterator[Transaction]:
    pool = world.market.pool
    available = dict(zip(plans, (one.available for one in world.accounts(list(plans))), strict=True))
    for wallet, plan in plans.items():
        for symbol in plan.borrows:
            amount = _amount(world, symbol, available[wallet] * plan.use / len(plan.borrows) / USD)
            data = pool.data("borrow", world.asset(symbol), max(1, amount), VARIABLE, 0, wallet)
            yield Transaction(pool.address, data, wallet)


def _amount(world: World, symbol: str, value: float) -> int:
    reserve = next(one for one in world.market.reserves if one.symbol == symbol)
    return int(value * USD) * 10**reserve.decimals // reserve.price


def _send(evm: Evm, transactions: Iterator[Transaction]) -> None:
    """Mine them in few blocks; every one has to succeed."""
    waiting = list(transactions)
    for start in range(0, len(waiting), PER_BLOCK):
        evm.must_all("opening positions", waiting[start : start + PER_BLOCK])
