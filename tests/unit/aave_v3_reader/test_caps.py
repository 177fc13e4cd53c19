"""Caps as a plain check reads them: their totals on the last round trip, and what a recording without them leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from defirisk.chain.calls import Answer, Call, Returned
from defirisk.model import Bound, Limit, Limits
from defirisk.protocols.aave_v3.family import PROTOCOL
from defirisk.protocols.interface import Scope

from .chains import ABI, REVERT, Bent, word

CAP, FULL = 3_000_000, 2
"""Whole tokens: a supply cap that nobody reaches, a borrow cap that is exceeded."""


def few(revision: str) -> Bent:
    """The recorded market, asked for three wallets."""
    chain = Bent(revision)
    chain.wallets = chain.wallets[:3]
    return chain


def capped(revision: str) -> Bent:
    """The market with caps on its first reserve; the recording itself knows nothing of that reserve's totals."""
    chain = few(revision)
    asset = chain.assets[0]
    data = bytearray(chain.base.fixture.answers[ABI["getReserveData"](chain.pool, asset)].data)
    configuration = int.from_bytes(data[:32]) | FULL << 80 | CAP << 116
    data[:32] = configuration.to_bytes(32)
    return chain.say("getReserveData", Returned(bytes(data)), asset)


def with_totals(chain: Bent, supply: int, debt: int) -> Bent:
    asset = chain.assets[0]
    chain.say("scaledTotalSupply", word(supply), to=chain.token(asset, "aTokenAddress"))
    return chain.say("scaledTotalSupply", word(debt), to=chain.token(asset, "variableDebtTokenAddress"))


def first(chain: Bent) -> Limits:
    """What is told of the first reserve."""
    told = [one for each in chain.positions() for one in each.rules.limits(each.state, each.listing)]
    return next(one for one in told if one.token.address.lower() == chain.assets[0])


def test_totals_come_with_the_balances() -> None:
    """No round trip more, and two calls for each reserve that has a cap."""
    plain = few("3.5")
    plain.positions()
    chain = with_totals(capped("3.5"), 10**24, 10**18)
    limits = first(chain)
    assert chain.trips == plain.trips == 4
    assert len(chain.asked) == len(plain.asked) + 2
    assert limits.supply.cap == CAP * 10**limits.token.decimals
    assert limits.supply.room is not None
    assert 0 < limits.supply.room < limits.supply.cap
    assert limits.borrow is not None
    assert limits.borrow.room is not None
    assert 0 < limits.borrow.room < 10**limits.token.decimals


def test_where_the_registry_knows_the_contracts_it_costs_no_round_trip_either() -> None:
    chain = with_totals(capped("3.5"), 10**24, 10**18)
    chain.hints = (("pool", chain.pool), ("oracle", chain.oracle))
    for scope in Scope:
        chain.trips = 0
        asyncio.run(PROTOCOL.reader.read(Whole(chain), chain.deployment, chain.wallets, scope))
        assert chain.trips == 3, scope


class Whole:
    """The same chain, which leaves no call unanswered: what it does not know reverts."""

    def __init__(self, chain: Bent) -> None:
        self._chain = chain
        self.chain_id, self.block, self.source, self.warnings = (
            chain.chain_id,
            chain.block,
            chain.source,
            chain.warnings,
        )

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        self._chain.trips += 1
        found = (self._chain._answer(call) for call in calls)
        return [REVERT if answer is None else answer for answer in found]


def test_a_recording_without_totals_still_tells_the_cap_and_all_else() -> None:
    """Made before caps were read: nothing fails, and what is not known is not told."""
    chain = capped("3.5")
    limits = first(chain)
    assert limits.supply == Limit(cap=CAP * 10**limits.token.decimals, bound_by=Bound.CAP)
    assert limits.borrow == Limit(cap=FULL * 10**limits.token.decimals, bound_by=Bound.CAP)
    assert [one.state for one in chain.positions()] == [one.state for one in few("3.5").positions()]


def test_a_token_that_does_not_tell_its_total_leaves_it_unknown() -> None:
    limits = first(with_totals(capped("3.5"), 10**24, 10**18).say("scaledTotalSupply", Returned(b"")))
    assert (limits.supply.room, limits.supply.cap is None) == (None, False)


def test_an_audit_does_not_ask_for_them() -> None:
    chain = capped("3.5")
    asyncio.run(PROTOCOL.reader.read(chain, chain.deployment, chain.wallets, Scope.USED))
    assert not [call for call in chain.asked if call.data == ABI["scaledTotalSupply"](chain.pool).data]


def test_whether_borrowing_is_allowed_is_asked_where_there_is_a_sentinel() -> None:
    chain = few("3.5").say("getPriceOracleSentinel", word(0x5E)).say("isLiquidationAllowed", word(1))
    chain.say("isBorrowAllowed", word(0))
    told = [one for each in chain.positions() for one in each.rules.limits(each.state, each.listing)]
    assert {one.borrow.bound_by for one in told if one.borrow is not None and one.borrow.room == 0} >= {Bound.SENTINEL}
