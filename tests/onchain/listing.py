"""What is listed in the test markets: reserves with mainnet-like parameters, eModes, rates. Data, no code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reserve:
    """One asset of the market; percentages in basis points."""

    symbol: str
    decimals: int
    price: int  # oracle units (1e-8 USD)
    ltv: int
    threshold: int
    bonus: int  # 10500 is a bonus of 5 %
    protocol_fee: int  # share of the bonus
    reserve_factor: int = 1000
    borrowable: bool = True
    stable_rate: bool = False  # V3.0 only
    ceiling: int = 0  # isolated if not 0, in USD with 2 decimals
    in_isolation: bool = False  # may be borrowed against isolated collateral
    optimal: int = 8000
    slopes: tuple[int, int, int] = (0, 400, 6000)  # base, below, above the optimum
    style: str = "string"  # how the token answers symbol()
    address: str | None = None  # where the token has to stand, for markets that share it; None: anywhere


RESERVES = (
    Reserve("WETH", 18, 221743912345, 8050, 8300, 10500, 1000, 1500, slopes=(0, 330, 8000)),
    Reserve("WBTC", 8, 4301277000101, 7300, 7800, 10625, 1000, 2000, optimal=4500, slopes=(0, 700, 30000)),
    Reserve("USDC", 6, 99987341, 7700, 8000, 10450, 2000, 1000, stable_rate=True, in_isolation=True, optimal=9000),
    Reserve("DAI", 18, 100013007, 7500, 8000, 10400, 0, 1000, stable_rate=True, in_isolation=True, optimal=9000),
    Reserve("USDT", 6, 100041999, 0, 0, 0, 1000, 1000, stable_rate=True, in_isolation=True, optimal=9000),
    Reserve("wstETH", 18, 257118033333, 7850, 8100, 10600, 1500, 500, optimal=4500, slopes=(25, 450, 8000)),
    Reserve("LINK", 18, 1487310001, 6600, 7100, 10700, 2000, 2000, optimal=4500, slopes=(0, 700, 30000)),
    Reserve("ISO", 18, 54213337, 4000, 5500, 11000, 3333, 2500, borrowable=False, ceiling=9_000_000_00),
    Reserve("AAVE", 18, 9377000077, 6600, 7300, 10750, 1000, 0, borrowable=False),
    Reserve("weETH", 18, 228811223344, 0, 0, 0, 4500, 4500, optimal=3500, slopes=(0, 700, 30000)),
    Reserve("MKR", 18, 151234500077, 6500, 7000, 10850, 2000, 2000, optimal=4500, style="bytes32"),
    Reserve("LONG", 27, 370190707, 6000, 6500, 10900, 777, 1234, optimal=7000, slopes=(100, 900, 15000)),
)
BY_SYMBOL = {reserve.symbol: reserve for reserve in RESERVES}


@dataclass(frozen=True)
class EMode:
    """One efficiency category; percentages in basis points."""

    id: int
    label: str
    ltv: int
    threshold: int
    bonus: int
    collateral: tuple[str, ...]
    borrowable: tuple[str, ...]
    price_key: str | None = None  # V3.0: the name of the stand-in asset whose price counts in this category


STABLE_KEY = "STABLE-KEY"
STABLE_PRICE = 99962103
EMODES_V30 = (
    EMode(1, "ETH correlated", 9000, 9300, 10100, ("WETH", "wstETH"), ("WETH", "wstETH")),
    EMode(2, "Stablecoins", 9300, 9500, 10101, ("USDC", "DAI"), ("USDC", "DAI"), STABLE_KEY),
)
EMODES_V36 = (
    EMode(1, "ETH correlated", 9000, 9300, 10100, ("WETH", "wstETH", "weETH"), ("WETH", "wstETH")),
    EMode(2, "Stablecoins", 9300, 9500, 10101, ("USDC", "DAI", "USDT"), ("USDC", "DAI", "USDT")),
    EMode(3, "LINK stablecoins", 7100, 7600, 10555, ("LINK",), ("USDC", "DAI")),
)
