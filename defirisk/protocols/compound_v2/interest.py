"""Interest brought to the block: ``CToken.accrueInterest`` on stored numbers, without storing the result."""

from __future__ import annotations

from dataclasses import dataclass

from defirisk.fixedpoint import div_down, div_up, mul_div_down, wad_div_down, wad_mul_down
from defirisk.protocols.compound_v2.state import Books, VaiDebt


@dataclass(frozen=True, slots=True)
class Totals:
    """What a market stores: ``cash``, ``borrows``, ``reserves`` underlying base units, ``supply`` cToken units,
    ``borrow_index`` wad.
    """

    cash: int
    borrows: int
    reserves: int
    supply: int
    borrow_index: int


def accrued(totals: Totals, *, borrow_rate: int, elapsed: int, reserve_factor: int) -> Totals:
    """``CToken.accrueInterest``: simple interest since the last accrual.

    ``borrow_rate`` wad a block (or a second, as the fork counts) as the model answers for these totals; ``elapsed``
    blocks (or seconds); ``reserve_factor`` wad.
    """
    factor = borrow_rate * elapsed
    interest = wad_mul_down(factor, totals.borrows)
    return Totals(
        cash=totals.cash,
        borrows=totals.borrows + interest,
        reserves=totals.reserves + wad_mul_down(reserve_factor, interest),
        supply=totals.supply,
        borrow_index=totals.borrow_index + wad_mul_down(factor, totals.borrow_index),
    )


def swept(totals: Totals) -> Totals:
    """``VToken._reduceReservesFresh`` at the end of an accrual: reserves leave the market, as far as there is cash."""
    gone = min(totals.cash, totals.reserves)
    return Totals(
        cash=totals.cash - gone,
        borrows=totals.borrows,
        reserves=totals.reserves - gone,
        supply=totals.supply,
        borrow_index=totals.borrow_index,
    )


def exchange_rate(gross: int, reserves: int, supply: int) -> int:
    """``CToken.exchangeRateStoredInternal`` of a market with a supply: (cash + borrows - reserves) * 1e18 / supply."""
    return wad_div_down(gross - reserves, supply)


def books_of(totals: Totals, initial_rate: int) -> Books:
    """A market's books from its totals; ``initial_rate`` is the exchange rate while there is no supply."""
    gross = totals.cash + totals.borrows
    rate = exchange_rate(gross, totals.reserves, totals.supply) if totals.supply else initial_rate
    return Books(gross, totals.borrows, totals.reserves, totals.supply, rate)


def debt_at(principal: int, borrow_index: int, interest_index: int) -> int:
    """``CToken.borrowBalanceStoredInternal``: principal * borrow index / the index at the owner's last act, down."""
    return mul_div_down(principal, borrow_index, interest_index) if principal else 0


def owed(debt: VaiDebt) -> int:
    """``VAIController.getVAIRepayAmount``, base units of VAI."""
    return debt.minted + debt.past + wad_mul_down(debt.growth, debt.minted)


def debt_bounds(stored_debt: int, stored_index: int, index: int) -> tuple[int, int]:
    """The least and the largest debt at ``index`` of an account that owes ``stored_debt`` at ``stored_index``.

    A cToken tells neither principal nor interest index. But principal / interest index lies between
    stored debt / stored index and (stored debt + 1) / stored index, the latter exclusive.
    """
    if index == stored_index or stored_debt == 0:
        return stored_debt, stored_debt
    return div_down(stored_debt * index, stored_index), div_up((stored_debt + 1) * index, stored_index) - 1
