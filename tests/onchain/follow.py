"""Walk a replay on the chain: every step of ours is really sent, and everything that can be compared is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from defirisk.model import Ended, Liquidation, Position
from defirisk.risk.replay import Replay, replay

from .evm import MAX
from .listing import BY_SYMBOL
from .reading import state_at
from .world import NO_DEBT, Liquidated, Refusal, World

SMALLER = (1, 100, 10, 4, 2)  # divisors of the debt, tried where our rules say that no amount is accepted


@dataclass
class Tally:
    """What a run of comparisons met: a comparison that never meets a case proves nothing about it."""

    endings: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Scene:
    """One wallet under one shock."""

    world: World
    position: Position
    shock: str
    kind: str

    @property
    def wallet(self) -> str:
        return self.position.owner

    def symbol(self, address: str) -> str:
        return self.world.symbol_of(address)

    def __str__(self) -> str:
        return f"{self.world.market.rules} {self.kind} {self.wallet} under {self.shock}"


def follow(scene: Scene, liquidator: str, tally: Tally) -> Replay:
    """Replay a position with `liquidator` and send each step; equal to the digit or it fails."""
    rules = scene.position.rules
    state, standing = state_at(scene.position, scene.world.prices_by_address())
    done = replay(rules, state, liquidator=liquidator, standing=standing)
    for step in done.liquidations:
        check_skipped(scene, step, liquidator, tally)
        send(scene, step, tally)
    check_end(scene, done, tally)
    return done


def send(scene: Scene, step: Liquidation, tally: Tally) -> None:
    """One step: the contract takes the same, pays the same, and says the same health afterwards."""
    [seized] = step.seized
    pair = (scene.symbol(seized.token.address), scene.symbol(step.repaid.token.address))
    sent = scene.world.liquidate(scene.wallet, *pair, MAX)
    if isinstance(sent, Refusal):
        sent = send_reduced(scene, pair, step.repaid.raw, sent, tally)
    deficit = {scene.symbol(amount.token.address): amount.raw for amount in step.bad_debt}
    after = NO_DEBT if step.health_factor_after is None else step.health_factor_after
    ours = Liquidated(step.repaid.raw, seized.amount, seized.protocol_fee, deficit, after)
    assert ours == sent, f"{scene}: {pair}"
    tally.met.update(traits(ours))


def traits(step: Liquidated) -> Iterator[str]:
    yield "step"
    if step.fee:
        yield "fee"
    if step.deficit:
        yield "deficit"
    if len(step.deficit) > 1:
        yield "deficit in several reserves"
    if step.health_factor == NO_DEBT:
        yield "no debt left"


def send_reduced(scene: Scene, pair: tuple[str, str], amount: int, refusal: Refusal, tally: Tally) -> Liquidated:
    """The dust rule: the amount that we say is the largest is accepted, one unit more is refused like the maximum."""
    assert refusal.reason == "MustNotLeaveDust()", f"{scene}: {pair}"
    assert scene.world.liquidate(scene.wallet, *pair, amount + 1) == refusal, f"{scene}: {pair}"
    sent = scene.world.liquidate(scene.wallet, *pair, amount)
    assert isinstance(sent, Liquidated), f"{scene}: {pair} {amount} {sent}"
    tally.met["reduced amount"] += 1
    return sent


def check_skipped(scene: Scene, step: Liquidation, liquidator: str, tally: Tally) -> None:
    """Pairs that this liquidator would have preferred are refused by the contract, whatever the amount."""
    if liquidator not in ORDERS or in_keyed_emode(scene):
        return
    chosen = (scene.symbol(step.seized[0].token.address), scene.symbol(step.repaid.token.address))
    ranked = ranking(scene, liquidator)
    assert chosen in ranked, f"{scene}: {chosen}"
    for pair in ranked[: ranked.index(chosen)]:
        check_refused(scene, pair)
        tally.met["next pair"] += 1


def check_refused(scene: Scene, pair: tuple[str, str]) -> None:
    debt = scene.world.holdings([scene.wallet])[scene.wallet][pair[1]].debt
    amounts = (MAX, 1, *(max(debt // divisor, 1) for divisor in SMALLER))
    refusals = scene.world.refusals(scene.wallet, *pair, amounts)
    assert None not in refusals, f"{scene}: {pair} accepts {amounts[refusals.index(None)]} of {debt}"


def check_end(scene: Scene, done: Replay, tally: Tally) -> None:
    """Where our replay stops the chain stops too, and what is left is the same."""
    account = scene.world.account(scene.wallet)
    held = scene.world.holdings([scene.wallet])[scene.wallet]
    left = {scene.symbol(leg.token.address): leg.amount for leg in done.after.collateral}
    owed = {scene.symbol(leg.token.address): leg.amount for leg in done.after.debt}
    assert left == {symbol: row.supply for symbol, row in held.items() if row.supply}, str(scene)
    assert owed == {symbol: row.debt for symbol, row in held.items() if row.debt}, str(scene)
    assert (account.collateral, account.debt) == (done.after.collateral_value, done.after.debt_value), str(scene)
    ENDINGS[done.ended](scene, account.health_factor, account.collateral, done)
    tally.endings[done.ended.value] += 1


def _healthy(scene: Scene, health: int, collateral: int, done: Replay) -> None:
    assert health >= 10**18, str(scene)
    assert not done.bad_debt(), str(scene)


def _nothing_to_seize(scene: Scene, health: int, collateral: int, done: Replay) -> None:
    if done.written_off:
        assert health == NO_DEBT, str(scene)
    else:
        assert (collateral, health < 10**18) == (0, True), str(scene)
    assert done.bad_debt(), str(scene)


def _rules(scene: Scene, health: int, collateral: int, done: Replay) -> None:
    assert health < 10**18, str(scene)
    pairs = ranking(scene, "largest")
    assert pairs, str(scene)
    for pair in pairs:
        check_refused(scene, pair)


ENDINGS: dict[Ended, Callable[[Scene, int, int, Replay], None]] = {
    Ended.HEALTHY: _healthy,
    Ended.NOTHING_TO_SEIZE: _nothing_to_seize,
    Ended.RULES: _rules,
}


def in_keyed_emode(scene: Scene) -> bool:
    """In an eMode of V3.0 with its own price a value depends on who asks: the order is then only ours to define."""
    mode = scene.world.market.pool.call("getUserEMode", scene.wallet)
    return any(m.id == mode and m.price_key for m in scene.world.market.emodes)


def ranking(scene: Scene, liquidator: str) -> list[tuple[str, str]]:
    """The pairs in a liquidator's order, from the chain's own numbers (DESIGN.md, "Replay")."""
    held = scene.world.holdings([scene.wallet])[scene.wallet]
    prices, tokens = scene.world.prices(), list(held)
    worth = {s: held[s].supply * prices[s] // 10 ** BY_SYMBOL[s].decimals for s in tokens}
    owes = {s: held[s].debt * prices[s] // 10 ** BY_SYMBOL[s].decimals for s in tokens}
    collateral = [s for s in tokens if held[s].counts and held[s].supply]
    debts = sorted((s for s in tokens if held[s].debt), key=lambda s: (-owes[s], tokens.index(s)))
    key = ORDERS[liquidator]
    collateral.sort(key=lambda s: (*key(scene, s), -worth[s], tokens.index(s)))
    return [(c, d) for c in collateral for d in debts]


def _by_net_bonus(scene: Scene, symbol: str) -> tuple[Any, ...]:
    market, asset = scene.world.market, scene.world.asset(symbol)
    mode = market.pool.call("getUserEMode", scene.wallet)
    own = market.data.call("getReserveConfigurationData", asset)[3]
    bonus = next((m.bonus for m in market.emodes if m.id == mode and symbol in m.collateral), own)
    fee = market.data.call("getLiquidationProtocolFee", asset)
    return (-(bonus - 10_000) * (10_000 - fee),)


ORDERS: dict[str, Callable[[Scene, str], tuple[Any, ...]]] = {
    "largest": lambda scene, symbol: (),
    "best-bonus": _by_net_bonus,
}
