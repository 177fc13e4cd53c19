"""Aave V3 positions drawn at random: ugly indices, decimals from 0 to 18, dollars from crumbs to billions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from defirisk.fixedpoint import BPS, RAY
from defirisk.protocols.aave_v3.rules import AaveV3Rules, rules_named
from defirisk.protocols.aave_v3.state import AaveState, EMode, Holding, PriceSource, Reserve, state_of
from tests.support.aave_v3 import EVERY, NOW, USD, token

STABLE = ("3.0", "3.1")
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")

decimals = st.sampled_from([2, 6, 8, 18])
prices = st.one_of(st.integers(1, 10**4), st.integers(USD // 100, 100 * USD), st.integers(USD, 10**5 * USD))
indices = st.one_of(st.just(RAY), st.integers(RAY, 3 * RAY))
bonuses = st.one_of(st.integers(10_001, 10_100), st.integers(10_100, 12_000))
dollars = st.one_of(
    st.integers(5 * 10**10, 10**12),
    st.integers(0, 10**3),
    st.integers(0, 10**9),
    st.integers(0, 10**13),
    st.integers(0, 10**17),
)
"""Base currency units, 1e-8 dollars: about the dust limits, crumbs, a few dollars, a hundred thousand, a billion."""


@dataclass(frozen=True)
class World:
    """A state and the rules it lives under."""

    name: str
    rules: AaveV3Rules
    state: AaveState


@st.composite
def reserves(draw: st.DrawFn, number: int) -> Reserve:
    """A reserve whose threshold leaves room for its bonus, as the configurator demands."""
    bonus = draw(bonuses)
    threshold = draw(st.one_of(st.integers(1, BPS * BPS // bonus), st.sampled_from([8000, 7800, 1])))
    return Reserve(
        id=number,
        token=token(SYMBOLS[number], draw(decimals)),
        ltv=max(0, threshold - 300),
        liquidation_threshold=threshold,
        liquidation_bonus=bonus,
        protocol_fee=draw(st.sampled_from([0, 0, 1000, 2000, 10_000])),
        liquidity_index=draw(indices),
        variable_borrow_index=draw(indices),
        active=draw(st.integers(0, 19)) > 0,
        emode_category=draw(st.integers(0, 2)),
        debt_ceiling=draw(st.sampled_from([0, 0, 0, 10**8])),
        isolation_total_debt=10**5,
    )


def units(value: int, price: int, reserve: Reserve) -> int:
    """Token base units worth a value, at least one."""
    return value * 10**reserve.token.decimals // price + 1


@st.composite
def worlds(
    draw: st.DrawFn,
    name: str,
    *,
    most_supplied: int = 3,
    most_owed: int = 2,
    emodes: bool = True,
    near: bool = True,
) -> World:
    """A position with collateral and debt; ``near`` puts the debt near what the collateral covers."""
    chosen = tuple(draw(reserves(number)) for number in range(most_supplied + most_owed))
    priced = tuple(draw(prices) for _ in chosen)
    split = draw(st.integers(1, most_supplied))
    covered, holdings = 0, []
    for reserve, price in zip(chosen[:split], priced, strict=False):
        value = draw(dollars)
        covered += value * reserve.liquidation_threshold // BPS
        shares = units(value, price, reserve) * RAY // reserve.liquidity_index + 1
        holdings.append(Holding(reserve, shares, collateral=draw(st.integers(0, 9)) > 0))
    owed = draw(st.integers(1, most_owed))
    for reserve, price in zip(chosen[split : split + owed], priced[split:], strict=False):
        share = draw(st.one_of(st.integers(95, 108), st.integers(50, 200)) if near else st.integers(1, 10_000))
        holdings.append(_owing(draw, name, reserve, units(covered * share // 100 // owed, price, reserve)))
    emode, source = draw(_emodes(name)) if emodes else (None, None)
    state = state_of(tuple(holdings), priced[: len(holdings)], NOW, emode=emode, source=source)
    return World(name, rules_named(name), state)


def _owing(draw: st.DrawFn, name: str, reserve: Reserve, amount: int) -> Holding:
    """A debt, part of it stable where the revision has it, with a supply that does not count beside it at times."""
    stable = draw(st.integers(0, amount - 1)) if name in STABLE and draw(st.booleans()) else 0
    shares = (amount - stable) * RAY // reserve.variable_borrow_index + 1
    supply = draw(st.sampled_from([0, 0, 0, 10**6]))
    return Holding(reserve, supply, shares, stable, collateral=bool(supply) and draw(st.booleans()), borrowing=True)


@st.composite
def _emodes(draw: st.DrawFn, name: str) -> tuple[EMode | None, PriceSource | None]:
    if draw(st.integers(0, 2)):
        return None, None
    bitmap = draw(st.integers(0, 31))
    emode = EMode(1, 9000, draw(st.sampled_from([9300, 9500])), 10_100, collateral_bitmap=bitmap, ltvzero_bitmap=1)
    if name in STABLE and draw(st.booleans()):
        return emode, PriceSource(token("SOURCE"), draw(prices))
    return emode, None


def every(*, but: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The revisions that an invariant holds for."""
    return tuple(name for name in EVERY if name not in but)


def exact_value(amount: int, price: int, scale: int) -> Fraction:
    """What an amount is worth before any rounding, base currency units."""
    return Fraction(amount * price, scale)
