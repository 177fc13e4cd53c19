"""A position of Aave V3.0 in which more collateral means less health for a while."""

from __future__ import annotations

from defirisk.fixedpoint import RAY
from defirisk.model import ContractView, Market, Position, Unit
from defirisk.protocols.aave_v3.listing import Listing, Offer
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import Holding, Reserve, state_of
from defirisk.protocols.interface import Act, ActKind
from tests.support.aave_v3 import NOW, token


def dips() -> tuple[Position, int]:
    """The position, and a health factor that a deposit reaches just before the average threshold falls by a point."""
    chosen = [Reserve(i, token(s, 6), lt - 300, lt, 10_500, 0, RAY, RAY) for i, (s, lt) in enumerate(TERMS)]
    shares = ((10**12, 0), (10**9, 0), (0, 7 * 10**11))
    holdings = tuple(
        Holding(reserve, supply, debt, collateral=supply > 0, borrowing=debt > 0)
        for reserve, (supply, debt) in zip(chosen, shares, strict=True)
    )
    rules = rules_named("3.0")
    state = state_of(holdings, (10**8,) * 3, NOW)
    mine = Position(
        market=Market("dips", "aave-v3", "3.0", 1, "0x" + "22" * 20, Unit("USD", 8)),
        owner="0x" + "33" * 20,
        rules=rules,
        state=state,
        price_times=(None,) * 3,
        contract=ContractView(),
        reproduced=ContractView(),
        listing=Listing(tuple(Offer(reserve, 10**8) for reserve in chosen)),
    )
    return mine, _before_the_dip(mine)


TERMS = (("AAA", 8000), ("BBB", 4000), ("CCC", 8000))
DIP = 10
"""So many base units more, and the average is a basis point lower."""


def _health(mine: Position, amount: int) -> int:
    named = mine.rules.changes.assets(mine)[1]
    after = mine.rules.changes.act(mine, Act(ActKind.DEPOSIT, named, amount)).position
    health: int = mine.rules.standing(after.state).health_factor
    return health


def _before_the_dip(mine: Position) -> int:
    """The health factor at the last unit before it falls: the averages are floor(sum(v t) / sum(v))."""
    low, high = 1, 10**12
    start = mine.rules.account_data(mine.state).liquidation_threshold
    while high - low > 1:
        middle = (low + high) // 2
        named = mine.rules.changes.assets(mine)[1]
        after = mine.rules.changes.act(mine, Act(ActKind.DEPOSIT, named, middle)).position
        same = mine.rules.account_data(after.state).liquidation_threshold == start
        low, high = (middle, high) if same else (low, middle)
    return _health(mine, low)
