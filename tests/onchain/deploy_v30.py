"""Aave V3.0 from the artifacts of @aave/core-v3 1.19.3."""

from __future__ import annotations

from . import artifacts
from .deploy import (
    TREASURY,
    Deployment,
    bind_tokens,
    configure,
    install_data_provider,
    install_oracle,
    install_proxies,
    make_feed,
    start_market,
)
from .evm import ZERO, Contract, Evm
from .listing import EMODES_V30, RESERVES, STABLE_KEY, STABLE_PRICE, Reserve

RAY = 10**27
KEY_ADDRESS = "0x00000000000000000000000000000000005AB1E0"
POOL_LIBRARIES = (
    "BridgeLogic",
    "EModeLogic",
    "FlashLoanLogic",
    "LiquidationLogic",
    "PoolLogic",
    "SupplyLogic",
)


def deploy_v30(evm: Evm) -> Deployment:
    """A whole market of V3.0, configured, without users."""
    code = artifacts.aave_v30()
    market = start_market(evm, "3.0", code, RESERVES, EMODES_V30)
    install_oracle(market, code)
    _install_pool(market)
    install_data_provider(market, code)
    _list_reserves(market)
    bind_tokens(market, code, ("AToken", "VariableDebtToken"))
    _configure_emodes(market)
    return market


def _install_pool(market: Deployment) -> None:
    code, evm = artifacts.aave_v30(), market.evm
    libraries = {"BorrowLogic": evm.deploy(code["BorrowLogic"]).address}
    for name in POOL_LIBRARIES:
        libraries[name] = evm.deploy(code[name], libraries=libraries).address
    configurator = {"ConfiguratorLogic": evm.deploy(code["ConfiguratorLogic"]).address}
    install_proxies(
        market,
        evm.deploy(code["Pool"], market.provider.address, libraries=libraries),
        evm.deploy(code["PoolConfigurator"], libraries=configurator),
    )


def _list_reserves(market: Deployment) -> None:
    code, pool = artifacts.aave_v30(), market.pool.address
    implementations = [
        market.evm.deploy(code[name], pool).address for name in ("AToken", "StableDebtToken", "VariableDebtToken")
    ]
    for reserve in market.reserves:
        strategy = _strategy(market, reserve)
        market.configurator.send("initReserves", [_init_input(market, reserve, implementations, strategy)])
        configure(market, reserve)
        if reserve.stable_rate:
            asset = market.tokens[reserve.symbol].address
            market.configurator.send("setReserveStableRateBorrowing", asset, True)


def _strategy(market: Deployment, reserve: Reserve) -> Contract:
    base, below, above = (slope * RAY // 10_000 for slope in reserve.slopes)
    stable = (below, above, RAY // 100, 8 * RAY // 100, 20 * RAY // 100)
    return market.evm.deploy(
        artifacts.aave_v30()["DefaultReserveInterestRateStrategy"],
        market.provider.address, reserve.optimal * RAY // 10_000, base, below, above, *stable,
    )  # fmt: skip


def _init_input(
    market: Deployment, reserve: Reserve, implementations: list[str], strategy: Contract
) -> tuple[object, ...]:
    atoken, stable, variable = implementations
    symbol = reserve.symbol
    return (
        atoken, stable, variable, reserve.decimals, strategy.address, market.tokens[symbol].address, TREASURY, ZERO,
        f"Aave {symbol}", f"a{symbol}", f"Aave variable debt {symbol}", f"variableDebt{symbol}",
        f"Aave stable debt {symbol}", f"stableDebt{symbol}", b"",
    )  # fmt: skip


def _configure_emodes(market: Deployment) -> None:
    market.feeds[STABLE_KEY] = make_feed(market.evm, STABLE_PRICE)
    market.keys[STABLE_KEY] = KEY_ADDRESS
    market.oracle.send("setAssetSources", [KEY_ADDRESS], [market.feeds[STABLE_KEY].address])
    for mode in market.emodes:
        source = KEY_ADDRESS if mode.price_key else ZERO
        market.configurator.send("setEModeCategory", mode.id, mode.ltv, mode.threshold, mode.bonus, source, mode.label)
        for symbol in mode.collateral:
            market.configurator.send("setAssetEModeCategory", market.tokens[symbol].address, mode.id)
