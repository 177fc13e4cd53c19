"""Positions and outcomes added to what an audit sums up, one at a time."""

from __future__ import annotations

from functools import lru_cache

from defirisk.auditing.outcomes import Figures
from defirisk.auditing.summary import DIGITS, AssetSums, Book, ScenarioSums, Sums, band_of
from defirisk.errors import UnsupportedRules
from defirisk.model import Standing, Token, Unit
from defirisk.report.sanitize import symbol


def unit_key(unit: Unit) -> str:
    """What tells one unit of account from another: its symbol, and the asset that it is."""
    return f"{unit.symbol} {unit.asset}" if unit.asset else unit.symbol


def scale_of(unit: Unit) -> int:
    """From a market's base units to those of a summary.

    Raises:
        UnsupportedRules: the market counts in finer units.
    """
    if unit.decimals > DIGITS:
        raise UnsupportedRules(f"a market that counts {unit.symbol!a} to {unit.decimals} digits cannot be added up")
    scale: int = 10 ** (DIGITS - unit.decimals)
    return scale


def add_standing(book: Book, standing: Standing, scale: int) -> None:
    """A position as it stands today."""
    collateral, debt = standing.collateral_value * scale, standing.debt_value * scale
    book.total.add(collateral, debt)
    book.bands.setdefault(band_of(standing.health_factor), Sums()).add(collateral, debt)
    add_assets(book.assets, standing, scale)


def add_bad_debt(assets: dict[str, AssetSums], token: Token, value: int) -> None:
    """Bad debt in an asset; summary units."""
    assets.setdefault(token.address, AssetSums(_symbol(token))).bad_debt += value


def add_assets(assets: dict[str, AssetSums], standing: Standing, scale: int) -> None:
    """What a position holds and owes, by asset."""
    for leg in standing.collateral:
        if leg.counts:
            assets.setdefault(leg.token.address, AssetSums(_symbol(leg.token))).collateral += leg.value * scale
    for owed in standing.debt:
        assets.setdefault(owed.token.address, AssetSums(_symbol(owed.token))).debt += owed.value * scale


def add_outcome(sums: ScenarioSums, standing: Standing, one: Figures, scale: int) -> None:
    """One outcome of a position that stands so today."""
    sums.positions += 1
    if one.refused:
        sums.refused += 1
        return
    sums.liquidations += one.liquidations
    sums.repaid += one.repaid * scale
    sums.bad_debt += one.bad_debt * scale
    sums.uncovered += one.uncovered * scale
    sums.loss += one.loss * scale
    sums.losing += one.loss > 0
    sums.fast += not one.exact
    if one.liquidatable:
        sums.liquidatable.add(standing.collateral_value * scale, standing.debt_value * scale)
        add_assets(sums.assets, standing, scale)
    for token, value in one.lost:
        add_bad_debt(sums.assets, token, value * scale)


def count(counts: dict[str, int], key: str) -> None:
    """One more."""
    counts[key] = counts.get(key, 0) + 1


_symbol = lru_cache(4096)(symbol)
