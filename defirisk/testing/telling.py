"""A position, a scenario and its replay as lines that a person can follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import ROUND_DOWN, ROUND_UP
from typing import TYPE_CHECKING, Final

from defirisk.fixedpoint import WAD, mul_div_down
from defirisk.model import (
    Amount,
    Collateral,
    Debt,
    Direction,
    Ended,
    Liquidation,
    Outcome,
    Position,
    PositionStatus,
    Seized,
)
from defirisk.report.check import position_warnings
from defirisk.report.figures import NONE, health, money, number, percent, ratio
from defirisk.report.legs import leg_of, legs_of, names_of, price_text, unpriced_message
from defirisk.report.sanitize import clean
from defirisk.risk.wording import bearers_text

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

_ENDED: Final = {
    Ended.HEALTHY: "healthy again",
    Ended.NOTHING_TO_SEIZE: "nothing is left to seize",
    Ended.RULES: "the rules allow no further liquidation",
    Ended.LIQUIDATOR: "no further liquidation pays on the market",
}
_STEPS_SHOWN: Final = 12


def position_lines(analysis: PositionAnalysis) -> Iterator[str]:
    """Who, where, how healthy, what is supplied and owed."""
    position, standing = analysis.position, analysis.standing
    yield f"The position: {title(position)}, rules {clean(position.market.rules)}"
    for warning in position_warnings(position):
        yield f"  warning: {clean(warning.text)}"
    if standing is None or position.status is not PositionStatus.OK:
        yield f"  NOT JUDGED: {unpriced_message(position)}"
        return
    unit, names = position.market.unit, names_of(position.tokens)
    yield f"  health factor {health(standing.health_factor)} (below 1: liquidatable)"
    yield f"  collateral that counts {money(standing.collateral_value, unit)}, debt {money(standing.debt_value, unit)}"
    for leg in standing.collateral:
        secures = f"LT {ratio(leg.liquidation_threshold)}{_bonus(leg)}" if leg.counts else "does not count"
        yield f"  supplied {_leg(position, leg, names)}, {secures}"
    for owed in standing.debt:
        yield f"  owed {_leg(position, owed, names)}"


def scenario_lines(analysis: PositionAnalysis, outcome: Outcome) -> Iterator[str]:
    """Which prices the scenario moves, and what that does to the health factor."""
    position, standing = analysis.position, analysis.standing
    yield f"The scenario: {clean(outcome.scenario)}"
    for leg in {leg.slot: leg for leg in legs_of(analysis) if outcome.prices}.values():
        yield f"  {_moved(position, leg, outcome)}"
    before = standing.health_factor if standing is not None else None
    verdict = "liquidatable" if outcome.liquidatable else "not liquidatable"
    yield f"  health factor {health(before)} -> {health(outcome.health_factor)}: {verdict}"


def replay_lines(analysis: PositionAnalysis, outcome: Outcome) -> Iterator[str]:
    """Each liquidation, how it ended, what is left, who bears what."""
    names, unit = names_of(analysis.position.tokens), analysis.position.market.unit
    yield f"The replay (liquidator: {clean(outcome.liquidator)}):"
    steps = outcome.liquidations
    for count, step in enumerate(steps[:_STEPS_SHOWN], start=1):
        yield f"  {count}. {_step(step, names)}"
    if len(steps) > _STEPS_SHOWN:
        yield f"  ... and {len(steps) - _STEPS_SHOWN} more"
    ended = _ENDED[outcome.ended] if outcome.liquidatable else "nothing to do"
    yield f"  ended: {ended} [{outcome.ended.value}]"
    yield f"  left: {_amounts(outcome.assets_left, names)}; still owed: {_amounts(outcome.debt_left, names)}"
    if outcome.bad_debt:
        lost = ((one.token.address, one.token.decimals, one.amount) for one in outcome.bad_debt)
        value = money(outcome.bad_debt_value, unit)
        yield f"  bad debt {_listed(lost, names)} = {value}, borne by {clean(bearers_text(outcome.borne_by))}"
    if outcome.uncovered_value:
        yield f"  debt that what is left could not repay: {money(outcome.uncovered_value, unit)}"
    yield f"  the owner loses {money(outcome.owner_loss.total, unit)}"


def threshold_lines(analysis: PositionAnalysis) -> Iterator[str]:
    """Where each asset's price liquidates, all else as it is."""
    yield "The prices that liquidate, if only one moves:"
    for found in analysis.thresholds:
        leg = leg_of(analysis, found.asset)
        if found.kind != "asset" or leg is None:
            continue
        goes = "falls" if found.direction is Direction.DOWN else "rises"
        if found.liquidation is None or found.liquidation_price is None:
            yield f"  {clean(found.move)} {goes}: never"
        else:
            reached = reached_text(analysis, leg, found.direction, found.liquidation_price)
            raw = f"{found.liquidation_price} raw"
            yield f"  {clean(found.move)} {goes}: {reached} ({percent(found.liquidation)}, {raw})"


def reached_text(analysis: PositionAnalysis, leg: Collateral | Debt, direction: Direction, raw: int) -> str:
    """A threshold's price, rounded towards today's as the table of ``defirisk check`` does: never later than it is."""
    return price_text(analysis.position, leg, raw, ROUND_UP if direction is Direction.DOWN else ROUND_DOWN)


def title(position: Position) -> str:
    """``0x… in aave-v3-ethereum``."""
    return f"{position.owner} in {clean(position.market.name)}"


def _leg(position: Position, leg: Collateral | Debt, names: dict[str, str]) -> str:
    amount = f"{number(leg.amount, leg.token.decimals)} {names[leg.token.address]}"
    return f"{amount} at {price_text(position, leg, leg.price)} = {money(leg.value, position.market.unit)}"


def _bonus(leg: Collateral) -> str:
    if leg.liquidation_bonus is not None:
        return f", bonus {ratio(leg.liquidation_bonus)}"
    return f", penalty {ratio(leg.liquidation_penalty)}" if leg.liquidation_penalty is not None else ""


def _moved(position: Position, leg: Collateral | Debt, outcome: Outcome) -> str:
    now = outcome.prices[leg.slot]
    text = f"{names_of(position.tokens)[leg.token.address]} {price_text(position, leg, leg.price)}"
    if now != leg.price:
        text += f" -> {price_text(position, leg, now)} ({percent(_change(leg.price, now))})"
    else:
        text += ", unmoved"
    if outcome.market_prices is not None and outcome.market_prices[leg.slot] != now:
        text += f"; fetches {price_text(position, leg, outcome.market_prices[leg.slot])} on the market"
    return text


def _change(before: int, after: int) -> int:
    """A move, wad, cut towards zero."""
    size = mul_div_down(abs(after - before), WAD, before)
    return size if after > before else -size


def _step(step: Liquidation, names: dict[str, str]) -> str:
    seized = " + ".join(_seized(one, names) for one in step.seized) or "nothing"
    return f"repaid {_amounts([step.repaid], names)}, seized {seized}: {_after(step)}"


def _after(step: Liquidation) -> str:
    if step.health_factor_after is not None:
        return f"health factor {health(step.health_factor_after)}"
    return "the debt that is left is written off" if step.bad_debt else "no debt is left"


def _seized(one: Seized, names: dict[str, str]) -> str:
    fee = f" (and {number(one.protocol_fee, one.token.decimals)} for the protocol)" if one.protocol_fee else ""
    return f"{number(one.amount, one.token.decimals)} {names[one.token.address]}{fee}"


def _amounts(amounts: Iterable[Amount], names: dict[str, str]) -> str:
    return _listed(((one.token.address, one.token.decimals, one.raw) for one in amounts), names)


def _listed(amounts: Iterable[tuple[str, int, int]], names: dict[str, str]) -> str:
    texts = (f"{number(raw, decimals)} {names.get(address, address)}" for address, decimals, raw in amounts)
    return " + ".join(texts) or NONE
