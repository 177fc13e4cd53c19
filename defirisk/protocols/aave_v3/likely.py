"""Where a search for bad debt should look, where a close factor halves debts (Aave V2, V3.0 to 3.2).

A replay of the rules' own calls in which only what a call touches is looked at again: many times as fast where an
account has many reserves and every debt takes fifty calls. It proves nothing: the rules replay what it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from defirisk.fixedpoint import BPS, WAD, mul_div_down, mul_div_up
from defirisk.model import Standing
from defirisk.protocols.aave_v3.account import Terms, Weighed, debt_of, supply_of
from defirisk.protocols.aave_v3.liquidation import liquidate
from defirisk.protocols.aave_v3.state import AaveState
from defirisk.protocols.interface import Pair, Refused, Step

if TYPE_CHECKING:
    from defirisk.protocols.aave_v3.revisions import Revision

_MOST_CALLS = 1000


class _Account:
    """By holding: ``terms`` and ``values`` of what counts; ``owed`` amounts and ``debts`` values of what is owed."""

    def __init__(self, revision: Revision, state: AaveState) -> None:
        self._revision = revision
        self._state = state
        self._terms: dict[int, Terms] = {}
        self._values: dict[int, int] = {}
        self._owed: dict[int, int] = {}
        self._debts: dict[int, int] = {}
        for index in range(len(state.holdings)):
            self._look(index)

    def _look(self, index: int) -> None:
        holding = self._state.holdings[index]
        price, unit = self._state.prices[self._state.slot_of(index)], 10**holding.reserve.token.decimals
        self._terms[index] = terms = self._revision.terms(self._state, holding)
        supplied, owed = supply_of(self._revision, holding) if terms.counts else 0, debt_of(self._revision, holding)
        debt_value = self._revision.debt_value
        for kept, found, amount in ((self._values, mul_div_down, supplied), (self._debts, debt_value, owed)):
            kept.pop(index, None)
            if amount:
                kept[index] = found(amount, price, unit)
        self._owed[index] = owed

    def standing(self) -> Standing:
        """The sums and the health factor; no legs."""
        weighed = Weighed(list(self._values.values()), [self._terms[index].threshold for index in self._values], [])
        total = sum(weighed.values)
        debt = sum(value for index, value in self._debts.items() if self._state.holdings[index].borrowing)
        health = self._revision.health(weighed, total, debt) if debt else None
        return Standing(health, health is not None and health < WAD, total, debt, (), ())

    def liquidated(self, standing: Standing) -> bool:
        """Whether the rules accept a call; it is made."""
        for collateral, debt in self._pairs():
            step = self._step(standing, collateral, debt)
            if step is not None:
                self._state = step.state
                self._look(collateral)
                self._look(debt)
                return True
        return False

    def _pairs(self) -> Iterator[tuple[int, int]]:
        debts = sorted(sorted(self._debts), key=lambda index: -self._debts[index])
        for collateral in sorted(sorted(self._values), key=lambda index: -self._values[index]):
            for debt in debts:
                yield collateral, debt

    def _step(self, standing: Standing, collateral: int, debt: int) -> Step | None:
        pair = Pair(self._state.slot_of(collateral), self._state.slot_of(debt))
        try:
            return liquidate(self._revision, self._state, standing, pair, None)
        except Refused:
            return None

    def owes(self) -> bool:
        """Whether anything is owed."""
        return bool(self._debts)

    def uncovered(self) -> int:
        """Debt that is left, less what the collateral that is left would repay; base currency."""
        units = [10**holding.reserve.token.decimals for holding in self._state.holdings]
        prices = [self._state.prices[self._state.slot_of(index)] for index in range(len(units))]
        owed = sum(mul_div_up(self._owed[index], prices[index], units[index]) for index in self._debts)
        repays = (mul_div_down(value, BPS, max(BPS, self._terms[index].bonus)) for index, value in self._values.items())
        return owed - sum(repays)


def likely_loses(revision: Revision, state: AaveState) -> bool:
    """Whether liquidating the largest collateral for the largest debt, time and again, leaves the lenders a loss."""
    account = _Account(revision, state)
    for _ in range(_MOST_CALLS):
        standing = account.standing()
        if not standing.liquidatable:
            return False
        if standing.collateral_value == 0:
            return account.owes()
        if not account.liquidated(standing):
            return account.uncovered() > 0
    return True
