"""A row group's columns as arrays: a population, and beside it what a summary needs of today."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from defirisk.model import Market, Position
from defirisk.risk.population import LEG, Asset, Group, Population
from defirisk.snapshots.layout import DEBT, LEG_FIELDS, NO_POSITION
from defirisk.snapshots.limbs import limbs

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class PartColumns:
    """The positions of a row group.

    By position: ``market`` (index into ``markets``), ``ok`` (it counts: debt or counted collateral, and prices),
    ``liquidatable`` and ``health`` (wad as text, ``None`` without debt) of today, ``indebted``, ``collateral`` and
    ``debt`` (limbs, unit base units), ``legs`` how many values it has. By value: ``leg_token`` (index into ``tokens``:
    address, symbol as it is shown), ``leg_side`` (0 counted collateral, 1 debt), ``leg_value`` (limbs).
    """

    population: Population
    markets: tuple[Market, ...]
    tokens: tuple[tuple[str, str], ...]
    market: NDArray[np.int64]
    ok: NDArray[np.bool_]
    liquidatable: NDArray[np.bool_]
    indebted: NDArray[np.bool_]
    health: Sequence[str | None]
    collateral: NDArray[np.uint32]
    debt: NDArray[np.uint32]
    legs: NDArray[np.int64]
    leg_token: NDArray[np.int32]
    leg_side: NDArray[np.int8]
    leg_value: NDArray[np.uint32]


def columns_of(
    table: pa.Table,
    groups: tuple[Group, ...],
    assets: tuple[Asset, ...],
    tokens: tuple[tuple[str, str], ...],
    position: Callable[[str, str, str, int, bytes], Position],
) -> PartColumns:
    """The columns of a row group's table, whose rows without a position are left out.

    Raises:
        ValueError: they do not fit together.
    """
    kind = _numbers(table, "kind")
    table = table.filter(kind != NO_POSITION).combine_chunks()
    group = _numbers(table, "group")
    markets = tuple(dict.fromkeys(one.market for one in groups))
    place = np.array([markets.index(one.market) for one in groups] or [0], np.int64)
    offsets, legs = _legs(table)
    values, token = _list(table, "value_token")
    if len(group) and (group.min() < 0 or group.max() >= len(groups)):
        raise ValueError("a position of no group")
    if len(token) and (token.min() < 0 or token.max() >= len(tokens)):
        raise ValueError("a value of no token")
    owner = np.empty(len(table), object)
    owner[:] = table["address"].to_pylist()
    status = np.array([one == "ok" for one in table["status"].to_pylist()], np.bool_)
    health = table["health_factor_raw"].to_pylist()
    side = _list(table, "value_side")[1]
    return PartColumns(
        population=Population(
            groups=groups,
            assets=assets,
            owner=owner,
            group=group,
            kind=_numbers(table, "kind"),
            blocked=_numbers(table, "blocked"),
            offsets=offsets,
            legs=legs,
            exact=_Exact(table, position),
        ),
        markets=markets,
        tokens=tokens,
        market=place[group],
        ok=status,
        liquidatable=np.array([bool(one) for one in table["liquidatable"].to_pylist()], np.bool_),
        indebted=_indebted(np.diff(values), side),
        health=health,
        collateral=_limbs(table["collateral_limbs"].chunk(0)) if len(table) else limbs(b""),
        debt=_limbs(table["debt_limbs"].chunk(0)) if len(table) else limbs(b""),
        legs=np.diff(values),
        leg_token=token,
        leg_side=side,
        leg_value=_limbs(table["value_limbs"].chunk(0).flatten()) if len(table) else limbs(b""),
    )


@dataclass(frozen=True, slots=True)
class _Exact:
    """Decodes one position at a time."""

    table: pa.Table
    position: Callable[[str, str, str, int, bytes], Position]

    def __call__(self, row: int) -> Position:
        one = [self.table[name][row].as_py() for name in ("address", "market", "rules", "group", "state")]
        return self.position(*one)


def _indebted(counts: NDArray[np.int64], side: NDArray[Any]) -> NDArray[np.bool_]:
    rows = np.repeat(np.arange(len(counts)), counts)
    owing: NDArray[np.bool_] = np.bincount(rows[side == DEBT], minlength=len(counts)) > 0
    return owing


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    found: NDArray[Any] = table[name].combine_chunks().to_numpy(zero_copy_only=False)
    return found


def _list(table: pa.Table, name: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Offsets from 0, and the members of all rows."""
    if not len(table):
        return np.zeros(1, np.int64), np.zeros(0, np.int32)
    column = table[name].chunk(0)
    offsets = column.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], column.flatten().to_numpy(zero_copy_only=False)


def _legs(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[Any]]:
    offsets, first = _list(table, "leg_asset")
    legs = np.zeros(len(first), LEG)
    for name in LEG_FIELDS:
        legs[name] = _list(table, f"leg_{name}")[1]
    return offsets, legs


def _limbs(column: Any) -> NDArray[np.uint32]:
    width = column.type.byte_width
    data = column.buffers()[1]
    start = column.offset * width
    return limbs(memoryview(data)[start : start + len(column) * width]) if len(column) else limbs(b"")
