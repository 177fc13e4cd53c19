"""The first lines: which chain, which block, how old it and the prices are."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from defirisk.report.check import Check
from defirisk.report.figures import age, moment
from defirisk.report.legs import price_ages
from defirisk.report.sanitize import clean
from defirisk.report.table.style import HEADING, Severity, marked


def header(check: Check) -> Iterator[RenderableType]:
    """Chain, block, source, ages; then what the reader must know about all of it."""
    yield Text(f"{chain_title(check)}, {_block(check)}", style=HEADING, overflow="fold")
    yield Text(f"read from {clean(check.source)}; {_prices(check)}", overflow="fold")
    for warning in check.all_warnings():
        yield marked(Severity.CAUTION, f"WARNING {clean(warning.text)}")


def chain_title(check: Check) -> str:
    """``ethereum (chain 1)``."""
    return f"{clean(check.chain)} (chain {check.chain_id})" if check.chain else f"chain {check.chain_id}"


def _block(check: Check) -> str:
    when = f"block {check.block:,} of {moment(check.timestamp)}"
    if check.block_age is None:
        return f"recorded {when}"
    return f"{when}, {age(check.block_age)} old" if check.block_age >= 0 else when


def _prices(check: Check) -> str:
    ages = sorted(a for account in check.accounts for p in account.positions for a in price_ages(p, check.timestamp))
    if not ages:
        return "no oracle said when its price was updated" if any(a.positions for a in check.accounts) else "no prices"
    oldest = age(ages[-1])
    return f"prices {oldest} old at that block" if ages[0] == ages[-1] else f"oldest price {oldest} old at that block"
