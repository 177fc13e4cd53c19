"""What a rule family gives beside its exact rules so that whole populations can be replayed on arrays.

Optional: a family without it is replayed by its exact rules alone. Everything here is for
:mod:`defirisk.risk.population`, which replays in floating point with proved error bounds and hands whatever these
cannot decide to the exact engine. Imports neither numpy nor numba.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from defirisk.model import Position

COLLATERAL: Final = 0
"""A supply that secures debt and may be seized."""
DEBT: Final = 1
IDLE: Final = 2
"""A price slot that plays no part in a replay (a supply that does not count, an empty holding): a scenario that does
not fit its asset does not fit the position all the same."""


class FastLeg(NamedTuple):
    """One leg of a position as the family's float rules want it.

    ``slot`` is its price slot, ``side`` one of the three above, ``open`` whether a liquidator may name it at all
    (not paused, active, ...). ``amount`` token base units and ``shares`` what the protocol keeps of it, both exact
    integers; ``rate`` base units a share. ``threshold``, ``bonus`` (with the principal in it), ``fee`` and the two
    ``extra`` are the family's own numbers in its own scale; ``recovery`` is the share of the collateral's value that
    repays debt when it is seized, by :meth:`defirisk.risk.replay.Replay.uncovered`.
    """

    slot: int
    side: int
    amount: int
    shares: int
    rate: float
    open: bool = True
    threshold: float = 0.0
    bonus: float = 0.0
    fee: float = 0.0
    recovery: float = 0.0
    extra: float = 0.0
    extra2: float = 0.0


class FastColumns(NamedTuple):
    """A position as numbers: ``terms`` are the family's parameters, the same for all positions of a market; ``blocked``
    is the family's own flag of this position (0 to 255), ``legs`` in order of slot.
    """

    terms: tuple[float, ...]
    legs: tuple[FastLeg, ...]
    blocked: int = 0


@dataclass(frozen=True, slots=True)
class FastRules:
    """The float arithmetic of a family's revisions.

    ``name`` names the compiled code: rules of one name share it. ``columns`` turns a position into numbers, or answers
    ``None`` where the float rules do not cover it. ``screen``, ``judge``, ``step`` and ``settle`` are plain functions
    in the part of Python that numba compiles, ``helpers`` what they call, callees first; their signatures and duties
    stand in :mod:`defirisk.risk.population.loop`. They read ``terms`` terms. ``whole_account`` as in
    :class:`~defirisk.protocols.interface.Rules`.
    """

    name: str
    columns: Callable[[Position], FastColumns | None]
    screen: Callable[..., Any]
    judge: Callable[..., Any]
    step: Callable[..., Any]
    settle: Callable[..., Any]
    helpers: tuple[Callable[..., Any], ...] = ()
    whole_account: bool = False
    terms: int = 0
