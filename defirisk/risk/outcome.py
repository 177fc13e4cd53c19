"""From a replay to what it means: who lost what, in the market's unit of account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from defirisk.fixedpoint import mul_div_down, mul_div_up
from defirisk.model import Amount, Collateral, Debt, Outcome, OwnerLoss, Position, Standing
from defirisk.risk.replay import Replay, merged, replay


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices after a scenario, by slot, oracle units. ``market`` is ``None`` where it equals the oracle's."""

    oracle: tuple[int, ...]
    market: tuple[int, ...] | None = None


def outcome_of(
    position: Position, scenario: str, prices: Prices, *, liquidator: str = "largest", today: Standing | None = None
) -> Outcome:
    """Replay one scenario on one position.

    Args:
        position: a priced position.
        scenario: the scenario's name.
        prices: oracle prices (and market prices where they differ) after the scenario's moves.
        liquidator: the order of liquidations.
        today: the position's standing before the scenario, where the caller has it already.
    """
    rules = position.rules
    done = replay(rules, rules.reprice(position.state, prices.oracle), liquidator=liquidator, market=prices.market)
    bad_debt = done.bad_debt()
    return Outcome(
        scenario=scenario,
        health_factor=done.before.health_factor,
        liquidatable=done.before.liquidatable,
        liquidations=done.liquidations,
        ended=done.ended,
        assets_left=_amounts(done.after.collateral),
        debt_left=merged((*done.written_off, *_amounts(done.after.debt))),
        bad_debt=bad_debt,
        bad_debt_value=sum(debt.value for debt in bad_debt),
        uncovered_value=done.uncovered(),
        owner_loss=_owner_loss(position, today or rules.standing(position.state), done),
        borne_by=rules.borne_by(done.state, [Amount(debt.token, debt.amount) for debt in bad_debt]) if bad_debt else (),
        liquidator=liquidator,
        search=done.search,
        prices=prices.oracle,
        market_prices=prices.market,
    )


def _owner_loss(position: Position, today: Standing, done: Replay) -> OwnerLoss:
    scales = position.state.scales
    before = _equity(today, position.prices, scales)
    moved = _equity(done.before, done.market, scales)
    lost = sum(done.value_up(amount) for liquidation in done.liquidations for amount in liquidation.bad_debt)
    after = _equity(done.after, done.market, scales) - lost
    left = max(0, after)
    fee = sum(
        mul_div_down(seized.protocol_fee, done.market[seized.slot], scales[seized.slot])
        for liquidation in done.liquidations
        for seized in liquidation.seized
    )
    return OwnerLoss(
        total=before - left,
        move=before - moved,
        bonus=moved - after - fee,
        protocol_fee=fee,
        left=left,
        borne_by_others=left - after,
    )


def _equity(standing: Standing, prices: tuple[int, ...], scales: tuple[int, ...]) -> int:
    """All that is supplied (rounded down) less all that is owed (rounded up), whether or not it counts."""
    supplied = sum(mul_div_down(leg.amount, prices[leg.slot], scales[leg.slot]) for leg in standing.collateral)
    owed = sum(mul_div_up(leg.amount, prices[leg.slot], scales[leg.slot]) for leg in standing.debt)
    return supplied - owed


def _amounts(legs: Iterable[Collateral | Debt]) -> tuple[Amount, ...]:
    return tuple(Amount(leg.token, leg.amount) for leg in legs)
