"""Integers of up to 160 bits as limbs of 32, the lowest first, so that columns of them add up exactly.

A sum of so many limbs as a row group has rows stays below 2**53, where every integer is a float.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LIMBS: Final = 5


def limbs(data: Any) -> NDArray[np.uint32]:
    """Stored integers, one after the other, as rows of limbs."""
    return np.frombuffer(data, np.dtype("<u4")).reshape(-1, LIMBS)


def whole(sums: NDArray[Any]) -> int:
    """The integer that (sums of) limbs are."""
    return sum(int(one) << 32 * place for place, one in enumerate(sums.tolist()))


def sum_by(places: NDArray[Any], values: NDArray[np.uint32], size: int) -> list[int]:
    """Sums of integers by the place that each belongs to."""
    by_limb = [np.bincount(places, values[:, limb], size) for limb in range(LIMBS)]
    return [whole(one) for one in np.stack(by_limb, axis=1)]
