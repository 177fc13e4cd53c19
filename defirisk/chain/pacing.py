"""How fast and how much: limits of an endpoint, what it asks for, and running requests side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard an endpoint may be asked.

    Bounds beneath which each endpoint finds its own pace: ``batch_size`` calls in one Multicall3 request;
    ``rate_limit`` requests a second (an item of a JSON-RPC batch is one), ``None`` for no limit; ``concurrency`` HTTP
    requests in flight.

    ``timeout`` seconds for one HTTP request; ``retries`` further attempts after the first; ``max_response`` bytes;
    ``backoff`` seconds, doubled at every attempt, of which a random share is waited; ``patience`` the longest
    ``Retry-After`` that is waited out, seconds.
    """

    batch_size: int = 1500
    timeout: float = 20.0
    rate_limit: float | None = 400.0
    retries: int = 4
    concurrency: int = 32
    max_response: int = 64 << 20
    backoff: float = 0.25
    patience: float = 60.0


class LimitSettings(TypedDict, total=False):
    """Any of the fields of :class:`Limits`."""

    batch_size: int
    timeout: float
    rate_limit: float | None
    retries: int
    concurrency: int
    max_response: int
    backoff: float
    patience: float


async def together(jobs: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Run ``jobs`` at once, in order of result; the first failure ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def retry_after(header: str | None) -> float:
    """Return the seconds that a ``Retry-After`` header asks for: a number or an HTTP date."""
    if header is None:
        return 0.0
    try:
        return max(0.0, float(header))
    except ValueError:
        return _seconds_until(header)


def _seconds_until(date: str) -> float:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - rare, and slow to import

    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
