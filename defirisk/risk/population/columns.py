"""A population of positions as columns, so that millions fit in memory and are replayed on arrays.

The columns are floats: they decide nothing that a float cannot decide. What the exact engine has to look at is asked
for one position at a time, through :attr:`Population.exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from defirisk.model import Market, Position, Token
from defirisk.protocols.fast import IDLE, FastLeg, FastRules

LEG: Final = np.dtype(
    [
        ("asset", np.int32),
        ("side", np.int8),
        ("open", np.int8),
        ("amount", np.float64),
        ("shares", np.float64),
        ("rate", np.float64),
        ("threshold", np.float64),
        ("bonus", np.float64),
        ("fee", np.float64),
        ("recovery", np.float64),
        ("extra", np.float64),
        ("extra2", np.float64),
    ],
    align=True,
)
"""One leg: ``asset`` is an index into :attr:`Population.assets`, the rest as :class:`~defirisk.protocols.fast.FastLeg`
has it (``amount`` and ``shares`` rounded to the nearest float)."""

FAST: Final = 0
"""A position that the float rules cover."""
EXACT: Final = 1
"""A position that only the exact engine covers: its family has no float rules, or they do not cover its state."""
UNPRICED: Final = 2
"""A position that nobody can judge because a price is missing: no scenario fits it."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A price of a market today: ``price`` oracle units, ``amount * price / scale`` is a value in unit base units."""

    market: Market
    token: Token
    price: int
    scale: int


@dataclass(frozen=True, slots=True)
class Group:
    """What positions of one market have in common: its rules in floating point (``None``: exact only) and their
    ``terms`` (:class:`~defirisk.protocols.fast.FastColumns`).
    """

    market: Market
    fast: FastRules | None
    terms: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Positions as columns.

    By position: ``owner`` (EIP-55, object), ``group`` (int32, index into ``groups``), ``kind`` (uint8: FAST, EXACT or
    UNPRICED), ``blocked`` (uint8, the family's own flag). ``legs`` (dtype :data:`LEG`) of position i are
    ``legs[offsets[i]:offsets[i + 1]]`` (``offsets`` int64, one more than positions): one or more a price slot, in
    order of slot, all IDLE where the position is EXACT and none where it is UNPRICED. ``assets`` are what legs point
    at, each asset of a market once. ``exact`` gives the position itself, for what is handed to the exact engine; it
    may decode it only then, and must be safe to call from one thread at a time.

    The arrays are read-only by agreement. Made by :meth:`of`, or from arrays that were written before (a Parquet of
    positions): then ``groups[i].fast`` is ``RuleFamily.fast()`` of the market's protocol.
    """

    groups: tuple[Group, ...]
    assets: tuple[Asset, ...]
    owner: NDArray[np.object_]
    group: NDArray[np.int32]
    kind: NDArray[np.uint8]
    blocked: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    legs: NDArray[Any]
    exact: Callable[[int], Position]

    def __len__(self) -> int:
        return len(self.group)

    @classmethod
    def of(cls, positions: Sequence[Position]) -> Population:
        """The columns of positions, which are kept for what is handed to the exact engine."""
        return _Builder().built(positions)

    def position(self, row: int) -> Position:
        """The exact position of a row."""
        return self.exact(row)

    def rows(self, start: int, stop: int) -> Population:
        """The positions from ``start`` to ``stop`` (exclusive), without copying a leg."""
        first = min(start, len(self))
        last = max(first, min(stop, len(self)))
        legs = self.offsets[first : last + 1]
        return Population(
            self.groups,
            self.assets,
            self.owner[first:last],
            self.group[first:last],
            self.kind[first:last],
            self.blocked[first:last],
            legs - legs[0],
            self.legs[legs[0] : legs[-1]],
            _Shifted(self.exact, first),
        )


@dataclass(frozen=True, slots=True)
class _Shifted:
    exact: Callable[[int], Position]
    by: int

    def __call__(self, row: int) -> Position:
        return self.exact(self.by + row)


class _Builder:
    """Numbers the groups and assets as positions name them."""

    def __init__(self) -> None:
        self._groups: dict[Any, int] = {}
        self._assets: dict[Asset, int] = {}
        self._found: list[Group] = []

    def built(self, positions: Sequence[Position]) -> Population:
        count = len(positions)
        group, kind, blocked = np.zeros(count, np.int32), np.zeros(count, np.uint8), np.zeros(count, np.uint8)
        offsets = np.zeros(count + 1, np.int64)
        rows: list[tuple[Any, ...]] = []
        for row, position in enumerate(positions):
            group[row], kind[row], blocked[row], legs = self._columns(position)
            rows.extend(legs)
            offsets[row + 1] = len(rows)
        owners = np.empty(count, object)
        owners[:] = [position.owner for position in positions]
        return Population(
            groups=tuple(self._found),
            assets=tuple(self._assets),
            owner=owners,
            group=group,
            kind=kind,
            blocked=blocked,
            offsets=offsets,
            legs=np.array(rows, LEG),
            exact=positions.__getitem__,
        )

    def _columns(self, position: Position) -> tuple[int, int, int, Iterable[tuple[Any, ...]]]:
        if position.unpriced:
            return self._group(position, None, ()), UNPRICED, 0, ()
        fast = fast_of(position)
        found = None if fast is None else fast.columns(position)
        if found is None:
            idle = tuple(FastLeg(slot, IDLE, 0, 0, 0.0) for slot in range(len(position.tokens)))
            return self._group(position, None, ()), EXACT, 0, self._legs(position, idle)
        legs = self._legs(position, found.legs)
        return self._group(position, fast, found.terms), FAST, found.blocked, legs

    def _group(self, position: Position, fast: FastRules | None, terms: tuple[float, ...]) -> int:
        key = (position.market, None if fast is None else fast.name, terms)
        if key not in self._groups:
            self._groups[key] = len(self._found)
            self._found.append(Group(position.market, fast, terms))
        return self._groups[key]

    def _legs(self, position: Position, legs: tuple[FastLeg, ...]) -> Iterator[tuple[Any, ...]]:
        scales = position.state.scales
        slots = [
            self._asset(Asset(position.market, token, price, scale))
            for token, price, scale in zip(position.tokens, position.prices, scales, strict=True)
        ]
        for leg in legs:
            yield (
                slots[leg.slot],
                leg.side,
                leg.open,
                float(leg.amount),
                float(leg.shares),
                leg.rate,
                leg.threshold,
                leg.bonus,
                leg.fee,
                leg.recovery,
                leg.extra,
                leg.extra2,
            )

    def _asset(self, asset: Asset) -> int:
        return self._assets.setdefault(asset, len(self._assets))


def fast_of(position: Position) -> FastRules | None:
    """The float rules that a position's rules name in ``fast``, ``None`` where they name none."""
    load: Callable[[], FastRules] | None = getattr(position.rules, "fast", None)
    return None if load is None else load()
