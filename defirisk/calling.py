"""What the faces of the API have in common: arguments as callers write them, and waiting for the one async core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from defirisk.errors import InvalidAddress
from defirisk.sources import Recording, Where

P = ParamSpec("P")
T = TypeVar("T")
Texts = str | Iterable[str]


def where(rpc: Texts, chain: str | None, block: int | None, fixture: Recording | None, markets: Texts) -> Where:
    """Where to read, from a call's own arguments."""
    chains = () if chain is None else (chain,)
    return Where(rpc=texts(rpc), chains=chains, block=block, fixture=fixture, markets=texts(markets))


def texts(given: Texts) -> tuple[str, ...]:
    """One text or several.

    Raises:
        InvalidAddress: one of them is no text.
    """
    several = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(text, str) for text in several):
        raise InvalidAddress("addresses, endpoints and names are given as text")
    return several


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; beside a running event loop, in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


def blocking(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The twin, without ``_async`` in its name, of a call that is awaited: same arguments, documentation and errors."""

    @wraps(call)
    def waited(*args: P.args, **kwargs: P.kwargs) -> T:
        return wait(call(*args, **kwargs))

    waited.__name__ = call.__name__.removesuffix("_async")
    waited.__qualname__ = call.__qualname__.removesuffix("_async")
    return waited
