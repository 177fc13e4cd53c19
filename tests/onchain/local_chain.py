"""The seam that readers know, over the tests' own connection: a reader is judged without the client under test."""

from __future__ import annotations

from collections.abc import Sequence

from defirisk.chain.calls import Answer, Block, Call, Returned, Reverted
from defirisk.model import Warning as Notice

from .rpc import Rpc, RpcError


class LocalChain:
    """A `defirisk.chain.calls.Chain` that sends every call by itself, at the newest block."""

    source = "local"

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        newest = rpc("eth_getBlockByNumber", "latest", False)
        self.chain_id = int(rpc("eth_chainId"), 16)
        self.block = Block(int(newest["number"], 16), int(newest["timestamp"], 16), newest["hash"])
        self.warnings: list[Notice] = []

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        at = hex(self.block.number)
        requests = [("eth_call", ({"to": call.to, "data": "0x" + call.data.hex()}, at)) for call in calls]
        return [_answer(answer) for answer in self._rpc.batch(requests)]


def _answer(answer: object) -> Answer:
    if isinstance(answer, RpcError):
        # A revert carries data (or none); anything else is a broken test, not an answer.
        assert answer.code == 3, answer
        return Reverted(bytes.fromhex((answer.data or "0x")[2:]))
    assert isinstance(answer, str)
    return Returned(bytes.fromhex(answer[2:]))
