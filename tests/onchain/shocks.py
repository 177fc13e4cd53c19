"""Price scenarios for the comparisons: falls, rises, depegs, groups, crashes, and random ones."""

from __future__ import annotations

import random
from collections.abc import Mapping

from .listing import STABLE_KEY

ETH = ("WETH", "wstETH", "weETH")
VOLATILE = (*ETH, "WBTC", "LINK", "ISO", "AAVE", "MKR", "LONG")
STABLE = ("USDC", "DAI", "USDT")

Factors = Mapping[str, float]


def _all(names: tuple[str, ...], factor: float) -> dict[str, float]:
    return dict.fromkeys(names, factor)


SHOCKS: dict[str, Factors] = {
    "none": {},
    "a little": _all(VOLATILE, 0.9971),
    "volatile -3%": _all(VOLATILE, 0.97),
    "volatile -10%": _all(VOLATILE, 0.9),
    "volatile -25%": _all(VOLATILE, 0.75),
    "volatile -40%": _all(VOLATILE, 0.6),
    "volatile -60%": _all(VOLATILE, 0.4),
    "volatile -97%": _all(VOLATILE, 0.03),
    "volatile +45%": _all(VOLATILE, 1.45),
    "WETH -40%": {"WETH": 0.6},
    "WETH +60%": {"WETH": 1.6},
    "family ETH -35%": _all(ETH, 0.65),
    "wstETH and weETH depeg": {"wstETH": 0.93, "weETH": 0.91},
    "WBTC -50%": {"WBTC": 0.5},
    "WBTC +80%": {"WBTC": 1.8},
    "LINK -70%": {"LINK": 0.3},
    "ISO -45%": {"ISO": 0.55},
    "LONG x3": {"LONG": 3.0},
    "USDC -12%": {"USDC": 0.88},
    "DAI -30%": {"DAI": 0.7},
    "USDT +9%": {"USDT": 1.09},
    "all stable -6%, key -4%": {**_all(STABLE, 0.94), STABLE_KEY: 0.96},
    "key -7%": {STABLE_KEY: 0.93},
}
RANDOM = 8


def prices_of(base: Mapping[str, int], factors: Factors) -> dict[str, int]:
    """Feeds' answers, rounded down, never 0; symbols that this market has no feed for are left out."""
    return {symbol: max(int(base[symbol] * factor), 1) for symbol, factor in factors.items() if symbol in base}


def shocks(base: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Every scenario as feeds' answers."""
    named = {name: prices_of(base, factors) for name, factors in SHOCKS.items()}
    for number in range(RANDOM):
        rng = random.Random(number)
        wild = {symbol: rng.lognormvariate(-0.1, 0.1 + 0.05 * number) for symbol in base}
        named[f"random {number}"] = prices_of(base, wild)
    return named
