"""The small shapes that recur in ``defirisk/check/1``: exact integers, amounts of a token, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from defirisk.model import Borne, Token
from defirisk.model import Warning as Notice
from defirisk.report.sanitize import clean

Json = dict[str, Any]


def integer(raw: int | None) -> str | None:
    """An exact integer as a decimal string."""
    return None if raw is None else str(raw)


def moved(token: Token, raw: int) -> Json:
    """``raw`` base units of a token."""
    return {"asset": token.address, "amount_raw": str(raw)}


def borne_json(borne: Borne) -> Json:
    """Who bears a part of a loss, and how much."""
    return {"who": borne.who, **moved(borne.token, borne.amount)}


def warnings_json(warnings: Sequence[Notice]) -> list[Json]:
    """Warnings: code and text."""
    return [{"code": warning.code, "text": clean(warning.text)} for warning in warnings]
