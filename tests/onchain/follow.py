"""Walk replays on the chain: every step of ours is really sent, and everything that can be compared is.

Wallets walk side by side: the next step of each is in one block. They do not touch each other, since no time passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from defirisk.model import Ended, Liquidation, Position
from defirisk.risk.replay import Replay, replay

from .evm import MAX
from .listing import BY_SYMBOL
from .reading import state_at
from .world import NO_DEBT, Attempt, Holding, Liquidated, Refusal, World

SMALLER = (1, 100, 10, 4, 2)  # divisors of the debt, tried where our rules say that no amount is accepted
Held = Mapping[str, Holding]


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

    def pair(self, step: Liquidation) -> tuple[str, str]:
        """Collateral and debt of a step."""
        return self.symbol(step.seized[0].token.address), self.symbol(step.repaid.token.address)

    def __str__(self) -> str:
        return f"{self.world.market.rules} {self.kind} {self.wallet} under {self.shock}"


@dataclass(frozen=True)
class Order:
    """How the chain's own numbers rank the pairs of a wallet (DESIGN.md, "Replay"). `None` where it is only ours to
    say: for a search, and in an eMode of V3.0 with its own price, where a value depends on who asks.
    """

    prices: Mapping[str, int]
    first_by: Mapping[str, int] | None  # of each collateral, smaller first; then comes its value

    def ranking(self, held: Held) -> list[tuple[str, str]]:
        tokens, first_by = list(held), self.first_by or {}
        worth = {s: held[s].supply * self.prices[s] // 10 ** BY_SYMBOL[s].decimals for s in tokens}
        owes = {s: held[s].debt * self.prices[s] // 10 ** BY_SYMBOL[s].decimals for s in tokens}
        collateral = [s for s in tokens if held[s].counts and held[s].supply]
        collateral.sort(key=lambda s: (first_by.get(s, 0), -worth[s], tokens.index(s)))
        debts = sorted((s for s in tokens if held[s].debt), key=lambda s: (-owes[s], tokens.index(s)))
        return [(c, d) for c in collateral for d in debts]


@dataclass
class Walk:
    """A replay under way on the chain: what the wallet holds there now."""

    scene: Scene
    done: Replay
    order: Order
    held: Held

    def __str__(self) -> str:
        return str(self.scene)

    def step(self, number: int) -> Liquidation | None:
        return self.done.liquidations[number] if number < len(self.done.liquidations) else None


def follow(scene: Scene, liquidator: str, tally: Tally) -> Replay:
    """Replay a position with `liquidator` and send each step; equal to the digit or it fails."""
    return follow_all([scene], liquidator, tally)[0]


def follow_all(scenes: Sequence[Scene], liquidator: str, tally: Tally) -> list[Replay]:
    """The same for many wallets of one market."""
    if not scenes:
        return []
    world = scenes[0].world
    prices, wallets = world.prices(), [scene.wallet for scene in scenes]
    held, by_address = world.holdings(wallets), world.by_address(prices)
    walks = [
        Walk(scene, replayed(scene, liquidator, by_address), Order(prices, first_by), held[scene.wallet])
        for scene, first_by in zip(scenes, firsts(world, wallets, liquidator), strict=True)
    ]
    going = [walk for walk in walks if walk.step(0)]
    number = 0
    while going:
        advance(world, [(walk, walk.done.liquidations[number]) for walk in going], tally)
        number += 1
        going = [walk for walk in going if walk.step(number)]
    check_ends(world, walks, tally)
    return [walk.done for walk in walks]


def replayed(scene: Scene, liquidator: str, by_address: Mapping[str, int]) -> Replay:
    state, standing = state_at(scene.position, by_address)
    return replay(scene.position.rules, state, liquidator=liquidator, standing=standing)


def advance(world: World, steps: Sequence[tuple[Walk, Liquidation]], tally: Tally) -> None:
    """One step of each: the contract takes the same, pays the same, and says the same health afterwards."""
    for walk, step in steps:
        check_skipped(walk, step, tally)
    sent = world.liquidate_all([Attempt(walk.scene.wallet, *walk.scene.pair(step)) for walk, step in steps])
    for (walk, step), answer in zip(steps, sent, strict=True):
        theirs = send_reduced(walk.scene, step, answer, tally) if isinstance(answer, Refusal) else answer
        ours = told(walk.scene, step)
        assert ours == theirs, f"{walk}: {walk.scene.pair(step)}"
        tally.met.update(traits(ours))
    held = world.holdings([walk.scene.wallet for walk, _ in steps])
    for walk, _ in steps:
        walk.held = held[walk.scene.wallet]


def told(scene: Scene, step: Liquidation) -> Liquidated:
    """What we say of a step, in the chain's words."""
    [seized] = step.seized
    deficit = {scene.symbol(amount.token.address): amount.raw for amount in step.bad_debt}
    after = NO_DEBT if step.health_factor_after is None else step.health_factor_after
    return Liquidated(step.repaid.raw, seized.amount, seized.protocol_fee, deficit, after)


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


def send_reduced(scene: Scene, step: Liquidation, refusal: Refusal, tally: Tally) -> Liquidated:
    """The dust rule: the amount that we say is the largest is accepted, one unit more is refused like the maximum."""
    pair, amount = scene.pair(step), step.repaid.raw
    assert refusal.reason == "MustNotLeaveDust()", f"{scene}: {pair} {refusal}"
    assert scene.world.liquidate(scene.wallet, *pair, amount + 1) == refusal, f"{scene}: {pair}"
    sent = scene.world.liquidate(scene.wallet, *pair, amount)
    assert isinstance(sent, Liquidated), f"{scene}: {pair} {amount} {sent}"
    tally.met["reduced amount"] += 1
    return sent


def check_skipped(walk: Walk, step: Liquidation, tally: Tally) -> None:
    """Pairs that this liquidator would have preferred are refused by the contract, whatever the amount."""
    if walk.order.first_by is None:
        return
    chosen = walk.scene.pair(step)
    ranked = walk.order.ranking(walk.held)
    assert chosen in ranked, f"{walk}: {chosen}"
    better = ranked[: ranked.index(chosen)]
    check_refused(walk, better)
    tally.met["next pair"] += len(better)


def check_refused(walk: Walk, pairs: Iterable[tuple[str, str]]) -> None:
    for pair in pairs:
        debt = walk.held[pair[1]].debt
        amounts = (MAX, 1, *(max(debt // divisor, 1) for divisor in SMALLER))
        refusals = walk.scene.world.refusals(walk.scene.wallet, *pair, amounts)
        assert None not in refusals, f"{walk}: {pair} accepts {amounts[refusals.index(None)]} of {debt}"


def check_ends(world: World, walks: Sequence[Walk], tally: Tally) -> None:
    """Where our replays stop the chain stops too, and what is left is the same."""
    for walk, account in zip(walks, world.accounts([walk.scene.wallet for walk in walks]), strict=True):
        after = walk.done.after
        left = {walk.scene.symbol(leg.token.address): leg.amount for leg in after.collateral}
        owed = {walk.scene.symbol(leg.token.address): leg.amount for leg in after.debt}
        assert left == {symbol: row.supply for symbol, row in walk.held.items() if row.supply}, str(walk)
        assert owed == {symbol: row.debt for symbol, row in walk.held.items() if row.debt}, str(walk)
        assert (account.collateral, account.debt) == (after.collateral_value, after.debt_value), str(walk)
        ENDINGS[walk.done.ended](walk, account.health_factor, account.collateral)
        tally.endings[walk.done.ended.value] += 1


def _healthy(walk: Walk, health: int, collateral: int) -> None:
    assert health >= 10**18, str(walk)
    assert not walk.done.bad_debt(), str(walk)


def _nothing_to_seize(walk: Walk, health: int, collateral: int) -> None:
    if walk.done.written_off:
        assert health == NO_DEBT, str(walk)
    else:
        assert (collateral, health < 10**18) == (0, True), str(walk)
    assert walk.done.bad_debt(), str(walk)


def _rules(walk: Walk, health: int, collateral: int) -> None:
    assert health < 10**18, str(walk)
    pairs = walk.order.ranking(walk.held)
    assert pairs, str(walk)
    check_refused(walk, pairs)


ENDINGS: dict[Ended, Callable[[Walk, int, int], None]] = {
    Ended.HEALTHY: _healthy,
    Ended.NOTHING_TO_SEIZE: _nothing_to_seize,
    Ended.RULES: _rules,
}


# --- who takes what first -----------------------------------------------------------------------------------------


def firsts(world: World, wallets: Sequence[str], liquidator: str) -> list[Mapping[str, int] | None]:
    """Of each wallet, by what the liquidator ranks collateral before its value."""
    keyed = {mode.id for mode in world.market.emodes if mode.price_key}
    modes = world.modes(wallets)
    if liquidator == "largest":
        return [None if mode in keyed else {} for mode in modes]
    if liquidator == "best-bonus":
        terms = bonuses(world)
        return [None if mode in keyed else net_bonuses(world, terms, mode) for mode in modes]
    return [None] * len(modes)


def bonuses(world: World) -> dict[str, tuple[int, int]]:
    """Each reserve's own bonus (10500 is 5 %) and the part of it that is the protocol's, basis points."""
    data = world.market.data
    asked = {symbol: world.asset(symbol) for symbol in world.market.tokens}
    return {
        symbol: (data.call("getReserveConfigurationData", asset)[3], data.call("getLiquidationProtocolFee", asset))
        for symbol, asset in asked.items()
    }


def net_bonuses(world: World, terms: Mapping[str, tuple[int, int]], mode: int) -> dict[str, int]:
    """What is left of the bonus to a liquidator in this eMode, the largest first."""
    inside = {s: one.bonus for one in world.market.emodes if one.id == mode for s in one.collateral}
    return {s: -(inside.get(s, own) - 10_000) * (10_000 - fee) for s, (own, fee) in terms.items()}
