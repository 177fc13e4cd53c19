"""The plain verdict: can this account lose more than was put in, and who would owe the rest?

Codes, stable; the first that holds is given:

    unpriced             an asset has no usable price: nothing is judged
    no-debt              nothing is owed, so nothing can be liquidated
    bad-debt-now         liquidation at today's prices leaves debt that the collateral cannot repay
    toxic                liquidatable now, and seizing some collateral lowers the health factor instead of raising it
    liquidatable-now     liquidatable now, and the collateral repays what is owed
    not-liquidatable     not liquidatable today; how far from it was not computed
    close                a fall of one asset or group by 10 % or less, or a rise that equals it, makes it liquidatable
    can-be-liquidated    some larger fall of one asset or group makes it liquidatable
    no-drop-liquidates   no fall of any one asset or group does (a rise of what is owed, or interest, still may)

Moves are compared as quotients of prices: a rise by 25 % is as far as a fall by 20 %. Of moves that are equally far the
one of a volatile asset is named.

Every loss is limited: these protocols can take the collateral and nothing else of a wallet's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from defirisk.fixedpoint import WAD, mul_div_down
from defirisk.model import Amount, Direction, Ended, Outcome, Position, Standing, Threshold, Token, Verdict
from defirisk.protocols.interface import Pair
from defirisk.risk.families import FamilyOf
from defirisk.risk.naming import label
from defirisk.risk.replay import Course, attempt
from defirisk.risk.wording import bearers_text, health_text, move_text, value_text

CLOSE: Final = WAD // 10
"""A fall up to this (wad) is near: volatile assets make it in a day."""
_AS_FAR: Final = WAD // 10**4
"""Moves that differ by less (wad) are equally far: two ends of one ratio, each rounded by itself."""
_LIMITED: Final = "You cannot lose more than you put in."


def unpriced_verdict(position: Position) -> Verdict:
    """The verdict on a position that could not be judged."""
    names = ", ".join(label(position.tokens[slot]) for slot in sorted(position.unpriced)[:5])
    return Verdict(
        "unpriced",
        f"The oracle gives no usable price for {names}, so this position cannot be judged: it may be safe or not. "
        "While that lasts, look at its amounts and at other sources of prices.",
    )


def verdict_of(
    position: Position,
    standing: Standing,
    families: Sequence[FamilyOf],
    thresholds: Sequence[Threshold] | None,
    today: Outcome | None,
) -> Verdict:
    """The verdict on a priced position.

    Args:
        position: the position.
        standing: its standing today.
        families: by price slot.
        thresholds: along every axis, down and up; ``None`` where they were not computed.
        today: the replay at today's prices, needed where the position is liquidatable.
    """
    if not standing.debt:
        return Verdict(
            "no-debt",
            "You owe nothing here: you cannot be liquidated. You can lose what the assets themselves lose, and as a "
            "lender your share of what other borrowers leave unpaid.",
        )
    if standing.liquidatable and today is not None:
        return _liquidatable(position, standing, today)
    if thresholds is None:
        return Verdict(
            "not-liquidatable",
            f"You cannot be liquidated at today's prices (health factor {health_text(standing.health_factor)}). How "
            f"far they are from it was not computed. {_LIMITED}",
        )
    return _SafeToday(position, standing, families, thresholds).verdict()


def _liquidatable(position: Position, standing: Standing, today: Outcome) -> Verdict:
    if today.loss_value > 0 or today.bad_debt:
        return Verdict("bad-debt-now", _bad_debt_text(position, standing, today))
    health = health_text(standing.health_factor)
    worse = _lowered_by(position, standing)
    if worse is not None:
        return Verdict(
            "toxic",
            f"You can be liquidated now (health factor {health}), and seizing {label(worse)} makes it worse: it takes "
            f"more cover than it repays debt, so the health factor falls with each call. {_cost_text(position, today)}",
        )
    return Verdict(
        "liquidatable-now", f"You can be liquidated now (health factor {health}). {_cost_text(position, today)}"
    )


def _bad_debt_text(position: Position, standing: Standing, today: Outcome) -> str:
    health = health_text(standing.health_factor)
    unpaid = value_text(position, today.loss_value, up=True)
    return (
        f"You can be liquidated now (health factor {health}), and your collateral cannot repay the debt: {unpaid} "
        f"stays unpaid, borne by {_bearers(position, standing, today)}. You can lose all that counts as collateral, "
        f"but not more: nobody can collect the rest from you.{_still_owed(today)}"
    )


def _still_owed(today: Outcome) -> str:
    """Where the protocol does not write the rest off, the wallet goes on owing it there."""
    written_off = sum(amount.raw for step in today.liquidations for amount in step.bad_debt)
    if written_off or today.ended is not Ended.NOTHING_TO_SEIZE:
        return ""
    return " The wallet goes on owing it here, so collateral added later can be seized for it."


def _cost_text(position: Position, today: Outcome) -> str:
    if not today.liquidations:
        return f"The protocol's rules refuse every liquidation at the moment; they may not for long. {_LIMITED}"
    cost = value_text(position, today.owner_loss.bonus + today.owner_loss.protocol_fee, up=True)
    left = value_text(position, today.owner_loss.left, up=False)
    return f"At today's prices that costs you {cost} in bonus and fees and leaves you {left}. {_LIMITED}"


def _lowered_by(position: Position, standing: Standing) -> Token | None:
    """The first collateral, largest first, whose seizure lowers the health factor; by the rules' own answer."""
    health, rules = standing.health_factor, position.rules
    if rules.whole_account or health is None:
        return None
    debt = max(standing.debt, key=lambda leg: (leg.value, -leg.slot))
    for leg in sorted((leg for leg in standing.collateral if leg.counts), key=lambda leg: (-leg.value, leg.slot)):
        step = attempt(rules, Course(position.state, standing), Pair(leg.slot, debt.slot))
        after = rules.standing(step.state).health_factor if step else None
        if after is not None and after < health:
            return leg.token
    return None


class _SafeToday:
    """A position with debt that is not liquidatable at today's prices."""

    def __init__(
        self, position: Position, standing: Standing, families: Sequence[FamilyOf], thresholds: Sequence[Threshold]
    ) -> None:
        self._position, self._standing, self._thresholds = position, standing, thresholds
        self._stable = {position.tokens[slot].address for slot, family in enumerate(families) if family.stable}
        self._stable |= {f"family:{family.name}" for family in families if family.stable}

    def verdict(self) -> Verdict:
        near = self._nearest([(t, t.liquidation) for t in self._thresholds])
        if near is None:
            text = (
                "No fall in the price of any one asset or group liquidates you, nor does any rise; interest may in time"
            )
            return self._with_health("no-drop-liquidates", text, near)
        move = move_text(self._position, near, near.liquidation or 0, near.liquidation_price)
        if _distance(near.liquidation or 0) <= CLOSE:
            return self._with_health("close", f"You are close to liquidation: {move} is enough", near)
        if any(t.liquidation is not None for t in self._thresholds if t.direction is Direction.DOWN):
            return self._with_health("can-be-liquidated", f"The nearest price move that liquidates you is {move}", near)
        text = f"No fall in the price of any one asset or group liquidates you, but {move} does"
        return self._with_health("no-drop-liquidates", text, near)

    def _with_health(self, code: str, text: str, near: Threshold | None) -> Verdict:
        health = health_text(self._standing.health_factor)
        return Verdict(code, f"{text} (health factor {health}). {self._bad_debt()}", near)

    def _bad_debt(self) -> str:
        worst = self._nearest([(t, t.bad_debt) for t in self._thresholds])
        if worst is None:
            return f"No move of one asset or group leaves debt unpaid. {_LIMITED}"
        move = move_text(self._position, worst, worst.bad_debt or 0, worst.bad_debt_price)
        return (
            f"If prices jump, {move} leaves more debt than the collateral repays, borne by "
            f"{_bearers(self._position, self._standing)}: you would lose the collateral, not more."
        )

    def _nearest(self, moves: Iterable[tuple[Threshold, int | None]]) -> Threshold | None:
        """The threshold of the nearest move; of equally far ones a volatile asset's, any asset's, a fall."""
        far = [(_distance(move), threshold) for threshold, move in moves if move is not None]
        if not far:
            return None
        nearest = min(distance for distance, _ in far)
        return min((t for distance, t in far if distance <= nearest + _AS_FAR), key=self._rank)

    def _rank(self, threshold: Threshold) -> tuple[bool, bool, bool]:
        stable = (threshold.asset or threshold.move) in self._stable
        return stable, threshold.kind != "asset", threshold.direction is Direction.UP


def _distance(move: int) -> int:
    """How far a move (wad) is, as a fall: a rise to r times the price is as far as a fall to 1/r of it."""
    return -move if move < 0 else mul_div_down(move, WAD, WAD + move)


def _bearers(position: Position, standing: Standing, today: Outcome | None = None) -> str:
    """Who bears what is unpaid: as the replay said, or else whoever would bear the largest debt."""
    if today is not None and today.borne_by:
        return bearers_text(today.borne_by)
    largest = max(standing.debt, key=lambda leg: (leg.value, -leg.slot))
    return bearers_text(position.rules.borne_by(position.state, [Amount(largest.token, largest.amount)]))
