"""What a market no longer takes, said where it matters: to whoever would rescue a position by adding to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from defirisk.fixedpoint import decimal_string
from defirisk.model import Bound, Limits, Standing
from defirisk.model import Warning as Notice


def limit_warnings(every: Iterable[Limits], standing: Standing) -> Iterator[Notice]:
    """The caps that a position with debt runs into; what is paused or frozen its reader has said already."""
    if not standing.debt:
        return
    supplied = {leg.slot: leg.amount for leg in standing.collateral}
    owed = {leg.slot for leg in standing.debt}
    for limits in every:
        if limits.slot in supplied:
            yield from _supply(limits, supplied[limits.slot])
        if limits.slot in owed:
            yield from _borrow(limits)


def _supply(limits: Limits, held: int) -> Iterator[Notice]:
    """Full, or with room for less than the owner has there."""
    room, symbol = limits.supply.room, limits.token.symbol
    if not limits.supply.open or room is None or room >= held:
        return
    if room == 0:
        yield Notice("supply-cap", f"{symbol} is at its supply cap: more of it cannot be deposited here")
    else:
        figure = decimal_string(room, limits.token.decimals)
        text = f"{symbol} is near its supply cap: only {figure} more of it can be deposited here"
        yield Notice("supply-cap", text)


def _borrow(limits: Limits) -> Iterator[Notice]:
    borrow, symbol = limits.borrow, limits.token.symbol
    if borrow is None or not borrow.open or borrow.room != 0:
        return
    if borrow.bound_by is Bound.DEBT_CEILING:
        text = f"the debt ceiling of the isolated collateral is reached: no more {symbol} can be borrowed against it"
        yield Notice("debt-ceiling", text)
    else:
        yield Notice("borrow-cap", f"{symbol} is at its borrow cap: more of it cannot be borrowed here")
