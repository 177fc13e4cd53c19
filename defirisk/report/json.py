"""``defirisk/check/1`` and ``defirisk/check-set/1``: the shapes that other programs rely on.

Exact integers are decimal strings whose key ends in ``_raw``; people's figures stand beside them without it. The
shape is published as a JSON Schema, ``schema/check-1.schema.json``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from defirisk.fixedpoint import decimal_string, fixed_string
from defirisk.model import (
    Amount,
    Collateral,
    ContractView,
    Debt,
    Failure,
    Liquidation,
    Outcome,
    OwnerLoss,
    Position,
    PositionStatus,
    Seized,
    Standing,
    Threshold,
    Token,
    Unit,
)
from defirisk.model import Warning as Notice
from defirisk.report.check import Account, AccountStatus, Check, CheckSet, position_warnings
from defirisk.report.json_what_if import what_if_json
from defirisk.report.legs import family_of, unpriced_message
from defirisk.report.limits import limits_json
from defirisk.report.sanitize import SYMBOL_LENGTH, clean, short_address, symbol
from defirisk.report.totals import Total, totals_of

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

Json = dict[str, Any]
VERDICT_LENGTH: Final = 1000
CHECK: Final = "defirisk/check/1"
CHECK_SET: Final = "defirisk/check-set/1"


def schema() -> Json:
    """The published JSON Schema of both shapes."""
    text = files("defirisk.report").joinpath("schema/check-1.schema.json").read_text(encoding="utf-8")
    loaded: Json = json.loads(text)
    return loaded


def dumps(document: Json) -> str:
    """The document as text, ASCII only, one key a line."""
    return json.dumps(document, indent=2) + "\n"


def check_set(checks: CheckSet) -> Json:
    """``defirisk/check-set/1``; a chain that gave no answer stands in ``failures``."""
    return {
        "schema": CHECK_SET,
        "checks": [check(one) for one in checks.checks],
        "failures": [
            {"chain": clean(f.chain), "error": {"code": f.code, "message": clean(f.message)}} for f in checks.failures
        ],
    }


def check(one: Check) -> Json:
    """``defirisk/check/1``."""
    shown = {
        "schema": CHECK,
        "chain_id": one.chain_id,
        "block": one.block,
        "timestamp": one.timestamp,
        "source": clean(one.source),
        "markets": [clean(name) for name in one.markets],
        "warnings": _warnings(one.all_warnings()),
        "accounts": [_account(account) for account in one.accounts],
    }
    if one.policy is None:
        return shown
    from defirisk.report.policy.json import policy  # noqa: PLC0415 - only where there is one

    return {**shown, "policy": policy(one.policy)}


def _account(account: Account) -> Json:
    positions = [_position(p) for p in account.positions] + [_failed(f) for f in account.failures]
    return {
        "address": account.address,
        "status": account.status.value,
        "error": _account_error(account),
        "warnings": _warnings(account.warnings),
        "totals": [_total(total) for total in totals_of(account)],
        "positions": positions,
    }


def _total(total: Total) -> Json:
    return {
        "unit": {"symbol": total.unit.symbol, "decimals": total.unit.decimals},
        "markets": total.markets,
        "collateral": decimal_string(total.collateral, total.unit.decimals),
        "collateral_raw": str(total.collateral),
        "debt": decimal_string(total.debt, total.unit.decimals),
        "debt_raw": str(total.debt),
    }


def _account_error(account: Account) -> Json | None:
    """The first cause; each position has its own."""
    if account.status is not AccountStatus.FAILED:
        return None
    if account.failures:
        first = account.failures[0]
        return {"code": first.code, "message": f"{clean(first.market)}: {clean(first.message)}"}
    unpriced = next(p.position for p in account.positions if p.position.status is PositionStatus.UNPRICED)
    return {"code": "unpriced", "message": f"{clean(unpriced.market.name)}: {unpriced_message(unpriced)}"}


def _position(analysis: PositionAnalysis) -> Json:
    position, standing = analysis.position, analysis.standing
    shown = {
        **_identity(position),
        **_health(position, standing),
        "totals": _totals(standing, position.market.unit) if standing and not position.unpriced else None,
        "collateral": [_collateral(leg, analysis) for leg in standing.collateral] if standing else [],
        "debt": [_debt(leg, analysis) for leg in standing.debt] if standing else [],
        "limits": [limits_json(one) for one in analysis.limits],
        **_judgement(analysis),
    }
    return shown if analysis.what_if is None else {**shown, "what_if": what_if_json(analysis.what_if, _before)}


def _judgement(analysis: PositionAnalysis) -> Json:
    return {
        "thresholds": [_threshold(t) for t in analysis.thresholds],
        "verdict": {"code": analysis.verdict.code, "text": clean(analysis.verdict.text, VERDICT_LENGTH)},
        "scenarios": [_outcome(outcome) for outcome in analysis.outcomes],
    }


def _before(analysis: PositionAnalysis) -> Json:
    """The figures of a position as it stands, beside those of the changed one."""
    position, standing = analysis.position, analysis.standing
    return {
        **_health(position, standing),
        "totals": _totals(standing, position.market.unit) if standing and not position.unpriced else None,
        "collateral": [_collateral(leg, analysis) for leg in standing.collateral] if standing else [],
        "debt": [_debt(leg, analysis) for leg in standing.debt] if standing else [],
        **_judgement(analysis),
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
        "warnings": _warnings(position_warnings(position)),
    }


def _health(position: Position, standing: Standing | None) -> Json:
    judged = standing if standing and position.status is PositionStatus.OK else None
    ours = judged.health_factor if judged else None
    return {
        "health_factor": None if ours is None else decimal_string(ours, 18),
        "health_factor_raw": _text(ours),
        "contract_health_factor_raw": _text(position.contract.health_factor),
        "contract": _contract(position.contract),
        "liquidatable": judged.liquidatable if judged else None,
    }


def _failed(failure: Failure) -> Json:
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


def _contract(view: ContractView) -> Json:
    return {
        "liquidatable": view.liquidatable,
        "liquidity_raw": _text(view.liquidity),
        "shortfall_raw": _text(view.shortfall),
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


def _debt(leg: Debt, analysis: PositionAnalysis) -> Json:
    return _leg(leg, analysis)


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
        shown["liquidation_price_raw"] = _text(threshold.liquidation_price)
    shown["bad_debt"] = _move(threshold.bad_debt)
    if threshold.asset is not None:
        shown["bad_debt_price_raw"] = _text(threshold.bad_debt_price)
    shown["searched_to"] = _move(threshold.searched_to)
    return shown


def _outcome(outcome: Outcome) -> Json:
    return {
        "name": clean(outcome.scenario),
        "health_factor_raw": _text(outcome.health_factor),
        "liquidatable": outcome.liquidatable,
        "liquidator": outcome.liquidator,
        "search": outcome.search,
        "liquidations": [_liquidation(step) for step in outcome.liquidations],
        "ended": outcome.ended.value,
        "assets_left": _amounts(outcome.assets_left),
        "debt_left": _amounts(outcome.debt_left),
        "bad_debt": [{**_moved(bad.token, bad.amount), "value_raw": str(bad.value)} for bad in outcome.bad_debt],
        "bad_debt_value_raw": str(outcome.bad_debt_value),
        "uncovered_value_raw": str(outcome.uncovered_value),
        "owner_loss_value_raw": str(outcome.owner_loss.total),
        "owner_loss": _owner_loss(outcome.owner_loss),
        "borne_by": [{"who": borne.who, **_moved(borne.token, borne.amount)} for borne in outcome.borne_by],
    }


def _liquidation(step: Liquidation) -> Json:
    return {
        "repaid": _moved(step.repaid.token, step.repaid.raw),
        "seized": [_seized(seized) for seized in step.seized],
        "health_factor_after_raw": _text(step.health_factor_after),
    }


def _seized(seized: Seized) -> Json:
    shown = {**_moved(seized.token, seized.amount), "protocol_fee_raw": str(seized.protocol_fee)}
    if seized.shares is not None:
        shown |= {"shares_raw": str(seized.shares), "protocol_shares_raw": str(seized.protocol_shares or 0)}
    return shown


def _owner_loss(loss: OwnerLoss) -> Json:
    return {
        "total_value_raw": str(loss.total),
        "move_value_raw": str(loss.move),
        "bonus_value_raw": str(loss.bonus),
        "protocol_fee_value_raw": str(loss.protocol_fee),
        "left_value_raw": str(loss.left),
        "borne_by_others_value_raw": str(loss.borne_by_others),
    }


def _amounts(amounts: Sequence[Amount]) -> list[Json]:
    return [_moved(amount.token, amount.raw) for amount in amounts]


def _moved(token: Token, raw: int) -> Json:
    return {"asset": token.address, "amount_raw": str(raw)}


def _warnings(warnings: Sequence[Notice]) -> list[Json]:
    return [{"code": warning.code, "text": clean(warning.text)} for warning in warnings]


def _move(move: int | None) -> str | None:
    """18 decimals; exactly "0" where it holds today."""
    if move is None:
        return None
    return fixed_string(move, 18) if move else "0"


def _text(raw: int | None) -> str | None:
    return None if raw is None else str(raw)
