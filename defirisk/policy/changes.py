"""What became worse, better, new or gone since an earlier run: exact, on integers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from defirisk.errors import BadBaseline
from defirisk.fixedpoint import WAD
from defirisk.policy.findings import Status
from defirisk.policy.seen import Key, Seen, SeenOutcome, SeenPosition
from defirisk.report.figures import health, money

DEFAULT_TOLERANCE: Final = 5 * 10**15
"""0.5 % (wad): what interest alone costs a health factor in a fortnight at 12 % a year (0.46 %)."""
_NOTHING: Final = SeenOutcome(liquidatable=False, loss=0, liquidator="")
_SHOWN_SCENARIOS: Final = 10


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``kind`` is health-factor, liquidatable, bad-debt, breach, wallet or position.

    ``before`` and ``after`` are the exact figures (wad, unit base units), ``None`` where the kind has none or there
    is no debt; ``text`` is a sentence without wallet and market.
    """

    kind: str
    wallet: str
    text: str
    label: str | None = None
    market: str | None = None
    scenario: str | None = None
    rule: str | None = None
    before: int | None = None
    after: int | None = None

    @property
    def sentence(self) -> str:
        """All of it for people."""
        where = f" in {self.market}" if self.market else ""
        return f"{self.label or self.wallet}{where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences from a baseline; ``notes`` say what could not be compared. ``tolerance`` wad, relative."""

    source: str
    block: int
    timestamp: int
    tolerance: int
    worse: tuple[Change, ...] = ()
    better: tuple[Change, ...] = ()
    new: tuple[Change, ...] = ()
    gone: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """``Since block 712: 3 worse, 1 better, 0 new, 0 gone``."""
        counts = ((self.worse, "worse"), (self.better, "better"), (self.new, "new"), (self.gone, "gone"))
        return f"Since block {self.block:,}: {', '.join(f'{len(found)} {word}' for found, word in counts)}"


def compare(before: Seen, now: Seen, tolerance: int = DEFAULT_TOLERANCE) -> Changes:
    """Compare two runs.

    Args:
        before: the baseline.
        now: this run.
        tolerance: relative changes of health factors and bad debts up to this (wad) are not told. What begins or ends
            (a breach, being liquidatable, a first bad debt) is told always.

    Raises:
        BadBaseline: of another chain or other markets, or liquidated in another order.
    """
    _refuse_other(before, now)
    found = list(_Comparison(before, now, tolerance).all())
    return Changes(
        source=before.source,
        block=before.block,
        timestamp=before.timestamp,
        tolerance=tolerance,
        worse=tuple(change for where, change in found if where == "worse"),
        better=tuple(change for where, change in found if where == "better"),
        new=tuple(change for where, change in found if where == "new"),
        gone=tuple(change for where, change in found if where == "gone"),
        notes=tuple(_notes(before, now)),
    )


def _refuse_other(before: Seen, now: Seen) -> None:
    if before.chain_id != now.chain_id:
        raise BadBaseline(f"the baseline is of chain id {before.chain_id}, and this run of {now.chain_id}")
    there, here = set(before.markets), set(now.markets)
    if there != here:
        only = (("only there", there - here), ("only here", here - there))
        said = "; ".join(f"{word}: {', '.join(sorted(names))}" for word, names in only if names)
        raise BadBaseline(f"the baseline is of other markets ({said})", hint="compare runs of the same markets")
    then, order = _liquidators(before), _liquidators(now)
    if then and order and then != order:
        said = f"the baseline was liquidated in another order ({', '.join(then)}, not {', '.join(order)})"
        raise BadBaseline(said, hint="compare runs of the same liquidator")


def _liquidators(seen: Seen) -> list[str]:
    positions = [position for account in seen.accounts.values() for position in account.values()]
    return sorted({outcome.liquidator for position in positions for outcome in position.outcomes.values()})


def _notes(before: Seen, now: Seen) -> Iterator[str]:
    if before.statuses is None:
        yield "the baseline was made without a policy: breaches cannot be compared"
    if before.supposed:
        yield "the baseline is of a what-if: of positions as they would have been, not as they were"
    names = [{n for a in seen.accounts.values() for p in a.values() for n in p.outcomes} for seen in (before, now)]
    positions = [any(seen.accounts.values()) for seen in (before, now)]
    for only, word in ((names[0] - names[1], "of the baseline"), (names[1] - names[0], "of this run")):
        if only and all(positions):
            shown = ", ".join(sorted(only)[:_SHOWN_SCENARIOS])
            yield f"scenarios {word} only, not compared: {shown}{', ...' if len(only) > _SHOWN_SCENARIOS else ''}"
    for address in sorted((before.unread | now.unread) & before.accounts.keys() & now.accounts.keys()):
        yield f"{now.labels.get(address, address)} was not read in full both times: what was not is not compared"


Told = tuple[str, Change]


class _Comparison:
    """Two runs, wallet by wallet."""

    def __init__(self, before: Seen, now: Seen, tolerance: int) -> None:
        self._before, self._now, self._tolerance = before, now, tolerance

    def all(self) -> Iterator[Told]:
        for address, positions in self._now.accounts.items():
            if address not in self._before.accounts:
                yield "new", self._change("wallet", address, "was not in the baseline")
                continue
            for market, position in positions.items():
                yield from self._position(address, market, position)
        yield from self._gone()
        yield from self._breaches()

    def _gone(self) -> Iterator[Told]:
        for address, positions in self._before.accounts.items():
            if address not in self._now.accounts:
                yield "gone", self._change("wallet", address, "is no longer checked")
                continue
            for market in positions:
                if market not in self._now.accounts[address] and address not in self._now.unread:
                    yield "gone", self._change("position", address, "has no position any more", market)

    def _position(self, address: str, market: str, now: SeenPosition) -> Iterator[Told]:
        """A position that was not there is new, and what scenarios do to it is compared with having none."""
        before = self._before.accounts[address].get(market)
        if before is None and address in self._before.unread:
            return
        blank = self._change("position", address, "has a position that was not there", market)
        if before is None:
            yield "new", blank
        yield from _Positions(blank, before, now, self._tolerance).all()

    def _breaches(self) -> Iterator[Told]:
        """A breach is new also where it was waived before, or was not there: a wallet in breach may not slip in."""
        held = self._before.statuses
        for key, status in (self._now.statuses or {}).items():
            if held is not None or key[0] not in self._before.accounts:
                yield from self._breach(key, status, (held or {}).get(key))

    def _breach(self, key: Key, status: str, then: str | None) -> Iterator[Told]:
        address, market, rule, scenario, _ = key
        named = f"{rule} at {scenario}" if scenario else rule
        if status == Status.BREACH != then:
            was = "could not be judged" if then == Status.ERROR else "was not"
            since = f"which it {was} before" if address in self._before.accounts else "and was not in the baseline"
            change = self._change("breach", address, f"{named} is breached, {since}", market)
            yield "worse", replace(change, scenario=scenario, rule=rule)
        elif status == Status.OK and then in (Status.BREACH, Status.WAIVED):
            change = self._change("breach", address, f"{named} is no longer breached", market)
            yield "better", replace(change, scenario=scenario, rule=rule)

    def _change(self, kind: str, address: str, text: str, market: str | None = None) -> Change:
        return Change(kind, address, text, self._now.labels.get(address), market)


class _Positions:
    """One position then and now; ``before`` is ``None`` where there was none. ``blank`` says whose and where."""

    def __init__(self, blank: Change, before: SeenPosition | None, now: SeenPosition, tolerance: int) -> None:
        self._blank, self._before, self._now, self._tolerance = blank, before, now, tolerance

    def all(self) -> Iterator[Told]:
        if self._before is not None:
            yield from self._health(self._before.health, self._now.health)
        yield from self._today(self._before is not None and self._before.liquidatable)
        for name, outcome in self._now.outcomes.items():
            earlier = _NOTHING if self._before is None else self._before.outcomes.get(name)
            if earlier is not None:
                yield from self._outcome(name, earlier, outcome)

    def _health(self, then: int | None, here: int | None) -> Iterator[Told]:
        where = None if then == here else self._direction(then, here)
        if where is not None:
            said = f"its health factor {'fell' if where == 'worse' else 'rose'} from {_health(then)} to {_health(here)}"
            yield where, replace(self._blank, kind="health-factor", text=said, before=then, after=here)

    def _direction(self, then: int | None, here: int | None) -> str | None:
        """No debt is better than any health factor."""
        if then is None or here is None:
            return "worse" if then is None else "better"
        if here * WAD < then * (WAD - self._tolerance):
            return "worse"
        return "better" if here * WAD > then * (WAD + self._tolerance) else None

    def _today(self, before: bool) -> Iterator[Told]:
        now = self._now.liquidatable
        if now != before:
            said = "it can be liquidated now" if now else "it cannot be liquidated any more"
            yield _worse(now), replace(self._blank, kind="liquidatable", text=said)

    def _outcome(self, name: str, then: SeenOutcome, here: SeenOutcome) -> Iterator[Told]:
        if here.liquidatable != then.liquidatable:
            said = f"at {name} it would {'now' if here.liquidatable else 'no longer'} be liquidatable"
            yield _worse(here.liquidatable), replace(self._blank, kind="liquidatable", text=said, scenario=name)
        large, small = max(here.loss, then.loss), min(here.loss, then.loss)
        if large * WAD > small * (WAD + self._tolerance):
            more = here.loss > then.loss
            was, now = (money(loss, self._now.unit) for loss in (then.loss, here.loss))
            said = f"at {name} its bad debt {'rose' if more else 'fell'} from {was} to {now}"
            change = replace(self._blank, kind="bad-debt", text=said, scenario=name)
            yield _worse(more), replace(change, before=then.loss, after=here.loss)


def _worse(yes: bool) -> str:
    return "worse" if yes else "better"


def _health(raw: int | None) -> str:
    return "no debt" if raw is None else health(raw)
