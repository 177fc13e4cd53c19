"""Which contracts the tests use, and where their code comes from."""

from __future__ import annotations

from functools import cache

from .toolchain import CONTRACTS, Artifact, compiled, ensure_packages, published

ORIGIN = "@aave-dao/aave-v3-origin/src/contracts/"
OURS = {
    "Feed.sol": ("Feed", "BrokenFeed"),
    "Token.sol": ("Token", "Bytes32Token", "NamelessToken"),
    "Batch.sol": ("Batch",),
    "Sentinel.sol": ("Sentinel",),
    "Views.sol": ("Views",),
}
V30 = (
    "protocol/configuration/PoolAddressesProvider.sol",
    "protocol/configuration/ACLManager.sol",
    "protocol/pool/Pool.sol",
    "protocol/pool/PoolConfigurator.sol",
    "protocol/pool/DefaultReserveInterestRateStrategy.sol",
    "protocol/tokenization/AToken.sol",
    "protocol/tokenization/VariableDebtToken.sol",
    "protocol/tokenization/StableDebtToken.sol",
    "misc/AaveOracle.sol",
    "misc/AaveProtocolDataProvider.sol",
    "protocol/libraries/logic/BorrowLogic.sol",
    "protocol/libraries/logic/BridgeLogic.sol",
    "protocol/libraries/logic/ConfiguratorLogic.sol",
    "protocol/libraries/logic/EModeLogic.sol",
    "protocol/libraries/logic/FlashLoanLogic.sol",
    "protocol/libraries/logic/LiquidationLogic.sol",
    "protocol/libraries/logic/PoolLogic.sol",
    "protocol/libraries/logic/SupplyLogic.sol",
)
V36 = (
    "protocol/configuration/PoolAddressesProvider.sol",
    "protocol/configuration/ACLManager.sol",
    "instances/PoolInstance.sol",
    "instances/PoolConfiguratorInstance.sol",
    "instances/ATokenInstance.sol",
    "instances/VariableDebtTokenInstance.sol",
    "misc/DefaultReserveInterestRateStrategyV2.sol",
    "misc/AaveOracle.sol",
    "helpers/AaveProtocolDataProvider.sol",
    "protocol/libraries/logic/BorrowLogic.sol",
    "protocol/libraries/logic/ConfiguratorLogic.sol",
    "protocol/libraries/logic/FlashLoanLogic.sol",
    "protocol/libraries/logic/LiquidationLogic.sol",
    "protocol/libraries/logic/PoolLogic.sol",
    "protocol/libraries/logic/SupplyLogic.sol",
)


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(".sol")


@cache
def ours() -> dict[str, Artifact]:
    """The feeds, tokens and helpers that the tests bring along."""
    ensure_packages()
    return compiled({name: (CONTRACTS / name).read_text() for name in OURS}, OURS)


@cache
def aave_v30() -> dict[str, Artifact]:
    """Aave V3.0, as its package ships it compiled."""
    ensure_packages()
    return {_stem(path): published("@aave/core-v3", path) for path in V30}


@cache
def aave_v36() -> dict[str, Artifact]:
    """Aave V3.6, compiled here from the package's source (half a minute the first time)."""
    ensure_packages()
    sources = {ORIGIN + path: "" for path in V36}
    return compiled(sources, {ORIGIN + path: (_stem(path),) for path in V36})


@cache
def ui_v36() -> dict[str, Artifact]:
    """The lens that interfaces read Aave V3.6 with, from the same package."""
    ensure_packages()
    path = ORIGIN + "helpers/UiPoolDataProviderV3.sol"
    return compiled({path: ""}, {path: ("UiPoolDataProviderV3",)})
