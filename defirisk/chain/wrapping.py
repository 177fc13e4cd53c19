"""What stands before a chain and passes on what the chain is: its id, block, source and warnings."""

from __future__ import annotations

from defirisk.chain.calls import Block, Chain
from defirisk.model import Warning as Notice


class Wrapping:
    """A chain before another one. A subclass says what it does with calls."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    @property
    def chain_id(self) -> int:
        """The wrapped chain's id."""
        return self._chain.chain_id

    @property
    def block(self) -> Block:
        """The wrapped chain's block."""
        return self._chain.block

    @property
    def source(self) -> str:
        """The wrapped chain's source."""
        return self._chain.source

    @property
    def warnings(self) -> list[Notice]:
        """The wrapped chain's warnings."""
        return self._chain.warnings
