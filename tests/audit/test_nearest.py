"""The nearest liquidation, looked for road by road, is the nearest of all thresholds, looked for one by one."""

import pytest

from benchmarks.families import all_families
from defirisk.risk.axes import axes_of
from defirisk.risk.families import FamilyBook
from defirisk.risk.thresholds import nearest_liquidation, thresholds_of

BOOK = FamilyBook.load({})
SLOW = ("aave-v2", "compound-v2")  # their close factor makes the search for bad debt long, which comes with the other
FAMILIES = {name: positions for name, positions in all_families(6) if positions and not name.startswith(SLOW)}
FAMILIES |= {name: positions[:1] for name, positions in all_families(1) if positions and name.startswith(SLOW)}


@pytest.mark.parametrize("name", FAMILIES)
def test_it_is_the_nearest_of_all(name):
    for position in FAMILIES[name]:
        today = position.rules.standing(position.state)
        axes = [axis for axis in axes_of(position, today, BOOK) if axis.kind == "asset"]
        found = [one for one in thresholds_of(position, axes, today=today) if one.liquidation is not None]
        right = min(found, key=lambda one: abs(one.liquidation))
        nearest = nearest_liquidation(position, axes, today=today)
        assert (nearest.axis.asset, nearest.move, nearest.price) == (
            right.asset,
            right.liquidation,
            right.liquidation_price,
        )
        assert nearest.proved
        assert nearest_liquidation(position, axes[::-1], today=today).move == nearest.move
        moved = nearest_liquidation(position, [axis for axis in axes if axis.asset != right.asset], today=today)
        assert moved is None or abs(moved.move) >= abs(nearest.move)
        assert nearest_liquidation(position, [], today=today) is None
