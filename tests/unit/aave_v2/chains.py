"""The recorded market of Aave V2, whose answers a test bends."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

from defirisk.chain.abi import Abi, Function, checksum
from defirisk.chain.calls import Answer, Call
from defirisk.chain.recording import ReplayChain, load_fixture
from defirisk.protocols.aave_v2.family import PROTOCOL
from defirisk.protocols.interface import Deployment, MarketReading
from tests.unit.aave_v3_reader.chains import REVERT, Bent

FIXTURE = Path(__file__).parents[2] / "recorded" / "aave_v2" / "data" / "aave-v2.json.gz"
ABI = Abi.load("aave_v2")
SHARED = Abi.load("aave_v3")
SYMBOL = Abi.load("erc20")["symbol"]


@cache
def recorded() -> ReplayChain:
    return load_fixture(str(FIXTURE))


def function(name: str) -> Function:
    """A function that V2's reader asks, from its own fragments or from those it shares."""
    if name == "symbol":
        return SYMBOL
    return ABI[name] if name in {one.name for one in ABI} else SHARED[name]


class BentV2(Bent):
    """A recorded chain of V2 that answers some calls otherwise."""

    def __init__(self) -> None:
        self.base = recorded()
        self.chain_id, self.block, self.source = self.base.chain_id, self.base.block, self.base.source
        self.warnings: list[Any] = []
        self.bends = []
        self.trips, self.asked = 0, []
        (market,) = self.base.fixture.markets
        self.entry = market.entry
        self.pool, self.oracle, self.manager = (
            self.told(name, self.entry)[0] for name in ("getLendingPool", "getPriceOracle", "getLendingPoolCollateralManager")
        )  # fmt: skip
        self.wallets = tuple(checksum(wallet) for wallet in self.base.fixture.wallets)

    @property
    def deployment(self) -> Deployment:
        return Deployment("bent", "aave-v2", "lab", self.chain_id, self.entry)

    def told(self, name: str, to: str, *arguments: Any) -> Any:
        asked = function(name)
        return asked.decode(self.base.fixture.answers[asked(to, *arguments)].data)

    def say(self, name: str, answer: Answer, *arguments: Any, to: str | None = None) -> BentV2:
        asked = function(name)
        exact = asked("0x" + "00" * 20, *arguments).data if arguments else asked.selector

        def bend(call: Call) -> Answer | None:
            return answer if call.data.startswith(exact) and to in (None, call.to) else None

        self.bends.append(bend)
        return self

    def read(self, wallets: Any = None, deployment: Deployment | None = None) -> MarketReading:

        wanted = self.wallets if wallets is None else wallets
        return asyncio.run(PROTOCOL.reader.read(self, deployment or self.deployment, wanted))


__all__ = ["ABI", "REVERT", "BentV2", "function"]
