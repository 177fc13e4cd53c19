"""People in Venus's core pool of today: fortunes and crumbs, e-mode pools, VAI; and who liquidates them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from . import anvil
from .evm import MAX, Contract, Evm
from .venus_core import KINDS, MAJORS, POOLS, STALE_BLOCKS, STRICT, VenusCore, artifacts, deploy
from .venus_market import LIQUIDATOR, OWNER, PROVIDER, WAD, VMarket, amount_of, enter, supply

STABLE = ("USDV", "DAIV")
SCENARIOS: dict[str, dict[str, int]] = {
    "today": {},
    **{f"volatile-{drop}": {k.symbol: -drop for k in KINDS if k.symbol not in STABLE} for drop in (10, 20, 35, 50, 90)},
    "eth-40": {"ETHV": -40},
    "btc-60": {"BTCV": -60},
    "cake-99": {"CAKE": -99},
    "old+80": {"OLDV": 80},
    "usd-depeg": {"USDV": -12},
    "dai+35": {"DAIV": 35},
}


@contextmanager
def venus_core(stale: int = STALE_BLOCKS) -> Iterator[VenusCore]:
    """A market with positions and so many blocks of interest that nobody accrued."""
    built = artifacts()  # before the chain's clock starts
    with anvil.running() as rpc:
        made = deploy(Evm(rpc, OWNER, gathers=True), built)
        with made.evm.together():
            for one in made.markets:
                supply(made, PROVIDER, one, amount_of(one, 10_000_000_0000))
        for number, wallet in enumerate(made.wallets):
            _settle(made, number, wallet)
        _supply_liquidator(made)
        anvil.leap(rpc, stale)
        yield made


# --- people -------------------------------------------------------------------------------------------------------


def _settle(made: VenusCore, number: int, wallet: str) -> None:
    """Each wallet by its own luck, the same luck every time; every third in an e-mode pool, some others owe VAI."""
    luck = random.Random(f"venus core {number}")
    held = luck.sample(made.markets, luck.randint(2, 4))
    worth = luck.choice([3_0000, 900_0000, 70_000_0000])
    with made.evm.together():
        for one in held:
            supply(made, wallet, one, amount_of(one, worth) * luck.randint(500, 1500) // 1000 + luck.randint(1, 999))
        enter(made, wallet, held[1:] if number % 9 == 8 else held)
        if number % 10 == 9:
            enter(made, wallet, made.markets[:1])  # perhaps entered and left empty
    if number % 3 == 2:
        _borrow_in_pool(made, wallet, luck, MAJORS if number % 2 else STRICT)
    elif number % 12 != 10:
        if number % 4 == 1:
            _mint_vai(made, wallet, luck)
        dollars = [one for one in made.markets if one.kind.symbol in ("USDV", "DAIV")]
        _borrow(made, wallet, luck.sample([*dollars, luck.choice(made.markets)], luck.randint(1, 2)), luck)


def _borrow_in_pool(made: VenusCore, wallet: str, luck: random.Random, pool: int) -> None:
    made.comptroller.send("enterPool", pool, sender=wallet)
    _borrow(made, wallet, [one for one in made.markets if one.kind.symbol in POOLS[pool]], luck)


def _borrow(made: VenusCore, wallet: str, owed: list[VMarket], luck: random.Random) -> None:
    """As much as the bounded prices (a debt's is a percent up) still let the wallet borrow, or a part of it."""
    for one in owed:
        _, room, _ = made.comptroller.call("getBorrowingPower", wallet)
        part = luck.choice([800, 950, 999]) * room // 1000
        amount = part * WAD * 100 // (made.prices[made.markets.index(one)] * 101)
        if amount:
            one.vtoken.send("borrow", amount, sender=wallet)
            assert one.vtoken.call("borrowBalanceStored", wallet) == amount


def _mint_vai(made: VenusCore, wallet: str, luck: random.Random) -> None:
    """In two parts, so that interest of the first becomes past interest."""
    for _ in range(2):
        _, most = made.controller.call("getMintableVAI", wallet)
        if most:
            made.controller.send("mintVAI", most * luck.choice([30, 45, 60]) // 100, sender=wallet)
            made.evm.rpc("anvil_mine", hex(5))


def _supply_liquidator(made: VenusCore) -> None:
    with made.evm.together():
        for one in made.markets:
            one.token.send("mint", LIQUIDATOR, amount_of(one, 1_000_000_000_0000))
            one.token.send("approve", one.vtoken.address, MAX, sender=LIQUIDATOR)
        made.vai.send("rely", OWNER)
        made.vai.send("mint", LIQUIDATOR, 10**9 * WAD)
        made.vai.send("approve", made.controller.address, MAX, sender=LIQUIDATOR)


def with_liquidator(made: VenusCore, cut: int) -> Contract:
    """From now on only Venus's Liquidator may liquidate, and keeps ``cut`` (wad) of the bonus."""
    evm, built = made.evm, artifacts()
    brains = evm.deploy(built["Liquidator"], made.comptroller.address, OWNER, OWNER)  # there is no market of the coin
    liquidator = evm.at(built["Liquidator"], evm.deploy(built["Front"], brains.address).address)
    governance, reserve = (evm.deploy(built[name]).address for name in ("Governance", "ShareReserve"))
    liquidator.send("initialize", cut, governance, reserve)
    made.comptroller.send("_setLiquidatorContract", liquidator.address)
    for token in [*(one.token for one in made.markets), made.vai]:
        token.send("approve", liquidator.address, MAX, sender=LIQUIDATOR)
    return liquidator


def stop_interest(made: VenusCore) -> None:
    """Accrue everything, VAI too, and let nothing accrue any more."""
    still = made.evm.deploy(artifacts()["StillModel"])
    with made.evm.together():
        for one in made.markets:
            one.vtoken.send("_setInterestRateModel", still.address)
        made.controller.send("accrueVAIInterest")
        made.controller.send("setBaseRate", 0)
