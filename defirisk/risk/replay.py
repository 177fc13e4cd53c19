"""Liquidations applied step by step, by the protocol's own rules, until something ends them.

The engine knows no protocol: it ranks the pairs, the rules say what a call does. Everything is integers, and every
line also runs on :class:`~defirisk.risk.interval.Interval` prices, where an ambiguous choice raises ``Undecided``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, TypeVar

from defirisk.errors import DefiriskError, UnknownLiquidator
from defirisk.fixedpoint import WAD, mul_div_down, mul_div_up, wad_mul_down, zero_floor_sub
from defirisk.model import Amount, BadDebt, Collateral, Debt, Ended, Liquidation, Standing
from defirisk.protocols.interface import Pair, Refused, Rules, Step

MAX_STEPS: Final = 1000
"""No replay comes near it: a protocol that halves a debt of 2**256 needs 256."""


class ReplayDidNotEnd(DefiriskError):
    """A rule set that goes on forever: a defect of ours, said rather than cut short."""

    code = "replay-did-not-end"


@dataclass(frozen=True, slots=True)
class Replay:
    """What a liquidator makes of a state.

    ``before`` and ``after`` judge it at the same prices; ``written_off`` is debt that the protocol forgave;
    ``market`` are the prices (by slot, oracle units) at which losses are valued; ``search`` says how ``worst-case``
    looked: "exhaustive" or "greedy".
    """

    before: Standing
    after: Standing
    state: Any
    liquidations: tuple[Liquidation, ...]
    written_off: tuple[Amount, ...]
    ended: Ended
    market: tuple[int, ...]
    search: str | None = None

    def bad_debt(self) -> tuple[BadDebt, ...]:
        """Debt that stays unpaid to the lenders, by token; values at market prices, rounded up."""
        return tuple(BadDebt(a.token, a.raw, self.value_up(a)) for a in merged(self._unpaid()))

    def uncovered(self) -> int:
        """max(0, debt left - what the counted collateral left would repay), at market prices; unit base units.

        Zero unless the rules or the liquidator ended the replay: elsewhere the loss is bad debt, or there is none.
        """
        if self.ended not in (Ended.RULES, Ended.LIQUIDATOR):
            return 0
        owed = sum(self.value_up(Amount(leg.token, leg.amount)) for leg in self.after.debt)
        repays = sum(self._repays(leg) for leg in self.after.collateral if leg.counts)
        return zero_floor_sub(owed, repays)

    def loses(self) -> bool:
        """Whether anything is left to the lenders: bad debt or uncovered debt."""
        return any(debt.amount > 0 for debt in self.bad_debt()) or self.uncovered() > 0

    def loss(self) -> int:
        """The larger of the bad debt's value and the uncovered debt, unit base units."""
        return max(sum(debt.value for debt in self.bad_debt()), self.uncovered())

    def _unpaid(self) -> Iterator[Amount]:
        for liquidation in self.liquidations:
            yield from liquidation.bad_debt
        if self.ended is Ended.NOTHING_TO_SEIZE:
            for leg in self.after.debt:
                yield Amount(leg.token, leg.amount)

    def value_up(self, amount: Amount) -> int:
        """An amount at its market price, rounded up; unit base units."""
        slot = _slot_of(self.state, amount)
        return mul_div_up(amount.raw, self.market[slot], self.state.scales[slot])

    def _repays(self, leg: Collateral) -> int:
        value = mul_div_down(leg.amount, self.market[leg.slot], self.state.scales[leg.slot])
        if leg.liquidation_bonus is None:
            return wad_mul_down(value, leg.recovery)
        return mul_div_down(value, WAD, WAD + leg.liquidation_bonus)


def merged(amounts: Iterable[Amount]) -> tuple[Amount, ...]:
    """The sum of what is of one token, in the order in which tokens first appear."""
    by_address: dict[str, Amount] = {}
    for amount in amounts:
        known = by_address.get(amount.token.address)
        by_address[amount.token.address] = Amount(amount.token, amount.raw + known.raw) if known else amount
    return tuple(by_address.values())


def _slot_of(state: Any, amount: Amount) -> int:
    return next(slot for slot, token in enumerate(state.tokens) if token.address == amount.token.address)


@dataclass(frozen=True, slots=True)
class Course:
    """A replay under way: where it stands and what has happened."""

    state: Any
    standing: Standing
    liquidations: tuple[Liquidation, ...] = ()
    written_off: tuple[Amount, ...] = ()


Order = Callable[[Standing], Iterator[Pair]]
Leg = TypeVar("Leg", Collateral, Debt)


def replay(
    rules: Rules[Any],
    state: Any,
    *,
    liquidator: str = "largest",
    market: tuple[int, ...] | None = None,
    standing: Standing | None = None,
) -> Replay:
    """Liquidate a state until it is healthy, nothing is left to seize, or the rules or the liquidator stop it.

    Args:
        rules: the rules of the position's market.
        state: the state, already at the scenario's oracle prices.
        liquidator: ``largest``, ``best-bonus`` or ``worst-case`` (DESIGN, "Replay").
        market: market prices by slot (oracle units) where they differ from the oracle's; then a pair is taken only
            if what the liquidator receives is worth more there than what it repays.
        standing: ``rules.standing(state)`` where the caller has it already.

    Raises:
        UnknownLiquidator: no such order.
    """
    start = Course(state, standing if standing is not None else rules.standing(state))
    if liquidator == "worst-case":
        from defirisk.risk.worst_case import worst_course  # noqa: PLC0415 - it builds on this module

        course, ended, search = worst_course(rules, start, market)
    else:
        course, ended = _follow(rules, start, order_named(liquidator), market)
        search = None
    return Replay(
        before=start.standing,
        after=course.standing,
        state=course.state,
        liquidations=course.liquidations,
        written_off=course.written_off,
        ended=ended,
        market=state.prices if market is None else market,
        search=search,
    )


def liquidators() -> tuple[str, ...]:
    """The names of the liquidator orders."""
    return (*_ORDERS, "worst-case")


def _follow(rules: Rules[Any], course: Course, order: Order, market: tuple[int, ...] | None) -> tuple[Course, Ended]:
    for _ in range(MAX_STEPS):
        ended = settled(rules, course)
        if ended is not None:
            return course, ended
        allowed = False
        for pair in pairs_of(rules, course.standing, order):
            step = attempt(rules, course, pair)
            if step is None:
                continue
            allowed = True
            if market is None or pays(rules, course.state, step, market):
                course = advance(rules, course, step, pair)
                break
        else:
            return course, Ended.LIQUIDATOR if allowed else Ended.RULES
    raise ReplayDidNotEnd(f"rules {rules.name}: no end after {MAX_STEPS} liquidations")


def settled(rules: Rules[Any], course: Course) -> Ended | None:
    """How a replay ends here of itself, or ``None`` where a liquidator may act."""
    standing = course.standing
    if not standing.liquidatable:
        return Ended.NOTHING_TO_SEIZE if course.written_off else Ended.HEALTHY
    if standing.collateral_value == 0 and not rules.whole_account:
        return Ended.NOTHING_TO_SEIZE
    return None


def pairs_of(rules: Rules[Any], standing: Standing, order: Order) -> Iterable[Pair]:
    """The pairs that a liquidator tries, first choice first."""
    if rules.whole_account:
        return [Pair(None, standing.debt[0].slot)]
    return order(standing)


def attempt(rules: Rules[Any], course: Course, pair: Pair) -> Step | None:
    """The call with the largest repayment that the rules accept for a pair, or ``None`` if they accept none."""
    try:
        return rules.liquidate(course.state, course.standing, pair)
    except Refused:
        return None


def pays(rules: Rules[Any], state: Any, step: Step, market: tuple[int, ...]) -> bool:
    """Whether what the liquidator receives is worth more on the market than what it repays (exact, no gas)."""
    if rules.whole_account:
        return True  # an absorb: the protocol itself is the buyer
    repaid = _slot_of(state, step.repaid)
    seized = step.seized[0]
    received: int = seized.amount * market[seized.slot] * state.scales[repaid]
    paid: int = step.repaid.raw * market[repaid] * state.scales[seized.slot]
    return received > paid


def advance(rules: Rules[Any], course: Course, step: Step, pair: Pair) -> Course:
    """The course one step on."""
    standing = rules.standing(step.state)
    done = Liquidation(step.repaid, pair.debt, step.seized, step.bad_debt, standing.health_factor)
    return Course(step.state, standing, (*course.liquidations, done), (*course.written_off, *step.written_off))


def by_largest(standing: Standing) -> Iterator[Pair]:
    """``largest``: the collateral of the largest value first, against the debt of the largest value."""
    return _paired(_ranked(_counted(standing)), standing)


def by_best_bonus(standing: Standing) -> Iterator[Pair]:
    """``best-bonus``: the collateral with the largest bonus net of the protocol's fee first, then the largest value."""
    by_bonus = sorted(_counted(standing), key=lambda leg: -net_bonus(leg))
    groups = (list(group) for _, group in groupby(by_bonus, key=net_bonus))
    return _paired((leg for group in groups for leg in _ranked(group)), standing)


def net_bonus(leg: Collateral) -> int:
    """What a liquidator keeps of the bonus, wad."""
    bonus = leg.liquidation_bonus or 0
    return bonus - wad_mul_down(bonus, leg.protocol_fee)


def _counted(standing: Standing) -> list[Collateral]:
    return [leg for leg in standing.collateral if leg.counts]


def _paired(collateral: Iterable[Collateral], standing: Standing) -> Iterator[Pair]:
    for leg in collateral:
        for debt in _ranked(standing.debt):
            yield Pair(leg.slot, debt.slot)


def _ranked(legs: Iterable[Leg]) -> Iterator[Leg]:
    """The largest first, ties in the order of slots; one by one, because few are ever asked for, and on a range of
    prices each comparison may be one that cannot be decided.
    """
    left = sorted(legs, key=lambda leg: leg.slot)
    while left:
        best = left[0]
        for leg in left[1:]:
            if leg.value > best.value:
                best = leg
        yield best
        left.remove(best)


_ORDERS: Final[dict[str, Order]] = {"largest": by_largest, "best-bonus": by_best_bonus}


def order_named(name: str) -> Order:
    """A liquidator's order by its name.

    Raises:
        UnknownLiquidator: no such order.
    """
    try:
        return _ORDERS[name]
    except KeyError:
        known = ", ".join(liquidators())
        raise UnknownLiquidator(f"no liquidator order is named {name!r}", hint=f"one of {known}") from None
