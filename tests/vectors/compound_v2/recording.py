"""The recorded vectors as states of ours, and a liquidator that acts as the recorded one did."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from defirisk.fixedpoint import wad_mul_down
from defirisk.model import NATIVE_COIN, Token
from defirisk.protocols.compound_v2.account import stored_liquidity, supply_of
from defirisk.protocols.compound_v2.interest import Totals, books_of
from defirisk.protocols.compound_v2.liquidation import cover, seize_ratio
from defirisk.protocols.compound_v2.rules import ORIGINAL
from defirisk.protocols.compound_v2.state import CompoundState, CToken, Holding
from defirisk.protocols.interface import Pair, Refused

DATA = Path(__file__).parent / "data" / "compound-v2.json.gz"

Json = dict[str, Any]


@cache
def recorded() -> Json:
    """The recording."""
    with gzip.open(DATA, "rt") as file:
        return json.load(file)


def totals_of(raw: Json) -> Totals:
    """What a market stores, from the recording's names."""
    return Totals(
        int(raw["cash"]),
        int(raw["totalBorrows"]),
        int(raw["totalReserves"]),
        int(raw["totalSupply"]),
        int(raw["borrowIndex"]),
    )


@cache
def market(index: int) -> CToken:
    """A market's configuration as the reader would give it."""
    base = recorded()["base"]
    raw = base["markets"][index]
    factor = int(raw["collateralFactorMantissa"])
    return CToken(
        address=raw["market"],
        symbol=f"c{raw['symbol']}",
        token=Token(raw["underlying"] or NATIVE_COIN, raw["symbol"], raw["underlying_decimals"]),
        collateral_factor=factor,
        liquidation_threshold=factor,
        incentive=int(base["liquidationIncentiveMantissa"]),
        seize_share=int(base["protocolSeizeShareMantissa"][index]),
    )


def state_of(wallet: int, prices: list[str]) -> CompoundState:
    """A wallet's state at these prices: all seven markets, so that a slot is a market's index."""
    data = recorded()
    raw = data["base"]["wallets"][wallet]
    holdings = tuple(_holding(index, raw) for index in range(len(data["base"]["markets"])))
    return CompoundState(
        holdings=holdings,
        tokens=tuple(holding.market.token for holding in holdings),
        prices=tuple(int(price) for price in prices),
        close_factor=int(data["base"]["closeFactorMantissa"]),
    )


def _holding(index: int, wallet: Json) -> Holding:
    _, tokens, debt, rate = (int(number) for number in wallet["snapshots"][index])
    return Holding(
        market=market(index),
        books=books_of(totals_of(recorded()["base"]["state"][index]), rate),
        tokens=tokens,
        debt=debt,
        entered=index in wallet["assetsIn"],
        stored_rate=rate,
        stored_debt=debt,
    )


def liquidity_of(state: CompoundState) -> list[str]:
    """``getAccountLiquidity`` from a state's own numbers, stored ones brought up to them."""
    fresh = CompoundState(
        tuple(_touched(holding) for holding in state.holdings), state.tokens, state.prices, state.close_factor
    )
    told = stored_liquidity(fresh)
    return ["0", str(told.liquidity), str(told.shortfall)]


def _touched(holding: Holding) -> Holding:
    return Holding(
        holding.market,
        holding.books,
        holding.tokens,
        holding.debt,
        holding.entered,
        stored_rate=holding.books.rate,
        stored_debt=holding.debt,
    )


def liquidated(state: CompoundState) -> Json:
    """Our record of the recorded liquidator's work on a state, in the recording's shape."""
    steps: list[Json] = []
    while True:
        pair = _choice(state)
        if liquidity_of(state)[2] == "0":
            stop = "healthy"
        elif pair is None:
            stop = "no_collateral"
        else:
            try:
                step, state = _step(state, pair)
            except Refused as refused:
                stop = {"LIQUIDATE_CLOSE_AMOUNT_IS_ZERO": "repay_zero"}[refused.reason]
            else:
                steps.append(step)
                continue
        return {"steps": steps, "stop": stop, "end": _end(state)}


def _choice(state: CompoundState) -> Pair | None:
    """The collateral and the debt of the largest value, ties to the lower index."""
    holdings = list(enumerate(state.holdings))
    supplied = [(i, wad_mul_down(supply_of(h), state.prices[i])) for i, h in holdings if h.entered and h.tokens]
    owed = [(i, wad_mul_down(h.debt, state.prices[i])) for i, h in holdings if h.debt]
    if not supplied or not owed:
        return None
    largest = [min(legs, key=lambda leg: (-leg[1], leg[0]))[0] for legs in (supplied, owed)]
    return Pair(collateral=largest[0], debt=largest[1])


def _step(state: CompoundState, pair: Pair) -> tuple[Json, CompoundState]:
    before, collateral = state.holdings[pair.debt], state.holdings[pair.collateral or 0]
    step = ORIGINAL.liquidate(state, ORIGINAL.standing(state), pair)
    seized = step.seized[0]
    after = step.state.holdings[pair.collateral or 0]
    numbers = {
        "debt_before": before.debt,
        "tokens_before": collateral.tokens,
        "rate": collateral.books.rate,
        "shortfall_before": liquidity_of(state)[2],
        "max_close": wad_mul_down(state.close_factor, before.debt),
        "cover": cover(collateral.tokens, seize_ratio(state, pair.debt, pair.collateral or 0)),
        "repay": step.repaid.raw,
        "repaid": step.repaid.raw,
        "seize_tokens": (seized.shares or 0) + (seized.protocol_shares or 0),
        "liquidator_tokens": seized.shares,
        "protocol_tokens": seized.protocol_shares,
        "reserves_added": after.books.reserves - collateral.books.reserves,
        "collateral_reserves_after": after.books.reserves,
        "debt_after": step.state.holdings[pair.debt].debt,
        "tokens_after": after.tokens,
        "rate_after": after.books.rate,
        "shortfall_after": liquidity_of(step.state)[2],
    }
    texts = {name: str(number) for name, number in numbers.items()}
    return {"debt": pair.debt, "collateral": pair.collateral, **texts}, step.state


def _end(state: CompoundState) -> Json:
    return {
        "tokens": [str(holding.tokens) for holding in state.holdings],
        "debt": [str(holding.debt) for holding in state.holdings],
        "rate": [str(holding.books.rate) for holding in state.holdings],
        "liquidity": liquidity_of(state),
    }
