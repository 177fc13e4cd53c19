"""Positions drawn at random: ugly rates, crumbs and fortunes, 2 to 27 decimals, debts near the line."""

from __future__ import annotations

from hypothesis import strategies as st

from defirisk.fixedpoint import WAD
from defirisk.model import Token
from defirisk.protocols.compound_v2.interest import Totals, books_of
from defirisk.protocols.compound_v2.state import CompoundState, CToken, Holding


def token(number: int, decimals: int) -> Token:
    return Token(f"0x{number + 1:040x}", f"T{number}", decimals)


@st.composite
def c_tokens(draw: st.DrawFn, number: int) -> CToken:
    factor = draw(st.sampled_from([0, 40 * 10**16, 825 * 10**15, 93 * 10**16]))
    return CToken(
        address=f"0x{number + 100:040x}",
        symbol=f"cT{number}",
        token=token(number, draw(st.sampled_from([2, 6, 8, 18, 27]))),
        collateral_factor=factor,
        liquidation_threshold=factor,
        incentive=draw(st.sampled_from([WAD, 105 * 10**16, 108 * 10**16, 125 * 10**16])),
        seize_share=draw(st.sampled_from([0, 28 * 10**15])),
    )


@st.composite
def holdings(draw: st.DrawFn, number: int) -> Holding:
    market = draw(c_tokens(number))
    scale = 10 ** (10 + market.token.decimals)
    tokens = draw(st.one_of(st.just(0), st.integers(1, 100), st.integers(1, 10**16)))
    supply = tokens + draw(st.integers(1, 10**16))
    gross = supply * draw(st.integers(scale // 100, scale)) // WAD + draw(st.integers(0, 10**6))
    debt = draw(st.one_of(st.just(0), st.just(0), st.integers(1, max(1, gross // 4))))
    totals = Totals(gross - debt, debt, draw(st.integers(0, gross // 100)), supply, WAD)
    entered = bool(debt) or draw(st.integers(0, 9)) > 0
    return Holding(market, books_of(totals, scale), tokens, debt, entered)


@st.composite
def states(draw: st.DrawFn) -> CompoundState:
    held = tuple(draw(holdings(number)) for number in range(draw(st.integers(1, 4))))
    prices = tuple(draw(st.integers(10**13, 10**23)) * 10**18 // 10**one.market.token.decimals for one in held)
    return CompoundState(
        holdings=held,
        tokens=tuple(one.market.token for one in held),
        prices=prices,
        close_factor=draw(st.sampled_from([WAD // 2, WAD // 10, 9 * WAD // 10, WAD])),
        cut=draw(st.sampled_from([0, 0, WAD // 2])),
    )
