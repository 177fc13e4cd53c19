"""Tidy rows for CSV and for pandas: people's figures as decimals, exact integers beside them as ``..._raw`` text.

Two shapes: a row a position (:func:`position_row`, with a row too for what failed and for an account without any),
and a row a position and scenario (:func:`outcome_row`). Every cell is text, an ``int``, a ``bool`` or ``None``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from defirisk.fixedpoint import decimal_string, fixed_string
from defirisk.model import Failure, Outcome, Position, PositionStatus, Standing, Threshold, Unit
from defirisk.report.check import Account, Check, position_warnings
from defirisk.report.columns import POSITION
from defirisk.report.legs import leg_of, price_decimal, unpriced_message
from defirisk.report.sanitize import SYMBOL_LENGTH, clean

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

Cell = str | int | bool | None
Row = dict[str, Cell]


def check_rows(check: Check) -> Iterator[tuple[Row, PositionAnalysis | None]]:
    """One row a position, a failed market, or an account without positions; with the analysis where there is one."""
    for account in check.accounts:
        base = _account(check, account)
        for analysis in account.positions:
            yield {**base, **position_row(analysis)}, analysis
        for failure in account.failures:
            yield {**base, **_blank(), **_failed(failure)}, None
        if not account.positions and not account.failures:
            yield {**base, **_blank(), "status": "no-position"}, None


def position_row(analysis: PositionAnalysis) -> Row:
    """The position's own columns."""
    position, unit = analysis.position, analysis.position.market.unit
    ok = position.status is PositionStatus.OK
    standing = analysis.standing if ok else None
    return {
        **_market(position),
        **_judged(standing, unit),
        "contract_health_factor_raw": _raw(position.contract.health_factor),
        **_nearest(analysis.thresholds),
        "verdict": clean(analysis.verdict.code),
        "verdict_text": clean(analysis.verdict.text),
        "warnings": " ".join(warning.code for warning in position_warnings(position)),
        "what_if": None if analysis.what_if is None else clean(analysis.what_if.sentence()) or None,
    }


def outcome_row(outcome: Outcome, unit: Unit) -> Row:
    """One scenario's columns; values in the market's unit."""
    loss = outcome.owner_loss
    return {
        "scenario": clean(outcome.scenario),
        "scenario_health_factor": _decimal(outcome.health_factor, 18),
        "scenario_health_factor_raw": _raw(outcome.health_factor),
        "scenario_liquidatable": outcome.liquidatable,
        "liquidations": len(outcome.liquidations),
        "ended": outcome.ended.value,
        "liquidator": outcome.liquidator,
        "search": outcome.search,
        **_value("bad_debt_value", outcome.bad_debt_value, unit),
        **_value("uncovered_value", outcome.uncovered_value, unit),
        **_value("owner_loss_value", loss.total, unit),
        **_value("owner_loss_move_value", loss.move, unit),
        **_value("owner_loss_bonus_value", loss.bonus, unit),
        **_value("owner_loss_protocol_fee_value", loss.protocol_fee, unit),
        **_value("owner_left_value", loss.left, unit),
        **_value("borne_by_others_value", loss.borne_by_others, unit),
    }


def threshold_row(threshold: Threshold, analysis: PositionAnalysis) -> Row:
    """One threshold's columns; moves as shares, prices in the market's unit."""
    return {
        "kind": threshold.kind,
        "move": clean(threshold.move, SYMBOL_LENGTH),
        "asset": threshold.asset,
        "direction": threshold.direction.value,
        "liquidation": _move(threshold.liquidation),
        "liquidation_price": _price(analysis, threshold, threshold.liquidation_price),
        "liquidation_price_raw": _raw(threshold.liquidation_price),
        "bad_debt": _move(threshold.bad_debt),
        "bad_debt_price": _price(analysis, threshold, threshold.bad_debt_price),
        "bad_debt_price_raw": _raw(threshold.bad_debt_price),
        "searched_to": _move(threshold.searched_to),
    }


def _price(analysis: PositionAnalysis, threshold: Threshold, raw: int | None) -> str | None:
    leg = leg_of(analysis, threshold.asset)
    return None if raw is None or leg is None else price_decimal(analysis.position, leg, raw)


def _account(check: Check, account: Account) -> Row:
    return {
        "chain_id": check.chain_id,
        "block": check.block,
        "timestamp": check.timestamp,
        "source": clean(check.source),
        "address": account.address,
        "account_status": account.status.value,
        "account_warnings": " ".join(warning.code for warning in account.warnings),
    }


def _market(position: Position) -> Row:
    market = position.market
    unpriced = position.status is PositionStatus.UNPRICED
    return {
        "market": clean(market.name),
        "protocol": market.protocol,
        "rules": clean(market.rules),
        "unit": clean(market.unit.symbol),
        "status": position.status.value,
        "error": "unpriced" if unpriced else None,
        "error_message": unpriced_message(position) if unpriced else None,
    }


def _judged(standing: Standing | None, unit: Unit) -> Row:
    health = standing.health_factor if standing else None
    return {
        "health_factor": _decimal(health, 18),
        "health_factor_raw": _raw(health),
        "liquidatable": standing.liquidatable if standing else None,
        **_value("collateral_value", standing.collateral_value if standing else None, unit),
        **_value("debt_value", standing.debt_value if standing else None, unit),
    }


def _nearest(thresholds: tuple[Threshold, ...]) -> Row:
    """The single asset whose move liquidates soonest, by the size of the move."""
    ones = [t for t in thresholds if t.kind == "asset" and t.liquidation is not None]
    nearest = min(ones, key=lambda t: abs(t.liquidation or 0), default=None)
    return {
        "nearest_liquidation_asset": nearest.asset if nearest else None,
        "nearest_liquidation_move": _move(nearest.liquidation) if nearest else None,
        "nearest_liquidation_price_raw": _raw(nearest.liquidation_price) if nearest else None,
    }


def _failed(failure: Failure) -> Row:
    return {
        "market": clean(failure.market),
        "protocol": failure.protocol,
        "status": "failed",
        "error": failure.code,
        "error_message": clean(failure.message),
    }


def _blank() -> Row:
    return dict.fromkeys(POSITION)


def _value(name: str, raw: int | None, unit: Unit) -> Row:
    return {name: _decimal(raw, unit.decimals), f"{name}_raw": _raw(raw)}


def _decimal(raw: int | None, decimals: int) -> str | None:
    return None if raw is None else decimal_string(raw, decimals)


def _move(move: int | None) -> str | None:
    return None if move is None else fixed_string(move, 18) if move else "0"


def _raw(raw: int | None) -> str | None:
    return None if raw is None else str(raw)
