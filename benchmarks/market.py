"""Aave V3 markets that are not there: every answer their contracts would give, encoded as the contracts encode it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from eth_abi.abi import encode

from benchmarks.positions import BY_SYMBOL, LISTINGS, NOW, asset_of, reserve, sketches, state
from defirisk.chain.abi import Abi, checksum
from defirisk.chain.calls import Answer, Block, Call, Returned, Reverted
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import AaveState, Holding

POOL: Final = Abi.load("aave_v3")
SYMBOL: Final = Abi.load("erc20")["symbol"]
BLOCK: Final = Block(23_000_000, NOW, "0x" + "bb" * 32)
RULES: Final = rules_named("3.6")
POOL_REVISION: Final = 10
NOBODY: Final = "0x" + "00" * 20
WHOLE: Final = 1_000_000
"""Whole tokens: what may be borrowed of a reserve, half of what may be supplied."""


def wallet_of(number: int) -> str:
    """The address of an owner."""
    return checksum(f"0x{0xB0B << 100 | number + 1:040x}")


class Site:
    """Where a fake market's contracts are; ``number`` tells one market's from another's."""

    def __init__(self, number: int, hinted: Mapping[str, str] | None = None, entry: str | None = None) -> None:
        hints = hinted or {}
        self.number = number
        self.entry = (entry or self._at(1)).lower()
        self.pool = hints.get("pool", self._at(2)).lower()
        self.oracle = hints.get("oracle", self._at(3)).lower()

    def token(self, kind: int, reserve_id: int) -> str:
        """The aToken (0), the debt token (1) or the feed (2) of a reserve."""
        return self._at(100 + 10 * reserve_id + kind)

    def _at(self, place: int) -> str:
        return f"0x{0xDEF1 << 128 | self.number << 32 | place:040x}"


def answers(sites: Iterable[Site], wallets: int) -> dict[Call, Answer]:
    """All that the contracts at these sites say, with so many owners in each market."""
    told: dict[Call, Answer] = {}
    states = {wallet_of(number): state(sketch) for number, sketch in enumerate(sketches("2+1", wallets))}
    for site in sites:
        _tell_market(told, site)
        for number in range(len(LISTINGS)):
            _tell_reserve(told, site, number)
        for wallet, held in states.items():
            _tell_owner(told, site, wallet, held)
    return told


def _say(told: dict[Call, Answer], call: Call, *values: tuple[str, Any]) -> None:
    told[call] = Returned(encode([kind for kind, _ in values], [value for _, value in values]))


def _tell_market(told: dict[Call, Answer], site: Site) -> None:
    addresses = {"getPool": site.pool, "getPriceOracle": site.oracle, "getPriceOracleSentinel": NOBODY}
    for name, address in addresses.items():
        _say(told, POOL[name](site.entry), ("address", address))
    assets = [asset_of(number) for number in range(len(LISTINGS))]
    _say(told, POOL["POOL_REVISION"](site.pool), ("uint256", POOL_REVISION))
    _say(told, POOL["getReservesList"](site.pool), ("address[]", assets))
    _say(told, POOL["getReservesCount"](site.pool), ("uint256", len(assets)))
    _say(told, POOL["RESERVE_INTEREST_RATE_STRATEGY"](site.pool), ("address", site.token(9, 0)))
    _say(told, POOL["getEModeCategoryCollateralBitmap"](site.pool, 1), ("uint128", 0))
    _say(told, POOL["getEModeCategoryLtvzeroBitmap"](site.pool, 1), ("uint128", 0))
    told[POOL["getIsEModeCategoryIsolated"](site.pool, 1)] = Reverted(b"")
    _say(told, POOL["BASE_CURRENCY"](site.oracle), ("address", NOBODY))
    _say(told, POOL["BASE_CURRENCY_UNIT"](site.oracle), ("uint256", 10**8))


def _tell_reserve(told: dict[Call, Answer], site: Site, number: int) -> None:
    one, asset = LISTINGS[number], asset_of(number)
    a_token, debt_token, feed = (site.token(kind, number) for kind in range(3))
    indices = reserve(one.symbol)
    data = (
        _configuration(number), indices.liquidity_index, 0, indices.variable_borrow_index, 0, 0, NOW, number,
        a_token, NOBODY, debt_token, NOBODY, 0, 0, 0,
    )  # fmt: skip
    words = ["uint256", *["uint128"] * 5, "uint40", "uint16", *["address"] * 4, *["uint128"] * 3]
    _say(told, POOL["getReserveData"](site.pool, asset), *zip(words, data, strict=True))
    for token in (a_token, debt_token):
        _say(told, POOL["scaledTotalSupply"](token), ("uint256", WHOLE * 10**one.decimals))
    _say(told, POOL["getLiquidationGracePeriod"](site.pool, asset), ("uint40", 0))
    _say(told, POOL["getReserveDeficit"](site.pool, asset), ("uint256", 0))
    _say(told, POOL["getAssetPrice"](site.oracle, asset), ("uint256", one.price))
    _say(told, POOL["getSourceOfAsset"](site.oracle, asset), ("address", feed))
    _say(told, SYMBOL(asset), ("string", one.symbol))
    _say(told, POOL["latestTimestamp"](feed), ("uint256", NOW - 60))
    rounds = (("uint80", 7), ("int256", one.price), ("uint256", NOW - 60), ("uint256", NOW - 60), ("uint80", 7))
    _say(told, POOL["latestRoundData"](feed), *rounds)


def _configuration(number: int) -> int:
    """``ReserveConfigurationMap``: active, open to borrowers, with caps."""
    one = LISTINGS[number]
    parts = ((one.ltv, 0), (one.threshold, 16), (one.bonus, 32), (one.decimals, 48), (0b101, 56), (one.fee, 152))
    caps = ((WHOLE, 80), (2 * WHOLE, 116))
    return sum(value << place for value, place in (*parts, *caps))


def _tell_owner(told: dict[Call, Answer], site: Site, wallet: str, held: AaveState) -> None:
    by_id: dict[int, Holding] = {holding.reserve.id: holding for holding in held.holdings}
    flags = sum((one.collateral << 1 | one.borrowing) << 2 * number for number, one in by_id.items())
    _say(told, POOL["getUserConfiguration"](site.pool, wallet), ("uint256", flags))
    _say(told, POOL["getUserEMode"](site.pool, wallet), ("uint256", 0))
    account = [("uint256", field) for field in RULES.account_data(held)]
    _say(told, POOL["getUserAccountData"](site.pool, wallet), *account)
    for number, _ in BY_SYMBOL.values():
        one = by_id.get(number)
        shares = (one.scaled_supply, one.scaled_variable_debt) if one else (0, 0)
        for kind, amount in enumerate(shares):
            _say(told, POOL["scaledBalanceOf"](site.token(kind, number), wallet), ("uint256", amount))
