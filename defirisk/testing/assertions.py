"""The assertions: each passes, or raises ``AssertionError`` with the position, the scenario and the replay in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from defirisk.errors import InputError
from defirisk.fixedpoint import WAD
from defirisk.model import Direction, Outcome, PositionStatus, Threshold
from defirisk.report.check import Account, Check, CheckSet, differs
from defirisk.report.figures import health, money
from defirisk.report.legs import leg_of, legs_of, price_decimal
from defirisk.report.sanitize import clean
from defirisk.risk.engine import PositionAnalysis
from defirisk.testing.telling import (
    position_lines,
    reached_text,
    replay_lines,
    scenario_lines,
    threshold_lines,
    title,
)

Checked = Check | CheckSet | Account | PositionAnalysis | Iterable[Any]
"""What can be asserted of: what :func:`defirisk.check` gives, its accounts, their positions, or several of these."""
Number = int | str | Decimal | float
_TOLD: Final = 3
"""Positions that are told in full; of the rest a line each."""
_UNREAD: Final = "COULD NOT BE JUDGED: "
_UNPROVED: Final = "which is not proved to be the nearest: one nearer may liquidate"


def assert_survives(checked: Checked, *scenarios: str) -> None:
    """No position is liquidatable in these scenarios; without names, in any that was asked for.

    Raises:
        AssertionError: one is, or could not be judged.
        InputError: a scenario was not asked for when it was checked.
    """
    __tracebackhide__ = True
    checked = _held(checked)
    _conclude(
        checked,
        [
            _told(f"does not survive {clean(outcome.scenario)}: {_liquidatable(outcome)}", one, outcome)
            for one, outcome in _outcomes(checked, scenarios)
            if outcome.liquidatable
        ],
    )


def assert_no_bad_debt(checked: Checked, *scenarios: str, at_most: Number = 0) -> None:
    """No position leaves debt that nobody repays in these scenarios; without names, in any that was asked for.

    Args:
        checked: what was checked.
        scenarios: names of scenarios that were asked for.
        at_most: what each position may leave, in whole units of its market (dollars, mostly). What counts is the
            larger of bad debt and of the debt that is uncovered where liquidation stops early.

    Raises:
        AssertionError: one does, or could not be judged.
        InputError: a scenario was not asked for when it was checked.
    """
    __tracebackhide__ = True
    allowed, checked = _exact(at_most, "at_most"), _held(checked)
    _conclude(
        checked,
        [
            _told(_leaves(one, outcome, at_most), one, outcome)
            for one, outcome in _outcomes(checked, scenarios)
            if outcome.loss_value > allowed * 10**one.position.market.unit.decimals
        ],
    )


def assert_health_factor(
    checked: Checked, *, at_least: Number | None = None, at_most: Number | None = None, scenario: str | None = None
) -> None:
    """Every position's health factor is within bounds, compared exactly; without debt it is above any bound.

    Args:
        checked: what was checked.
        at_least: the lower bound, e.g. ``"1.25"``.
        at_most: the upper bound.
        scenario: a scenario that was asked for; today's health factor without.

    Raises:
        AssertionError: one is not, or could not be judged.
        InputError: no bound, or the scenario was not asked for.
    """
    __tracebackhide__ = True
    low, high = (None if bound is None else _exact(bound, "a bound") for bound in (at_least, at_most))
    if low is None and high is None:
        raise _misused("no bound was given for the health factor", hint="at_least= or at_most=")
    checked, breaches = _held(checked), []
    for one, outcome, factor in _factors(checked, scenario):
        short = low is not None and factor is not None and factor < low * WAD
        long = high is not None and (factor is None or factor > high * WAD)
        if short or long:
            bound = f"below {at_least}" if short else f"above {at_most}"
            where = f" in {clean(outcome.scenario)}" if outcome else ""
            breaches.append(_told(f"has a health factor of {health(factor)}{where}, {bound}", one, outcome))
    _conclude(checked, breaches)


def assert_liquidation_price(
    checked: Checked,
    asset: str,
    *,
    at_least: Number | None = None,
    at_most: Number | None = None,
    raw: int | None = None,
    direction: str = "down",
    unproved: bool = False,
) -> None:
    """The nearest price of an asset that liquidates a position, all else as it is, is within bounds.

    Where no fall liquidates, the price is below any bound; where no rise does, above any. Positions that neither hold
    nor owe the asset are left out.

    Args:
        checked: what was checked, with ``thresholds=True``.
        asset: its symbol or address.
        at_least: the lower bound, for a whole token in the market's unit (dollars, mostly).
        at_most: the upper bound.
        raw: the exact price, an integer in the unit of the oracle.
        direction: ``down`` or ``up``: which way the price moves.
        unproved: also take a price of which the search could not prove that none nearer liquidates.

    Raises:
        AssertionError: it is not, is not proved to be the nearest, or a position could not be judged.
        InputError: no bound, nobody has the asset, or the thresholds were not asked for.
    """
    __tracebackhide__ = True
    low, high = (None if bound is None else _exact(bound, "a bound") for bound in (at_least, at_most))
    if low is None and high is None and raw is None:
        raise _misused("no bound was given for the liquidation price", hint="at_least=, at_most= or raw=")
    checked, breaches = _held(checked), []
    for one, found in _thresholds(checked, asset, Direction(direction)):
        least, most = _price_range(one, found)
        bounds = [] if found.liquidation_proved or unproved else [f"{_UNPROVED} (unproved=True takes it all the same)"]
        if low is not None and least < low:
            bounds.append(f"below {at_least}")
        if high is not None and (most is None or most > high):
            bounds.append(f"above {at_most}")
        if raw is not None and found.liquidation_price != raw:
            bounds.append(f"not {raw:,} (raw)")
        if bounds:
            breaches.append(_told_threshold(", ".join(bounds), one, found))
    _conclude(checked, breaches)


# --- what is looked at --------------------------------------------------------------------------------------------


def _held(checked: Checked) -> Checked:
    """The same to be gone through twice, which a generator cannot be: what was not read would pass the second time.

    Raises:
        InputError: it is nothing that was checked, or holds nothing.
    """
    if isinstance(checked, CheckSet | Check | Account | PositionAnalysis):
        return checked
    held = [_held(part) for part in _parts(checked)]
    if not held:
        raise _misused("nothing was checked: there is nothing in it", hint="give what check() returned")
    return held


def _positions(checked: Checked) -> Iterator[PositionAnalysis]:
    if isinstance(checked, PositionAnalysis):
        yield checked
    else:
        for part in _parts(checked):
            yield from _positions(part)


def _parts(checked: Checked) -> Iterable[Any]:
    if isinstance(checked, CheckSet):
        return checked.checks
    if isinstance(checked, Check):
        return checked.accounts
    if isinstance(checked, Account):
        return checked.positions
    if isinstance(checked, str) or not isinstance(checked, Iterable):
        raise _misused(f"a {type(checked).__name__} is nothing that was checked", hint="give what check() returned")
    return checked


def _unread(checked: Checked) -> Iterator[str]:
    """What could not be judged, a sentence each."""
    if isinstance(checked, CheckSet):
        yield from (f"{clean(one.chain)}: {clean(one.message)}" for one in checked.failures)
    if isinstance(checked, Account):
        yield from (f"{checked.address} in {clean(f.market)}: {clean(f.message)}" for f in checked.failures)
    if isinstance(checked, PositionAnalysis):
        if checked.position.status is not PositionStatus.OK or differs(checked.position):
            yield "\n".join((title(checked.position), *_indented(position_lines(checked))))
        return
    for part in _parts(checked):
        yield from _unread(part)


def _judged(checked: Checked) -> Iterator[PositionAnalysis]:
    return (one for one in _positions(checked) if one.position.status is PositionStatus.OK)


def _outcomes(checked: Checked, names: Sequence[str]) -> Iterator[tuple[PositionAnalysis, Outcome]]:
    for one in _judged(checked):
        held = {outcome.scenario: outcome for outcome in one.outcomes}
        if not held and not names:
            raise _misused("no scenario was asked for", hint='check(..., scenarios=["-40%"])')
        for name in names or held:
            if name not in held:
                known = ", ".join(map(clean, held)) or "none"
                hint = f"check(..., scenarios=[{clean(name)!r}]); what was asked for: {known}"
                raise _misused(f"the scenario {clean(name)} was not asked for", hint=hint)
            yield one, held[name]


def _factors(checked: Checked, scenario: str | None) -> Iterator[tuple[PositionAnalysis, Outcome | None, int | None]]:
    if scenario is not None:
        yield from ((one, outcome, outcome.health_factor) for one, outcome in _outcomes(checked, [scenario]))
        return
    for one in _judged(checked):
        if one.standing is not None:
            yield one, None, one.standing.health_factor


def _thresholds(checked: Checked, asset: str, direction: Direction) -> Iterator[tuple[PositionAnalysis, Threshold]]:
    wanted, held = asset.lower(), False
    for one in _judged(checked):
        tokens = {
            leg.token.address for leg in legs_of(one) if wanted in (leg.token.address.lower(), leg.token.symbol.lower())
        }
        held = held or bool(tokens)
        if tokens and one.standing and one.standing.debt and not one.thresholds:
            raise _misused("the thresholds were not asked for", hint="check(..., thresholds=True)")
        for found in one.thresholds:
            if found.asset in tokens and found.direction is direction:
                yield one, found
    if not held:
        raise _misused(f"no position that was checked holds or owes {clean(asset)}", hint="its symbol or address")


def _price_range(one: PositionAnalysis, found: Threshold) -> tuple[Fraction, Fraction | None]:
    """The price in whole units as a range: 0 where no fall liquidates, without end where no rise does."""
    leg = leg_of(one, found.asset)
    if found.liquidation_price is None or leg is None:
        return (Fraction(0), Fraction(0)) if found.direction is Direction.DOWN else (Fraction(10**60), None)
    price = Fraction(price_decimal(one.position, leg, found.liquidation_price))
    return price, price


def _exact(value: Number, what: str) -> Fraction:
    """A bound without any rounding of its own; a float is taken as it is written."""
    try:
        return Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError):
        raise _misused(f"{what} is {clean(repr(value))}, not a number", hint='for example "1.25"') from None


def _misused(message: str, *, hint: str) -> InputError:
    """The error of a test that cannot be meant; the hint as a note, which pytest shows."""
    problem = InputError(message, hint=hint)
    problem.add_note(f"hint: {hint}")
    return problem


# --- what is said -------------------------------------------------------------------------------------------------


def _liquidatable(outcome: Outcome) -> str:
    return f"it is liquidatable at a health factor of {health(outcome.health_factor)}"


def _leaves(one: PositionAnalysis, outcome: Outcome, at_most: Number) -> str:
    loss = money(outcome.loss_value, one.position.market.unit)
    allowed = f", more than {at_most}" if _exact(at_most, "at_most") else ""
    return f"leaves {loss} of debt that nobody repays in {clean(outcome.scenario)}{allowed}"


def _told(what: str, one: PositionAnalysis, outcome: Outcome | None) -> str:
    lines = list(position_lines(one))
    if outcome is not None:
        lines += [*scenario_lines(one, outcome), *replay_lines(one, outcome)]
    return "\n".join((f"{title(one.position)} {what}", *_indented(lines)))


def _told_threshold(bounds: str, one: PositionAnalysis, found: Threshold) -> str:
    leg = leg_of(one, found.asset)
    if found.liquidation_price is None or leg is None:
        price = f"is liquidated by no {'fall' if found.direction is Direction.DOWN else 'rise'} of {clean(found.move)}"
    else:
        reached = reached_text(one, leg, found.direction, found.liquidation_price)
        price = f"is liquidated at {clean(found.move)} {reached}"
    lines = [*position_lines(one), *threshold_lines(one)]
    return "\n".join((f"{title(one.position)} {price}, {bounds}", *_indented(lines)))


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _conclude(checked: Checked, breaches: Sequence[str]) -> None:
    __tracebackhide__ = True
    unread = [f"{_UNREAD}{text}" for text in _unread(checked)]
    wrong = [*unread, *breaches]
    if not wrong:
        return
    told = wrong[:_TOLD]
    if len(wrong) > _TOLD:
        told.append(
            "\n".join((f"and {len(wrong) - _TOLD} more:", *(f"  {one.splitlines()[0]}" for one in wrong[_TOLD:])))
        )
    raise AssertionError("\n\n".join(told))
