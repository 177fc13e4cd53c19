"""One JSON-RPC endpoint over HTTP: batches, bounded retries with jitter, a request rate, and a cap on what it sends.

Redirects are not followed, cookies not kept, and nothing that is shown holds more of the URL than its host.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from defirisk.chain.jsonrpc import Ask, Kind, Reply, Result, RpcError, failure_of, kind_of
from defirisk.chain.jsontext import parse
from defirisk.chain.pacing import Limits, retry_after, together
from defirisk.chain.redact import clean, host_of
from defirisk.chain.throttle import Throttle
from defirisk.errors import EndpointRefused, EndpointUnreachable, MalformedAnswer, ReadError

if TYPE_CHECKING:
    import aiohttp

_TRANSIENT_STATUS: Final = frozenset({408, 425, 429, *range(500, 600)})
_TOO_FAST_STATUS: Final = (429, 503)
_REDIRECTS: Final = range(300, 400)
_LONGEST_BACKOFF: Final = 10.0
_SMALL_BATCH: Final = 3  # who refuses this few for their number takes no batches
_HTTP_OK: Final = 200
_HTTP_TOO_LARGE: Final = 413
_HTTP_AUTH: Final = (401, 403)
_RETRIED: Final = (Kind.RATE, Kind.LAGGING, Kind.TRANSIENT)


class TooBig(EndpointRefused):
    """The endpoint refuses this much at once: a signal to ask for less.

    ``timed_out``: it did not say so, it only never answered.
    """

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class Transient(Exception):
    """Worth another attempt; ``error`` is what to raise when there is none left.

    ``wait`` seconds are asked for; ``timed_out`` and ``too_fast`` say that the endpoint should be asked less.
    """

    def __init__(self, error: ReadError, *, wait: float = 0.0, timed_out: bool = False, too_fast: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        self.timed_out = timed_out
        self.too_fast = too_fast
        self.heard = False


class BatchRefused(Exception):
    """The endpoint does not take JSON-RPC batches."""


class Endpoint:
    """One URL.

    ``requests``, ``posts``, ``retries``, ``complaints`` and ``seconds`` count as :class:`defirisk.chain.usage.Usage`
    says; ``batches``: it takes JSON-RPC batches.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        limits: Limits,
        on_batch_refused: Callable[[str, str], None],
        proxy: str | None = None,
    ) -> None:
        self.host = host_of(url)
        self.requests = 0
        self.posts = 0
        self.retries = 0
        self.complaints = 0
        self.seconds = 0.0
        self.throttle = Throttle(limits)
        self.batches = True
        self._session = session
        self._url = url
        self._proxy = proxy
        self._way = f" (through the proxy {host_of(proxy)})" if proxy else ""
        self._limits = limits
        self._on_batch_refused = on_batch_refused
        self._ids = itertools.count(1)

    async def send(self, asks: Sequence[Ask], *, heavy: bool = False, stalls: int = 1) -> list[Reply]:
        """Ask, in order; what fails this time is asked again, alone.

        A time-out is tried ``stalls`` times more; ``heavy`` says that it may mean "too much", so that it ends as
        :class:`TooBig`.

        Raises:
            TooBig: the whole is refused for its size.
            ReadError: the endpoint cannot be reached, refuses, or answers garbage, after all retries.

        """
        replies: dict[int, Reply] = {}
        attempts = itertools.count()

        async def attempt() -> None:
            self.retries += next(attempts) > 0
            waiting = [index for index in range(len(asks)) if index not in replies]
            await self._attempt(asks, waiting, replies)

        try:
            await self._retry(attempt, min(stalls, self._limits.retries))
        except Transient as last:
            if heavy and last.timed_out:
                raise TooBig(str(last), timed_out=True) from None
            raise last.error from None  # the cause may hold the URL; its text is in the error
        return [replies[index] for index in range(len(asks))]

    async def _retry(self, attempt: Callable[[], Awaitable[None]], stalls: int) -> None:
        import tenacity  # noqa: PLC0415 - late

        jitter = tenacity.wait_random_exponential(multiplier=self._limits.backoff, max=_LONGEST_BACKOFF)
        steady = tenacity.wait_exponential(multiplier=self._limits.backoff, max=_LONGEST_BACKOFF)

        def stop(state: Any) -> bool:
            signal = state.outcome.exception()
            allowed = stalls if signal.timed_out else self._limits.retries
            return bool(state.attempt_number > allowed or signal.wait > self._limits.patience)

        def wait(state: Any) -> float:
            signal = state.outcome.exception()
            backoff = (steady(state) + jitter(state)) / 2 if signal.too_fast else jitter(state)
            return float(max(backoff, signal.wait))

        transient = tenacity.retry_if_exception_type(Transient)
        retrying = tenacity.AsyncRetrying(stop=stop, wait=wait, retry=transient, reraise=True)
        await retrying(attempt)

    async def _attempt(self, asks: Sequence[Ask], waiting: Sequence[int], replies: dict[int, Reply]) -> None:
        began = asyncio.get_running_loop().time()
        try:
            outcomes = await self._ask([asks[index] for index in waiting])
        except Transient as signal:
            raise self._eased(signal, began) from None
        again: Transient | None = None
        for index, outcome in zip(waiting, outcomes, strict=True):
            kind = kind_of(outcome, asks[index].method) if isinstance(outcome, RpcError) else None
            if isinstance(outcome, RpcError) and kind in _RETRIED:
                again = Transient(failure_of(outcome, asks[index], self.host), too_fast=kind is Kind.RATE)
            elif isinstance(outcome, Transient):
                again = outcome
            else:
                replies[index] = outcome
        if again is not None:
            raise self._eased(again, began)

    async def _ask(self, asks: Sequence[Ask]) -> list[Reply | Transient]:
        """Ask as one batch where that is taken, else one by one at once."""
        if len(asks) > 1 and self.batches:
            try:
                return list(await self._post_batch(asks))
            except BatchRefused as refusal:
                self.batches = False
                self._on_batch_refused(self.host, str(refusal))
        return await together(self._post_one(ask) for ask in asks)

    async def _post_one(self, ask: Ask) -> Reply | Transient:
        number = next(self._ids)
        try:
            answer = await self._post(_envelope(ask, number), 1)
            if not isinstance(answer, dict) or (answer.get("id") != number and "error" not in answer):
                raise self._garbage("no JSON-RPC answer to what was asked")
            return self._reply(answer)
        except Transient as signal:
            return signal

    async def _post_batch(self, asks: Sequence[Ask]) -> list[Reply]:
        numbers = [next(self._ids) for _ in asks]
        try:
            answers = await self._post([_envelope(a, n) for a, n in zip(asks, numbers, strict=True)], len(asks))
        except TooBig:
            raise
        except EndpointRefused as refusal:
            raise BatchRefused(str(refusal)) from None
        if isinstance(answers, dict):
            raise self._batch_failure(answers, asks)
        if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
            raise BatchRefused("it answered a batch with no list")
        found = {one.get("id"): one for one in answers if isinstance(one.get("id"), int)}
        if len(answers) != len(asks) or set(found) != set(numbers):
            raise BatchRefused(f"it answered a batch of {len(asks)} with {len(answers)} answers")
        return [self._reply(found[number]) for number in numbers]

    def _batch_failure(self, answer: dict[str, Any], asks: Sequence[Ask]) -> Exception:
        reply = self._reply(answer)
        if isinstance(reply, Result):
            return BatchRefused("it answered a batch with a single answer")
        kind = kind_of(reply, asks[0].method)
        if kind in _RETRIED:
            return Transient(failure_of(reply, asks[0], self.host), too_fast=kind is Kind.RATE)
        large = kind is Kind.TOO_BIG and len(asks) > _SMALL_BATCH
        return TooBig(reply.message) if large else BatchRefused(reply.message)

    def _reply(self, answer: dict[str, Any]) -> Reply:
        error = answer.get("error")
        if error is None and "result" in answer:
            return Result(answer["result"])
        if not isinstance(error, dict):
            raise self._garbage("an answer with neither result nor error")
        code = error.get("code")
        message = clean(str(error.get("message", "")), self._url)
        return RpcError(code if isinstance(code, int) else 0, message, error.get("data"))

    def _garbage(self, what: str) -> Transient:
        return Transient(MalformedAnswer(f"{self.host} sent {what}"))

    async def _post(self, payload: Any, count: int) -> Any:
        """Send one HTTP request and return the parsed body, or raise what its failure means."""
        import aiohttp  # noqa: PLC0415 - late: 0.2 s

        async with self.throttle.slot(count) as sent_at:
            self.requests += count
            self.posts += 1
            try:
                sending = self._session.post(self._url, json=payload, allow_redirects=False, proxy=self._proxy)
                async with sending as response:
                    body = await self._body(response)
                    answer = self._judge(response, body)
            except TimeoutError:
                error = EndpointUnreachable(f"{self.host} did not answer within {self._limits.timeout:g} s")
                raise self._eased(Transient(error, timed_out=True), sent_at) from None
            except aiohttp.ClientError as problem:
                raise Transient(EndpointUnreachable(f"{self.host}{self._way}: {_cause(problem)}")) from None
            except Transient as signal:
                raise self._eased(signal, sent_at) from None
            finally:
                self.seconds += asyncio.get_running_loop().time() - sent_at
            self.throttle.went_well(count)
            return answer

    def _eased(self, signal: Transient, sent_at: float) -> Transient:
        """Ask less of the endpoint from now on, if that is what a signal means; once for each."""
        if not signal.heard and (signal.timed_out or signal.too_fast or signal.wait):
            signal.heard = True
            self.complaints += 1
            self.throttle.ease(sent_at, signal.wait)
        return signal

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > self._limits.max_response:
                raise TooBig(f"{self.host} sent more than {self._limits.max_response >> 10} KiB")
        return bytes(body)

    def _judge(self, response: aiohttp.ClientResponse, body: bytes) -> Any:
        """Return the JSON of an answer; a JSON-RPC error counts as one whatever the status is."""
        status = response.status
        try:
            parsed = parse(body)
        except ValueError:
            parsed = None
        if status == _HTTP_OK:
            if parsed is None:
                raise self._garbage(f"what is not JSON: {clean(body.decode(errors='replace'), self._url)!a}")
            return parsed
        if isinstance(parsed, dict) and isinstance(parsed.get("error"), dict) and status not in (429, _HTTP_TOO_LARGE):
            return parsed
        raise self._http_failure(response, clean(body.decode(errors="replace"), self._url))

    def _http_failure(self, response: aiohttp.ClientResponse, body: str) -> Exception:
        status = response.status
        message = f"{self.host} answered HTTP {status}" + (f": {body!a}" if body else "")
        if status == _HTTP_TOO_LARGE:
            return TooBig(message)
        if status in _TRANSIENT_STATUS:
            rest = retry_after(response.headers.get("Retry-After"))
            return Transient(EndpointRefused(message), wait=rest, too_fast=status in _TOO_FAST_STATUS)
        if status in _REDIRECTS:
            return EndpointRefused(
                f"{self.host} redirects elsewhere (HTTP {status})", hint="redirects are not followed"
            )
        hint = "the endpoint wants a key, or another one" if status in _HTTP_AUTH else None
        return EndpointRefused(message, hint=hint)


def _envelope(ask: Ask, number: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": ask.method, "params": list(ask.params)}


def _cause(problem: Exception) -> str:
    """Say what went wrong with a connection, without the exception's own text, which may hold the URL."""
    reason = getattr(getattr(problem, "os_error", problem), "strerror", None)
    return str(reason) if reason else type(problem).__name__
