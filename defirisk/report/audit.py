"""``defirisk/audit/1``: the summary of an audit as other programs read it.

Values are exact decimals in the unit of account, and beside them integers in 1e-18 of it as text (``..._raw``). The
shape is published as a JSON Schema, ``schema/audit-1.schema.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from defirisk.auditing.summary import (
    BANDS,
    DIGITS,
    AssetSums,
    Book,
    MarketSums,
    ScenarioSums,
    Sums,
    UnitSums,
    Worst,
    book_of,
    unit_markets,
)
from defirisk.fixedpoint import WAD, decimal_string, mul_div_down, mul_div_half_up
from defirisk.report.json.values import Json, warnings_json
from defirisk.report.sanitize import clean

if TYPE_CHECKING:
    from defirisk.auditing.listing import Listing
    from defirisk.auditing.result import AuditResult, RunFigures

AUDIT: Final = "defirisk/audit/1"
LISTED_WORST: Final = 10
SHARES: Final = (1, 10, 100)
"""Of how many of the largest debtors the share is told."""
_NO_HEALTH: Final = 2**256


def schema() -> Json:
    """The published JSON Schema."""
    text = files("defirisk.report").joinpath("schema/audit-1.schema.json").read_text(encoding="utf-8")
    loaded: Json = json.loads(text)
    return loaded


def document(result: AuditResult) -> Json:
    """``defirisk/audit/1``; but for ``source``, ``warnings``, ``run`` the same for the same list, block and options."""
    summary = result.summary
    return {
        "schema": AUDIT,
        "chain_id": result.chain_id,
        "block": result.block,
        "block_hash": result.block_hash,
        "timestamp": result.timestamp,
        "source": clean(result.source),
        "engine": result.engine,
        "warnings": warnings_json(result.warnings),
        "list": _listing(result.listing),
        "wallets": _statuses(summary.wallets),
        "markets": [_market(market.name, summary.markets.get(market.name)) for market in result.markets],
        "units": [_unit(unit, key, result) for key, unit in sorted(summary.units.items())],
        "refused": [clean(one.text) for one in result.refused],
        "complete": result.complete,
        "failures": summary.failures,
        "failed": [
            {"address": one.address, "market": clean(one.market), "code": one.code, "message": clean(one.message)}
            for one in summary.failed
        ],
        "files": {kind: clean(path.name) for kind, path in result.files.items()},
        "run": _run(result.run),
    }


def _listing(listing: Listing) -> Json:
    return {
        "given": listing.given,
        "distinct": listing.distinct,
        "duplicates": listing.duplicates,
        "rejected": listing.rejected,
    }


def _run(run: RunFigures) -> Json:
    return {
        "requests": run.requests,
        "retried": run.retried,
        "resumed": run.resumed,
        "seconds": run.seconds,
        "endpoints": [
            {**one._asdict(), "host": clean(one.host), "left_out": one.left_out and clean(one.left_out)}
            for one in run.endpoints
        ],
    }


def concentration(unit: UnitSums) -> list[tuple[int, int]]:
    """Of the largest so many debtors the share of all debt, wad, rounded down."""
    return [
        (count, mul_div_down(sum(-debt for debt, _ in unit.largest[:count]), WAD, unit.debt) if unit.debt else 0)
        for count in SHARES
    ]


def herfindahl(unit: UnitSums) -> int:
    """The Herfindahl-Hirschman index of the debtors: the sum of their squared shares, wad; 1e18 for a single one."""
    return mul_div_half_up(unit.squares, WAD, unit.debt * unit.debt) if unit.debt else 0


def ordered_scenarios(book: Book, result: AuditResult) -> Iterator[tuple[str, ScenarioSums]]:
    """The scenarios in the order asked, also those that met no position."""
    return ((name, book.scenarios.get(name) or ScenarioSums()) for name in result.scenarios)


def by_size(assets: dict[str, AssetSums]) -> list[tuple[str, AssetSums]]:
    """The assets with most at stake first."""
    return sorted(assets.items(), key=lambda item: (-(item[1].collateral + item[1].debt), item[0]))


def _market(name: str, sums: MarketSums | None) -> Json:
    known = sums or MarketSums()
    total = known.book.total
    return {
        "market": clean(name),
        "protocol": known.protocol,
        "rules": sorted(map(clean, known.rules)),
        "unit": clean(known.unit) or None,
        "wallets": _statuses(known.statuses),
        "differ_from_contract": known.differing,
        "nearest_liquidation": {"sought": known.sought, "unproved": known.unproved},
        "position_warnings": {clean(code): count for code, count in sorted(known.warnings.items())},
        **_sums(total, ""),
    }


def _unit(unit: UnitSums, key: str, result: AuditResult) -> Json:
    markets = unit_markets(result.summary, key)
    book = book_of(sums for _, sums in markets)
    return {
        "unit": {"symbol": clean(unit.symbol), "decimals": DIGITS},
        "markets": [clean(name) for name, _ in markets],
        **_sums(book.total, ""),
        "bands": [{"health_factor": band, **_sums(book.bands.get(band) or Sums(), "")} for band in BANDS],
        "assets": [
            {"asset": address, "symbol": one.symbol, **_value("collateral", one.collateral), **_value("debt", one.debt)}
            for address, one in by_size(book.assets)
        ],
        "scenarios": [_scenario(name, sums) for name, sums in ordered_scenarios(book, result)],
        "worst": [_worst(one) for one in unit.worst[:LISTED_WORST]],
        "concentration": {
            "debtors": unit.debtors,
            "largest": [{"debtors": n, "share": decimal_string(share, 18)} for n, share in concentration(unit)],
            "hhi": decimal_string(herfindahl(unit), 18),
        },
    }


def _scenario(name: str, sums: ScenarioSums) -> Json:
    return {
        "scenario": clean(name),
        "positions": sums.positions,
        "liquidatable": _sums(sums.liquidatable, ""),
        "liquidations": sums.liquidations,
        **_value("repaid", sums.repaid),
        **_value("bad_debt", sums.bad_debt),
        **_value("uncovered", sums.uncovered),
        **_value("loss", sums.loss),
        "positions_with_loss": sums.losing,
        "refused": sums.refused,
        "fast": sums.fast,
        "assets": [
            {
                "asset": address,
                "symbol": one.symbol,
                **_value("collateral", one.collateral),
                **_value("debt", one.debt),
                **_value("bad_debt", one.bad_debt),
            }
            for address, one in by_size(sums.assets)
        ],
    }


def _worst(one: Worst) -> Json:
    debtless = one.health_factor >= _NO_HEALTH
    return {
        "address": one.address,
        "market": clean(one.market),
        "health_factor": None if debtless else decimal_string(one.health_factor, 18),
        "health_factor_raw": None if debtless else str(one.health_factor),
        **_value("collateral", one.collateral),
        **_value("debt", one.debt),
        **_value("loss", -one.minus_loss),
        "scenario": clean(one.scenario) or None,
    }


def _statuses(counts: dict[str, int]) -> Json:
    return {"ok": counts.get("ok", 0), "no_position": counts.get("no-position", 0), "failed": counts.get("failed", 0)}


def _sums(sums: Sums, prefix: str) -> Json:
    return {
        f"{prefix}positions": sums.count,
        **_value(f"{prefix}collateral", sums.collateral),
        **_value(f"{prefix}debt", sums.debt),
    }


def _value(name: str, raw: int) -> Json:
    return {name: decimal_string(raw, DIGITS), f"{name}_raw": str(raw)}
