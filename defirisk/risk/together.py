"""What several positions of one market leave unpaid together, and who bears that.

Each position's outcome says who would bear its loss if it were the only one. What comes first (a market's reserves,
Umbrella's stake) is there once, so the sum of losses is put to the market's rules as one loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from defirisk.model import Amount, Borne, Token

if TYPE_CHECKING:
    from defirisk.model import BadDebt, Outcome, Position
    from defirisk.risk.engine import PositionAnalysis


@dataclass(frozen=True, slots=True)
class SharedLoss:
    """Bad debt in one asset that two ``positions`` or more of a ``market`` leave in a scenario.

    ``amount`` is its sum and ``borne_by`` who bears that; ``one_by_one`` who bears what in the sum of the positions'
    own outcomes. Token base units.
    """

    market: str
    scenario: str
    token: Token
    positions: int
    amount: int
    borne_by: tuple[Borne, ...]
    one_by_one: tuple[Borne, ...]

    @property
    def differs(self) -> bool:
        """Whether the outcomes, added up, promise what is there once more than once, or less than it."""
        return set(self.borne_by) != set(self.one_by_one)


class _Part(NamedTuple):
    position: Position
    outcome: Outcome
    lost: BadDebt


def shared_losses(analyses: Iterable[PositionAnalysis]) -> tuple[SharedLoss, ...]:
    """The losses that are shared, in the order in which they are first met.

    What is there to bear them is that of the block. An owner's two debts in one asset (two markets of Compound V2 with
    one underlying) are one position's.
    """
    found: dict[tuple[str, str, str], list[_Part]] = {}
    for analysis in analyses:
        market = analysis.position.market.name
        for outcome in analysis.outcomes:
            for lost in outcome.bad_debt:
                part = _Part(analysis.position, outcome, lost)
                found.setdefault((market, outcome.scenario, lost.token.address), []).append(part)
    return tuple(_shared(parts) for parts in found.values() if len(parts) > 1)


def _shared(parts: Sequence[_Part]) -> SharedLoss:
    first = parts[0]
    token, amount = first.lost.token, sum(part.lost.amount for part in parts)
    together = first.position.rules.borne_by(first.position.state, [Amount(token, amount)])
    apart = [borne for part in parts for borne in part.outcome.borne_by if borne.token.address == token.address]
    return SharedLoss(
        market=first.position.market.name,
        scenario=first.outcome.scenario,
        token=token,
        positions=len(parts),
        amount=amount,
        borne_by=_added(token, together),
        one_by_one=_added(token, apart),
    )


def _added(token: Token, borne: Iterable[Borne]) -> tuple[Borne, ...]:
    """One share for each who bears, by name."""
    amounts: dict[str, int] = {}
    for one in borne:
        amounts[one.who] = amounts.get(one.who, 0) + one.amount
    return tuple(Borne(who, token, amount) for who, amount in amounts.items())
