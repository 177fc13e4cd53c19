"""Bounded prices and pools of newer Venus: what is told, what nobody tells, and what a recording lacks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from defirisk.chain.abi import checksum
from defirisk.chain.calls import Answer, Call
from defirisk.errors import MissingCall
from defirisk.model import Position
from defirisk.protocols.compound_v2.family import PROTOCOL
from defirisk.protocols.compound_v2.listing import Bounds
from defirisk.protocols.compound_v2.reader_comptroller import ABI
from defirisk.protocols.interface import Act, Acted, ActKind, Deployment, Refused, Scope, changes_of

from .fake import COMPTROLLER, MARKETS, ORACLE, WALLETS, FakeChain, frozen
from .test_reader import RICH, venus

BOUNDING = checksum("0x" + "db" * 20)


class Lacking:
    """A recording of that chain without these functions."""

    def __init__(self, chain: FakeChain, *names: str) -> None:
        self._chain, self._selectors = chain, [ABI[name].selector for name in names]
        self.chain_id, self.block, self.source, self.warnings = (
            chain.chain_id,
            chain.block,
            chain.source,
            chain.warnings,
        )

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        missing = tuple((c.to, "0x" + c.data.hex()) for c in calls if c.data[:4] in self._selectors)
        if missing:
            raise MissingCall("not in the recording", missing=missing)
        return await self._chain.calls(calls)


def position(chain: Any, wallet: int = RICH) -> Position:
    here = Deployment("venus-local", "compound-v2", "local", 31337, COMPTROLLER)
    reading = asyncio.run(PROTOCOL.reader.read(chain, here, [WALLETS[wallet]], Scope.LISTED))
    found = reading.positions[0]
    assert isinstance(found, Position), found
    return found


def bounded(chain: FakeChain) -> FakeChain:
    """A percent either way, but for the last market, of which the oracle knows nothing."""
    chain.tell("deviationBoundedOracle", COMPTROLLER, [], ["address"], BOUNDING)
    for market in MARKETS[:-1]:
        price = int.from_bytes(chain.answers[ABI["getUnderlyingPrice"](ORACLE, market)].data)
        chain.tell("getBoundedPricesView", BOUNDING, [market], ["uint256"] * 2, price * 99 // 100, price * 101 // 100)
    return chain


def act(found: Position, kind: ActKind) -> Acted:
    """A little of the first market that secures something."""
    changes = changes_of(found.rules)
    assert changes is not None
    secures = next(one.market.address for one in found.state.holdings if one.entered and one.tokens)
    asset = next(named for named in changes.assets(found) if named.key == secures)
    return changes.act(found, Act(kind, asset, 10**6))


@cache
def in_credit() -> int:
    """A wallet that may still borrow, though only half of the recorded collateral factors is lent."""
    plain = venus(frozen())
    for wallet in range(len(WALLETS)):
        try:
            act(position(plain, wallet), ActKind.BORROW)
        except (AssertionError, StopIteration, Refused):
            continue
        return wallet
    raise AssertionError


def test_bounds_are_read_on_the_round_trips_that_there_are() -> None:
    plain, chain = venus(frozen()), bounded(venus(frozen()))
    prices = [offer.price for offer in position(plain).listing.offers]
    found = position(chain)
    assert chain.trips == plain.trips
    assert [offer.price for offer in found.listing.offers] == prices
    told = [Bounds(price * 99 // 100, price * 101 // 100) for price in prices]
    assert [offer.bounds for offer in found.listing.offers] == [*told[:-1], Bounds(0, 0)]


def test_where_nobody_bounds_them_prices_are_their_own_bounds() -> None:
    found = position(venus(frozen()))
    assert [offer.bounds for offer in found.listing.offers] == [
        Bounds(one.price, one.price) for one in found.listing.offers
    ]


@pytest.mark.parametrize("kind", [ActKind.BORROW, ActKind.WITHDRAW])
def test_a_market_without_bounds_lets_nobody_borrow_who_uses_it(kind: ActKind) -> None:
    chain = bounded(venus(frozen()))
    last = next(one for one in position(chain).state.holdings if one.market.address == checksum(MARKETS[-1]))
    assert last.entered
    with pytest.raises(Refused, match="PRICE_ERROR"):
        act(position(chain), kind)


@pytest.mark.parametrize("lacking", ["deviationBoundedOracle", "getBoundedPricesView"])
@pytest.mark.parametrize("kind", [ActKind.BORROW, ActKind.WITHDRAW])
def test_a_recording_made_before_takes_the_oracles_prices_and_says_so(lacking: str, kind: ActKind) -> None:
    whole, wallet = bounded(venus(frozen())), in_credit()
    found = position(Lacking(whole, lacking), wallet)
    assert {offer.bounds for offer in found.listing.offers} == {None}
    assert [notice.code for notice in act(found, kind).warnings] == ["limits-unread"]
    assert not act(position(venus(frozen()), wallet), kind).warnings


def test_a_recording_made_before_takes_a_pool_for_active() -> None:
    chain = venus(frozen())
    chain.tell("userPoolId", COMPTROLLER, [WALLETS[RICH]], ["uint96"], 2)
    for lends, told in ((True, chain), (True, Lacking(chain, "pools"))):
        assert all(one.borrow.open is lends for one in limits(position(told)))
    chain.tell("pools", COMPTROLLER, [2], ["string", "bool", "bool"], "sleeping", False, True)
    assert not any(one.borrow.open for one in limits(position(chain)))


def limits(found: Position) -> Any:
    return found.rules.limits(found.state, found.listing)
