"""What both tests of newer Venus ask of the chain, and the liquidations that they really send."""

from __future__ import annotations

from defirisk.fixedpoint import wad_mul_down
from defirisk.protocols.compound_v2.account import accrued_sums
from defirisk.protocols.compound_v2.liquidation import cover, seize_ratio
from defirisk.protocols.compound_v2.rules import VENUS
from defirisk.protocols.compound_v2.state import CompoundState, Holding
from defirisk.protocols.interface import Pair
from defirisk.risk.replay import Replay, replay

from .venus_core import KINDS, VenusCore
from .venus_reading import index_of

STABLE = ("USDV", "DAIV")
SCENARIOS: dict[str, dict[str, int]] = {
    "today": {},
    **{f"volatile-{drop}": {k.symbol: -drop for k in KINDS if k.symbol not in STABLE} for drop in (10, 20, 35, 50, 90)},
    "eth-40": {"ETHV": -40},
    "btc-60": {"BTCV": -60},
    "cake-99": {"CAKE": -99},
    "old+80": {"OLDV": 80},
    "usd-depeg": {"USDV": -12},
    "dai+35": {"DAIV": 35},
}


def is_vai(holding: Holding) -> bool:
    return holding.market.caps is None


def chain_says(made: VenusCore, wallet: str, state: CompoundState) -> None:
    """Tokens, debts, rates and liquidity of the chain are those of our state."""
    snapshots = made.snapshots(wallet)
    for holding in state.holdings:
        if is_vai(holding):
            assert made.controller.call("getVAIRepayAmount", wallet) == holding.debt
        else:
            error, tokens, debt, rate = snapshots[index_of(made, holding)]
            assert (error, tokens, debt, rate) == (0, holding.tokens, holding.debt, holding.books.rate)
    sums = accrued_sums(state)
    ours = (0, max(0, sums.collateral - sums.debts), max(0, sums.debts - sums.collateral))
    assert tuple(made.comptroller.call("getAccountLiquidity", wallet)) == ours


def asked_of(state: CompoundState, pair: Pair) -> int:
    """What a liquidator asks to repay: the close factor's part, or what the collateral covers. VAI takes a little less."""
    debt, collateral = state.holdings[pair.debt], state.holdings[pair.collateral or 0]
    ratio = seize_ratio(state, pair.debt, pair.collateral or 0)
    return min(most_of(state, debt), cover(collateral.tokens, ratio))


def most_of(state: CompoundState, debt: Holding) -> int:
    return debt.debt if debt.market.forced else wad_mul_down(state.close_factor, debt.debt)


def sent(made: VenusCore, wallet: str, state: CompoundState) -> Replay:
    """Replay a state and really send every step."""
    done = replay(VENUS, state)
    now = state
    for step in done.liquidations:
        taken = step.seized[0]
        pair = Pair(taken.slot, step.repaid_slot)
        debt, collateral = now.holdings[pair.debt], index_of(made, now.holdings[taken.slot])
        if is_vai(debt):
            event = made.liquidate_vai(collateral, wallet, asked_of(now, pair))
        else:
            event = made.liquidate(index_of(made, debt), collateral, wallet, step.repaid.raw)
        assert event is not None, (wallet, step)
        assert event["repayAmount"] == step.repaid.raw
        assert event["seizeTokens"] == taken.shares
        now = VENUS.liquidate(now, VENUS.standing(now), pair).state
        chain_says(made, wallet, now)
    assert now == done.state
    return done
