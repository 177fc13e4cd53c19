"""A chain that answers from a dictionary: no recording, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from defirisk.chain import Answer, Block, Call, Returned
from defirisk.model import Warning as Notice

SLICE = Path(__file__).parents[2] / "support" / "slice.json"


class FakeChain:
    def __init__(self, answers: Mapping[Call, Answer], chain_id: int = 1) -> None:
        self.chain_id = chain_id
        self.block = Block(7, 1_700_000_000, None)
        self.source = "fake"
        self.warnings: list[Notice] = []
        self.answers = dict(answers)
        self.trips: list[list[Call]] = []

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        self.trips.append(list(calls))
        return [self.answers.get(call, Returned(b"")) for call in calls]

    async def verify(self) -> None:
        """Nothing moves."""


def word(value: int | str) -> bytes:
    return (int(value, 16) if isinstance(value, str) else value).to_bytes(32)
