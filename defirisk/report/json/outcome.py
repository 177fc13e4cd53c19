"""One member of ``scenarios`` in ``defirisk/check/1``: what a scenario makes of a position."""

from __future__ import annotations

from collections.abc import Sequence

from defirisk.model import Amount, Liquidation, Outcome, OwnerLoss, Seized
from defirisk.report.json.values import Json, borne_json, integer, moved
from defirisk.report.sanitize import clean


def outcome_json(outcome: Outcome) -> Json:
    """Its liquidations, how they ended, what is left, and who loses what."""
    return {
        "name": clean(outcome.scenario),
        "health_factor_raw": integer(outcome.health_factor),
        "liquidatable": outcome.liquidatable,
        "liquidator": outcome.liquidator,
        "search": outcome.search,
        "liquidations": [_liquidation(step) for step in outcome.liquidations],
        "ended": outcome.ended.value,
        "assets_left": _amounts(outcome.assets_left),
        "debt_left": _amounts(outcome.debt_left),
        "bad_debt": [{**moved(bad.token, bad.amount), "value_raw": str(bad.value)} for bad in outcome.bad_debt],
        "bad_debt_value_raw": str(outcome.bad_debt_value),
        "uncovered_value_raw": str(outcome.uncovered_value),
        "owner_loss_value_raw": str(outcome.owner_loss.total),
        "owner_loss": _owner_loss(outcome.owner_loss),
        "borne_by": [borne_json(borne) for borne in outcome.borne_by],
    }


def _liquidation(step: Liquidation) -> Json:
    return {
        "repaid": moved(step.repaid.token, step.repaid.raw),
        "seized": [_seized(seized) for seized in step.seized],
        "health_factor_after_raw": integer(step.health_factor_after),
    }


def _seized(seized: Seized) -> Json:
    shown = {**moved(seized.token, seized.amount), "protocol_fee_raw": str(seized.protocol_fee)}
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
    return [moved(amount.token, amount.raw) for amount in amounts]
