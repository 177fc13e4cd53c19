"""Where only a summary is wanted it is added up from columns: the same as from rows, made of whole positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import defirisk
from defirisk.auditing.summary import ScenarioSums, Summary
from defirisk.snapshots import replaying
from defirisk.snapshots.limbs import LIMBS, limbs, sum_by, whole

from .conftest import taken

FALLS = ["-10%", "-35%", "-60%", "WETH=+40%"]
NEARLY = ("repaid", "bad_debt", "uncovered", "loss")
"""Sums over floats: rounded a position, where exact figures are not floats."""
NAMES = ("demo", "aave-v3-3.7")


@pytest.fixture(scope="module", params=NAMES)
def snapshot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return taken(tmp_path_factory.mktemp("sums"), request.param)


def both(snapshot: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Summary, Summary]:
    asked = {"scenarios": FALLS, "thresholds": False, "engine": "fast", "workers": 0}
    used: list[bool] = []
    was = replaying.summed
    monkeypatch.setattr(replaying, "summed", lambda *given: used.append(was(*given)) or used[-1])
    summed = defirisk.audit(snapshot, **asked).summary
    rows = defirisk.audit(snapshot, folder / "p.parquet", **asked).summary
    assert set(used) == {True, False}
    return summed, rows


def test_the_same_as_from_rows(snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summed, rows = both(snapshot, tmp_path, monkeypatch)
    assert summed.wallets == rows.wallets
    assert summed.failed == rows.failed
    assert summed.notices == rows.notices
    assert summed.markets.keys() == rows.markets.keys()
    for name, market in rows.markets.items():
        other = summed.markets[name]
        assert (other.statuses, other.rules, other.differing, other.unit) == (
            market.statuses,
            market.rules,
            market.differing,
            market.unit,
        )
        assert (other.book.total, other.book.bands, other.book.assets) == (
            market.book.total,
            market.book.bands,
            market.book.assets,
        )
        assert other.book.scenarios.keys() == market.book.scenarios.keys()
        for scenario, sums in market.book.scenarios.items():
            same(other.book.scenarios[scenario], sums)
    for key, unit in rows.units.items():
        other_unit = summed.units[key]
        assert (other_unit.debtors, other_unit.debt, other_unit.squares, other_unit.largest) == (
            unit.debtors,
            unit.debt,
            unit.squares,
            unit.largest,
        )
        assert [one.address for one in other_unit.worst] == [one.address for one in unit.worst]
        for one, two in zip(other_unit.worst, unit.worst, strict=True):
            assert one[1:3] == two[1:3]
            assert one[5:] == two[5:]
            assert one.minus_loss == pytest.approx(two.minus_loss, rel=1e-9, abs=10**11)


def same(summed: ScenarioSums, rows: ScenarioSums) -> None:
    for name in ("positions", "liquidatable", "liquidations", "losing", "refused"):
        assert getattr(summed, name) == getattr(rows, name), name
    for name in NEARLY:
        assert getattr(summed, name) == pytest.approx(getattr(rows, name), rel=1e-9, abs=10**12), name
    assert summed.assets.keys() == rows.assets.keys()
    for address, asset in rows.assets.items():
        other = summed.assets[address]
        assert (other.symbol, other.collateral, other.debt) == (asset.symbol, asset.collateral, asset.debt)
        assert other.bad_debt == pytest.approx(asset.bad_debt, rel=1e-9, abs=10**12)


def test_something_is_liquidatable_and_something_is_lost(snapshot: Path) -> None:
    summary = defirisk.audit(snapshot, scenarios=FALLS, thresholds=False, engine="fast", workers=0).summary
    sums = [one for market in summary.markets.values() for one in market.book.scenarios.values()]
    assert any(one.liquidatable.count for one in sums)
    assert any(one.loss for one in sums)
    assert any(one.fast for one in sums)


# --- limbs --------------------------------------------------------------------------------------------------------

NUMBERS = st.lists(st.integers(0, 2 ** (32 * LIMBS) - 1), max_size=30)


@given(NUMBERS, st.data())
@settings(deadline=None, max_examples=50)
def test_sums_of_limbs_are_exact(numbers: list[int], data: st.DataObject) -> None:
    stored = limbs(b"".join(one.to_bytes(4 * LIMBS, "little") for one in numbers))
    assert whole(stored.sum(axis=0)) == sum(numbers)
    places = np.array([data.draw(st.integers(0, 3)) for _ in numbers], np.int64)
    found = sum_by(places, stored, 4)
    assert found == [sum(one for one, at in zip(numbers, places, strict=True) if at == place) for place in range(4)]
