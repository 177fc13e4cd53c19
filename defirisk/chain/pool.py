"""The endpoints of one chain: which one answers now, and what must hold before another takes its place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from defirisk.chain.calls import Block
from defirisk.chain.headers import header_ask, read_chain_id, read_header
from defirisk.chain.jsonrpc import LOGS, Ask, Kind, Reply, Result, failure_of, kind_of
from defirisk.chain.multicall import Header
from defirisk.chain.transport import Endpoint, TooBig
from defirisk.errors import (
    BlockReorganised,
    BlockUnavailable,
    DefiriskError,
    EndpointRefused,
    EndpointUnreachable,
    MalformedAnswer,
    StateUnavailable,
    WrongChain,
)
from defirisk.model import Warning as Notice

_ANSWERS = {("eth_call", Kind.REVERT), ("eth_call", Kind.TOO_BIG), (LOGS, Kind.TOO_BIG)}
"""Errors that tell whoever asked what he needs to know."""
_UNUSABLE = (EndpointUnreachable, EndpointRefused, MalformedAnswer, StateUnavailable, BlockUnavailable, WrongChain)


class Pool:
    """Endpoints in order of preference; the first is in use, one that fails is left out from then on."""

    def __init__(self, endpoints: Sequence[Endpoint], warnings: list[Notice]) -> None:
        self._endpoints = list(endpoints)
        self._all = tuple(endpoints)
        self._warnings = warnings
        self._switching = asyncio.Lock()
        self._pinned: tuple[int, Block] | None = None

    @property
    def host(self) -> str:
        """The host that answers now."""
        return self._endpoints[0].host

    @property
    def requests(self) -> int:
        """JSON-RPC requests sent to any endpoint."""
        return sum(endpoint.requests for endpoint in self._all)

    async def first(self, begin: Callable[[Endpoint], Awaitable[tuple[int, Block]]]) -> tuple[int, Block]:
        """Begin with the first endpoint that can, and pin what it began with: chain id and block."""
        failures: list[DefiriskError] = []
        while True:
            try:
                self._pinned = await begin(self._endpoints[0])
            except _UNUSABLE as failure:
                failures.append(failure)
            else:
                return self._pinned
            if len(self._endpoints) == 1:
                raise _all_failed(failures)
            self._drop(failures[-1])

    async def send(self, asks: Sequence[Ask], *, heavy: bool = False) -> list[Reply]:
        """Ask the endpoint in use; on its failure the next one.

        Raises:
            TooBig: the whole is refused for its size.
            ReadError: no endpoint is left.

        """
        while True:
            endpoint = self._endpoints[0]
            try:
                return await ask_checked(endpoint, asks, heavy=heavy)
            except TooBig:
                raise
            except _UNUSABLE as failure:
                await self._switch(endpoint, failure)

    async def _switch(self, failed: Endpoint, failure: DefiriskError) -> None:
        """Go on with the next endpoint that has the same chain and the very same block."""
        async with self._switching:
            if self._endpoints[0] is not failed:
                return
            cause = failure
            while len(self._endpoints) > 1:
                self._drop(cause)
                try:
                    await self._confirm(self._endpoints[0])
                except _UNUSABLE as another:
                    cause = another
                else:
                    return
        raise failure

    async def _confirm(self, endpoint: Endpoint) -> None:
        if self._pinned is None:
            return
        chain_id, block = self._pinned
        got, header = await ask_block(endpoint, block.number)
        if got != chain_id:
            raise WrongChain(chain_id, got)
        if header.block != block:
            raise BlockReorganised(f"{endpoint.host} has another block {block.number} than the one pinned")

    def _drop(self, failure: DefiriskError) -> None:
        left = self._endpoints.pop(0)
        text = f"{left.host} failed and {self.host} is used instead: {failure}"
        self._warnings.append(Notice("endpoint-failed", text))


async def ask_block(endpoint: Endpoint, number: int | None) -> tuple[int, Header]:
    """Ask chain id and header in one go."""
    replies = await ask_checked(endpoint, [Ask("eth_chainId", ()), header_ask(number)])
    return read_chain_id(replies[0], endpoint.host), read_header(replies[1], number, endpoint.host)


async def ask_checked(endpoint: Endpoint, asks: Sequence[Ask], *, heavy: bool = False) -> list[Reply]:
    """Ask, and raise every error that is no answer; a revert is one, and so is "too much" to a call or for logs."""
    replies = await endpoint.send(asks, heavy=heavy)
    return [_checked(reply, ask, endpoint.host) for reply, ask in zip(replies, asks, strict=True)]


def _checked(reply: Reply, ask: Ask, host: str) -> Reply:
    if isinstance(reply, Result) or (ask.method, kind_of(reply, ask.method)) in _ANSWERS:
        return reply
    raise failure_of(reply, ask, host)


def _all_failed(failures: Sequence[DefiriskError]) -> DefiriskError:
    """Return the one failure as it is, or one that tells them all."""
    if len(failures) == 1:
        return failures[0]
    told = "; ".join(str(failure) for failure in failures)
    return EndpointUnreachable(f"no endpoint can be used: {told}", hint="give one with --rpc")
