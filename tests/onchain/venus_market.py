"""Venus's core market of 2.2.1 on a local chain, with people in it: a real fork of Compound V2 for our rules to meet."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

from eth_utils import to_checksum_address

from . import anvil
from .evm import MAX, Contract, Evm
from .toolchain import CONTRACTS, Artifact, compiled, exclusive, run
from .views import Question, ask

FOLDER: Final = CONTRACTS / "venus"
ARTIFACTS: Final = FOLDER / "node_modules" / "@venusprotocol" / "venus-protocol" / "artifacts" / "contracts"
PUBLISHED: Final = (
    "Comptroller/Comptroller.sol",
    "Comptroller/Unitroller.sol",
    "Lens/ComptrollerLens.sol",
    "Tokens/VTokens/VBep20Immutable.sol",
    "InterestRateModels/JumpRateModel.sol",
)
OURS: Final = {"Venus.sol": ("Governance", "PriceBoard", "StillModel"), "Token.sol": ("Token",)}
WAD: Final = 10**18
OWNER: Final = to_checksum_address("0x000000000000000000000000000000000000000A")
PROVIDER: Final = to_checksum_address("0x00000000000000000000000000000000000B0B0B")
LIQUIDATOR: Final = to_checksum_address("0x000000000000000000000000000000000011D011")
STALE_BLOCKS: Final = 10_000
"""Rates are fifty times what they would be, so that it feels like months."""
PEOPLE: Final = 40


@dataclass(frozen=True)
class Kind:
    """A market to list: collateral factor in percent, price in USD with 4 decimals, yearly base rate in percent."""

    symbol: str
    decimals: int
    factor: int
    price: int
    rate: int


KINDS: Final = (
    Kind("ETHV", 18, 80, 20_000_000, 3),
    Kind("USDV", 6, 82, 10_002, 9),
    Kind("BTCV", 8, 70, 600_000_000, 2),
    Kind("DAIV", 18, 78, 9_998, 11),
    Kind("CAKE", 18, 55, 25_000, 40),
    Kind("CENT", 2, 60, 10_950, 5),
    Kind("OLDV", 18, 0, 13_382, 20),
)


@dataclass(frozen=True)
class VMarket:
    """One market: the vToken, its underlying, how it was listed."""

    kind: Kind
    token: Contract
    vtoken: Contract


@dataclass(frozen=True)
class Look:
    """One wallet: error, tokens, debt and rate in every market; error, liquidity and shortfall; what it owes of VAI."""

    snapshots: list[tuple[int, int, int, int]]
    liquidity: tuple[int, int, int]
    vai: int = 0


@dataclass(frozen=True)
class Venus:
    """The deployed market. ``prices`` are the oracle's mantissas in market order."""

    evm: Evm
    comptroller: Contract
    oracle: Contract
    markets: tuple[VMarket, ...]
    prices: tuple[int, ...]
    wallets: tuple[str, ...]

    def set_prices(self, prices: Sequence[int]) -> None:
        """Move the oracle."""
        self.oracle.send("set", [one.vtoken.address for one in self.markets], list(prices))

    def liquidity(self, wallets: Sequence[str]) -> list[tuple[int, int, int]]:
        """``getAccountLiquidity`` of many wallets."""
        return ask([(self.comptroller, "getAccountLiquidity", (wallet,)) for wallet in wallets])

    def look(self, wallets: Sequence[str]) -> dict[str, Look]:
        """All that the contracts say of wallets, in one post."""
        answers = iter(ask([question for wallet in wallets for question in self.questions(wallet)]))
        number = len(self.questions(OWNER))
        return {wallet: self._seen(list(islice(answers, number))) for wallet in wallets}

    def questions(self, wallet: str) -> list[Question]:
        """What to ask of one wallet: every market, then the Comptroller."""
        snapshots: list[Question] = [(one.vtoken, "getAccountSnapshot", (wallet,)) for one in self.markets]
        return [*snapshots, (self.comptroller, "getAccountLiquidity", (wallet,))]

    def _seen(self, answers: list[Any]) -> Look:
        number = len(self.markets)
        return Look(answers[:number], answers[number], sum(answers[number + 1 :]))

    def liquidate(self, debt: int, collateral: int, wallet: str, repay: int) -> Mapping[str, Any] | None:
        """Really send ``liquidateBorrow``; the event's arguments, ``None`` if there is none (an error code)."""
        owed, taken = self.markets[debt].vtoken, self.markets[collateral].vtoken
        receipt = self.evm.send(owed.address, owed.data("liquidateBorrow", wallet, repay, taken.address), LIQUIDATOR)
        return next((event.args for event in self.evm.events(receipt) if event.name == "LiquidateBorrow"), None)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens inside did not happen."""
        snapshot = self.evm.rpc("evm_snapshot")
        try:
            yield
        finally:
            assert self.evm.rpc("evm_revert", snapshot)


# --- artifacts ----------------------------------------------------------------------------------------------------


@cache
def artifacts() -> dict[str, Artifact]:
    """The published contracts and our helpers."""
    with exclusive(FOLDER / ".lock"):
        if not ARTIFACTS.is_dir():
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER)
    found = compiled({name: (CONTRACTS / name).read_text() for name in OURS}, OURS)
    return found | {artifact.name: artifact for artifact in map(_published, PUBLISHED)}


def _published(source: str) -> Artifact:
    name = source.rsplit("/", 1)[-1].removesuffix(".sol")
    raw = json.loads((ARTIFACTS / source / f"{name}.json").read_text())
    code, runtime = raw["bytecode"].removeprefix("0x"), raw["deployedBytecode"].removeprefix("0x")
    assert not raw["linkReferences"]
    return Artifact(name, tuple(raw["abi"]), code, runtime, {})


# --- deployment ---------------------------------------------------------------------------------------------------


@contextmanager
def venus(stale: int = STALE_BLOCKS) -> Iterator[Venus]:
    """A market with positions and months of interest (so many blocks of it) that nobody accrued."""
    built = artifacts()  # before the chain's clock starts
    with anvil.running() as rpc:
        made = deploy_venus(Evm(rpc, OWNER, gathers=True), built)
        _provide(made)
        _people(made)
        _supply_liquidator(made)
        anvil.leap(rpc, stale)
        yield made


def deploy_venus(
    evm: Evm,
    built: Mapping[str, Artifact],
    kinds: Sequence[Kind] = KINDS,
    tokens: Mapping[str, Contract] = {},
) -> Venus:
    """A whole market, configured, without users; ``tokens`` by symbol where they stand already."""
    oracle, governance, lens = (evm.deploy(built[name]) for name in ("PriceBoard", "Governance", "ComptrollerLens"))
    unitroller, brains = evm.deploy(built["Unitroller"]), evm.deploy(built["Comptroller"])
    unitroller.send("_setPendingImplementation", brains.address)
    brains.send("_become", unitroller.address)
    comptroller = evm.at(built["Comptroller"], unitroller.address)
    comptroller.send("_setAccessControl", governance.address)
    comptroller.send("_setComptrollerLens", lens.address)
    comptroller.send("_setPriceOracle", oracle.address)
    comptroller.send("_setCloseFactor", WAD // 2)
    comptroller.send("_setLiquidationIncentive", 11 * WAD // 10)
    markets = tuple(_market(evm, built, comptroller, kind, tokens.get(kind.symbol)) for kind in kinds)
    prices = tuple(one.kind.price * 10 ** (32 - one.kind.decimals) for one in markets)
    wallets = tuple(to_checksum_address(f"0x{0xACC0000 + number:040x}") for number in range(PEOPLE))
    made = Venus(evm, comptroller, oracle, markets, prices, wallets)
    made.set_prices(prices)
    for one in markets:
        comptroller.send("_setCollateralFactor", one.vtoken.address, one.kind.factor * WAD // 100)
    addresses = [one.vtoken.address for one in markets]
    comptroller.send("_setMarketSupplyCaps", addresses, [MAX] * len(addresses))
    return made


def _market(
    evm: Evm, built: Mapping[str, Artifact], comptroller: Contract, kind: Kind, known: Contract | None
) -> VMarket:
    token = known or evm.deploy(built["Token"], kind.symbol, kind.symbol, kind.decimals)
    rate = 50 * kind.rate * WAD // 100
    model = evm.deploy(built["JumpRateModel"], rate, rate // 2, 5 * rate, 8 * WAD // 10)
    initial = 2 * 10 ** (kind.decimals + 8)
    name = f"v{kind.symbol}"
    arguments = (token.address, comptroller.address, model.address, initial, name, name, 8, evm.owner)
    vtoken = evm.deploy(built["VBep20Immutable"], *arguments)
    comptroller.send("_supportMarket", vtoken.address)
    vtoken.send("_setReserveFactor", WAD // 5)
    return VMarket(kind, token, vtoken)


# --- people -------------------------------------------------------------------------------------------------------


def _provide(made: Venus) -> None:
    with made.evm.together():
        for one in made.markets:
            supply(made, PROVIDER, one, amount_of(one, 10_000_000_0000))


def amount_of(one: VMarket, dollars: int) -> int:
    """Base units worth so many 1e-4 dollars."""
    return dollars * 10**one.kind.decimals // one.kind.price


def supply(made: Venus, wallet: str, one: VMarket, amount: int) -> None:
    """Mint the underlying and supply it."""
    one.token.send("mint", wallet, amount)
    one.token.send("approve", one.vtoken.address, MAX, sender=wallet)
    one.vtoken.send("mint", amount, sender=wallet)


def enter(made: Venus, wallet: str, markets: Sequence[VMarket]) -> None:
    """Make supplies count."""
    made.comptroller.send("enterMarkets", [one.vtoken.address for one in markets], sender=wallet)


def _people(made: Venus) -> None:
    """Each wallet by its own luck, the same luck every time: fortunes and crumbs, near the line or far from it."""
    for number, wallet in enumerate(made.wallets):
        luck = random.Random(f"venus {number}")
        held = luck.sample(made.markets, luck.randint(1, 4))
        worth = luck.choice([3_0000, 900_0000, 70_000_0000])
        with made.evm.together():
            for one in held:
                supply(
                    made, wallet, one, amount_of(one, worth) * luck.randint(500, 1500) // 1000 + luck.randint(1, 999)
                )
            counted = held[1:] if number % 9 == 8 and len(held) > 1 else held
            enter(made, wallet, counted)
            if number % 10 == 9:
                enter(made, wallet, made.markets[:1])  # perhaps entered and left empty
        if number % 12 != 11:
            _borrow(made, wallet, luck)


def _borrow(made: Venus, wallet: str, luck: random.Random) -> None:
    _, room, _ = made.comptroller.call("getAccountLiquidity", wallet)
    owed = luck.sample(made.markets, luck.randint(1, 2))
    for one in owed:
        part = luck.choice([800, 985, 999, 1000]) * room // 1000 // len(owed)
        amount = part * WAD // (made.prices[made.markets.index(one)])
        if amount:
            one.vtoken.send("borrow", amount, sender=wallet)
            assert one.vtoken.call("borrowBalanceStored", wallet) == amount


def _supply_liquidator(made: Venus) -> None:
    with made.evm.together():
        for one in made.markets:
            one.token.send("mint", LIQUIDATOR, amount_of(one, 1_000_000_000_0000))
            one.token.send("approve", one.vtoken.address, MAX, sender=LIQUIDATOR)


def stop_interest(made: Venus) -> None:
    """Accrue everything, and let nothing accrue any more."""
    still = made.evm.deploy(artifacts()["StillModel"])
    with made.evm.together():
        for one in made.markets:
            one.vtoken.send("_setInterestRateModel", still.address)
