"""The rules of Aave V2: those of the family's engine (:mod:`defirisk.protocols.aave_v3.rules`) over V2's data.

A state is the same :class:`~defirisk.protocols.aave_v3.state.AaveState`, without eMode, fee or debt ceiling; where the
whole pool is paused, each of its reserves is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from defirisk.model import Standing
from defirisk.protocols.aave_v2.revisions import REVISIONS
from defirisk.protocols.aave_v3.rules import AaveV3Rules
from defirisk.protocols.aave_v3.state import AaveState
from defirisk.protocols.aave_v3.tail import halving_tail
from defirisk.protocols.interface import Tail

if TYPE_CHECKING:
    from defirisk.protocols.fast import FastRules


class AaveV2Rules(AaveV3Rules):
    """The rules of V2 under one collateral manager (:class:`defirisk.protocols.interface.Rules`)."""

    __slots__ = ()

    def tail(self, state: AaveState, standing: Standing) -> Tail | None:
        """The bonus comes before the one division of a call, which rounds down."""
        return halving_tail(self.revision, state, standing, half_up=False)

    def fast(self) -> FastRules:
        """The same in floats, for whole populations."""
        from defirisk.protocols.aave_v2.fast import FAST  # noqa: PLC0415 - numpy, for populations only

        return FAST


RULES: Final[dict[str, AaveV2Rules]] = {revision.name: AaveV2Rules(revision) for revision in REVISIONS}
"""By name: "2.0", and "2.0-cf100" where one call may repay all of a debt."""


def rules_named(name: str) -> AaveV2Rules:
    """The rules by name.

    Raises:
        KeyError: there are none of that name.
    """
    return RULES[name]
