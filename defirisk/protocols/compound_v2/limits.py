"""What a market still takes: ``Comptroller.mintAllowed`` and ``borrowAllowed``, as far as they ask no price."""

from __future__ import annotations

from collections.abc import Iterator

from defirisk.fixedpoint import wad_mul_down, zero_floor_sub
from defirisk.model import Bound, Limit, Limits
from defirisk.protocols.compound_v2.state import Books, Caps, CompoundState


def limits_of(state: CompoundState) -> Iterator[Limits]:
    """By slot, but for a debt that has no market (VAI); totals are accrued, as minting and borrowing do first."""
    for slot, holding in enumerate(state.holdings):
        caps = holding.market.caps
        if caps is not None:
            yield Limits(
                token=holding.market.token,
                slot=slot,
                supply=_limit(caps.most_supply, supplied(holding.books, caps), caps.mint_paused or state.paused),
                borrow=_limit(caps.most_borrows, holding.books.borrows, caps.borrow_paused or state.paused),
                repay_open=not (caps.repay_paused or state.paused),
                withdraw_open=not (caps.redeem_paused or state.paused),
            )


def supplied(books: Books, caps: Caps) -> int:
    """The total supply that a supply cap is held against, underlying base units."""
    return wad_mul_down(books.rate, books.supply) if caps.by_tokens else books.gross - books.reserves


def _limit(most: int | None, total: int, paused: bool) -> Limit:
    if paused:
        return Limit(open=False, cap=most, room=0, bound_by=Bound.PAUSED)
    return Limit() if most is None else Limit(cap=most, room=zero_floor_sub(most, total), bound_by=Bound.CAP)
