"""Positions as mainnet has them: a thousand to ten million dollars, three assets, Aave V3's parameters.

Every family gives the same two shapes: two collaterals under one debt (``2+1``) and one under two (``1+2``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from typing import Any, Final, NamedTuple

from defirisk.fixedpoint import RAY
from defirisk.model import ContractView, Market, Position, Token, Unit
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import AaveState, Holding, Reserve, state_of

REVISIONS: Final = ("3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7")
NOW: Final = 1_790_000_000
SIZES: Final = (1_000, 8_300, 47_000, 260_000, 1_900_000, 10_000_000)
"""Collateral in dollars."""
HEALTH: Final = (102, 108, 117, 131, 150, 190)
"""Health factors aimed at, percent."""


class Listing(NamedTuple):
    """A reserve as listed: ``price`` with 8 decimals, the rest bps, ``bonus`` with the principal in it."""

    symbol: str
    decimals: int
    price: int
    ltv: int
    threshold: int
    bonus: int
    fee: int


LISTINGS: Final = (
    Listing("WETH", 18, 3_412_37000000, 8050, 8300, 10500, 1000),
    Listing("wstETH", 18, 4_155_80419331, 7850, 8100, 10600, 1000),
    Listing("WBTC", 8, 97_204_11840000, 7300, 7800, 10500, 1000),
    Listing("USDC", 6, 99_987_213, 7500, 7800, 10450, 1000),
    Listing("DAI", 18, 1_00012000, 6300, 7700, 10500, 1000),
    Listing("LINK", 18, 17_93010000, 6600, 7100, 10700, 1000),
    Listing("AAVE", 18, 243_18550000, 6600, 7300, 10750, 1000),
    Listing("cbETH", 18, 3_702_66310000, 7500, 7900, 10750, 1000),
    Listing("USDT", 6, 1_00043100, 7500, 7800, 10450, 1000),
    Listing("rETH", 18, 3_871_20004211, 7500, 7900, 10750, 1000),
    Listing("UNI", 18, 11_04730000, 6500, 7400, 11000, 1000),
    Listing("LUSD", 18, 99_610_000, 0, 7700, 10450, 1000),
    Listing("CRV", 18, 71_244_000, 3500, 4100, 10830, 2000),
    Listing("MKR", 18, 1_604_20000000, 6500, 7000, 10850, 1000),
    Listing("SNX", 18, 1_92770000, 4900, 6500, 10850, 2000),
    Listing("BAL", 18, 2_31190000, 5700, 5900, 10830, 2000),
    Listing("LDO", 18, 1_24480000, 4000, 5000, 10900, 2000),
    Listing("ENS", 18, 22_75660000, 3900, 4900, 10800, 2000),
    Listing("GHO", 18, 99_870_000, 0, 0, 0, 0),
    Listing("crvUSD", 18, 99_921_400, 0, 0, 0, 1000),
)
PAIRS: Final = (
    ("WETH", "WBTC", "USDC"), ("wstETH", "LINK", "USDT"), ("WBTC", "USDC", "DAI"), ("AAVE", "WETH", "USDC"),
    ("wstETH", "WETH", "GHO"), ("wstETH", "USDC", "WETH"), ("cbETH", "rETH", "WETH"), ("UNI", "CRV", "USDT"),
    ("LINK", "MKR", "DAI"), ("WBTC", "LUSD", "WETH"),
)  # fmt: skip
"""What is supplied (two) and owed."""
BY_SYMBOL: Final = {one.symbol: (number, one) for number, one in enumerate(LISTINGS)}


def asset_of(number: int) -> str:
    """The address of the token listed under a number."""
    return f"0x{0xA55E7 << 64 | number + 1:040x}"


@cache
def reserve(symbol: str) -> Reserve:
    """A reserve whose indices are as ugly as months of interest make them."""
    number, one = BY_SYMBOL[symbol]
    return Reserve(
        id=number,
        token=Token(asset_of(number), one.symbol, one.decimals),
        ltv=one.ltv,
        liquidation_threshold=one.threshold,
        liquidation_bonus=one.bonus,
        protocol_fee=one.fee,
        liquidity_index=RAY + 31415926535897932384626433 + number * 2718281828459045235360287,
        variable_borrow_index=RAY + 57721566490153286060651209 + number * 1618033988749894848204586,
    )


def shares(symbol: str, cents: int, index: int) -> int:
    """The shares that so many cents of an asset are, with digits down to the last."""
    one = BY_SYMBOL[symbol][1]
    scale: int = 10**one.decimals
    return cents * 10**6 * scale // one.price * RAY // index + 7


class Sketch(NamedTuple):
    """A position in words: symbols supplied and owed, collateral in dollars, health factor in percent."""

    supplied: tuple[str, ...]
    owed: tuple[str, ...]
    dollars: int
    health: int


def sketches(shape: str, count: int) -> Iterator[Sketch]:
    """Every size with every health, on ever other assets."""
    sizes, health, pairs = cycle(SIZES), cycle(HEALTH), cycle(PAIRS)
    for number in range(count):
        first, second, third = next(pairs)
        at = next(health) if number % len(SIZES) else next(islice(health, 1, None))
        if shape == "2+1":
            yield Sketch((first, second), (third,), next(sizes), at)
        else:
            yield Sketch((first,), _two_debts(first, third), next(sizes), at)


def _two_debts(first: str, third: str) -> tuple[str, str]:
    return (third, "USDC" if third != "USDC" else "WETH" if first != "WETH" else "DAI")


def state(sketch: Sketch) -> AaveState:
    """The state of a sketch: the larger part in the first collateral and debt, the rest in the second."""
    held: dict[str, Holding] = {}
    power = 0
    for symbol, cents in zip(sketch.supplied, _split(sketch.dollars * 100, len(sketch.supplied)), strict=True):
        one = reserve(symbol)
        held[symbol] = Holding(one, scaled_supply=shares(symbol, cents, one.liquidity_index), collateral=True)
        power += cents * one.liquidation_threshold
    debt = power * 100 // sketch.health // 10_000
    for symbol, cents in zip(sketch.owed, _split(debt, len(sketch.owed)), strict=True):
        one = reserve(symbol)
        owed = shares(symbol, cents, one.variable_borrow_index)
        held[symbol] = Holding(one, scaled_variable_debt=owed, borrowing=True)
    holdings = tuple(sorted(held.values(), key=lambda holding: holding.reserve.id))
    return state_of(holdings, tuple(LISTINGS[holding.reserve.id].price for holding in holdings), NOW)


def _split(cents: int, parts: int) -> tuple[int, ...]:
    """No round share: it would put an average threshold on a whole basis point, which happens to nobody."""
    first = cents * 61_803 // 100_000 if parts == 2 else cents
    return (first, cents - first)[:parts]


def placed(rules: Any, state: Any, protocol: str, unit: Unit) -> Position:
    """A position of nobody in a market of no chain."""
    market = Market(f"{protocol}-bench", protocol, rules.name, 1, "0x" + "0" * 40, unit)
    times = (None,) * len(state.tokens)
    return Position(market, "0x" + "1" * 40, rules, state, times, ContractView(), ContractView())


def aave_v3(revision: str, shape: str, count: int) -> list[Position]:
    """So many positions of a shape under a revision's rules."""
    rules, unit = rules_named(revision), Unit("USD", 8)
    return [placed(rules, state(one), "aave-v3", unit) for one in sketches(shape, count)]
