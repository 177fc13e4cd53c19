"""What tests of any Venus ask of the chain, and the liquidations that they really send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from defirisk.fixedpoint import wad_mul_down
from defirisk.model import ContractView, Liquidation, Position
from defirisk.protocols.compound_v2.account import accrued_sums, supply_of
from defirisk.protocols.compound_v2.liquidation import cover, seize_ratio
from defirisk.protocols.compound_v2.state import CompoundState, Holding
from defirisk.protocols.interface import Pair
from defirisk.risk.replay import Replay, replay

from .evm import GAS, Receipt, Transaction
from .rpc import RpcError
from .venus_market import LIQUIDATOR, Venus
from .venus_reading import Next, at, index_of, read, shocked

LIQUIDATIONS = ("LiquidateBorrow", "LiquidateVAI")


def is_vai(holding: Holding) -> bool:
    return holding.market.caps is None


def chain_says(made: Venus, states: Mapping[str, CompoundState]) -> None:
    """Tokens, debts, rates and liquidity of the chain are those of our states, by wallet."""
    for wallet, seen in made.look(list(states)).items():
        state = states[wallet]
        for holding in state.holdings:
            if is_vai(holding):
                assert seen.vai == holding.debt, wallet
            else:
                theirs = seen.snapshots[index_of(made, holding)]
                assert theirs == (0, holding.tokens, holding.debt, holding.books.rate), wallet
        sums = accrued_sums(state)
        ours = (0, max(0, sums.collateral - sums.debts), max(0, sums.debts - sums.collateral))
        assert seen.liquidity == ours, wallet


def accrued_one_by_one(made: Venus) -> int:
    """The reader's figures for a block are the contract's own after a transaction that accrues a market in that block.

    How many debts grew by it.
    """
    ahead = read(made, Next(made.evm.rpc))
    stale = 0
    for number, one in enumerate(made.markets):
        with made.undone():
            one.vtoken.send("accrueInterest", sender=LIQUIDATOR)
            totals = one.vtoken.call("totalReserves"), one.vtoken.call("totalBorrows")
            seen = made.look(list(ahead))
            for wallet, position in ahead.items():
                for holding in position.state.holdings:
                    if not is_vai(holding) and index_of(made, holding) == number:
                        _, tokens, debt, rate = seen[wallet].snapshots[number]
                        assert (tokens, debt, rate) == (holding.tokens, holding.debt, holding.books.rate)
                        assert supply_of(holding) == one.vtoken.call("balanceOfUnderlying", wallet)
                        assert totals == (holding.books.reserves, holding.books.borrows)
                        stale += holding.debt > holding.stored_debt
    return stale


def views_at_every_shock(
    made: Venus, positions: Mapping[str, Position], scenarios: Mapping[str, dict[str, int]]
) -> list[ContractView]:
    """What we say that the Comptroller answers of each wallet in each scenario, which it does, to the digit."""
    views = []
    for moves in scenarios.values():
        with made.undone():
            prices = shocked(made, moves)
            made.set_prices(prices)
            told = made.liquidity(list(positions))
            for (wallet, position), view in zip(positions.items(), told, strict=True):
                ours = position.rules.contract_view(at(made, position, prices))
                assert (0, ours.liquidity, ours.shortfall) == tuple(view), wallet
                views.append(ours)
    return views


# --- one liquidation ----------------------------------------------------------------------------------------------


def pair_of(step: Liquidation) -> Pair:
    return Pair(step.seized[0].slot, step.repaid_slot)


def asked_of(state: CompoundState, pair: Pair) -> int:
    """What a liquidator asks to repay: the close factor's part, or what the collateral covers. VAI takes a little less."""
    ratio = seize_ratio(state, pair.debt, pair.collateral or 0)
    return min(most_of(state, state.holdings[pair.debt]), cover(state.holdings[pair.collateral or 0].tokens, ratio))


def most_of(state: CompoundState, debt: Holding) -> int:
    return debt.debt if debt.market.forced else wad_mul_down(state.close_factor, debt.debt)


def call_for(made: Venus, wallet: str, state: CompoundState, pair: Pair, repay: int) -> Transaction:
    """``liquidateBorrow``, or ``liquidateVAI``, for a pair of a state's holdings."""
    debt = state.holdings[pair.debt]
    taken = made.markets[index_of(made, state.holdings[pair.collateral or 0])].vtoken
    if is_vai(debt):
        data = made.controller.data("liquidateVAI", wallet, repay, taken.address)
        return Transaction(made.controller.address, data, LIQUIDATOR)
    owed = made.markets[index_of(made, debt)].vtoken
    return Transaction(owed.address, owed.data("liquidateBorrow", wallet, repay, taken.address), LIQUIDATOR)


def call_of(made: Venus, wallet: str, state: CompoundState, step: Liquidation) -> Transaction:
    """The same for a step of ours."""
    pair = pair_of(step)
    repay = asked_of(state, pair) if is_vai(state.holdings[pair.debt]) else step.repaid.raw
    return call_for(made, wallet, state, pair, repay)


def accepted(made: Venus, call: Transaction) -> bool:
    """Whether a liquidation would go through in the next block: it answers error code 0."""
    fields = {"from": call.sender, "to": call.to, "data": call.data, "gas": hex(GAS), "gasPrice": "0x0"}
    try:
        return int(made.evm.rpc("eth_call", fields, "pending")[:66], 16) == 0
    except RpcError:
        return False


def check_done(made: Venus, receipt: Receipt, step: Liquidation) -> None:
    """The event's figures are ours; without an event there was an error code."""
    [event] = [one.args for one in made.evm.events(receipt) if one.name in LIQUIDATIONS]
    taken = step.seized[0]
    ours = {"repayAmount": step.repaid.raw, "seizeTokens": (taken.shares or 0) + (taken.protocol_shares or 0)}
    assert {name: event[name] for name in ours} == ours, step


def liquidatable(rules: Any, states: Mapping[str, CompoundState]) -> dict[str, CompoundState]:
    return {wallet: state for wallet, state in states.items() if rules.standing(state).liquidatable}


# --- many -----------------------------------------------------------------------------------------------------------


def walk_all(made: Venus, rules: Any, states: Mapping[str, CompoundState]) -> dict[str, Replay]:
    """Replay states, by wallet, and really send every step. No interest runs, so that wallets do not touch each other,
    and the next step of each is in one block.
    """
    done = {wallet: replay(rules, state) for wallet, state in states.items()}
    now = dict(states)
    for number in count():
        steps = {w: one.liquidations[number] for w, one in done.items() if number < len(one.liquidations)}
        if not steps:
            break
        now |= advanced(made, rules, {wallet: now[wallet] for wallet in steps}, steps)
    assert now == {wallet: one.state for wallet, one in done.items()}
    return done


def walks_of_every_scenario(
    made: Venus, rules: Any, positions: Mapping[str, Position], scenarios: Mapping[str, dict[str, int]]
) -> Iterator[tuple[str, CompoundState, Replay]]:
    """Each walk of a wallet that is liquidatable in a scenario, with the scenario's name and where the walk began."""
    for scenario, moves in scenarios.items():
        prices = shocked(made, moves)
        states = {wallet: at(made, position, prices) for wallet, position in positions.items()}
        with made.undone():
            made.set_prices(prices)
            chain_says(made, states)
            for wallet, done in walk_all(made, rules, liquidatable(rules, states)).items():
                yield scenario, states[wallet], done


def advanced(
    made: Venus, rules: Any, states: Mapping[str, CompoundState], steps: Mapping[str, Liquidation]
) -> dict[str, CompoundState]:
    """The states after one step of each, which the chain does and says too."""
    calls = [call_of(made, wallet, states[wallet], step) for wallet, step in steps.items()]
    for receipt, step in zip(made.evm.send_all(calls), steps.values(), strict=True):
        check_done(made, receipt, step)
    after = {w: rules.liquidate(s, rules.standing(s), pair_of(steps[w])).state for w, s in states.items()}
    chain_says(made, after)
    return after
