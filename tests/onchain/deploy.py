"""What both revisions of Aave have in common when they are deployed: tokens, feeds, roles, oracle, configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from . import artifacts
from .evm import ZERO, Contract, Evm
from .listing import EMode, Reserve

OWNER = "0x00000000000000000000000000000000000A11CE"
TREASURY = "0x0000000000000000000000000000000000007ea5"
MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
USD_UNIT = 10**8
TOKEN_SLOTS = 5  # of Token.sol: supply, balances, allowances, name, symbol


@dataclass
class Deployment:
    """A market of Aave V3 and the knobs of its surroundings."""

    evm: Evm
    rules: str  # "3.0" or "3.6"
    provider: Contract
    acl: Contract
    reserves: tuple[Reserve, ...]
    emodes: tuple[EMode, ...]
    tokens: dict[str, Contract]
    feeds: dict[str, Contract]
    contracts: dict[str, Contract] = field(default_factory=dict)
    atokens: dict[str, Contract] = field(default_factory=dict)
    debts: dict[str, Contract] = field(default_factory=dict)
    stable_debts: dict[str, Contract] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # stand-in assets that only the oracle knows

    @property
    def pool(self) -> Contract:
        return self.contracts["pool"]

    @property
    def configurator(self) -> Contract:
        return self.contracts["configurator"]

    @property
    def oracle(self) -> Contract:
        return self.contracts["oracle"]

    @property
    def data(self) -> Contract:
        return self.contracts["data"]


def make_token(evm: Evm, reserve: Reserve) -> Contract:
    """The underlying asset, answering symbol() in its own style; one that stands at its address already is taken."""
    ours = artifacts.ours()
    if reserve.address is not None:
        return _token_at(evm, replace(reserve, address=None), reserve.address)
    if reserve.style == "bytes32":
        text = reserve.symbol.encode().ljust(32, b"\0")
        return evm.deploy(ours["Bytes32Token"], text, text, reserve.decimals)
    return evm.deploy(ours["Token"], f"Test {reserve.symbol}", reserve.symbol, reserve.decimals)


def _token_at(evm: Evm, reserve: Reserve, address: str) -> Contract:
    """A token moved to an address: its code, and the slots of what it was made with (names; nobody owns any yet)."""
    if evm.rpc("eth_getCode", address, "latest") == "0x":
        made = make_token(evm, reserve).address
        evm.rpc("anvil_setCode", address, evm.rpc("eth_getCode", made, "latest"))
        for slot in range(TOKEN_SLOTS):
            evm.rpc(
                "anvil_setStorageAt", address, f"0x{slot:064x}", evm.rpc("eth_getStorageAt", made, hex(slot), "latest")
            )
    return evm.at(artifacts.ours()["Token"], address)


def make_feed(evm: Evm, price: int) -> Contract:
    return evm.deploy(artifacts.ours()["Feed"], price)


def place_multicall(evm: Evm) -> None:
    """Our own batcher at the address where every chain has Multicall3 (anvil does not)."""
    evm.rpc("anvil_setCode", MULTICALL3, "0x" + artifacts.ours()["Batch"].runtime)


def start_market(
    evm: Evm,
    rules: str,
    code: dict[str, artifacts.Artifact],
    reserves: tuple[Reserve, ...],
    emodes: tuple[EMode, ...],
) -> Deployment:
    """The addresses provider, the roles, and an underlying token and feed for every reserve."""
    provider = evm.deploy(code["PoolAddressesProvider"], f"Test market {rules}", evm.owner)
    provider.send("setACLAdmin", evm.owner)
    acl = evm.deploy(code["ACLManager"], provider.address)
    provider.send("setACLManager", acl.address)
    for role in ("addPoolAdmin", "addAssetListingAdmin", "addRiskAdmin", "addEmergencyAdmin"):
        acl.send(role, evm.owner)
    tokens = {reserve.symbol: make_token(evm, reserve) for reserve in reserves}
    feeds = {reserve.symbol: make_feed(evm, reserve.price) for reserve in reserves}
    return Deployment(evm, rules, provider, acl, reserves, emodes, tokens, feeds)


def install_proxies(market: Deployment, pool: Contract, configurator: Contract) -> None:
    """Pool and configurator behind the provider's proxies, as every market has them."""
    market.provider.send("setPoolImpl", pool.address)
    market.provider.send("setPoolConfiguratorImpl", configurator.address)
    for name, implementation, getter in (
        ("pool", pool, "getPool"),
        ("configurator", configurator, "getPoolConfigurator"),
    ):
        address = market.provider.call(getter)
        market.contracts[name] = Contract(market.evm, address, implementation.coder, name)


def install_oracle(market: Deployment, code: dict[str, artifacts.Artifact]) -> None:
    """AaveOracle over the market's feeds, in USD with 8 decimals."""
    assets = [market.tokens[symbol].address for symbol in market.tokens]
    feeds = [market.feeds[symbol].address for symbol in market.tokens]
    oracle = market.evm.deploy(code["AaveOracle"], market.provider.address, assets, feeds, ZERO, ZERO, USD_UNIT)
    market.provider.send("setPriceOracle", oracle.address)
    market.contracts["oracle"] = oracle


def install_data_provider(market: Deployment, code: dict[str, artifacts.Artifact]) -> None:
    data = market.evm.deploy(code["AaveProtocolDataProvider"], market.provider.address)
    market.provider.send("setPoolDataProvider", data.address)
    market.contracts["data"] = data


def configure(market: Deployment, reserve: Reserve) -> None:
    """A reserve's risk parameters, the same calls in every revision."""
    asset = market.tokens[reserve.symbol].address
    send = market.configurator.send
    with market.evm.together():
        if reserve.threshold:
            send("configureReserveAsCollateral", asset, reserve.ltv, reserve.threshold, reserve.bonus)
        if reserve.ceiling:
            send("setDebtCeiling", asset, reserve.ceiling)
        if reserve.borrowable:
            send("setReserveBorrowing", asset, True)
        send("setReserveFactor", asset, reserve.reserve_factor)
        send("setLiquidationProtocolFee", asset, reserve.protocol_fee)
        send("setBorrowableInIsolation", asset, reserve.in_isolation)


def bind_tokens(market: Deployment, code: dict[str, artifacts.Artifact], names: tuple[str, str]) -> None:
    """Find the market's own tokens; `names` are the artifacts of aToken and debt token."""
    for symbol, token in market.tokens.items():
        atoken, stable, debt = market.data.call("getReserveTokensAddresses", token.address)
        market.atokens[symbol] = market.evm.at(code[names[0]], atoken)
        market.debts[symbol] = market.evm.at(code[names[1]], debt)
        if "StableDebtToken" in code:
            market.stable_debts[symbol] = market.evm.at(code["StableDebtToken"], stable)
