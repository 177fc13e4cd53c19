"""What scenarios make of a population's prices: once a scenario and asset, exactly, then as floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from defirisk.errors import BadMove
from defirisk.model import ContractView, Position, Token
from defirisk.risk.families import FamilyBook
from defirisk.risk.population.columns import Asset
from defirisk.risk.scenarios import BoundScenario, moved_prices


@dataclass(frozen=True, slots=True, eq=False)
class PriceTable:
    """Prices [asset, scenario] as values of one token base unit, unit base units: the exact quotient of the oracle's
    integer by the asset's scale, rounded once. NaN where the scenario does not fit the asset. ``market`` equals
    ``oracle`` where a scenario has no market prices; ``splits`` [s] says whether it has, ``fits`` [s] whether it fits
    every asset. ``scales`` [asset] times a price is the oracle's integer again.
    """

    oracle: NDArray[np.float64]
    market: NDArray[np.float64]
    scales: NDArray[np.float64]
    splits: NDArray[np.bool_]
    fits: NDArray[np.bool_]


def price_table(assets: Sequence[Asset], scenarios: Sequence[BoundScenario], book: FamilyBook) -> PriceTable:
    """Move every asset's price by every scenario."""
    oracle = np.full((len(assets), len(scenarios)), np.nan)
    market = oracle.copy()
    for row, asset in enumerate(assets):
        position = _lone(asset)
        families = book.families(position)
        for column, scenario in enumerate(scenarios):
            try:
                moved = moved_prices(position, scenario, book, families)
            except BadMove:
                continue
            oracle[row, column] = moved.oracle[0] / asset.scale
            market[row, column] = (moved.oracle if moved.market is None else moved.market)[0] / asset.scale
    splits = np.array([scenario.market is not None for scenario in scenarios], np.bool_)
    scales = np.array([float(asset.scale) for asset in assets], np.float64)
    return PriceTable(oracle, market, scales, splits, ~np.isnan(oracle).any(axis=0))


class _OnePrice(NamedTuple):
    tokens: tuple[Token, ...]
    prices: tuple[int, ...]
    scales: tuple[int, ...]


class _NoRules:
    """Stands where a position's rules would: a price is moved without them."""


def _lone(asset: Asset) -> Position:
    """A position that holds one price, which is all that moving it asks for."""
    state: Any = _OnePrice((asset.token,), (asset.price,), (asset.scale,))
    rules: Any = _NoRules()
    return Position(asset.market, "", rules, state, (None,), ContractView(), ContractView())
