"""Numba, brought in late: the plain functions of the loop and of a family become one compiled function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import numpy as np

from defirisk.protocols.fast import FastRules
from defirisk.risk.population import bounded, loop, scratch


def can_compile() -> bool:
    """Whether numba is installed (``pip install 'defirisk[fast]'``)."""
    return find_spec("numba") is not None


def compiled(fast: FastRules) -> Callable[..., None]:
    """:func:`~defirisk.risk.population.loop.replay_rows` for a family's rules, as machine code.

    It lies in numba's cache between runs where there is a folder that can be written to.
    """
    return _compiled(fast.name, _functions(fast))


@cache
def _compiled(name: str, functions: tuple[FunctionType, ...]) -> Callable[..., None]:
    import numba  # noqa: PLC0415 - an extra, and slow to import

    njit: Any = numba.njit
    # without numba's reference counts, which would cost more than the replay: nothing here makes an array
    plain = {"error_model": "numpy", "_nrt": False}
    inner = njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **plain)
    linked = _linked(name, functions, inner)
    try:
        return cast("Callable[..., None]", njit(nogil=True, cache=True, **plain)(linked))
    except RuntimeError:  # no folder for the cache can be written to: compile in every run
        return cast("Callable[..., None]", njit(nogil=True, **plain)(linked))


def interpreted(fast: FastRules) -> Callable[..., None]:
    """The same by the interpreter: slow, for tests. As in machine code, a quotient by 0 is infinite or NaN."""
    linked = _linked(fast.name, _functions(fast), lambda function: function)

    def loop(*arguments: Any) -> None:
        with np.errstate(all="ignore"):
            linked(*arguments)

    return loop


def _functions(fast: FastRules) -> tuple[FunctionType, ...]:
    """A family's functions, callees first, the four that the loop calls under the names by which it does."""
    four = {"screen": fast.screen, "judge": fast.judge, "step": fast.step, "settle": fast.settle}
    named = (_named(function, name) for name, function in four.items())
    return (*cast("tuple[FunctionType, ...]", fast.helpers), *named)


def _linked(name: str, functions: tuple[FunctionType, ...], jit: Callable[[FunctionType], Any]) -> FunctionType:
    """``replay_rows`` whose callees are this family's, each turned by ``jit``.

    Functions are copied with the names that they call in their globals, so that each family has a loop of its own.
    Numba names a cached function by its qualified name and looks at its own file only: the name holds a digest of all.
    """
    names: dict[str, Any] = {}
    shared = cast("tuple[FunctionType, ...]", (*bounded.HELPERS, *loop.FUNCTIONS))
    for function in (*shared[: len(bounded.HELPERS)], *functions, *shared[len(bounded.HELPERS) :]):
        names[function.__name__] = jit(_bound(function, names))
    linked = _bound(cast("FunctionType", loop.replay_rows), names)
    linked.__qualname__ = f"replay_rows_{name.replace('-', '_')}_{_digest(functions)}"
    return linked


@cache
def _named(function: Callable[..., Any], name: str) -> FunctionType:
    """The same function under the name by which the loop calls it."""
    plain = cast("FunctionType", function)
    return FunctionType(plain.__code__, plain.__globals__, name, plain.__defaults__)


def _bound(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    return FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)


def _digest(functions: Sequence[FunctionType]) -> str:
    """Of the files that a family's functions stand in and those that all families share, and of the constants that
    the functions name, wherever those stand.
    """
    digest = hashlib.sha256()
    for function in functions:
        known = {name: function.__globals__.get(name) for name in function.__code__.co_names}
        constants = {name: known[name] for name in sorted(known) if isinstance(known[name], int | float)}
        digest.update(f"{function.__name__} {constants!r}".encode())
    files = {function.__code__.co_filename for function in functions}
    for name in sorted(files | {str(module.__file__) for module in (bounded, loop, scratch)}):
        path = Path(name)
        digest.update(path.read_bytes() if path.is_file() else name.encode())
    return digest.hexdigest()[:16]
