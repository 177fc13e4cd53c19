"""One member of ``positions`` in ``defirisk/check/1``: a position that was judged, or a market that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from defirisk.fixedpoint import decimal_string, fixed_string
from defirisk.model import (
    Collateral,
    ContractView,
    Debt,
    Failure,
    Position,
    PositionStatus,
    Standing,
    Threshold,
    Unit,
)
from defirisk.report.check import position_warnings
from defirisk.report.json.outcome import outcome_json
from defirisk.report.json.values import Json, integer, warnings_json
from defirisk.report.json.what_if import what_if_json
from defirisk.report.legs import family_of, unpriced_message
from defirisk.report.limits import limits_json
from defirisk.report.sanitize import SYMBOL_LENGTH, clean, short_address, symbol

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

VERDICT_LENGTH: Final = 1000


def position_json(analysis: PositionAnalysis) -> Json:
    """A position that was read; ``what_if`` stands in it only where something was asked."""
    shown = {
        **_identity(analysis.position),
        **_holdings(analysis),
        "limits": [limits_json(one) for one in analysis.limits],
        **_judgement(analysis),
    }
    return shown if analysis.what_if is None else {**shown, "what_if": what_if_json(analysis.what_if, _before)}


def _before(analysis: PositionAnalysis) -> Json:
    """The figures of a position as it stands, beside those of the changed one."""
    return {**_holdings(analysis), **_judgement(analysis)}


def _holdings(analysis: PositionAnalysis) -> Json:
    position, standing = analysis.position, analysis.standing
    return {
        **_health(position, standing),
        "totals": _totals(standing, position.market.unit) if standing and not position.unpriced else None,
        "collateral": [_collateral(leg, analysis) for leg in standing.collateral] if standing else [],
        "debt": [_leg(leg, analysis) for leg in standing.debt] if standing else [],
    }


def _judgement(analysis: PositionAnalysis) -> Json:
    return {
        "thresholds": [_threshold(one) for one in analysis.thresholds],
        "verdict": {"code": analysis.verdict.code, "text": clean(analysis.verdict.text, VERDICT_LENGTH)},
        "scenarios": [outcome_json(outcome) for outcome in analysis.outcomes],
    }


def failed_json(failure: Failure) -> Json:
    """A market that could not be answered has the keys of every position, and nothing in them."""
    return {
        "market": clean(failure.market),
        "protocol": failure.protocol,
        "rules": None,
        "unit": None,
        "status": "failed",
        "error": {"code": failure.code, "message": clean(failure.message)},
        "warnings": [],
        "health_factor": None,
        "health_factor_raw": None,
        "contract_health_factor_raw": None,
        "contract": _contract(ContractView()),
        "liquidatable": None,
        "totals": None,
        "collateral": [],
        "debt": [],
        "limits": [],
        "thresholds": [],
        "verdict": None,
        "scenarios": [],
    }


def _identity(position: Position) -> Json:
    market = position.market
    unpriced = position.status is PositionStatus.UNPRICED
    return {
        "market": clean(market.name),
        "protocol": market.protocol,
        "rules": clean(market.rules),
        "unit": {"symbol": clean(market.unit.symbol), "decimals": market.unit.decimals},
        "status": position.status.value,
        "error": {"code": "unpriced", "message": unpriced_message(position)} if unpriced else None,
        "warnings": warnings_json(position_warnings(position)),
    }


def _health(position: Position, standing: Standing | None) -> Json:
    judged = standing if standing and position.status is PositionStatus.OK else None
    ours = judged.health_factor if judged else None
    return {
        "health_factor": None if ours is None else decimal_string(ours, 18),
        "health_factor_raw": integer(ours),
        "contract_health_factor_raw": integer(position.contract.health_factor),
        "contract": _contract(position.contract),
        "liquidatable": judged.liquidatable if judged else None,
    }


def _contract(view: ContractView) -> Json:
    return {
        "liquidatable": view.liquidatable,
        "liquidity_raw": integer(view.liquidity),
        "shortfall_raw": integer(view.shortfall),
    }


def _totals(standing: Standing, unit: Unit) -> Json:
    collateral, debt = standing.collateral_value, standing.debt_value
    in_usd = {"collateral": decimal_string(collateral, unit.decimals), "debt": decimal_string(debt, unit.decimals)}
    return {
        "collateral_value_raw": str(collateral),
        "debt_value_raw": str(debt),
        "usd": in_usd if unit.symbol == "USD" else None,
    }


def _collateral(leg: Collateral, analysis: PositionAnalysis) -> Json:
    bonus, penalty = leg.liquidation_bonus, leg.liquidation_penalty
    shown = {
        **_leg(leg, analysis),
        "counts": leg.counts,
        "liquidation_threshold": decimal_string(leg.liquidation_threshold, 18),
        "liquidation_bonus": None if bonus is None else decimal_string(bonus, 18),
    }
    return shown if penalty is None else {**shown, "liquidation_penalty": decimal_string(penalty, 18)}


def _leg(leg: Collateral | Debt, analysis: PositionAnalysis) -> Json:
    position = analysis.position
    priced = leg.slot not in position.unpriced
    return {
        "asset": leg.token.address,
        "symbol": symbol(leg.token),
        "family": family_of(analysis, leg.slot),
        "decimals": leg.token.decimals,
        "amount": decimal_string(leg.amount, leg.token.decimals),
        "amount_raw": str(leg.amount),
        "price_raw": str(leg.price) if priced else None,
        "oracle_updated_at": position.price_times[leg.slot],
        "value_raw": str(leg.value) if priced else None,
    }


def _threshold(threshold: Threshold) -> Json:
    shown: Json = {"kind": threshold.kind, "move": clean(threshold.move, SYMBOL_LENGTH)}
    if threshold.asset is not None:
        shown |= {"move": shown["move"] or short_address(threshold.asset), "asset": threshold.asset}
    shown |= {"direction": threshold.direction.value, "liquidation": _move(threshold.liquidation)}
    if threshold.asset is not None:
        shown["liquidation_price_raw"] = integer(threshold.liquidation_price)
    shown["bad_debt"] = _move(threshold.bad_debt)
    if threshold.asset is not None:
        shown["bad_debt_price_raw"] = integer(threshold.bad_debt_price)
    shown["searched_to"] = _move(threshold.searched_to)
    return shown


def _move(move: int | None) -> str | None:
    """18 decimals; exactly "0" where it holds today."""
    if move is None:
        return None
    return fixed_string(move, 18) if move else "0"
