"""What is lent where: tokens, a market and its unit of account, and what the market still takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NATIVE_COIN: Final = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
"""The address that stands for a chain's own coin."""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the field's own word, as in DESIGN's JSON
    """Something the reader of a result must know; ``code`` is stable, ``text`` is for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """An asset: EIP-55 ``address``, ``symbol`` as the contract says it (hostile until cleaned), ``decimals``."""

    address: str
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A market's unit of account: ``symbol``, ``decimals``, and the ``asset`` it is (``None`` for USD)."""

    symbol: str
    decimals: int
    asset: str | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """One deployment of a protocol. ``rules`` names the revision's arithmetic, ``entry`` is the contract asked."""

    name: str
    protocol: str
    rules: str
    chain_id: int
    entry: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class Amount:
    """``raw`` base units of a token."""

    token: Token
    raw: int


class Bound(StrEnum):
    """What closes one side of a market to an owner, or bounds how much it takes."""

    INACTIVE = "inactive"
    PAUSED = "paused"
    FROZEN = "frozen"
    DISABLED = "disabled"
    SENTINEL = "sentinel"
    EMODE = "emode"
    ISOLATION = "isolation"
    SILOED = "siloed"
    CAP = "cap"
    DEBT_CEILING = "debt-ceiling"


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of an asset a market takes on one side from an owner, at the block.

    ``open`` is ``False`` where that side is closed to the owner (paused, frozen, disabled, not in the eMode). ``cap``
    is the largest total that it takes, ``None`` without one; ``room`` how much more, ``None`` where nothing bounds it,
    or where the total was not read; both token base units. ``room`` is 0 where closed. ``bound_by`` is what closes it,
    or bounds ``room``.
    """

    open: bool = True
    cap: int | None = None
    room: int | None = None
    bound_by: Bound | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an owner may do with one asset in a market, whatever the prices; ``slot`` is the index of its price.

    ``borrow`` is ``None`` where the asset cannot be borrowed at all (a collateral of Comet).
    """

    token: Token
    slot: int
    supply: Limit = Limit()
    borrow: Limit | None = Limit()
    repay_open: bool = True
    withdraw_open: bool = True
