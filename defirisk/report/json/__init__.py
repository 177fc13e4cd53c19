"""``defirisk/check/1`` and ``defirisk/check-set/1``: the shapes that other programs rely on.

Exact integers are decimal strings whose key ends in ``_raw``; people's figures stand beside them without it. The
shape is published as a JSON Schema, ``schema/check-1.schema.json``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

from defirisk.fixedpoint import decimal_string
from defirisk.model import PositionStatus
from defirisk.report.check import Account, AccountStatus, Check, CheckSet
from defirisk.report.json.position import failed_json, position_json
from defirisk.report.json.values import Json, borne_json, moved, warnings_json
from defirisk.report.legs import unpriced_message
from defirisk.report.sanitize import clean
from defirisk.report.totals import Total, totals_of
from defirisk.risk.together import SharedLoss

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
        "warnings": warnings_json(one.all_warnings()),
        "accounts": [_account(account) for account in one.accounts],
        "shared_losses": [_shared(loss) for loss in one.shared_losses],
    }
    if one.policy is None:
        return shown
    from defirisk.report.policy.json import policy  # noqa: PLC0415 - only where there is one

    return {**shown, "policy": policy(one.policy)}


def _shared(loss: SharedLoss) -> Json:
    return {
        "market": clean(loss.market),
        "scenario": clean(loss.scenario),
        "positions": loss.positions,
        **moved(loss.token, loss.amount),
        "borne_by": [borne_json(one) for one in loss.borne_by],
    }


def _account(account: Account) -> Json:
    positions = [position_json(p) for p in account.positions] + [failed_json(f) for f in account.failures]
    return {
        "address": account.address,
        "status": account.status.value,
        "error": _account_error(account),
        "warnings": warnings_json(account.warnings),
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
