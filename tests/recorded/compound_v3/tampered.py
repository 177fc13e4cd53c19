"""A recorded Comet in which single answers are replaced, as a hostile or broken contract would give them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from defirisk.chain.abi import Abi
from defirisk.chain.calls import Answer, Block, Call, Chain, Returned, Reverted
from defirisk.chain.recording import load_fixture
from defirisk.model import Position
from defirisk.model import Warning as Notice
from defirisk.protocols.compound_v3.family import PROTOCOL
from defirisk.protocols.interface import Deployment, MarketReading

DATA = Path(__file__).parent / "data"
ABI = Abi.load("compound_v3")
BAD_PRICE = Reverted(bytes.fromhex("fd1ee349"))


class Tampered:
    """A chain that answers some calls otherwise and counts its round trips."""

    def __init__(self, chain: Chain, instead: Mapping[Call, Answer], timestamp: int | None = None) -> None:
        self._chain = chain
        self._instead = dict(instead)
        self._timestamp = timestamp
        self.asked: list[list[Call]] = []

    @property
    def chain_id(self) -> int:
        return self._chain.chain_id

    @property
    def block(self) -> Block:
        block = self._chain.block
        return block if self._timestamp is None else Block(block.number, self._timestamp, block.hash)

    @property
    def source(self) -> str:
        return self._chain.source

    @property
    def warnings(self) -> list[Notice]:
        return self._chain.warnings

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        self.asked.append(list(calls))
        rest = [call for call in calls if call not in self._instead]
        answers = dict(zip(rest, await self._chain.calls(rest), strict=True))
        return [self._instead[call] if call in self._instead else answers[call] for call in calls]


class Market:
    """A recorded market by name, with its wallets and what each is for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = DATA / f"comet-{name}.json.gz"
        document = json.loads(gzip.decompress(self.path.read_bytes()))
        self.entry: str = document["markets"][0]["entry"]
        self.wallets: dict[str, str] = json.loads((DATA / f"wallets-{name}.json").read_text())
        self.deployment = Deployment(f"compound-v3-local-{name}", "compound-v3", "local", 31337, self.entry)

    def chain(
        self, instead: Mapping[Call, Answer] = {}, timestamp: int | None = None, *, probed: bool = True
    ) -> Tampered:
        """The recording; ``probed`` adds the one answer that was not recorded: Comet has no ``targetHealthFactor``."""
        probe = {self.call("targetHealthFactor"): Reverted(b"")} if probed else {}
        return Tampered(load_fixture(str(self.path)), {**probe, **instead}, timestamp)

    def call(self, name: str, *arguments: Any) -> Call:
        return ABI[name](self.entry, *arguments)

    def wallet(self, why: str) -> str:
        """The first wallet that is there for ``why``."""
        return next(address for address, what in self.wallets.items() if what == why)

    async def read(self, chain: Chain | None = None, wallets: Sequence[str] | None = None) -> MarketReading:
        asked = list(self.wallets) if wallets is None else wallets
        return await PROTOCOL.reader.read(chain or self.chain(), self.deployment, asked)

    async def position(self, why: str, instead: Mapping[Call, Answer] = {}, **named: Any) -> Position:
        """The position of one wallet."""
        reading = await self.read(self.chain(instead, **named), [self.wallet(why)])
        (position,) = reading.positions
        assert isinstance(position, Position), position
        return position


def words(*values: int) -> Returned:
    """An answer of words, two's complement where negative."""
    return Returned(b"".join((value % 2**256).to_bytes(32) for value in values))
