"""Aave V3.6, compiled from the source in @aave-dao/aave-v3-origin 3.6.0."""

from __future__ import annotations

from eth_abi import encode

from . import artifacts
from .deploy import (
    TREASURY,
    Deployment,
    bind_tokens,
    configure,
    install_data_provider,
    install_oracle,
    install_proxies,
    start_market,
)
from .evm import ZERO, Evm
from .listing import EMODES_V36, RESERVES, EMode, Reserve

POOL_LIBRARIES = ("FlashLoanLogic", "LiquidationLogic", "PoolLogic", "SupplyLogic")


def deploy_v36(
    evm: Evm, reserves: tuple[Reserve, ...] = RESERVES, emodes: tuple[EMode, ...] = EMODES_V36
) -> Deployment:
    """A whole market of V3.6, configured, without users."""
    code = artifacts.aave_v36()
    market = start_market(evm, "3.6", code, reserves, emodes)
    install_oracle(market, code)
    _install_pool(market)
    install_data_provider(market, code)
    list_reserves(market, reserves)
    bind_tokens(market, code, ("ATokenInstance", "VariableDebtTokenInstance"))
    _configure_emodes(market)
    return market


def _install_pool(market: Deployment) -> None:
    code, evm = artifacts.aave_v36(), market.evm
    strategy = evm.deploy(code["DefaultReserveInterestRateStrategyV2"], market.provider.address)
    libraries = {"BorrowLogic": evm.deploy(code["BorrowLogic"]).address}
    for name in POOL_LIBRARIES:
        libraries[name] = evm.deploy(code[name], libraries=libraries).address
    configurator = {"ConfiguratorLogic": evm.deploy(code["ConfiguratorLogic"]).address}
    install_proxies(
        market,
        evm.deploy(code["PoolInstance"], market.provider.address, strategy.address, libraries=libraries),
        evm.deploy(code["PoolConfiguratorInstance"], libraries=configurator),
    )


def list_reserves(market: Deployment, reserves: tuple[Reserve, ...]) -> None:
    """Initialise and configure reserves whose tokens and feeds exist."""
    code, pool = artifacts.aave_v36(), market.pool.address
    atoken = market.evm.deploy(code["ATokenInstance"], pool, ZERO, TREASURY).address
    debt = market.evm.deploy(code["VariableDebtTokenInstance"], pool, ZERO).address
    for reserve in reserves:
        market.configurator.send("initReserves", [_init_input(market, reserve, atoken, debt)])
        configure(market, reserve)


def _init_input(market: Deployment, reserve: Reserve, atoken: str, debt: str) -> tuple[object, ...]:
    symbol = reserve.symbol
    rates = encode(["(uint16,uint32,uint32,uint32)"], [(reserve.optimal, *reserve.slopes)])
    return (
        atoken, debt, market.tokens[symbol].address, f"Aave {symbol}", f"a{symbol}",
        f"Aave variable debt {symbol}", f"variableDebt{symbol}", b"", rates,
    )  # fmt: skip


def _configure_emodes(market: Deployment) -> None:
    send = market.configurator.send
    for mode in market.emodes:
        send("setEModeCategory", mode.id, mode.ltv, mode.threshold, mode.bonus, mode.label)
        for symbol in mode.collateral:
            send("setAssetCollateralInEMode", market.tokens[symbol].address, mode.id, True)
        for symbol in mode.borrowable:
            send("setAssetBorrowableInEMode", market.tokens[symbol].address, mode.id, True)
