"""Venus's core pool of today (10.3.0) on a local chain: a diamond, thresholds apart, e-mode pools, VAI, and people."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from eth_utils import to_checksum_address

from .evm import MAX, Coder, Contract, Evm
from .toolchain import COMPILED, CONTRACTS, Artifact, ToolchainError, compiled, exclusive, run
from .venus_market import OWNER, WAD, Kind, Venus, VMarket
from .views import Question

PACKAGE: Final = "@venusprotocol/venus-protocol@10.3.0"
INTEGRITY: Final = "qGvjvUgYhK5REF/Cj4Lg4FNBMrEscnSSxr4sHL4WDlb2woPucvqLfGkw/f3XKFanf+lWD1G4K0Gzpdc430+BeQ=="
"""The registry's sha512 of it. It does not install (a dependency is missing), so that its archive is opened instead."""
FACETS: Final = ("MarketFacet", "PolicyFacet", "SetterFacet", "RewardFacet")
SHIPPED: Final = (
    "Comptroller/Unitroller.sol",
    "Comptroller/Diamond/Diamond.sol",
    "Comptroller/Diamond/DiamondConsolidated.sol",
    *(f"Comptroller/Diamond/facets/{facet}.sol" for facet in FACETS),
    "Lens/ComptrollerLens.sol",
    "Tokens/VTokens/VBep20Immutable.sol",
    "Tokens/VAI/VAI.sol",
    "Tokens/VAI/VAIUnitroller.sol",
    "Tokens/VAI/VAIController.sol",
    "InterestRateModels/JumpRateModel.sol",
    "Liquidator/Liquidator.sol",
)
FOLDER: Final = COMPILED / f"venus-core-{hashlib.sha256(repr(SHIPPED).encode()).hexdigest()[:8]}"
OURS: Final = {
    "Venus.sol": ("Governance", "PriceBoard", "DoubtingBoard", "StillModel", "ShareReserve", "Front"),
    "Token.sol": ("Token",),
}
BLOCKS_PER_YEAR: Final = 10_512_000
STALE_BLOCKS: Final = 600
SWEPT: Final = ("USDV", "BTCV")
SWEPT_AFTER: Final = 500
"""Accruing sends these markets' reserves away if so many blocks have passed since the last time."""
PEOPLE: Final = 42
MAJORS, STRICT = 1, 2
"""The e-mode pools: the first counts what it does not list as the core pool does, the second not at all."""


@dataclass(frozen=True)
class Terms:
    """How a pool takes a market, in percent: collateral factor, liquidation threshold, bonus."""

    factor: int
    threshold: int
    bonus: int


KINDS: Final = (
    Kind("ETHV", 18, 80, 20_000_000, 3),
    Kind("USDV", 6, 82, 10_002, 9),
    Kind("BTCV", 8, 75, 600_000_000, 2),
    Kind("DAIV", 18, 75, 9_998, 11),
    Kind("CAKE", 18, 55, 25_000, 40),
    Kind("OLDV", 18, 0, 13_382, 20),
)
CORE: Final = {
    "ETHV": Terms(80, 83, 8),
    "USDV": Terms(82, 85, 5),
    "BTCV": Terms(75, 78, 7),
    "DAIV": Terms(75, 80, 6),
    "CAKE": Terms(55, 60, 15),
    "OLDV": Terms(0, 45, 12),
}
POOLS: Final[Mapping[int, Mapping[str, Terms]]] = {
    MAJORS: {"ETHV": Terms(90, 93, 2), "USDV": Terms(92, 95, 1)},
    STRICT: {"USDV": Terms(90, 92, 3), "DAIV": Terms(88, 91, 4)},
}


@dataclass(frozen=True)
class VenusCore(Venus):
    """The deployed market with its VAI."""

    vai: Contract
    controller: Contract

    def questions(self, wallet: str) -> list[Question]:
        return [*super().questions(wallet), (self.controller, "getVAIRepayAmount", (wallet,))]


# --- artifacts ----------------------------------------------------------------------------------------------------


@cache
def artifacts() -> dict[str, Artifact]:
    """The shipped contracts and our helpers."""
    with exclusive(COMPILED / "venus-core.lock"):
        if not FOLDER.is_dir():
            _unpack()
    found = compiled({name: (CONTRACTS / name).read_text() for name in OURS}, OURS)
    return found | {artifact.name: artifact for artifact in map(_shipped, SHIPPED)}


def _stem(source: str) -> str:
    return source.rsplit("/", 1)[-1].removesuffix(".sol")


def _unpack() -> None:
    """Keep the wanted artifacts of the package's archive; the folder appears whole or not at all."""
    part = FOLDER.with_suffix(".part")
    part.mkdir(exist_ok=True)
    told = json.loads(run(["npm", "pack", PACKAGE, "--json", "--pack-destination", part]))
    archive = part / told[0]["filename"]
    if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != INTEGRITY:
        raise ToolchainError(f"{PACKAGE} is not the package that the tests were written for")
    wanted = {f"package/artifacts/contracts/{source}/{_stem(source)}.json": _stem(source) for source in SHIPPED}
    with tarfile.open(archive) as members:
        for member in members:
            text = members.extractfile(member) if member.name in wanted else None
            if text is not None:
                (part / f"{wanted[member.name]}.json").write_bytes(text.read())
    archive.unlink()
    part.rename(FOLDER)


def _shipped(source: str) -> Artifact:
    raw = json.loads((FOLDER / f"{_stem(source)}.json").read_text())
    code, runtime = raw["bytecode"].removeprefix("0x"), raw["deployedBytecode"].removeprefix("0x")
    assert not raw["linkReferences"]
    return Artifact(_stem(source), tuple(raw["abi"]), code, runtime, {})


# --- deployment ---------------------------------------------------------------------------------------------------


def deploy(evm: Evm, built: Mapping[str, Artifact]) -> VenusCore:
    governance, oracle, lens = (evm.deploy(built[name]) for name in ("Governance", "PriceBoard", "ComptrollerLens"))
    comptroller = _diamond(evm, built)
    comptroller.send("_setAccessControl", governance.address)
    comptroller.send("_setComptrollerLens", lens.address)
    comptroller.send("_setPriceOracle", oracle.address)
    comptroller.send("setDeviationBoundedOracle", evm.deploy(built["DoubtingBoard"], oracle.address).address)
    comptroller.send("_setCloseFactor", WAD // 2)
    markets = tuple(_market(evm, built, comptroller, governance, kind) for kind in KINDS)
    vai, controller = _vai(evm, built, comptroller, governance)
    made = VenusCore(
        evm=evm,
        comptroller=comptroller,
        oracle=oracle,
        markets=markets,
        prices=tuple(one.kind.price * 10 ** (32 - one.kind.decimals) for one in markets),
        wallets=tuple(to_checksum_address(f"0x{0xACC0000 + number:040x}") for number in range(PEOPLE)),
        vai=vai,
        controller=controller,
    )
    made.set_prices(made.prices)
    _configure(made)
    return made


def _diamond(evm: Evm, built: Mapping[str, Artifact]) -> Contract:
    """The Unitroller over a Diamond that knows every facet's functions, each by the first facet that has it."""
    unitroller, diamond = evm.deploy(built["Unitroller"]), evm.deploy(built["Diamond"])
    unitroller.send("_setPendingImplementation", diamond.address)
    diamond.send("_become", unitroller.address)
    comptroller = evm.at(built["DiamondConsolidated"], unitroller.address)
    known: set[bytes] = set()
    for facet in FACETS:
        selectors = [one[0] for each in Coder(built[facet].abi).functions.values() for one in each]
        added = [selector for selector in selectors if selector not in known]
        comptroller.send("diamondCut", [(evm.deploy(built[facet]).address, 0, added)])
        known.update(added)
    return comptroller


def _market(
    evm: Evm, built: Mapping[str, Artifact], comptroller: Contract, governance: Contract, kind: Kind
) -> VMarket:
    token = evm.deploy(built["Token"], kind.symbol, kind.symbol, kind.decimals)
    rate = 50 * kind.rate * WAD // 100
    model = evm.deploy(built["JumpRateModel"], rate, rate // 2, 5 * rate, 8 * WAD // 10, BLOCKS_PER_YEAR)
    initial = 2 * 10 ** (kind.decimals + 8)
    name = f"v{kind.symbol}"
    arguments = (token.address, comptroller.address, model.address, initial, name, name, 8, evm.owner)
    vtoken = evm.deploy(built["VBep20Immutable"], *arguments)
    comptroller.send("_supportMarket", vtoken.address)
    vtoken.send("setAccessControlManager", governance.address)
    vtoken.send("setProtocolShareReserve", evm.deploy(built["ShareReserve"]).address)
    vtoken.send("setReduceReservesBlockDelta", SWEPT_AFTER if kind.symbol in SWEPT else BLOCKS_PER_YEAR)
    vtoken.send("_setReserveFactor", WAD // 5)
    return VMarket(kind, token, vtoken)


def _vai(
    evm: Evm, built: Mapping[str, Artifact], comptroller: Contract, governance: Contract
) -> tuple[Contract, Contract]:
    vai, proxy, brains = (
        evm.deploy(built["VAI"], 31337),
        evm.deploy(built["VAIUnitroller"]),
        evm.deploy(built["VAIController"]),
    )
    proxy.send("_setPendingImplementation", brains.address)
    brains.send("_become", proxy.address)
    controller = evm.at(built["VAIController"], proxy.address)
    controller.send("initialize")
    controller.send("setAccessControl", governance.address)
    controller.send("setVAIToken", vai.address)
    controller.send("setReceiver", OWNER)
    controller.send("_setComptroller", comptroller.address)
    controller.send("setBaseRate", 100 * WAD)
    vai.send("rely", controller.address)
    comptroller.send("_setVAIController", controller.address)
    comptroller.send("_setVAIMintRate", 9_000)
    return vai, controller


def _configure(made: VenusCore) -> None:
    comptroller, by_symbol = made.comptroller, {one.kind.symbol: one.vtoken.address for one in made.markets}
    with made.evm.together():
        for symbol, terms in CORE.items():
            comptroller.send("setLiquidationIncentive", by_symbol[symbol], WAD + terms.bonus * WAD // 100)
            comptroller.send(
                "setCollateralFactor", by_symbol[symbol], terms.factor * WAD // 100, terms.threshold * WAD // 100
            )
            comptroller.send("setIsBorrowAllowed", 0, by_symbol[symbol], True)
        for pool, members in POOLS.items():
            comptroller.send("createPool", f"pool {pool}")
            comptroller.send("setAllowCorePoolFallback", pool, True) if pool == MAJORS else None
            comptroller.send("addPoolMarkets", [pool] * len(members), [by_symbol[symbol] for symbol in members])
            for symbol, terms in members.items():
                comptroller.send("setLiquidationIncentive", pool, by_symbol[symbol], WAD + terms.bonus * WAD // 100)
                factors = terms.factor * WAD // 100, terms.threshold * WAD // 100
                comptroller.send("setCollateralFactor", pool, by_symbol[symbol], *factors)
                comptroller.send("setIsBorrowAllowed", pool, by_symbol[symbol], True)
        for setter in ("_setMarketSupplyCaps", "_setMarketBorrowCaps"):
            comptroller.send(setter, list(by_symbol.values()), [MAX] * len(by_symbol))
