"""The member ``what_if`` of a position in ``defirisk/check/1``; there only where something was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from defirisk.fixedpoint import decimal_string
from defirisk.model import Token
from defirisk.report.json.values import Json, integer
from defirisk.report.sanitize import clean, symbol

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis
    from defirisk.whatif.outcome import Change, Comparison, Way


def what_if_json(comparison: Comparison, figures: Callable[[PositionAnalysis], Json]) -> Json:
    """Changes, the figures before them, and the ways; ``figures`` are those of a position that has changed."""
    return {
        "changes": [_change(one) for one in comparison.changes],
        "before": None if comparison.before is None else figures(comparison.before),
        "ways": [_way(one) for one in comparison.ways],
    }


def _change(change: Change) -> Json:
    return {
        "kind": change.kind,
        "text": clean(change.text),
        **_asset(change.asset, change.amount),
        "parameter": None if change.parameter is None else clean(change.parameter),
        "emode": change.emode,
        "was": None if change.was is None else clean(change.was),
        "now": None if change.now is None else clean(change.now),
        "felt": change.felt,
    }


def _way(way: Way) -> Json:
    return {
        "aim": {
            "kind": way.aim.kind,
            "name": clean(way.aim.name),
            "health_factor_raw": integer(way.aim.health),
        },
        "act": way.act,
        **_asset(way.asset, way.amount),
        "health_factor_raw": integer(way.health),
        "reason": None if way.reason is None else clean(way.reason),
        "proved": way.proved,
    }


def _asset(token: Token | None, amount: int | None) -> Json:
    return {
        "asset": None if token is None else token.address,
        "symbol": None if token is None else symbol(token),
        "amount": None if token is None or amount is None else decimal_string(amount, token.decimals),
        "amount_raw": integer(amount),
    }
