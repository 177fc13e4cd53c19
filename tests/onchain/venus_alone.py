"""A liquidation months after anybody accrued: it brings two markets to its block, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from defirisk.model import Position
from defirisk.protocols.compound_v2.state import Books, CompoundState, Holding
from defirisk.protocols.interface import Pair, Refused

from .venus_market import Venus, VMarket
from .venus_reading import Next, at, index_of, read
from .venus_steps import accepted, call_for, chain_says, check_done, is_vai
from .views import ask


def liquidated_alone(made: Venus, rules: Any, prices: Sequence[int]) -> Counter[str]:
    """Some pairs of every wallet, each against the chain as it was before; how often it was taken, how often refused,
    and how often taken although the Comptroller's view, from stored numbers, calls the wallet healthy.
    """
    met: Counter[str] = Counter()
    with made.undone():
        made.set_prices(prices)
        books = [stored_books(one) for one in made.markets]
        ahead = read(made, Next(made.evm.rpc))
        short = {wallet for wallet, seen in made.look(list(ahead)).items() if seen.liquidity[2]}
        for wallet, position in ahead.items():
            for pair in some_pairs(rules, position):
                state = stored_but(made, at(made, position, prices), pair, books)
                taken = alone(made, rules, wallet, state, pair)
                met.update({"taken": taken, "refused": not taken, "unseen": taken and wallet not in short})
    return met


def some_pairs(rules: Any, position: Position) -> list[Pair]:
    standing = rules.standing(position.state)
    owed = [one for one in standing.debt if not is_vai(position.state.holdings[one.slot])]
    return [Pair(one.slot, other.slot) for one in standing.collateral[:2] for other in owed[:2]]


def stored_books(one: VMarket) -> Books:
    """A market's totals and rate as nobody has touched them."""
    names = ("getCash", "totalBorrows", "totalReserves", "totalSupply", "exchangeRateStored")
    cash, borrows, reserves, supply, rate = ask([(one.vtoken, name, ()) for name in names])
    return Books(cash + borrows, borrows, reserves, supply, rate)


def stored_but(made: Venus, state: CompoundState, pair: Pair, books: Sequence[Books]) -> CompoundState:
    """What a liquidation of this pair finds: its two markets as of its block, the others as they are stored."""

    def seen(slot: int, one: Holding) -> Holding:
        fresh = slot in {pair.collateral, pair.debt} or is_vai(one)
        return one if fresh else replace(one, debt=one.stored_debt, books=books[index_of(made, one)])

    return replace(state, holdings=tuple(seen(slot, one) for slot, one in enumerate(state.holdings)))


def alone(made: Venus, rules: Any, wallet: str, state: CompoundState, pair: Pair) -> bool:
    """Whether our rules take it; the chain does as they say, and says the same afterwards."""
    try:
        step = rules.liquidate(state, rules.standing(state), pair)
    except Refused:
        assert not accepted(made, call_for(made, wallet, state, pair, 1)), (wallet, pair)
        return False
    with made.undone():
        [receipt] = made.evm.send_all([call_for(made, wallet, state, pair, step.repaid.raw)])
        check_done(made, receipt, step)
        chain_says(made, {wallet: step.state})
    return True
