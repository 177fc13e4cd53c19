"""The table for people: the answer first, at 80 columns, readable without colour."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from defirisk.report.check import Account, AccountStatus, Check, CheckSet
from defirisk.report.figures import money
from defirisk.report.sanitize import clean
from defirisk.report.table.header import chain_title, header
from defirisk.report.table.position import families, position_blocks
from defirisk.report.table.style import HEADING, INDENT, WIDTH, Severity, console_for, marked, paragraph, piped_width
from defirisk.report.table.summary import summary
from defirisk.report.totals import totals_of

__all__ = ["console_for", "piped_width", "render", "text"]


def render(checks: Check | CheckSet, console: Console) -> None:
    """Print a check, or several chains one after the other, on a console."""
    for block in _blocks(checks):
        console.print(block)


def text(checks: Check | CheckSet, *, width: int = WIDTH) -> str:
    """The table as plain text, without colour."""
    stream = io.StringIO()
    render(checks, console_for(stream, width=width, colour=False))
    lines = stream.getvalue().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _blocks(checks: Check | CheckSet) -> Iterator[RenderableType]:
    if isinstance(checks, Check):
        yield from _check(checks)
        return
    for index, check in enumerate(checks.checks):
        yield from [Text("")] if index else []
        yield from _check(check)
    for failure in checks.failures:
        yield Text("")
        yield marked(Severity.DANGER, f"{clean(failure.chain)} COULD NOT BE READ: {clean(failure.message)}")


def _check(check: Check) -> Iterator[RenderableType]:
    yield from header(check)
    yield from _policy(check)
    yield from summary(check)
    shown = check.accounts_of_interest
    for account in shown:
        yield Text("")
        yield Group(*_account(account, check))
    if len(shown) < len(check.accounts):
        yield Text("")
        rest = len(check.accounts) - len(shown)
        yield paragraph(f"Not shown in detail: {rest} more wallet{'' if rest == 1 else 's'}. --format json has all.")
    yield from families(p for account in shown for p in account.positions)


def _policy(check: Check) -> Iterator[RenderableType]:
    if check.policy is not None:
        from defirisk.report.policy.table import blocks  # noqa: PLC0415 - only where there is one

        yield from blocks(check.policy)


def _account(account: Account, check: Check) -> Iterator[RenderableType]:
    yield _title(account)
    for warning in account.warnings:
        yield marked(Severity.CAUTION, f"WARNING {clean(warning.text)}")
    for failure in account.failures:
        yield marked(
            Severity.DANGER, f"{clean(failure.market)} COULD NOT BE READ: {clean(failure.message)} [{failure.code}]"
        )
    if account.status is AccountStatus.NO_POSITION:
        asked = ", ".join(clean(name) for name in check.markets) or f"any market of {chain_title(check)}"
        yield paragraph(f"No position in {asked}.")
    else:
        yield from _across(account, check)
    for analysis in account.positions:
        yield Padding(_stacked(position_blocks(analysis, check.timestamp)), (0, 0, 0, INDENT))


def _across(account: Account, check: Check) -> Iterator[RenderableType]:
    """What several markets come to, and which hold nothing, in a line each."""
    if len(account.positions) > 1:
        sums = [
            f"{money(t.collateral, t.unit)} collateral that counts, {money(t.debt, t.unit)} debt"
            for t in totals_of(account)
        ]
        if sums:
            yield paragraph(f"Over {len(account.positions)} markets: {'; '.join(sums)}.")
    held = {p.position.market.name for p in account.positions} | {f.market for f in account.failures}
    empty = [clean(name) for name in check.markets if name not in held]
    if empty:
        yield paragraph(f"Nothing in: {', '.join(empty)}.")


def _title(account: Account) -> Text:
    name = f" ({clean(account.name)})" if account.name else ""
    label = f": {clean(account.label)}" if account.label else ""
    return Text(f"{account.address}{name}{label}", style=HEADING, overflow="fold")


def _stacked(blocks: Iterable[RenderableType]) -> Group:
    return Group(*blocks)
