"""What an owner or governance may change of a position, for what-ifs; a family may leave it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from defirisk.model import Position, Token
from defirisk.model import Warning as Notice
from defirisk.protocols.interface.rules import Rules


@dataclass(frozen=True, slots=True)
class Named:
    """An asset that a what-if may name: ``token``, ``key`` the address by which its market knows it (a cToken's where
    there is one), and what else it is called there.
    """

    token: Token
    key: str
    aliases: tuple[str, ...] = ()


class ActKind(StrEnum):
    """What an owner may do to a position."""

    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"
    BORROW = "borrow"
    REPAY = "repay"


@dataclass(frozen=True, slots=True)
class Act:
    """One act of the owner. ``amount`` token base units, ``None`` for all that there is (withdraw and repay)."""

    kind: ActKind
    asset: Named
    amount: int | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter as governance would set it: of an ``asset``, of the eMode category ``emode``, or of the market.

    ``text`` is the value as the user wrote it.
    """

    name: str
    text: str
    asset: Named | None = None
    emode: int | None = None


@dataclass(frozen=True, slots=True)
class Altered:
    """A position after a setting, the same state where it does not feel it.

    ``was`` and ``now`` are the parameter's value for people, ``was`` ``None`` where it is a list or was not read.
    ``warnings`` say what governance's own contract would refuse of it.
    """

    position: Position
    was: str | None
    now: str
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Acted:
    """A position after an act: ``amount`` moved, token base units; ``warnings`` say what could not be looked at."""

    position: Position
    amount: int
    warnings: tuple[Notice, ...] = ()


class Changes(Protocol):
    """What a family knows of changes to a position and to its market's parameters: pure, exact, as its contracts do it.

    Rules that have one carry it as ``changes``; those that do not cannot be asked what if.
    """

    asset_parameters: tuple[str, ...]
    market_parameters: tuple[str, ...]
    emode_parameters: tuple[str, ...]

    def assets(self, position: Position) -> Sequence[Named]:
        """All that can be named in this position's market, held or not."""
        ...

    def set(self, position: Position, setting: Setting) -> Altered:
        """The same position under another parameter.

        Raises:
            BadParameter: the protocol has no such parameter, or cannot keep that value.
        """
        ...

    def act(self, position: Position, act: Act) -> Acted:
        """The position after its owner's transaction, every market accrued to the block.

        Raises:
            Refused: the contract would revert; the reason is its own error.
        """
        ...

    def hull(self, near: Any, far: Any) -> Any:
        """A state that holds two states of the same shape, and all between them, as intervals.

        Raises:
            Undecided: they have not the same shape.
        """
        ...


def changes_of(rules: Rules[Any]) -> Changes | None:
    """What a family's rules know of changes; ``None`` where they know nothing."""
    return getattr(rules, "changes", None)
