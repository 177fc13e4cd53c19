"""Our reading of a world: the reader and the rules under test, without the client and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from defirisk.chain.calls import Chain
from defirisk.model import Position, Standing
from defirisk.protocols.aave_v3.family import PROTOCOL
from defirisk.protocols.interface import Deployment, MarketReading

from .local_chain import LocalChain
from .world import World


@dataclass(frozen=True)
class Reading:
    """Positions by wallet; wallets without one are not in it."""

    market: MarketReading
    positions: Mapping[str, Position]


def read(world: World, wallets: list[str] | None = None) -> Reading:
    """Ask our reader for the wallets (all of the world's by default) at the newest block."""
    return asyncio.run(read_by(LocalChain(world.rpc), world, wallets))


async def read_by(chain: Chain, world: World, wallets: list[str] | None = None) -> Reading:
    """The same through any chain: a client, a recorder, a recording."""
    asked = wallets if wallets is not None else world.addresses
    market = await PROTOCOL.reader.read(chain, deployment(world), asked)
    found: dict[str, Position] = {}
    for wallet, position in zip(asked, market.positions, strict=True):
        if isinstance(position, BaseException):
            raise position
        if position is not None:
            found[wallet] = position
    return Reading(market, found)


def deployment(world: World) -> Deployment:
    return Deployment("local", "aave-v3", "local", 31337, world.entry)


def state_at(position: Position, by_address: Mapping[str, int]) -> tuple[Any, Standing]:
    """A position's state and standing at other prices (lower-case address -> oracle units)."""
    prices = tuple(by_address[token.address.lower()] for token in position.tokens)
    state = position.rules.reprice(position.state, prices)
    return state, position.rules.standing(state)
