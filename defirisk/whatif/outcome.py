"""What came of a what-if: each change that was made, and how much reaches what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from defirisk.model import Token
from defirisk.model import Warning as Notice

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis


@dataclass(frozen=True, slots=True)
class Change:
    """One change that a position was given, in the order in which they were made.

    ``kind`` is "set", "set-emode", or the act's own word. ``amount`` token base units, of an act; ``parameter``,
    ``was`` and ``now`` (for people) of a setting, ``was`` ``None`` where it is a list or was not read. ``felt`` is
    whether anything of the position is another for it. ``text`` says it aloud.
    """

    kind: str
    text: str
    asset: Token | None = None
    amount: int | None = None
    parameter: str | None = None
    emode: int | None = None
    was: str | None = None
    now: str | None = None
    felt: bool = True


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be reached: ``kind`` "health" with ``health`` (wad), or "survive" the scenario ``name``."""

    kind: str
    name: str
    health: int | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way to an aim: the least ``amount`` (token base units) of one asset to ``act`` ("repay", "deposit") with.

    ``amount`` is ``None`` where no amount does it, and then ``reason`` says why; 0 where the aim is reached already
    (``act`` is ``None`` then). ``health`` is the health factor that it leaves, at the aim's prices, ``None`` without
    debt. One base unit less does not reach the aim. ``proved``: neither does any smaller amount, by interval
    arithmetic on the rules themselves; where that gave up it is by bisection alone. ``notices`` say what the act could
    not look at, or does besides.
    """

    aim: Aim
    act: str | None
    asset: Token | None
    amount: int | None
    health: int | None = None
    reason: str | None = None
    proved: bool = True
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A what-if on one position, beside its analysis: ``before`` is that of the position as it stands.

    ``changes`` and ``before`` are empty and ``None`` where only ways were asked for.
    """

    changes: tuple[Change, ...]
    before: PositionAnalysis | None
    ways: tuple[Way, ...] = ()

    def sentence(self) -> str:
        """The changes in a sentence; empty where there are none."""
        return "; ".join(change.text for change in self.changes)


def markets_of(names: Sequence[str]) -> str:
    """Names in a message."""
    return ", ".join(sorted(names))
