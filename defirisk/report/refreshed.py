"""What a refreshed recording changed, for people: the block first, then positions, prices, settings."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.text import Text

from defirisk.comparing import Change, PositionChange, PriceChange, SettingChange, Side
from defirisk.fixedpoint import WAD, mul_div_down
from defirisk.model import PositionStatus, Standing
from defirisk.report.figures import NONE, age, health, moment, percent, price, ratio, short_money
from defirisk.report.sanitize import clean, short_address, symbol
from defirisk.report.table.style import HEADING, WIDTH, Severity, columns, console_for, marked, paragraph

if TYPE_CHECKING:
    from defirisk.chain.calls import Block

_ARROW: Final = " -> "


def text(name: str, before: Block, after: Block, changes: Iterable[Change], *, width: int = WIDTH) -> str:
    """What a refresh changed in the recording ``name``, as plain text."""
    stream = io.StringIO()
    console = console_for(stream, width=width, colour=False)
    for block in _blocks(name, before, after, list(changes)):
        console.print(block)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def _blocks(name: str, before: Block, after: Block, changes: Sequence[Change]) -> Iterator[RenderableType]:
    yield Text(f"{clean(name)}: {_when(before, after)}", style=HEADING, overflow="fold")
    yield from _history(before, after)
    for market in dict.fromkeys(one.market for one in changes):
        found = list(_market([one for one in changes if one.market == market]))
        if found:
            yield Text("")
            yield Text(clean(market), style=HEADING, overflow="fold")
            yield from found
    yield Text("")
    yield from _counts([one for one in changes if isinstance(one, PositionChange)])


def _market(changes: Sequence[Change]) -> Iterator[RenderableType]:
    positions = [one for one in changes if isinstance(one, PositionChange)]
    yield from _positions(positions)
    yield from _prices(dict.fromkeys(one for one in changes if isinstance(one, PriceChange)))
    yield from _settings(Counter(one for one in changes if isinstance(one, SettingChange)))
    for reason, count in Counter(one.before.unread for one in positions if one.before.unread).items():
        yield paragraph(f"Not readable in the old recording ({_wallets(count)}): {clean(reason)}.")


def _when(before: Block, after: Block) -> str:
    if before == after:
        return f"block {after.number:,} of {moment(after.timestamp)} again"
    passed = after.timestamp - before.timestamp
    later = f"{age(abs(passed))} {'later' if passed >= 0 else 'earlier'}"
    return f"block {before.number:,}{_ARROW}{after.number:,} of {moment(after.timestamp)}, {later}"


def _history(before: Block, after: Block) -> Iterator[RenderableType]:
    hashes = (before.hash, after.hash)
    if before.number == after.number and None not in hashes and before.hash != after.hash:
        yield marked(Severity.CAUTION, "WARNING the block of that number is another one: the chain's history differs")


# --- positions ----------------------------------------------------------------------------------------------------


def _positions(changes: Iterable[PositionChange]) -> Iterator[RenderableType]:
    rows = [_row(one) for one in changes if _visible(one)]
    if rows:
        yield columns(("", "Wallet", "", "Health", "Collateral", "Debt"), rows, left=3)


def _visible(change: PositionChange) -> bool:
    """Whether the difference is of the digits that are shown."""
    return change.differs and (_presence(change) != "" or any(_ARROW in cell for cell in _figures(change)))


def _counts(changes: Sequence[PositionChange]) -> Iterator[RenderableType]:
    if not changes:
        yield Text("No positions, as before.")
    for count, how in (
        (sum(_visible(one) for one in changes), "changed"),
        (sum(one.differs and not _visible(one) for one in changes), "changed by less than is shown"),
        (sum(not one.differs for one in changes), "as before"),
    ):
        if count:
            yield Text(f"{count:,} position{'s' * (count != 1)} {how}.")


def _row(change: PositionChange) -> tuple[str | Text, ...]:
    severity = _severity(change.after)
    mark = Text(severity.mark, style=severity.style) if severity is not Severity.GOOD else ""
    standing = _presence(change) or ("liquidatable" if severity is Severity.DANGER else "")
    return (mark, short_address(change.wallet), standing, *_figures(change))


def _figures(change: PositionChange) -> tuple[str, ...]:
    return tuple(_both(change, shown) for shown in (_health, _collateral, _debt))


def _severity(side: Side) -> Severity:
    if side.standing is None:
        return Severity.GOOD if side.position is None else Severity.DANGER
    return Severity.DANGER if side.standing.liquidatable else Severity.GOOD


def _presence(change: PositionChange) -> str:
    if change.after.position is None:
        return "" if change.before.position is None else "gone"
    if change.before.unread is not None:
        return "not read before"
    return "new" if change.before.position is None else ""


def _both(change: PositionChange, shown: Callable[[Side], str]) -> str:
    before, after = shown(change.before), shown(change.after)
    return after if before == after else f"{before}{_ARROW}{after}"


def _health(side: Side) -> str:
    if side.position is not None and side.position.status is not PositionStatus.OK:
        return "NO PRICE"
    return health(side.standing.health_factor) if side.standing is not None else NONE


def _collateral(side: Side) -> str:
    return _value_of(side, lambda standing: standing.collateral_value)


def _debt(side: Side) -> str:
    return _value_of(side, lambda standing: standing.debt_value)


def _value_of(side: Side, figure: Callable[[Standing], int]) -> str:
    if side.position is None or side.standing is None:
        return NONE
    return short_money(figure(side.standing), side.position.market.unit)


# --- prices and settings ------------------------------------------------------------------------------------------


def _prices(changes: Iterable[PriceChange]) -> Iterator[RenderableType]:
    rows = [(symbol(one.token), *_price(one)) for one in changes]
    shown = [row for row in rows if row[1] != row[2]]
    if shown:
        yield Text("")
        yield columns(("Price", "Before", "Now", ""), shown)


def _price(change: PriceChange) -> tuple[str, str, str]:
    (was, was_under), (now, now_under) = change.before, change.after
    risen = mul_div_down(abs(now * was_under - was * now_under), WAD, was * now_under) if was else 0
    move = percent(risen if now * was_under > was * now_under else -risen) if was else NONE
    return price(was, was_under, change.unit), price(now, now_under, change.unit), move


def _settings(changes: Mapping[SettingChange, int]) -> Iterator[RenderableType]:
    if changes:
        yield Text("")
    for change, count in changes.items():
        yield paragraph(f"{_setting(change)} ({_wallets(count)})")


def _setting(change: SettingChange) -> str:
    if change.what == "warning":
        text = change.after if change.after is not None else change.before
        return f"{'now' if change.after is not None else 'no longer'}: {clean(str(text))}"
    whose = f"{symbol(change.token)}: " if change.token else ""
    return f"{whose}{change.what} {_value(change.before)}{_ARROW}{_value(change.after)}"


def _value(value: int | bool | str | None) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(value) if isinstance(value, str) else ratio(value)


def _wallets(count: int) -> str:
    return f"{count:,} wallet{'s' * (count != 1)}"
