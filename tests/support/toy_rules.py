"""A lending protocol small enough to be right at a glance: one bonus, no fee, close factor 100 %, exact sums.

Collateral values round down, debt values up; a position is liquidatable exactly when the sum of collateral value *
threshold is below the debt. Runs on intervals like the real rules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from defirisk.fixedpoint import WAD, mul_div_down, mul_div_up
from defirisk.model import (
    Amount,
    Borne,
    Collateral,
    ContractView,
    Debt,
    Limits,
    Market,
    Position,
    Seized,
    Standing,
    Token,
    Unit,
)
from defirisk.protocols.interface import Pair, Refused, Slack, Step

USD = Unit("USD", 8)
TOKENS = {
    "WETH": Token("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "WETH", 18),
    "wstETH": Token("0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0", "wstETH", 18),
    "WBTC": Token("0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", "WBTC", 8),
    "USDC": Token("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USDC", 6),
    "DAI": Token("0x6B175474E89094C44Da98b954EedeAC495271d0F", "DAI", 18),
    "ZZZ": Token("0x1111111111111111111111111111111111111111", "ZZZ", 18),
}


@dataclass(frozen=True, slots=True)
class Side:
    """What is supplied and owed of one token. Amounts token base units, threshold and bonus (above 1) wad."""

    token: Token
    price: int
    supply: int = 0
    debt: int = 0
    threshold: int = WAD * 8 // 10
    bonus: int = WAD // 20
    counts: bool = True


@dataclass(frozen=True, slots=True)
class ToyState:
    sides: tuple[Side, ...]

    @property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(side.token for side in self.sides)

    @property
    def prices(self) -> tuple[int, ...]:
        return tuple(side.price for side in self.sides)

    @property
    def scales(self) -> tuple[int, ...]:
        return tuple(10**side.token.decimals for side in self.sides)


class ToyRules:
    name = "toy"
    whole_account = False

    def __init__(self, who: str = "suppliers") -> None:
        self.who = who

    def reprice(self, state: ToyState, prices: tuple[int, ...]) -> ToyState:
        return ToyState(tuple(replace(side, price=price) for side, price in zip(state.sides, prices, strict=True)))

    def standing(self, state: ToyState) -> Standing:
        collateral = tuple(_collateral(i, side) for i, side in enumerate(state.sides) if side.supply > 0)
        debt = tuple(_debt(i, side) for i, side in enumerate(state.sides) if side.debt > 0)
        owed = sum(leg.value for leg in debt)
        weighted = sum(leg.value * leg.liquidation_threshold for leg in collateral if leg.counts)
        health = mul_div_down(weighted, 1, owed) if owed > 0 else None
        return Standing(
            health_factor=health,
            liquidatable=health is not None and health < WAD,
            collateral_value=sum(leg.value for leg in collateral if leg.counts),
            debt_value=owed,
            collateral=collateral,
            debt=debt,
        )

    def liquidate(self, state: ToyState, standing: Standing, pair: Pair, repay: int | None = None) -> Step:
        seized_side, owed_side = state.sides[pair.collateral], state.sides[pair.debt]
        if not standing.liquidatable or not seized_side.counts:
            raise Refused("healthy")
        asked = owed_side.debt if repay is None else min(repay, owed_side.debt)
        paid, seized = _amounts(seized_side, owed_side, asked)
        if paid == 0 or seized == 0:
            raise Refused("nothing moves")
        sides = list(state.sides)
        sides[pair.collateral] = replace(seized_side, supply=seized_side.supply - seized)
        sides[pair.debt] = replace(sides[pair.debt], debt=owed_side.debt - paid)
        gone = Seized(seized_side.token, pair.collateral, seized, 0)
        return Step(ToyState(tuple(sides)), Amount(owed_side.token, paid), (gone,))

    def health_slack(self, state: ToyState, standing: Standing) -> Slack:
        return Slack(threshold=0, value=2 * len(state.sides))

    def tail(self, state: ToyState, standing: Standing) -> None:
        return None

    def borne_by(self, state: ToyState, losses) -> tuple[Borne, ...]:
        return tuple(Borne(self.who, loss.token, loss.raw) for loss in losses)

    def limits(self, state: ToyState, _listing: object = None, /) -> tuple[Limits, ...]:
        return tuple(Limits(side.token, slot) for slot, side in enumerate(state.sides))


def position(*sides: Side, unit: Unit = USD, chain_id: int = 1, who: str = "suppliers", **fields) -> Position:
    """A toy position; ``fields`` are further fields of :class:`Position`."""
    market = Market(fields.pop("market", "toy-ethereum"), "toy", "toy", chain_id, "0x" + "22" * 20, unit)
    return Position(
        market=market,
        owner="0x" + "33" * 20,
        rules=ToyRules(who),
        state=ToyState(sides),
        price_times=(None,) * len(sides),
        contract=ContractView(),
        reproduced=ContractView(),
        **fields,
    )


def _collateral(slot: int, side: Side) -> Collateral:
    return Collateral(
        token=side.token,
        slot=slot,
        amount=side.supply,
        price=side.price,
        value=mul_div_down(side.supply, side.price, 10**side.token.decimals),
        counts=side.counts,
        liquidation_threshold=side.threshold,
        liquidation_bonus=side.bonus,
        recovery=mul_div_down(WAD, WAD, WAD + side.bonus),
    )


def _debt(slot: int, side: Side) -> Debt:
    value = mul_div_up(side.debt, side.price, 10**side.token.decimals)
    return Debt(side.token, slot, side.debt, side.price, value)


def _amounts(seized: Side, owed: Side, asked: int) -> tuple[int, int]:
    """What is repaid and what is seized: the amount asked, or as much as all of the collateral pays for."""
    seized_unit, owed_unit = 10**seized.token.decimals, 10**owed.token.decimals
    takes = mul_div_down(asked * owed.price * seized_unit, WAD + seized.bonus, seized.price * owed_unit * WAD)
    if takes <= seized.supply:
        return asked, takes
    pays = mul_div_up(seized.supply * seized.price * owed_unit, WAD, owed.price * seized_unit * (WAD + seized.bonus))
    return min(pays, asked), seized.supply
