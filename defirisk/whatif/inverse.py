"""How much reaches an aim: the least repayment, or deposit, found exactly.

A candidate amount is tried by the family's own act and judged by its own rules. That no smaller amount does it is
proved by running those rules on intervals: health is not always monotone in an amount (up to Aave 3.4 a new supply may
lower the average threshold by a whole basis point), so bisection alone could step over a smaller answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from defirisk.fixedpoint import WAD, decimal_string, div_down
from defirisk.model import Position, Standing, Token
from defirisk.model import Warning as Notice
from defirisk.protocols.interface import Act, Acted, ActKind, Changes, Named, Refused, changes_of
from defirisk.risk.interval import Undecided, unanimous
from defirisk.whatif.outcome import Aim, Way

PricesOf = Callable[[Position], tuple[int, ...]]
"""The oracle prices at which an aim is judged, by the position's slots."""
_LARGEST: Final = 2**112
"""Beyond any supply of a token: deposits are not tried above."""
_MOST_TRIALS: Final = 20_000
"""After so many the search goes on by bisection alone, and says so."""


@dataclass(frozen=True, slots=True)
class Goal:
    """An aim with the prices it is judged at."""

    aim: Aim
    prices: PricesOf

    def standing(self, position: Position, state: object) -> Standing:
        """The state judged at the aim's prices; ``state`` may hold intervals."""
        rules = position.rules
        return rules.standing(rules.reprice(state, self.prices(position)))

    def met(self, position: Position, state: object) -> bool:
        """Whether a state reaches the aim.

        Raises:
            Undecided: some states of an interval do.
        """
        found = self.standing(position, state)
        if self.aim.health is None:
            return not found.liquidatable
        return found.health_factor is None or bool(found.health_factor >= self.aim.health)


def ways_of(position: Position, goals: list[Goal], added: tuple[Named, ...]) -> tuple[Way, ...]:
    """Every way to every aim: each debt by itself repaid, each collateral by itself added to.

    ``added`` are further collaterals that may be brought in.
    """
    known = changes_of(position.rules)
    if known is None or position.unpriced:
        return ()
    return tuple(way for goal in goals for way in _ways(position, known, goal, added))


def _ways(position: Position, known: Changes, goal: Goal, added: tuple[Named, ...]) -> Iterator[Way]:
    today = goal.standing(position, position.state)
    if goal.met(position, position.state):
        yield Way(goal.aim, None, None, 0, today.health_factor)
        return
    assets = known.assets(position)
    for leg in today.debt:
        for named in _named(assets, leg.token):
            yield _Search(position, known, goal, ActKind.REPAY, named).way()
    mine = [named for leg in today.collateral if leg.counts for named in _named(assets, leg.token)]
    for named in dict.fromkeys((*mine, *added)):
        yield _Search(position, known, goal, ActKind.DEPOSIT, named).way()


def _named(assets: Sequence[Named], token: Token) -> list[Named]:
    return [one for one in assets if one.token.address == token.address]


@dataclass(slots=True)
class _Search:
    """The search for one way. Amounts are token base units; the state at 0 is the position's own."""

    position: Position
    known: Changes
    goal: Goal
    kind: ActKind
    named: Named
    trials: int = 0
    refusal: str | None = None
    notices: tuple[Notice, ...] = ()
    tried: dict[int, Position | None] = field(default_factory=dict)

    def way(self) -> Way:
        """The least amount, or why there is none."""
        if self.kind is ActKind.REPAY:
            most, reason = self._all_of_the_debt()
        else:
            most, reason = self._enough()
        if most is None:
            return Way(self.goal.aim, self.kind.value, self.named.token, None, None, reason)
        least = self._least(0, most)
        at = self.tried[least]
        health = None if at is None else self.goal.standing(at, at.state).health_factor
        proved = self.trials < _MOST_TRIALS
        return Way(self.goal.aim, self.kind.value, self.named.token, least, health, None, proved, self.notices)

    # An amount that does it

    def _all_of_the_debt(self) -> tuple[int | None, str | None]:
        acted = self._act(None)
        if acted is None:
            return None, f"the contract refuses to repay: {self.refusal}"
        self.tried[acted.amount] = acted.position
        if not self.goal.met(acted.position, acted.position.state):
            return None, f"repaying all {self._shown(acted.amount)} does not suffice"
        return acted.amount, None

    def _enough(self) -> tuple[int | None, str | None]:
        """Twice as much each time, until it is enough or is not taken any more."""
        taken, amount = 0, 1
        while amount <= _LARGEST:
            if self._reaches(amount):
                return amount, None
            if self.tried[amount] is not None:
                taken = amount
            elif taken:
                return self._up_to_the_limit(taken, amount)
            amount *= 2
        return None, self._no_deposit(taken)

    def _up_to_the_limit(self, taken: int, refused: int) -> tuple[int | None, str | None]:
        """The largest amount that is accepted, if that is enough or anything below it is."""
        reason = self.refusal
        while refused - taken > 1:
            middle = div_down(taken + refused, 2)
            self._reaches(middle)
            taken, refused = (middle, refused) if self.tried[middle] is not None else (taken, middle)
        if self._reaches(taken) or self._first_within(0, taken) is not None:
            return taken, None
        return None, f"no more than {self._shown(taken)} can be deposited ({reason}), which does not suffice"

    def _no_deposit(self, taken: int) -> str:
        if not taken:
            return f"the contract refuses to take it: {self.refusal}"
        return f"no amount of {self.named.token.symbol} suffices: it secures nothing here"

    # The least that does

    def _least(self, low: int, high: int) -> int:
        """The least amount that reaches the aim, above ``low``, at most ``high``, of which one is known to."""
        found = self._first_within(low, high)
        return high if found is None else found

    def _first_within(self, low: int, high: int) -> int | None:
        """The least amount from ``low`` (exclusive) to ``high`` that reaches the aim; ``None`` if none does."""
        if self.trials >= _MOST_TRIALS:
            return self._by_bisection(low, high)
        if high - low == 1:
            return high if self._reaches(high) else None
        if not self._reaches(high) and self._none_between(low, high):
            return None
        middle = div_down(low + high, 2)
        found = self._first_within(low, middle)
        return self._first_within(middle, high) if found is None else found

    def _by_bisection(self, low: int, high: int) -> int | None:
        if not self._reaches(high):
            return None
        while high - low > 1:
            middle = div_down(low + high, 2)
            low, high = (low, middle) if self._reaches(middle) else (middle, high)
        return high

    def _none_between(self, low: int, high: int) -> bool:
        """Whether it is certain that no amount from ``low`` to ``high`` reaches the aim."""
        near, far = self._state(low), self._state(high)
        if near is None or far is None:
            return False
        try:
            hull = self.known.hull(near.state, far.state)
            return not unanimous(lambda: self.goal.met(near, hull), expected=False)
        except Undecided:
            return False

    def _state(self, amount: int) -> Position | None:
        if amount == 0:
            return self.position
        self._reaches(amount)
        return self.tried[amount]

    def _reaches(self, amount: int) -> bool:
        if amount not in self.tried:
            acted = self._act(amount)
            self.tried[amount] = None if acted is None else acted.position
        at = self.tried[amount]
        return at is not None and self.goal.met(at, at.state)

    def _act(self, amount: int | None) -> Acted | None:
        self.trials += 1
        try:
            acted = self.known.act(self.position, Act(self.kind, self.named, amount))
        except Refused as refused:
            self.refusal = refused.reason
            return None
        self.notices = acted.warnings
        return acted

    def _shown(self, amount: int) -> str:
        return f"{decimal_string(amount, self.named.token.decimals)} {self.named.token.symbol}"


def health_aim(wad: int) -> Aim:
    """A health factor to reach."""
    return Aim("health", f"health factor {decimal_string(wad, len(str(WAD)) - 1)}", wad)


def survival_aim(scenario: str) -> Aim:
    """A scenario to survive: not to be liquidatable in it."""
    return Aim("survive", scenario)


def unchanged(position: Position) -> tuple[int, ...]:
    """Today's prices."""
    return position.prices
