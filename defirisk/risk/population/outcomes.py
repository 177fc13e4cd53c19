"""What scenarios make of a population: arrays [position, scenario]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from defirisk.model import Ended, Outcome
from defirisk.risk.population.columns import Asset

ENDINGS: Final = tuple(Ended)
"""What the codes in :attr:`PopulationOutcomes.ended` stand for; ``NO_ENDING`` where a pair is left out."""
NO_ENDING: Final = 255


@dataclass(frozen=True, slots=True, eq=False)
class PopulationOutcomes:
    """Outcomes by (position, scenario): arrays [n, s] in the order of the population and of ``scenarios``.

    Values are floats in base units of the unit of account of the position's market (divide by ten to its decimals),
    rounded once where the exact engine decided and within its tolerance elsewhere: ``debt_value`` and
    ``collateral_value`` as the contract sums them in the scenario before any liquidation, ``repaid_value``,
    ``bad_debt_value`` and ``uncovered_value`` at market prices. ``health_factor`` is before any liquidation, NaN
    without debt. ``liquidations`` counts calls, ``ended`` is an index into :data:`ENDINGS`.

    ``exact`` marks the pairs that the exact engine replayed, ``handed_over`` those of them that floating point could
    not decide; ``outcomes`` holds the exact outcome of each by (position, scenario) where they were asked for.
    ``left_out`` marks the pairs whose scenario does not fit the position's market (:class:`~defirisk.errors.BadMove`)
    or whose position is unpriced: nothing is said of them, their values are NaN.

    ``bad_debt_by_asset`` [s, assets] sums bad debt over positions by the asset that is owed, unit base units of its
    market, in the order of ``assets``. ``engine`` is what was used (``fast`` or ``exact``), ``why`` says why in words.
    """

    scenarios: tuple[str, ...]
    assets: tuple[Asset, ...]
    health_factor: NDArray[np.float64]
    liquidatable: NDArray[np.bool_]
    liquidations: NDArray[np.int32]
    repaid_value: NDArray[np.float64]
    bad_debt_value: NDArray[np.float64]
    uncovered_value: NDArray[np.float64]
    debt_value: NDArray[np.float64]
    collateral_value: NDArray[np.float64]
    ended: NDArray[np.uint8]
    exact: NDArray[np.bool_]
    handed_over: NDArray[np.bool_]
    left_out: NDArray[np.bool_]
    bad_debt_by_asset: NDArray[np.float64]
    engine: str
    why: str
    outcomes: Mapping[tuple[int, int], Outcome] = field(default_factory=dict)

    @property
    def handed_over_share(self) -> float:
        """The share of all pairs that floating point could not decide."""
        return float(self.handed_over.mean()) if self.handed_over.size else 0.0


VALUES: Final = (
    "health_factor",
    "repaid_value",
    "bad_debt_value",
    "uncovered_value",
    "debt_value",
    "collateral_value",
)
"""The float columns."""


def empty_outcomes(shape: tuple[int, int], assets: int) -> dict[str, NDArray[Any]]:
    """Arrays of a shape to be filled by row and column."""
    arrays: dict[str, NDArray[Any]] = {name: np.empty(shape, np.float64) for name in VALUES}
    arrays["liquidatable"] = np.zeros(shape, np.bool_)
    arrays["liquidations"] = np.zeros(shape, np.int32)
    arrays["ended"] = np.full(shape, NO_ENDING, np.uint8)
    arrays["exact"] = np.zeros(shape, np.bool_)
    arrays["handed_over"] = np.zeros(shape, np.bool_)
    arrays["left_out"] = np.zeros(shape, np.bool_)
    arrays["bad_debt_by_asset"] = np.zeros((shape[1], assets), np.float64)
    return arrays
