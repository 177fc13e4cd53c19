"""A live chain at one pinned block.

Opening is one HTTP request: chain id, block and, if the caller knows what it will ask first, those calls too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Unpack

from defirisk.chain import multicall
from defirisk.chain.calls import Answer, Block, Call
from defirisk.chain.endpoints import chain_with_id
from defirisk.chain.headers import header_ask, read_chain_id, read_header
from defirisk.chain.jsonrpc import Ask, Reply
from defirisk.chain.logs import LogFilter, LogRange, log_asks, read_log_range
from defirisk.chain.multicall import Header
from defirisk.chain.pacing import Limits, LimitSettings
from defirisk.chain.pool import Pool, ask_checked
from defirisk.chain.proxies import proxy_for
from defirisk.chain.redact import check_url
from defirisk.chain.sharing import Crew
from defirisk.chain.transport import Endpoint, TooBig
from defirisk.chain.usage import Usage
from defirisk.errors import BlockReorganised, InputError, WrongChain
from defirisk.model import Warning as Notice


@asynccontextmanager
async def open_chain(
    urls: Sequence[str],
    *,
    block: int | None = None,
    expected_chain_id: int | None = None,
    early: Sequence[Call] = (),
    **settings: Unpack[LimitSettings],
) -> AsyncIterator[LiveChain]:
    """Open the first of ``urls`` that answers, at ``block`` or the latest, and close it in the end.

    The others take its place when it fails, and share the work where there is much.

    ``early`` are calls that the caller will ask first: they are answered together with the opening. ``settings`` are
    those of :class:`Limits`.

    Raises:
        InputError: a URL that cannot be an endpoint's, or none; a proxy in the environment that cannot be used.
        WrongChain: the endpoint is of another chain than ``expected_chain_id``.
        ReadError: no endpoint can be used.

    """
    import aiohttp  # noqa: PLC0415 - late: 0.2 s

    limits = Limits(**settings)
    checked = [check_url(url) for url in urls]
    if not checked:
        raise InputError("no endpoint to ask", hint="give one with --rpc")
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=limits.timeout),
        connector=aiohttp.TCPConnector(limit=0),  # each endpoint's own throttle bounds it
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "defirisk"},
    ) as session:
        warnings: list[Notice] = []

        def batch_refused(host: str, reason: str) -> None:
            text = f"{host} takes no JSON-RPC batches: asked one by one ({reason})"
            warnings.append(Notice("no-json-batch", text))

        endpoints = [Endpoint(session, url, limits, batch_refused, proxy_for(url)) for url in checked]
        chain = LiveChain(Pool(endpoints, warnings), limits, warnings)
        try:
            await chain._open(block, expected_chain_id, early)  # noqa: SLF001 - its own constructor, which must await
            yield chain
        finally:
            await chain._crew.close()  # noqa: SLF001 - its own end, as above


class LiveChain:
    """A chain behind one or more endpoints. Use :func:`open_chain`.

    ``requests`` counts what was sent, an item of a JSON-RPC batch as one; ``round_trips`` the waits in a row, halving
    and retries not counted.
    """

    def __init__(self, pool: Pool, limits: Limits, warnings: list[Notice]) -> None:
        self.chain_id = 0
        self.block = Block(0, 0, None)
        self.warnings = warnings
        self.round_trips = 0
        self._pool = pool
        self._crew = Crew(pool, limits.batch_size, warnings)
        self._early: dict[Call, Answer] = {}

    @property
    def source(self) -> str:
        """The host that answers now."""
        return self._pool.host

    @property
    def requests(self) -> int:
        """JSON-RPC requests sent so far, retries included."""
        return self._pool.requests

    @property
    def usage(self) -> tuple[Usage, ...]:
        """What each endpoint was asked so far, in the order given."""
        return self._crew.usage

    async def calls(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer ``calls`` at the pinned block, in order, all requests in flight at once.

        Raises:
            ReadError: no endpoint can answer all of them.

        """
        fresh = [call for call in dict.fromkeys(calls) if call not in self._early]
        answers = dict(self._early)
        if fresh:
            self.round_trips += 1
            answers.update(zip(fresh, await self._crew.ask(fresh), strict=True))
        return [answers[call] for call in calls]

    async def logs(self, wanted: LogFilter, first: int, last: int) -> LogRange:
        """Return the logs of the blocks ``first`` to ``last``, which must not be after the pinned one.

        Raises:
            TooBig: that many blocks at once are refused.
            BlockReorganised: the last block is the pinned one and has another hash.
            ReadError: no endpoint can answer.

        """

        def judge(replies: Sequence[Reply], host: str) -> LogRange:
            return read_log_range(replies, wanted, first, last, host)

        self.round_trips += 1
        found = await self._pool.read(log_asks(wanted, first, last), judge, heavy=True)
        if last == self.block.number and found.last.hash != self.block.hash:
            raise self._reorganised()
        return found

    async def verify(self) -> None:
        """Check that the pinned block is still the chain's block of that number.

        Raises:
            BlockReorganised: it is not.

        """
        self.round_trips += 1
        (reply,) = await self._pool.send([header_ask(self.block.number)])
        if read_header(reply, self.block.number, self.source).block.hash != self.block.hash:
            raise self._reorganised()

    def _reorganised(self) -> BlockReorganised:
        return BlockReorganised(
            f"block {self.block.number} of {self.source} was replaced by another while it was read",
            hint="run again; a block some minutes old is rarely replaced",
        )

    async def _open(self, block: int | None, expected: int | None, early: Sequence[Call]) -> None:
        if expected is not None:
            self._place_multicall(expected)
        first = list(dict.fromkeys(early))[: self._crew.batch_size]

        async def begin(endpoint: Endpoint) -> tuple[int, Block]:
            return await self._begin(endpoint, block, expected, first)

        self.chain_id, self.block = await self._pool.first(begin)
        self._crew.place.tag = hex(self.block.number)

    async def _begin(
        self, endpoint: Endpoint, block: int | None, expected: int | None, early: Sequence[Call]
    ) -> tuple[int, Block]:
        """Ask chain id, block and the early calls in one JSON-RPC batch, and check what comes."""
        asks = [Ask("eth_chainId", ()), header_ask(block)]
        if early:
            calls = [*multicall.place_calls(self._crew.place.multicall), *early]
            tag = "latest" if block is None else hex(block)
            asks.append(self._crew.asker(endpoint).aggregate_ask(calls, tag))
        self.round_trips += 1
        try:
            replies = await ask_checked(endpoint, asks)
        except TooBig:
            if not early:
                raise
            early = ()
            replies = await ask_checked(endpoint, asks[:2])
        chain_id = read_chain_id(replies[0], endpoint.host)
        if expected is not None and chain_id != expected:
            raise WrongChain(expected, chain_id, hint=f"{endpoint.host} is of chain id {chain_id}")
        header = read_header(replies[1], block, endpoint.host)
        if early and not self._place_multicall(chain_id):
            self._keep_early(endpoint, header, early, replies[2], pinned=block is not None)
        return chain_id, header.block

    def _place_multicall(self, chain_id: int) -> bool:
        """Use the chain's own Multicall3 where it lies elsewhere; say whether that is another than was asked."""
        known = chain_with_id(chain_id)
        address = known.multicall3.lower() if known and known.multicall3 else multicall.MULTICALL3
        moved, self._crew.place.multicall = address != self._crew.place.multicall, address
        return moved

    def _keep_early(
        self, endpoint: Endpoint, header: Header, early: Sequence[Call], reply: Reply, *, pinned: bool
    ) -> None:
        """Keep the early answers if they are proved to be of the pinned block; else they are simply asked again."""
        place = len(multicall.place_calls(None))
        try:
            answers = self._crew.asker(endpoint).read_aggregate(reply, place + len(early))
        except TooBig:
            return
        if answers is None:
            return
        own, witnesses = answers[place : place + len(early)], answers[place + len(early) :]
        if not multicall.starved(own, witnesses) and (pinned or multicall.answered_at(header, answers[:place])):
            self._early = dict(zip(early, own, strict=True))
