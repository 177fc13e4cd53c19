"""A recorded market whose answers a test bends: the smallest world in which a reader can be lied to."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from defirisk.chain.abi import Abi, checksum
from defirisk.chain.calls import Answer, Block, Call, Returned, Reverted
from defirisk.chain.recording import ReplayChain, load_fixture
from defirisk.errors import MissingCall
from defirisk.model import Position
from defirisk.protocols.aave_v3.family import PROTOCOL
from defirisk.protocols.interface import Deployment, MarketReading

DATA = Path(__file__).parents[2] / "recorded" / "data"
ABI = Abi.load("aave_v3")
SYMBOL = Abi.load("erc20")["symbol"]
REVERT = Reverted(b"")
UMBRELLA = "0x" + "ab" * 20
STAKE = "0x" + "cd" * 20
NOTHING = Returned(b"")
SHAPES: dict[str, Answer] = {
    "reverts": Reverted(b""),
    "reverts with data": Reverted(b"\x08\xc3\x79\xa0" + b"\xff" * 70),
    "nothing": Returned(b""),
    "one byte": Returned(b"\x01"),
    "zero": Returned(bytes(32)),
    "all ones": Returned(b"\xff" * 32),
    "zeros": Returned(bytes(15 * 32)),
    "ones": Returned(b"\xff" * 15 * 32),
    "very long": Returned(bytes(100_000)),
    "offsets to nowhere": Returned((2**255).to_bytes(32) * 8),
    "offsets to itself": Returned((32).to_bytes(32) * 8),
}
"""Answers that no contract of this kind gives."""

Bend = Callable[[Call], Answer | None]


@cache
def recorded(revision: str) -> ReplayChain:
    return load_fixture(str(DATA / f"aave-v3-{revision}.json.gz"))


@cache
def one_of_each_kind(revision: str) -> tuple[str, ...]:
    """A wallet of every kind that was recorded: collateral off, eMode, isolation, dust, ..."""
    told = json.loads(gzip.decompress((DATA / f"aave-v3-{revision}-expected.json.gz").read_bytes()))["wallets"]
    kinds = {one["kind"]: checksum(wallet) for wallet, one in told.items()}
    return tuple(kinds.values())


def word(*values: int) -> Returned:
    return Returned(b"".join(value.to_bytes(32) for value in values))


class Bent:
    """A recorded chain that answers some calls otherwise. ``trips`` and ``asked`` say what it was asked."""

    def __init__(self, revision: str) -> None:
        self.base = recorded(revision)
        self.chain_id, self.block, self.source = self.base.chain_id, self.base.block, self.base.source
        self.warnings: list[Any] = []
        self.bends: list[Bend] = []
        self.trips = 0
        self.asked: list[Call] = []
        (market,) = self.base.fixture.markets
        self.entry = market.entry
        self.pool = self._address("getPool")
        self.oracle = self._address("getPriceOracle")
        self.wallets = one_of_each_kind(revision)
        self.hints: tuple[tuple[str, str], ...] = ()

    def _address(self, name: str) -> str:
        return "0x" + self.base.fixture.answers[ABI[name](self.entry)].data[12:].hex()

    @property
    def deployment(self) -> Deployment:
        return Deployment("bent", "aave-v3", "lab", self.chain_id, self.entry, self.hints)

    @property
    def assets(self) -> tuple[str, ...]:
        return self.told("getReservesList", self.pool)[0]

    def token(self, asset: str, place: str) -> str:
        return getattr(self.told("getReserveData", self.pool, asset)[0], place)

    def told(self, name: str, to: str, *arguments: Any) -> Any:
        """What the recording holds."""
        return ABI[name].decode(self.base.fixture.answers[ABI[name](to, *arguments)].data)

    def say(self, name: str, answer: Answer, *arguments: Any, to: str | None = None) -> Bent:
        """Answer a function otherwise; for one contract or one set of arguments if given."""
        function = SYMBOL if name == "symbol" else ABI[name]
        exact = function("0x" + "00" * 20, *arguments).data if arguments else None

        def bend(call: Call) -> Answer | None:
            if to is not None and call.to != to.lower():
                return None
            matches = call.data == exact if exact is not None else call.data[:4] == function.selector
            return answer if matches else None

        self.bends.append(bend)
        return self

    def covered(
        self, asset: str, *, slashable: int, offset: int = 0, pending: int = 0, deficit: int | None = None
    ) -> Bent:
        """Let Umbrella cover one reserve, by a stake whose token is worth as much as the reserve's.

        Recordings hold the deficit of the first reserve alone: for others it must be given.
        """
        self.hints = (*self.hints, ("umbrella", UMBRELLA))
        self.say("POOL", word(int(self.pool, 16)))
        self.say("getReserveSlashingConfigs", word(32, 0))
        self.say("getReserveSlashingConfigs", word(32, 1, int(STAKE, 16), 0x0FAC1E, 0), asset)
        self.say("getDeficitOffset", word(offset)).say("getPendingDeficit", word(pending))
        if deficit is not None:  # whether the pool answers this at all tells its revision
            self.say("getReserveDeficit", word(deficit), asset)
        self.say("latestUnderlyingAnswer", word(self.told("getAssetPrice", self.oracle, asset)[0]), STAKE)
        return self.say("getMaxSlashableAssets", word(slashable), to=STAKE)

    def at(self, timestamp: int) -> Bent:
        self.block = Block(self.block.number, timestamp, self.block.hash)
        return self

    async def verify(self) -> None:
        """A recording has nothing to check."""

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        self.trips += 1
        self.asked += calls
        found = [self._answer(call) for call in calls]
        missing = tuple(
            (call.to, "0x" + call.data.hex()) for call, one in zip(calls, found, strict=True) if one is None
        )
        if missing:
            raise MissingCall("not in the recording", missing=missing)
        return [one for one in found if one is not None]

    def _answer(self, call: Call) -> Answer | None:
        for bend in reversed(self.bends):
            answer = bend(call)
            if answer is not None:
                return answer
        return self.base.fixture.answers.get(call)

    def read(self, wallets: Sequence[str] | None = None, deployment: Deployment | None = None) -> MarketReading:
        wanted = self.wallets if wallets is None else wallets
        return asyncio.run(PROTOCOL.reader.read(self, deployment or self.deployment, wanted))

    def positions(self, wallets: Sequence[str] | None = None) -> list[Position]:
        """All positions; an error in the place of one is raised."""
        found = self.read(wallets).positions
        for one in found:
            if isinstance(one, BaseException):
                raise one
        return [one for one in found if isinstance(one, Position)]


def codes(position: Position) -> set[str]:
    return {warning.code for warning in position.warnings}


def text_of(position: Position, code: str) -> str:
    return next(warning.text for warning in position.warnings if warning.code == code)
