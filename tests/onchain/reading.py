"""Our reading of a world: the reader and the rules under test, without the client and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from defirisk.model import Position, Standing
from defirisk.protocols.aave_v3 import PROTOCOL
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
    asked = wallets if wallets is not None else world.addresses
    deployment = Deployment("local", "aave-v3", "local", 31337, world.entry)
    market = asyncio.run(PROTOCOL.reader.read(LocalChain(world.rpc), deployment, asked))
    found: dict[str, Position] = {}
    for wallet, position in zip(asked, market.positions, strict=True):
        if isinstance(position, BaseException):
            raise position
        if position is not None:
            found[wallet] = position
    return Reading(market, found)


def state_at(position: Position, by_address: Mapping[str, int]) -> tuple[Any, Standing]:
    """A position's state and standing at other prices (lower-case address -> oracle units)."""
    prices = tuple(by_address[token.address.lower()] for token in position.tokens)
    state = position.rules.reprice(position.state, prices)
    return state, position.rules.standing(state)
