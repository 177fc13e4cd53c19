"""The rules of Compound V3 (Comet): what the house asks of a rule family.

Two variants, told apart by ``maxAssets()``: ``comet``, whose collaterals (up to 15) have their bits in ``assetsIn``,
and ``comet-extended``, the asset list of up to 24, whose bits from 16 on are in ``_reserved``. Their arithmetic is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from defirisk.model import Amount, Borne, Limits, Standing
from defirisk.protocols.compound_v3.absorb import absorb, sales_conserve
from defirisk.protocols.compound_v3.account import judge
from defirisk.protocols.compound_v3.limits import limits_of
from defirisk.protocols.compound_v3.state import BASE, CometState
from defirisk.protocols.interface import Pair, Refused, Slack, Step

if TYPE_CHECKING:
    from defirisk.protocols.compound_v3.changes import CometChanges
    from defirisk.protocols.fast import FastRules

_LOW_BITS: Final = 16


class CometRules:
    """One variant's rules (:class:`defirisk.protocols.interface.Rules` of :class:`CometState`)."""

    __slots__ = ("most_assets", "name", "whole_account")

    def __init__(self, name: str, *, most_assets: int) -> None:
        self.name = name
        self.most_assets = most_assets
        self.whole_account = True

    def __repr__(self) -> str:
        return f"CometRules({self.name})"

    def held(self, assets_in: int, reserved: int, listed: int) -> tuple[int, ...]:
        """``Comet.isInAsset``: the offsets, of ``listed`` assets, whose bit is set; the contract looks at no others.

        The classic contract does not know ``_reserved``, and never lists an asset whose bit would be there.
        """
        bits = assets_in | reserved << _LOW_BITS
        return tuple(offset for offset in range(listed) if bits >> offset & 1)

    @property
    def changes(self) -> CometChanges:
        """What the family knows of changes, for a what-if only."""
        from defirisk.protocols.compound_v3.changes import CHANGES  # noqa: PLC0415 - only with a what-if

        return CHANGES

    def fast(self) -> FastRules:
        """The same in floats, for whole populations."""
        from defirisk.protocols.compound_v3.fast import FAST  # noqa: PLC0415 - numpy, for populations only

        return FAST

    def reprice(self, state: CometState, prices: tuple[int, ...]) -> CometState:
        """The same holdings at other oracle prices (by slot, 8 decimals)."""
        return state.at(prices)

    def standing(self, state: CometState) -> Standing:
        """``Comet.isLiquidatable`` with each leg; values with 8 decimals, health wad."""
        return judge(state)

    def liquidate(self, state: CometState, standing: Standing, pair: Pair, repay: int | None = None) -> Step:
        """``Comet.absorb`` of this account alone, interest accrued before it as the contract does.

        Raises:
            Refused: the contract would revert, or a pair or an amount was named: an absorb knows neither.
        """
        if pair != Pair(None, BASE) or repay is not None:
            raise Refused("an absorb takes the whole account")
        if "absorb" in state.comet.paused:
            raise Refused("Paused")
        if not standing.liquidatable:
            raise Refused("NotLiquidatable")
        return absorb(state)

    def health_slack(self, state: CometState, standing: Standing) -> Slack:
        """How far rounding may move the health decision, at any price, and whether sales keep what was lent.

        A collateral's value is cut by less than a unit, which costs its part of the sum less than one, and that part is
        cut by less than another; a debt's value is rounded in the owner's favour.
        """
        return Slack(threshold=0, value=2 * len(standing.collateral), conserves=sales_conserve(state))

    def tail(self, state: CometState, standing: Standing) -> None:
        """An absorb is one call: there is nothing to foretell."""

    def borne_by(self, state: CometState, losses: Sequence[Amount]) -> tuple[Borne, ...]:
        """The market's reserves at the block pay, as far as there are any; the rest is the suppliers'."""
        left = max(0, state.comet.reserves)
        borne: list[Borne] = []
        for loss in losses:
            paid = min(loss.raw, left)
            left -= paid
            shares = (("reserves", paid), ("suppliers", loss.raw - paid))
            borne += [Borne(who, loss.token, amount) for who, amount in shares if amount > 0]
        return tuple(borne)

    def limits(self, state: CometState, _listing: object = None, /) -> tuple[Limits, ...]:
        """``Comet.supply`` (which is also how base is repaid) and ``withdraw`` (which is also how it is borrowed)."""
        return limits_of(state)


COMET: Final = CometRules("comet", most_assets=16)
"""Comet and ScrollComet: collaterals in the bits of ``assetsIn``."""
COMET_EXTENDED: Final = CometRules("comet-extended", most_assets=24)
"""CometWithExtendedAssetList."""
RULES: Final = {rules.name: rules for rules in (COMET, COMET_EXTENDED)}


def rules_for(max_assets: int) -> CometRules | None:
    """The rules of a market by its ``maxAssets()``; ``None`` for one that holds more than we have bits for."""
    return next((rules for rules in RULES.values() if 0 < max_assets <= rules.most_assets), None)
