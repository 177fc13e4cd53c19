"""Positions of a local Venus as our reader sees them, at its own prices or at others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from defirisk.chain.calls import Answer, Block, Call
from defirisk.fixedpoint import WAD
from defirisk.model import Position
from defirisk.protocols.compound_v2.family import PROTOCOL
from defirisk.protocols.compound_v2.state import CompoundState, Holding
from defirisk.protocols.interface import Deployment, Scope

from .local_chain import LocalChain, _answer
from .rpc import Rpc
from .venus_market import Venus


class Next(LocalChain):
    """The block that is being made: what a transaction sent now will find."""

    def __init__(self, rpc: Rpc) -> None:
        super().__init__(rpc)
        self.block = Block(self.block.number + 1, self.block.timestamp, None)

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        requests = [("eth_call", ({"to": call.to, "data": "0x" + call.data.hex()}, "pending")) for call in calls]
        return [_answer(answer) for answer in self._rpc.batch(requests)]


def read(made: Venus, chain: LocalChain | None = None, scope: Scope = Scope.ALL) -> dict[str, Position]:
    """Every wallet's position, read by the reader that users have."""
    here = Deployment("venus-local", "compound-v2", "local", 31337, made.comptroller.address)
    reading = asyncio.run(PROTOCOL.reader.read(chain or LocalChain(made.evm.rpc), here, made.wallets, scope))
    found = {}
    for wallet, position in zip(made.wallets, reading.positions, strict=True):
        assert position is None or isinstance(position, Position), position
        if position is not None:
            found[wallet] = position
    return found


def shocked(made: Venus, moves: dict[str, int]) -> tuple[int, ...]:
    """The oracle's prices in market order, moved by so many percent."""
    changes = (100 + moves.get(one.kind.symbol, 0) for one in made.markets)
    return tuple(price * change // 100 for price, change in zip(made.prices, changes, strict=True))


def index_of(made: Venus, holding: Holding) -> int:
    """Which market a holding is in."""
    return [one.vtoken.address for one in made.markets].index(holding.market.address)


def at(made: Venus, position: Position, prices: Sequence[int]) -> CompoundState:
    """The position's state at other prices; VAI, which is no market, is a dollar at all of them."""
    state: CompoundState = position.state
    known = {one.vtoken.address: price for one, price in zip(made.markets, prices, strict=True)}
    return position.rules.reprice(
        state, tuple(WAD if one.market.caps is None else known[one.market.address] for one in state.holdings)
    )
