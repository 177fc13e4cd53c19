"""A reserve of Aave before 3.4 that mints what it lends (GHO): neither supplies nor cash limit what is borrowed."""

from __future__ import annotations

import pytest

from defirisk.fixedpoint import RAY
from defirisk.model import ContractView, Market, Position, Unit
from defirisk.protocols.aave_v3.listing import Books, Listing, Offer
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import Holding, Reserve, state_of
from defirisk.protocols.interface import Act, ActKind, Refused
from tests.support.aave_v3 import NOW, token

REVISIONS = ("3.0", "3.1", "3.3", "3.4", "3.7")


def position(name: str, books: Books) -> Position:
    weth = Reserve(0, token("WETH", 18), 8000, 8300, 10_500, 0, RAY, RAY)
    gho = Reserve(1, token("GHO", 18), 0, 0, 0, 0, RAY, RAY)
    prices = (2000 * 10**8, 10**8)
    return Position(
        market=Market("m", "aave-v3", name, 1, "0x" + "22" * 20, Unit("USD", 8)),
        owner="0x" + "33" * 20,
        rules=rules_named(name),
        state=state_of((Holding(weth, 10**19, collateral=True),), prices[:1], NOW),
        price_times=(None,),
        contract=ContractView(),
        reproduced=ContractView(),
        listing=Listing((Offer(weth, prices[0]), Offer(gho, prices[1], books=books))),
    )


def borrow(mine: Position, amount: int) -> Position:
    changes = mine.rules.changes  # type: ignore[attr-defined]
    done: Position = changes.act(mine, Act(ActKind.BORROW, changes.assets(mine)[1], amount)).position
    return done


@pytest.mark.parametrize("name", REVISIONS)
def test_minted_on_demand(name: str) -> None:
    done = borrow(position(name, Books(0, 10**24, 0, None)), 5000 * 10**18)
    assert done.state.holdings[1].scaled_variable_debt == 5000 * 10**18
    assert done.listing.offers[1].books == Books(0, 10**24 + 5000 * 10**18, 0, None)


@pytest.mark.parametrize(("name", "reason"), [("3.0", "Panic(0x11)"), ("3.3", "26"), ("3.7", "InvalidAmount()")])
def test_lent_from_what_was_supplied(name: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason.replace("(", r"\(").replace(")", r"\)")):
        borrow(position(name, Books(10**21, 0, 0, 10**21)), 5000 * 10**18)
