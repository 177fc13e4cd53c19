"""The summary of an audit as paragraphs and tables, for whatever shows them: a terminal, a comment in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from defirisk.auditing.summary import (
    BANDS,
    DIGITS,
    AssetSums,
    Book,
    ScenarioSums,
    Sums,
    UnitSums,
    Worst,
    book_of,
    unit_markets,
)
from defirisk.fixedpoint import WAD, mul_div_half_up
from defirisk.model import Unit
from defirisk.report.audit import by_size, concentration, herfindahl, ordered_scenarios
from defirisk.report.figures import NONE, counted, health, moment, money, number, short_money
from defirisk.report.sanitize import clean, short_address

if TYPE_CHECKING:
    from defirisk.auditing.result import AuditResult

ROWS: Final = 10
"""How many assets and worst positions are shown; JSON and the tables have them all."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first ``left`` columns hold words, the others figures."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


@dataclass(frozen=True, slots=True)
class Heading:
    """A title."""

    text: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """What must not be overlooked."""

    text: str


Part = str | Grid | Heading | Alarm


def sections(result: AuditResult) -> Iterator[Part]:
    """Everything, in order: what was read, how complete that is, then unit by unit."""
    yield Heading(f"{_chain(result)}, block {result.block:,} of {moment(result.timestamp)}")
    yield f"read from {clean(result.source)}; {_run(result)}"
    yield from (Alarm(f"WARNING {clean(one.text)}") for one in result.warnings)
    yield _list(result)
    yield from _completeness(result)
    yield _markets(result)
    for key, unit in sorted(result.summary.units.items()):
        yield from _unit(result, key, unit)


def _chain(result: AuditResult) -> str:
    return f"{clean(result.chain)} (chain {result.chain_id})" if result.chain else f"chain {result.chain_id}"


def _run(result: AuditResult) -> str:
    run = result.run
    asked = "no network" if run.requests is None else counted(run.requests, "request")
    more = f" to {len(run.endpoints)} endpoints" if len(run.endpoints) > 1 else ""
    more += f", {counted(run.retried, 'wallet')} asked again" if run.retried else ""
    return f"{asked}{more}, {run.seconds:,.1f} s{', resumed' if run.resumed else ''}"


def _list(result: AuditResult) -> str:
    listing, wallets = result.listing, result.summary.wallets
    given = f"{listing.given:,} {'entry' if listing.given == 1 else 'entries'}"
    parts = [f"{given}, {counted(listing.distinct, 'wallet')}"]
    parts += [f"{listing.duplicates:,} given before"] if listing.duplicates else []
    parts += [f"{listing.rejected:,} rejected"] if listing.rejected else []
    ok, none = wallets.get("ok", 0), wallets.get("no-position", 0)
    held = f"{ok:,} hold{'s' if ok == 1 else ''} a position, {none:,} hold{'s' if none == 1 else ''} none"
    return f"{', '.join(parts)}: {held}, {wallets.get('failed', 0):,} failed."


def _completeness(result: AuditResult) -> Iterator[Part]:
    if result.summary.failures:
        failed = result.summary.wallets.get("failed", 0)
        which = counted(failed, "wallet")
        yield Alarm(f"NOT COMPLETE: {which} not answered in full; what was not answered is missing in these sums.")
        codes: dict[str, int] = {}
        for one in result.summary.failed:
            codes[one.code] = codes.get(one.code, 0) + 1
        first = result.summary.failed[0]
        yield Alarm(f"{', '.join(sorted(codes))}; the first: {clean(first.market)}: {clean(first.message)}")
    else:
        yield "Complete: every wallet was answered in every market."
    differing = sum(one.differing for one in result.summary.markets.values())
    if differing:
        which = counted(differing, "position")
        yield Alarm(f"Do not rely on {which}: our figures differ from what the contract itself says.")
    yield from (Alarm(clean(notice.text)) for notice in result.refused[:ROWS])
    yield from _proofs(result)


def _proofs(result: AuditResult) -> Iterator[Part]:
    """How far the columns of the nearest liquidation can be relied on, and how many positions carry which warning."""
    markets = result.summary.markets.values()
    sought, unproved = sum(one.sought for one in markets), sum(one.unproved for one in markets)
    if unproved:
        yield (
            f"Nearest liquidations: {sought - unproved:,} of {counted(sought, 'position')} proved; of {unproved:,} "
            "something still nearer was not excluded (threshold-unproved)."
        )
    elif sought:
        yield f"Nearest liquidations: proved for {counted(sought, 'position')}, nothing nearer liquidates."
    codes: dict[str, int] = {}
    for code, count in ((code, count) for one in markets for code, count in one.warnings.items()):
        codes[code] = codes.get(code, 0) + count
    if codes:
        counts = ", ".join(f"{clean(code)} {count:,}" for code, count in sorted(codes.items()))
        yield f"Warnings, by how many positions carry them (column `warnings`): {counts}."


def _markets(result: AuditResult) -> Grid:
    rows = []
    for market in result.markets:
        sums = result.summary.markets.get(market.name)
        statuses = sums.statuses if sums else {}
        unit = _shown_unit(result.summary.units.get(sums.unit) if sums else None)
        total = sums.book.total if sums else Sums()
        counts = (f"{statuses.get(status, 0):,}" for status in ("ok", "no-position", "failed"))
        rows.append((_market(market.name), *counts, short_money(total.collateral, unit), short_money(total.debt, unit)))
    return Grid(("Market", "Position", "None", "Failed", "Collateral", "Debt"), tuple(rows))


def _market(name: str) -> str:
    """An address in a market's name shortened: the table and the JSON have it whole."""
    protocol, at, entry = clean(name).partition("@")
    return f"{protocol}{at}{short_address(entry)}" if at else protocol


def _shown_unit(unit: UnitSums | None) -> Unit:
    return Unit(clean(unit.symbol) if unit else "USD", DIGITS)


def _unit(result: AuditResult, key: str, unit: UnitSums) -> Iterator[Part]:
    shown = _shown_unit(unit)
    markets = unit_markets(result.summary, key)
    book = book_of(sums for _, sums in markets)
    total = book.total
    if len(result.summary.units) > 1:
        yield Heading(f"In {shown.symbol}")
    yield (
        f"{counted(total.count, 'position')}: collateral {money(total.collateral, shown)}, "
        f"debt {money(total.debt, shown)}, owed by {counted(unit.debtors, 'wallet')}."
    )
    yield _bands(book, shown)
    yield from _scenarios(result, book, shown)
    yield from _assets(result, book, shown)
    yield from _worst(result, unit, shown)
    yield from _concentration(unit)


def _bands(book: Book, unit: Unit) -> Grid:
    rows = []
    for band in BANDS:
        sums = book.bands.get(band) or Sums()
        share = _percent(sums.debt, book.total.debt)
        rows.append((band, f"{sums.count:,}", short_money(sums.collateral, unit), short_money(sums.debt, unit), share))
    return Grid(("Health factor", "Positions", "Collateral", "Debt", "Of all debt"), tuple(rows))


def _scenarios(result: AuditResult, book: Book, unit: Unit) -> Iterator[Part]:
    rows = [
        (
            clean(name),
            f"{sums.liquidatable.count:,}",
            short_money(sums.liquidatable.collateral, unit),
            short_money(sums.liquidatable.debt, unit),
            short_money(sums.repaid, unit),
            short_money(sums.loss, unit),
        )
        for name, sums in ordered_scenarios(book, result)
    ]
    if rows:
        headings = ("Scenario", "Liquidatable", "Collateral", "Debt", "Repaid", "Bad debt")
        yield Grid(headings, tuple(rows))
    yield from _left_out(result, book)


def _left_out(result: AuditResult, book: Book) -> Iterator[Part]:
    """A scenario that some prices cannot take has small sums, which must not read as if nothing happened."""
    for name, sums in ordered_scenarios(book, result):
        if sums.refused:
            asked = counted(sums.positions, "position")
            yield Alarm(f"{clean(name)}: {sums.refused:,} of {asked} could not take it, and are not in its sums.")


def _assets(result: AuditResult, book: Book, unit: Unit) -> Iterator[Part]:
    """What is held and owed in each asset, and what the scenario that loses most does to it."""
    hardest = max(
        ordered_scenarios(book, result), key=lambda item: (item[1].loss, item[1].liquidatable.debt), default=None
    )
    name, sums = hardest or ("", ScenarioSums())
    rows = [
        (
            one.symbol or short_address(address),
            short_money(one.collateral, unit),
            short_money(one.debt, unit),
            *_at_risk(sums.assets.get(address) or AssetSums(), unit),
        )
        for address, one in by_size(book.assets)[:ROWS]
    ]
    if rows:
        if name:
            yield f"By asset; the last three columns are of the positions that {clean(name)} makes liquidatable."
        yield Grid(("Asset", "Collateral", "Debt", "Seizable", "Owed", "Bad debt"), tuple(rows))
    if len(book.assets) > ROWS:
        yield f"... and {counted(len(book.assets) - ROWS, 'more asset')}; --format json has all of them."


def _at_risk(sums: AssetSums, unit: Unit) -> Sequence[str]:
    return (short_money(sums.collateral, unit), short_money(sums.debt, unit), short_money(sums.bad_debt, unit))


def _worst(result: AuditResult, unit: UnitSums, shown: Unit) -> Iterator[Part]:
    several = len(result.markets) > 1
    rows = [_worst_row(one, shown, several=several) for one in unit.worst[:ROWS]]
    if rows:
        market = ("Market",) if several else ()
        headings = ("Worst", *market, "Health", "Debt", "Bad debt", "Under")
        yield Grid(headings, tuple(rows), left=1 + several)


def _worst_row(one: Worst, unit: Unit, *, several: bool) -> tuple[str, ...]:
    market = (_market(one.market),) if several else ()
    return (
        short_address(one.address),
        *market,
        health(one.health_factor),
        short_money(one.debt, unit),
        short_money(-one.minus_loss, unit),
        clean(one.scenario, 20) or NONE,
    )


def _concentration(unit: UnitSums) -> Iterator[Part]:
    if not unit.debt:
        return
    shares = [
        f"the {f'{count:,} largest owe' if count > 1 else 'largest wallet owes'} {number(share, 16, digits=3)} %"
        for count, share in concentration(unit)
        if count == 1 or count < unit.debtors
    ]
    index = number(herfindahl(unit), 18, digits=3)
    yield f"Concentration: {', '.join(shares)} of all debt. Herfindahl index {index}."


def _percent(part: int, whole: int) -> str:
    return f"{number(mul_div_half_up(part, 100 * WAD, whole), 18, digits=3)} %" if whole and part else NONE
