"""The endpoints of one chain: which ones answer, and what must hold before another joins them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

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

_T = TypeVar("_T")
UNUSABLE: Final = (
    EndpointUnreachable,
    EndpointRefused,
    MalformedAnswer,
    StateUnavailable,
    BlockUnavailable,
    WrongChain,
)
_FOR_EVER: Final = (WrongChain, BlockReorganised, StateUnavailable)
_REST: Final = 30.0
_ANSWERS: Final = {("eth_call", Kind.REVERT), ("eth_call", Kind.TOO_BIG), (LOGS, Kind.TOO_BIG)}
"""Errors that are for whoever asked: a range of logs, too, can be asked for in parts."""


class Pool:
    """Endpoints in order of preference.

    Those in use are proved to be of the same chain and to have the very same block; others join when one of them
    fails, or when there is work for several. One that fails is left out, and may come back after a rest.
    """

    def __init__(self, endpoints: Sequence[Endpoint], warnings: list[Notice]) -> None:
        self._all = tuple(endpoints)
        self._using: list[Endpoint] = []
        self._idle = list(endpoints)
        self._left_out: dict[Endpoint, str] = {}
        self._rested_at: dict[Endpoint, float] = {}
        self._failures: dict[Endpoint, int] = {}
        self._warnings = warnings
        self._replacing = asyncio.Lock()
        self._joining: dict[Endpoint, asyncio.Task[bool]] = {}
        self._pinned: tuple[int, Block] | None = None

    @property
    def host(self) -> str:
        """The host that answers now."""
        return (self._using or self._idle or self._all)[0].host

    @property
    def all(self) -> tuple[Endpoint, ...]:
        """Every endpoint that was given."""
        return self._all

    @property
    def using(self) -> tuple[Endpoint, ...]:
        """The endpoints in use, the preferred one first."""
        return tuple(self._using)

    @property
    def requests(self) -> int:
        """JSON-RPC requests sent to any endpoint."""
        return sum(endpoint.requests for endpoint in self._all)

    def why_left_out(self, endpoint: Endpoint) -> str | None:
        """Why an endpoint is not asked any more, ``None`` where it is or may be."""
        return self._left_out.get(endpoint)

    async def first(self, begin: Callable[[Endpoint], Awaitable[tuple[int, Block]]]) -> tuple[int, Block]:
        """Begin with the first endpoint that can, and pin what it began with: chain id and block."""
        failures: list[DefiriskError] = []
        while True:
            endpoint = self._idle[0]
            try:
                self._pinned = await begin(endpoint)
            except UNUSABLE as failure:
                failures.append(failure)
            else:
                self._use(endpoint)
                return self._pinned
            if len(self._idle) == 1:
                raise _all_failed(failures)
            self._leave_out(endpoint, failures[-1])

    async def send(self, asks: Sequence[Ask], *, heavy: bool = False) -> list[Reply]:
        """Ask the endpoint in use; on its failure the next one.

        Raises:
            TooBig: the whole is refused for its size.
            ReadError: no endpoint is left.

        """
        return await self.read(asks, lambda replies, _: replies, heavy=heavy)

    async def read(self, asks: Sequence[Ask], judge: Callable[[list[Reply], str], _T], *, heavy: bool = False) -> _T:
        """The same for what must also make sense: what ``judge`` raises of the replies of a host is that one's failure.

        Raises:
            TooBig: the whole is refused for its size.
            ReadError: no endpoint is left.

        """
        while True:
            endpoint = self._using[0]
            try:
                return judge(await ask_checked(endpoint, asks, heavy=heavy), endpoint.host)
            except TooBig:
                raise
            except UNUSABLE as failure:
                await self.replace(endpoint, failure)

    async def replace(self, failed: Endpoint, failure: DefiriskError) -> None:
        """Go on without an endpoint that failed.

        Raises:
            ReadError: ``failure``, where there is no other; it stays in use then, for whoever tries again.

        """
        if self._using != [failed]:
            self._drop(failed, failure)
            return
        async with self._replacing:
            if self._using == [failed] and not await self._join_next():
                raise failure
            self._drop(failed, failure)

    def _drop(self, failed: Endpoint, failure: DefiriskError) -> None:
        if failed in self._using:
            self._using.remove(failed)
            self._leave_out(failed, failure)

    async def widen(self) -> None:
        """Let every endpoint join that can: the idle ones, and those left out that have rested."""
        await asyncio.gather(*(self._join(endpoint) for endpoint in self._candidates()))

    async def close(self) -> None:
        """End what goes on in the background."""
        for task in self._joining.values():
            task.cancel()
        await asyncio.gather(*self._joining.values(), return_exceptions=True)

    @property
    def can_widen(self) -> bool:
        """Whether another endpoint could be asked to join."""
        return bool(self._candidates())

    def _candidates(self) -> list[Endpoint]:
        now = asyncio.get_running_loop().time()
        return self._idle + [one for one, at in self._rested_at.items() if at <= now]

    async def _join_next(self) -> bool:
        for endpoint in self._candidates():
            if await self._join(endpoint):
                return True
        return False

    async def _join(self, endpoint: Endpoint) -> bool:
        """Take an endpoint into use if it has the same chain and the very same block; asked once for all who wait."""
        if endpoint not in self._joining:
            task = self._joining[endpoint] = asyncio.ensure_future(self._try(endpoint))
            task.add_done_callback(lambda _: self._joining.pop(endpoint))
        return await asyncio.shield(self._joining[endpoint])

    async def _try(self, endpoint: Endpoint) -> bool:
        try:
            await self._confirm(endpoint)
        except UNUSABLE as failure:
            self._leave_out(endpoint, failure)
            return False
        self._use(endpoint)
        return True

    async def _confirm(self, endpoint: Endpoint) -> None:
        if self._pinned is None:
            return
        chain_id, block = self._pinned
        got, header = await ask_block(endpoint, block.number)
        if got != chain_id:
            raise WrongChain(chain_id, got)
        if header.block != block:
            raise BlockReorganised(f"{endpoint.host} has another block {block.number} than the one pinned")

    def _use(self, endpoint: Endpoint) -> None:
        self._forget(endpoint)
        self._using.append(endpoint)
        self._using.sort(key=self._all.index)

    def _leave_out(self, endpoint: Endpoint, failure: DefiriskError) -> None:
        """Said once of each endpoint, however often it comes back and fails."""
        self._forget(endpoint)
        self._left_out[endpoint] = str(failure)
        failures = self._failures[endpoint] = self._failures.get(endpoint, 0) + 1
        rest = math.inf if isinstance(failure, _FOR_EVER) else _REST * 2.0 ** (failures - 1)
        self._rested_at[endpoint] = asyncio.get_running_loop().time() + rest
        if failures == 1:
            text = f"{endpoint.host} failed and {self.host} is used instead: {failure}"
            self._warnings.append(Notice("endpoint-failed", text))

    def _forget(self, endpoint: Endpoint) -> None:
        self._left_out.pop(endpoint, None)
        self._rested_at.pop(endpoint, None)
        if endpoint in self._idle:
            self._idle.remove(endpoint)


async def ask_block(endpoint: Endpoint, number: int | None) -> tuple[int, Header]:
    """Ask chain id and header in one go."""
    replies = await ask_checked(endpoint, [Ask("eth_chainId", ()), header_ask(number)])
    return read_chain_id(replies[0], endpoint.host), read_header(replies[1], number, endpoint.host)


async def ask_checked(endpoint: Endpoint, asks: Sequence[Ask], *, heavy: bool = False, stalls: int = 1) -> list[Reply]:
    """Ask, and raise every error that is no answer; a revert is one, and so is "too much" to a call or for logs."""
    replies = await endpoint.send(asks, heavy=heavy, stalls=stalls)
    return [_checked(reply, ask, endpoint.host) for reply, ask in zip(replies, asks, strict=True)]


def _checked(reply: Reply, ask: Ask, host: str) -> Reply:
    if isinstance(reply, Result) or (ask.method, kind_of(reply, ask.method)) in _ANSWERS:
        return reply
    raise failure_of(reply, ask, host)


def _all_failed(failures: Sequence[DefiriskError]) -> DefiriskError:
    """Return the one failure as it is, or one that tells them all."""
    if len(failures) == 1:
        return failures[0]
    causes = "; ".join(str(failure) for failure in failures)
    return EndpointUnreachable(f"no endpoint can be used: {causes}", hint="give one with --rpc")
