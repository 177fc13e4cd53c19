"""Aave's caps as a plain check reads them: the room that is told is taken by the contract, a unit more is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from defirisk.model import Bound, Limits, Position
from defirisk.protocols.interface import ActKind

from .listing import BY_SYMBOL
from .reading import read
from .whatif import theirs
from .world import World

CAPPED = ("WETH", "wstETH", "LINK")
REASONS = {ActKind.DEPOSIT: ("51", "SupplyCapExceeded()"), ActKind.BORROW: ("50", "BorrowCapExceeded()")}


def limits_of(position: Position, symbol: str) -> Limits | None:
    told = position.rules.limits(position.state, position.listing)
    return next((one for one in told if one.token.symbol == symbol), None)


def set_caps(world: World) -> None:
    """A little above what is supplied and owed today, months of interest and the treasury's part in it."""
    for symbol in CAPPED:
        unit = 10 ** BY_SYMBOL[symbol].decimals
        for side, tokens, more in (("Supply", world.market.atokens, 1000), ("Borrow", world.market.debts, 2)):
            cap = tokens[symbol].call("totalSupply") // unit + more
            world.market.configurator.send(f"set{side}Cap", world.asset(symbol), cap)


def compare(world: World, positions: Mapping[str, Position], kind: ActKind, met: Counter[str]) -> None:
    for wallet, position in positions.items():
        for symbol in CAPPED:
            limits = limits_of(position, symbol)
            limit = limits and (limits.supply if kind is ActKind.DEPOSIT else limits.borrow)
            if not limit or limit.bound_by is not Bound.CAP or limit.room is None:
                continue
            amounts = (limit.room, limit.room + 1) if limit.room else (10**9,)  # a unit alone would mint no share
            for amount in amounts:
                with world.reverting():
                    said = theirs(world, wallet, kind, symbol, amount)
                above = amount > limit.room
                what = f"{world.market.rules} {wallet} {kind.value} {amount} of {limit.room} {symbol}: {said}"
                assert said in REASONS[kind] if above else said not in REASONS[kind], what
                met[f"{kind.value} {'refused' if above else 'taken' if said is None else 'short of collateral'}"] += 1


def test_the_room_that_is_told_is_taken_and_a_unit_more_is_not(chain: World) -> None:
    met: Counter[str] = Counter()
    with chain.reverting():
        set_caps(chain)
        positions = read(chain, chain.addresses[::9]).positions
        for kind in REASONS:
            compare(chain, positions, kind, met)
    assert min(met["deposit taken"], met["deposit refused"], met["borrow refused"]) > 4, met
    assert met["borrow taken"], met
