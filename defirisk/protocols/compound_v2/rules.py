"""The rules of Compound V2: what the house asks of a rule family.

One arithmetic for all flavours: what a fork does differently is data in its state (threshold apart from the collateral
factor, no seize share, forced liquidation) or was settled by the reader (seconds instead of blocks). The name says
which flavour was recognised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from defirisk.fixedpoint import WAD, div_up
from defirisk.model import Amount, Borne, ContractView, Limits, Standing
from defirisk.protocols.compound_v2.account import is_forced, is_liquidatable, judge, stored_liquidity
from defirisk.protocols.compound_v2.limits import limits_of
from defirisk.protocols.compound_v2.liquidation import liquidate
from defirisk.protocols.compound_v2.state import CompoundState
from defirisk.protocols.interface import Pair, Slack, Step

if TYPE_CHECKING:
    from defirisk.protocols.compound_v2.changes import CompoundChanges
    from defirisk.protocols.fast import FastRules

_CERTAIN_NOWHERE: Final = 2**512
"""More than any margin: a position that is liquidatable without a shortfall is so at every price."""


_VAI_GRAINS: Final = 1_000
"""A call on VAI may leave three base units more or less than it took, and calls that halve a debt end after 256."""


class CompoundV2Rules:
    """One flavour's rules (:class:`defirisk.protocols.interface.Rules` of :class:`CompoundState`)."""

    __slots__ = ("name", "whole_account")

    def __init__(self, name: str) -> None:
        self.name = name
        self.whole_account = False

    def __repr__(self) -> str:
        return f"CompoundV2Rules({self.name})"

    @property
    def changes(self) -> CompoundChanges:
        """What the family knows of changes, for a what-if only."""
        from defirisk.protocols.compound_v2.changes import CHANGES  # noqa: PLC0415 - only with a what-if

        return CHANGES

    def fast(self) -> FastRules:
        """The same in floats, for whole populations."""
        from defirisk.protocols.compound_v2.fast import FAST  # noqa: PLC0415 - numpy, for populations only

        return FAST

    def reprice(self, state: CompoundState, prices: tuple[int, ...]) -> CompoundState:
        """The same holdings at other oracle prices (by slot, the oracle's mantissa)."""
        return CompoundState(
            holdings=state.holdings,
            tokens=state.tokens,
            prices=prices,
            close_factor=state.close_factor,
            cut=state.cut,
            entered_only=state.entered_only,
            paused=state.paused,
            vai_first=state.vai_first,
        )

    def standing(self, state: CompoundState) -> Standing:
        """``Comptroller.getAccountLiquidity`` from accrued numbers, with each leg; USD with 18 decimals, health wad."""
        return judge(state)

    def liquidatable(self, state: CompoundState) -> bool:
        """Whether there is a shortfall, or a debt may be liquidated without one."""
        return is_liquidatable(state)

    def contract_view(self, state: CompoundState) -> ContractView:
        """``Comptroller.getAccountLiquidity`` from stored numbers, as the contract answers it."""
        told = stored_liquidity(state)
        return ContractView(liquidatable=told.shortfall > 0, liquidity=told.liquidity, shortfall=told.shortfall)

    def liquidate(self, state: CompoundState, standing: Standing, pair: Pair, repay: int | None = None) -> Step:
        """``CToken.liquidateBorrow`` by a third party, for ``repay`` of the debt (underlying base units).

        ``None`` repays the largest amount that the rules accept: the close factor's part of the debt, or what the
        collateral covers if that is less.

        Raises:
            Refused: the contract would refuse; the reason is its own error.
        """
        return liquidate(state, standing, pair, repay)

    def health_slack(self, state: CompoundState, standing: Standing) -> Slack:
        """How far rounding may move the health decision, at any price.

        For a counted leg with rate r, threshold t, price p and n tokens, the Comptroller's three floors lose: in
        t * r / 1e18 less than 1, which is less than a threshold of 1e18 / r; in the product with p less than 1, which
        times n / 1e18 is a value below n / 1e18; in the last product less than 1. Debts round down: on the safe side.

        A call keeps sum(collateral * recovery) - debt: seizing rounds down and the exchange rate never falls. The one
        floor that takes more, price * rate / 1e18 in the seize ratio, costs all calls together a value below
        2 * tokens / 1e18. Besides, valuing what is left loses a base unit of each collateral and a unit of account.
        """
        if any(is_forced(holding) for holding in state.holdings):
            return Slack(threshold=0, value=_CERTAIN_NOWHERE)
        counted = [state.holdings[leg.slot] for leg in standing.collateral if leg.counts]
        grains = sum(div_up(holding.tokens, WAD) + 1 for holding in counted)
        return Slack(
            threshold=max((div_up(WAD, holding.books.rate) for holding in counted), default=0),
            value=grains,
            rounding=1,
            unit_rounding=2 * grains + len(standing.debt) + 1 + _vai_grains(state),
        )

    def tail(self, state: CompoundState, standing: Standing) -> None:
        """Nothing is promised beyond :meth:`health_slack`, whose bounds are as tight already."""

    def likely_loses(self, state: CompoundState) -> bool:
        """Whether a replay probably leaves a loss: for a search to know where to look."""
        from defirisk.protocols.compound_v2.likely import likely_loses  # noqa: PLC0415 - for thresholds only

        return likely_loses(state)

    def borne_by(self, state: CompoundState, losses: Sequence[Amount]) -> tuple[Borne, ...]:
        """The market's reserves first, then its suppliers.

        Nothing in the contracts writes a loss off: it stays in total borrows, and the last suppliers to leave find
        neither it nor, if governance uses them, the reserves.
        """
        return tuple(borne for loss in losses for borne in _borne(state, loss))

    def limits(self, state: CompoundState, _listing: object = None, /) -> tuple[Limits, ...]:
        """``mintAllowed`` and ``borrowAllowed``: pauses and caps, totals accrued to the block."""
        return tuple(limits_of(state))


def _vai_grains(state: CompoundState) -> int:
    return _VAI_GRAINS if any(holding.vai is not None for holding in state.holdings) else 0


def _borne(state: CompoundState, loss: Amount) -> list[Borne]:
    """Two markets may have one underlying (WBTC had): the reserves are those of the markets that are owed."""
    owed = [one for one in state.holdings if one.market.token.address == loss.token.address and one.debt > 0]
    reserves = min(loss.raw, sum(one.books.reserves for one in owed))
    parts = [Borne("reserves", loss.token, reserves), Borne("suppliers", loss.token, loss.raw - reserves)]
    return [part for part in parts if part.amount > 0]


ORIGINAL: Final = CompoundV2Rules("original")
"""Compound's own, and forks that count blocks as it does."""
SECONDS: Final = CompoundV2Rules("seconds")
"""Forks that count seconds: Moonwell, Benqi."""
VENUS: Final = CompoundV2Rules("venus")
"""Venus's core pool: liquidation thresholds and incentives by market and pool, VAI debt."""
