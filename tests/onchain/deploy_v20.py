"""Aave V2 from the artifacts of @aave/protocol-v2 1.0.1, in ether, with the listing of the other markets.

The tests' world speaks V3 (`supply`, eMode, protocol fee); :class:`PoolV2` and :class:`DataV2` translate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_utils import to_checksum_address

from .deploy import TREASURY, Deployment, bind_tokens, make_feed, make_token
from .evm import ZERO, Contract, Evm
from .listing import BY_SYMBOL, RESERVES, Reserve
from .toolchain import Artifact, ensure_packages, published

RAY = 10**27
ETHER = 10**18
V20 = (
    "protocol/configuration/LendingPoolAddressesProvider.sol",
    "protocol/lendingpool/LendingPool.sol",
    "protocol/lendingpool/LendingPoolCollateralManager.sol",
    "protocol/lendingpool/LendingPoolConfigurator.sol",
    "protocol/lendingpool/DefaultReserveInterestRateStrategy.sol",
    "protocol/libraries/logic/GenericLogic.sol",
    "protocol/libraries/logic/ReserveLogic.sol",
    "protocol/libraries/logic/ValidationLogic.sol",
    "protocol/tokenization/AToken.sol",
    "protocol/tokenization/StableDebtToken.sol",
    "protocol/tokenization/VariableDebtToken.sol",
    "misc/AaveOracle.sol",
    "misc/AaveProtocolDataProvider.sol",
    "mocks/oracle/LendingRateOracle.sol",
)


@cache
def aave_v20() -> dict[str, Artifact]:
    """Aave V2, as its package ships it compiled."""
    ensure_packages()
    found = [published("@aave/protocol-v2", path) for path in V20]
    return {artifact.name: artifact for artifact in found}


@dataclass(frozen=True)
class PoolV2(Contract):
    """A LendingPool that answers to V3's names: `supply` is `deposit`, and nobody is in an eMode."""

    def data(self, function: str, *args: Any) -> str:
        return super().data("deposit" if function == "supply" else function, *args)

    def call(self, function: str, *args: Any) -> Any:
        return 0 if function == "getUserEMode" else super().call(function, *args)


@dataclass(frozen=True)
class DataV2(Contract):
    """A data provider that knows the fee on liquidations: V2 has none."""

    def call(self, function: str, *args: Any) -> Any:
        return 0 if function == "getLiquidationProtocolFee" else super().call(function, *args)


def price_in_ether(reserve: Reserve, ether: Reserve = BY_SYMBOL["WETH"]) -> int:
    """The listing's price in dollars, wei."""
    return reserve.price * ETHER // ether.price


def deploy_v20(evm: Evm, reserves: tuple[Reserve, ...] = RESERVES) -> Deployment:
    """A whole market of V2, configured, without users."""
    code = aave_v20()
    provider = evm.deploy(code["LendingPoolAddressesProvider"], "Test market 2.0")
    provider.send("setPoolAdmin", evm.owner)
    provider.send("setEmergencyAdmin", evm.owner)
    ether = next(reserve for reserve in reserves if reserve.symbol == "WETH")
    tokens = {reserve.symbol: make_token(evm, reserve) for reserve in reserves}
    feeds = {reserve.symbol: make_feed(evm, price_in_ether(reserve, ether)) for reserve in reserves}
    market = Deployment(evm, "2.0", provider, provider, reserves, (), tokens, feeds)
    _install_pool(market, code)
    _install_oracles(market, code)
    data = evm.deploy(code["AaveProtocolDataProvider"], provider.address)
    provider.send("setAddress", bytes([1]).ljust(32, b"\0"), data.address)
    market.contracts["data"] = DataV2(evm, data.address, data.coder, data.name)
    for reserve in reserves:
        _list_reserve(market, code, reserve)
    bind_tokens(market, code, ("AToken", "VariableDebtToken"))
    return market


def _install_pool(market: Deployment, code: Mapping[str, Artifact]) -> None:
    evm, provider = market.evm, market.provider
    libraries = {name: evm.deploy(code[name]).address for name in ("GenericLogic", "ReserveLogic")}
    libraries["ValidationLogic"] = evm.deploy(code["ValidationLogic"], libraries=libraries).address
    pool = evm.deploy(code["LendingPool"], libraries=libraries)
    configurator = evm.deploy(code["LendingPoolConfigurator"])
    provider.send("setLendingPoolImpl", pool.address)
    provider.send("setLendingPoolConfiguratorImpl", configurator.address)
    provider.send("setLendingPoolCollateralManager", evm.deploy(code["LendingPoolCollateralManager"]).address)
    market.contracts["pool"] = PoolV2(evm, _checked(provider.call("getLendingPool")), pool.coder, "pool")
    address = _checked(provider.call("getLendingPoolConfigurator"))
    market.contracts["configurator"] = Contract(evm, address, configurator.coder, "configurator")


def _checked(address: str) -> str:
    return str(to_checksum_address(address))


def _install_oracles(market: Deployment, code: Mapping[str, Artifact]) -> None:
    """AaveOracle prices WETH at one ether, whatever its feed says; stable rates start from 3 % a year."""
    symbols = [symbol for symbol in market.tokens if symbol != "WETH"]
    assets = [market.tokens[symbol].address for symbol in symbols]
    sources = [market.feeds[symbol].address for symbol in symbols]
    oracle = market.evm.deploy(code["AaveOracle"], assets, sources, ZERO, market.tokens["WETH"].address)
    market.provider.send("setPriceOracle", oracle.address)
    market.contracts["oracle"] = oracle
    rates = market.evm.deploy(code["LendingRateOracle"])
    for token in market.tokens.values():
        rates.send("setMarketBorrowRate", token.address, 3 * RAY // 100)
    market.provider.send("setLendingRateOracle", rates.address)


def _list_reserve(market: Deployment, code: Mapping[str, Artifact], reserve: Reserve) -> None:
    asset, send = market.tokens[reserve.symbol].address, market.configurator.send
    implementations = _tokens(market, code, reserve)
    send("initReserve", *implementations, reserve.decimals, _strategy(market, code, reserve).address)
    if reserve.threshold:
        send("configureReserveAsCollateral", asset, reserve.ltv, reserve.threshold, reserve.bonus)
    if reserve.borrowable:
        send("enableBorrowingOnReserve", asset, reserve.stable_rate)
    send("setReserveFactor", asset, reserve.reserve_factor)


def _tokens(market: Deployment, code: Mapping[str, Artifact], reserve: Reserve) -> list[str]:
    evm, pool, asset = market.evm, market.pool.address, market.tokens[reserve.symbol].address
    names = (f"Aave {reserve.symbol}", reserve.symbol, ZERO)
    atoken = evm.deploy(code["AToken"], pool, asset, TREASURY, *names)
    debts = [evm.deploy(code[name], pool, asset, *names) for name in ("StableDebtToken", "VariableDebtToken")]
    return [atoken.address, *(debt.address for debt in debts)]


def _strategy(market: Deployment, code: Mapping[str, Artifact], reserve: Reserve) -> Contract:
    base, below, above = (slope * RAY // 10_000 for slope in reserve.slopes)
    return market.evm.deploy(
        code["DefaultReserveInterestRateStrategy"],
        market.provider.address, reserve.optimal * RAY // 10_000, base, below, above, below, above,
    )  # fmt: skip
