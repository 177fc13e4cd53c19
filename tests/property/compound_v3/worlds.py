"""Comets made by hand and by Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from defirisk.model import Token
from defirisk.protocols.compound_v3.state import Asset, Comet, CometState, Totals, ask_factor

WAD = 10**18
BPS_IN_WAD = 10**14


def address(number: int) -> str:
    return f"0x{number:040x}"


def comet(decimals: int = 6, spf: int = WAD // 2, **fields: object) -> Comet:
    """A market whose index stands at 1.1 for debts and 1.05 for supplies."""
    totals = Totals(1_050_000_000_000_000, 1_100_000_000_000_000, 10**8 * 10**decimals, 10**7 * 10**decimals)
    given = {"stored": totals, "accrued": totals, "reserves": 10**6 * 10**decimals, "target_reserves": 10**30} | fields
    return Comet(
        base=Token(address(1), "BASE", decimals),
        base_scale=10**decimals,
        store_front_price_factor=spf,
        base_borrow_min=10**decimals,
        **given,  # type: ignore[arg-type]
    )


def asset(offset: int, decimals: int, liquidate: int, liquidation: int, spf: int = WAD // 2) -> Asset:
    """A listed collateral; factors wad."""
    return Asset(
        token=Token(address(100 + offset), f"C{offset}", decimals),
        offset=offset,
        scale=10**decimals,
        borrow_collateral_factor=liquidate * 9 // 10,
        liquidate_collateral_factor=liquidate,
        liquidation_factor=liquidation,
        ask=ask_factor(spf, liquidation),
    )


@st.composite
def states(draw: st.DrawFn, *, most: int = 4, indebted: bool = True) -> CometState:
    """An account in a market of any decimals, factors and prices, tiny ones often."""
    decimals = draw(st.sampled_from([6, 8, 18]))
    spf = draw(st.sampled_from([0, WAD // 2, 6 * WAD // 10, WAD]) | st.integers(0, WAD))
    market = comet(decimals, spf)
    holdings = [
        (draw(assets(offset, spf)), draw(amounts())) for offset in range(draw(st.integers(0 if indebted else 1, most)))
    ]
    prices = tuple(draw(st.lists(raw_prices(), min_size=len(holdings) + 1, max_size=len(holdings) + 1)))
    principal = draw(st.integers(0, 10**13))
    if indebted:
        free = draw(st.integers(1, 10**6) | st.integers(1, 10**13))
        principal = -(draw(debts(market, holdings, prices)) or free)
    return CometState.of(market, principal, holdings, prices)


@st.composite
def debts(draw: st.DrawFn, market: Comet, holdings: list[tuple[Asset, int]], prices: tuple[int, ...]) -> int:
    """A principal from half to four times what the collateral secures: on both sides of every line."""
    secured = sum(
        amount * price * one.liquidate_collateral_factor // (one.scale * WAD)
        for (one, amount), price in zip(holdings, prices[1:], strict=True)
    )
    worth = secured * market.base_scale // prices[0] * draw(st.integers(500, 4000)) // 1000
    return worth * 10**15 // market.accrued.borrow_index


@st.composite
def assets(draw: st.DrawFn, offset: int, spf: int) -> Asset:
    decimals = draw(st.sampled_from([0, 2, 6, 8, 18]))
    liquidation = draw(st.sampled_from([0, WAD]) | st.integers(0, 10_000).map(lambda bps: bps * BPS_IN_WAD))
    liquidate = draw(st.integers(0, 10_000)) * BPS_IN_WAD
    return asset(offset, decimals, liquidate, liquidation, spf)


def amounts() -> st.SearchStrategy[int]:
    return st.integers(1, 50) | st.integers(1, 10**12) | st.integers(1, 10**24)


def raw_prices() -> st.SearchStrategy[int]:
    return st.integers(1, 50) | st.integers(1, 10**5) | st.integers(10**6, 10**13) | st.just(10**8)
