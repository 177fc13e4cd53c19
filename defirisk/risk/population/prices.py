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
    """Prices [scenario, asset] as values of one token base unit, unit base units: the exact quotient of the oracle's
    integer by the asset's scale, rounded once. NaN where the scenario does not fit the asset. ``raw`` is the oracle's
    integer itself, rounded once. ``market`` equals ``oracle`` where a scenario has no market prices; ``splits`` [s]
    says whether it has.
    """

    oracle: NDArray[np.float64]
    raw: NDArray[np.float64]
    market: NDArray[np.float64]
    splits: NDArray[np.bool_]
    fits: NDArray[np.bool_]


def price_table(assets: Sequence[Asset], scenarios: Sequence[BoundScenario], book: FamilyBook) -> PriceTable:
    """Move every asset's price by every scenario."""
    shape = len(scenarios), len(assets)
    oracle, raw, market = (np.full(shape, np.nan) for _ in range(3))
    lone = [_lone(asset) for asset in assets]
    for row, scenario in enumerate(scenarios):
        for column, position in enumerate(lone):
            try:
                moved = moved_prices(position, scenario, book)
            except BadMove:
                continue
            scale = position.state.scales[0]
            oracle[row, column] = moved.oracle[0] / scale
            raw[row, column] = moved.oracle[0]
            market[row, column] = (moved.oracle if moved.market is None else moved.market)[0] / scale
    splits = np.array([scenario.market is not None for scenario in scenarios], np.bool_)
    return PriceTable(oracle, raw, market, splits, ~np.isnan(oracle).any(axis=1))


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
