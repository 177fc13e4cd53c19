"""The rules of Aave V3, one object a revision: what the house asks of a rule family, answered by the revision's data.

``rules_for_revision(10)`` are the rules of a pool whose ``POOL_REVISION`` is 10; ``rules_named("3.6")`` are the same by
name, for forks that number themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from defirisk.fixedpoint import RAY, WAD, div_up, ray_mul_half_up
from defirisk.model import Amount, Borne, Limits, Standing
from defirisk.protocols.aave_v3 import interest
from defirisk.protocols.aave_v3.account import (
    BPS_IN_WAD,
    AccountData,
    account_data,
    debt_of,
    is_liquidatable,
    judge,
    supply_of,
)
from defirisk.protocols.aave_v3.coverage import borne_with_umbrella
from defirisk.protocols.aave_v3.likely import likely_loses
from defirisk.protocols.aave_v3.limits import limits_of
from defirisk.protocols.aave_v3.liquidation import isolated_debt_after, liquidate
from defirisk.protocols.aave_v3.listing import Listing
from defirisk.protocols.aave_v3.revisions import POOL_REVISIONS, REVISIONS, UNVERIFIED_POOL_REVISIONS, Revision
from defirisk.protocols.aave_v3.state import AaveState, Holding
from defirisk.protocols.aave_v3.tail import halving_tail
from defirisk.protocols.interface import Pair, Slack, Step, Tail

if TYPE_CHECKING:
    from defirisk.protocols.aave_v3.changes import AaveChanges
    from defirisk.protocols.fast import FastRules


class Indices(NamedTuple):
    """A reserve's two indices at the block, ray."""

    liquidity: int
    variable_borrow: int


class AaveV3Rules:
    """One revision's rules (:class:`defirisk.protocols.interface.Rules` of :class:`AaveState`)."""

    __slots__ = ("name", "revision", "whole_account")

    def __init__(self, revision: Revision) -> None:
        self.revision = revision
        self.name = revision.name
        self.whole_account = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    @property
    def changes(self) -> AaveChanges:
        """What the family knows of changes, for a what-if only."""
        from defirisk.protocols.aave_v3.changes import CHANGES  # noqa: PLC0415 - only with a what-if

        return CHANGES[self.name]

    def fast(self) -> FastRules:
        """The same in floats, for whole populations."""
        from defirisk.protocols.aave_v3.fast import FAST  # noqa: PLC0415 - numpy, for populations only

        return FAST

    def reprice(self, state: AaveState, prices: tuple[int, ...]) -> AaveState:
        """The same holdings at other oracle prices (by slot, oracle units)."""
        return AaveState(
            state.holdings,
            state.tokens,
            prices,
            state.timestamp,
            state.emode,
            state.liquidations_allowed,
            state.valued_by,
        )

    def standing(self, state: AaveState) -> Standing:
        """``GenericLogic.calculateUserAccountData`` with each leg; values in base currency, health wad."""
        return judge(self.revision, state)

    def liquidatable(self, state: AaveState) -> bool:
        """Whether the health factor is below 1."""
        return is_liquidatable(self.revision, state)

    def account_data(self, state: AaveState) -> AccountData:
        """``Pool.getUserAccountData``, all six fields."""
        return account_data(self.revision, state)

    def liquidate(self, state: AaveState, standing: Standing, pair: Pair, repay: int | None = None) -> Step:
        """``Pool.liquidationCall`` by a third party, for ``repay`` of the debt (token base units).

        ``None`` repays the largest amount that the rules accept: the maximum, or, where that would leave dust, the
        largest amount that does not. ``2**256 - 1`` is the contract's answer to a liquidator that asks for all.

        Raises:
            Refused: the contract would revert; the reason is its own error.
        """
        return liquidate(self.revision, state, standing, pair, repay)

    def isolated_debt_after(self, step: Step, counter: int) -> int:
        """The seized collateral's isolated debt after a step, from ``counter`` before it; USD with 2 decimals."""
        return isolated_debt_after(self.revision, step, counter)

    def health_slack(self, state: AaveState, standing: Standing) -> Slack:
        """How far rounding may move the health decision, at any price.

        Write x for a counted leg's exact value, V = floor(x) > x - 1 for the contract's, t for its threshold, y and Y
        for a debt's; Y <= y where debts are rounded down, Y < y + 1 where up.

        Exact health (3.5 on): health >= 1e18 whenever sum(V t) >= sum(Y), since half-up keeps a quotient that is at
        least 1e22 there. sum(V t) > sum(x t) - sum(t), so a margin of sum(t), rounded up, and one a debt suffices.

        Averaged health (up to 3.4): the average is cut by less than 1 bp, and by nothing if all thresholds are equal:
        sum(V) avg >= sum(V (t - 1 bp)) >= sum(x (t - 1 bp)) - sum(t). Half-up may then lose half a unit more, and
        health >= 1e18 whenever what is left is at least the debt; so one unit more suffices.
        """
        thresholds = [leg.liquidation_threshold for leg in standing.collateral if leg.counts]
        cut = BPS_IN_WAD if self.revision.truncates_average and len(set(thresholds)) > 1 else 0
        has_source = state.emode is not None and state.emode.price_slot is not None
        value = div_up(sum(thresholds), WAD) + len(standing.debt) + 1
        return Slack(threshold=cut, value=value, conserves=not has_source)

    def tail(self, state: AaveState, standing: Standing) -> Tail | None:
        """Up to 3.2, where half of a debt may be left time and again; later a position is done in a few calls."""
        return None if self.revision.deficit else halving_tail(self.revision, state, standing, half_up=True)

    @property
    def likely_loses(self) -> Callable[[AaveState], bool] | None:
        """For a search to know where to look; from 3.3 on a replay is short, and nothing is faster."""
        return None if self.revision.deficit else partial(likely_loses, self.revision)

    def borne_by(self, state: AaveState, losses: Sequence[Amount]) -> tuple[Borne, ...]:
        """From 3.3 on the reserve books a deficit, of which Umbrella's stakers cover what they can where there is one.

        Before, the debt stands unpaid and its suppliers bear it.
        """
        if self.revision.deficit:
            return borne_with_umbrella(state, losses)
        return tuple(Borne("suppliers", loss.token, loss.raw) for loss in losses)

    def limits(self, state: AaveState, listing: Listing | None = None, /) -> tuple[Limits, ...]:
        """``ValidationLogic.validateSupply`` and ``validateBorrow``: what the reserves' settings let in.

        Caps stand in the ``listing``; without it nothing is said of them.
        """
        return limits_of(self.revision, state, listing)

    def indices_at(
        self,
        *,
        liquidity_index: int,
        variable_borrow_index: int,
        liquidity_rate: int,
        variable_borrow_rate: int,
        last_update: int,
        now: int,
    ) -> Indices:
        """A reserve's stored indices (ray) brought to ``now`` by its stored rates (ray a year); times in seconds."""
        elapsed = now - last_update
        return Indices(
            interest.liquidity_index_at(liquidity_index, liquidity_rate, elapsed),
            interest.variable_borrow_index_at(
                variable_borrow_index, variable_borrow_rate, elapsed, self.revision.compounded
            ),
        )

    def stable_debt_at(self, *, principal: int, rate: int, last_update: int, now: int) -> int:
        """``StableDebtToken.balanceOf`` (3.0, 3.1): the principal compounded since its own time, token base units."""
        growth = self.revision.compounded(rate, now - last_update) if principal else RAY
        return ray_mul_half_up(principal, growth)

    def supply_of(self, holding: Holding) -> int:
        """``AToken.balanceOf`` at the block, token base units."""
        return supply_of(self.revision, holding)

    def debt_of(self, holding: Holding) -> int:
        """Variable and stable debt at the block, token base units."""
        return debt_of(self.revision, holding)


RULES: Final[dict[str, AaveV3Rules]] = {revision.name: AaveV3Rules(revision) for revision in REVISIONS}
"""The rules by revision name, "3.0" to "3.7"."""


def rules_named(name: str) -> AaveV3Rules:
    """The rules of a revision by its name.

    Raises:
        KeyError: no such revision is known.
    """
    return RULES[name]


def rules_for_revision(pool_revision: int) -> AaveV3Rules | None:
    """The rules of Aave's own pools by ``POOL_REVISION``; ``None`` for one that we have no rules for."""
    revision = POOL_REVISIONS.get(pool_revision)
    return None if revision is None else RULES[revision.name]


def is_unverified(pool_revision: int) -> bool:
    """Whether a revision's rules are those of a near one, to be used only while the health factor agrees."""
    return pool_revision in UNVERIFIED_POOL_REVISIONS
