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
    return _compiled(fast.name, fast.screen, fast.judge, fast.step, fast.settle, fast.helpers)


@cache
def _compiled(name: str, *functions: Any) -> Callable[..., None]:
    from numba import njit  # noqa: PLC0415 - an extra, and slow to import

    def jit(function: FunctionType) -> Any:
        return njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)

    linked = _linked(name, *functions, jit)
    try:
        return cast("Callable[..., None]", njit(nogil=True, error_model="numpy", cache=True)(linked))
    except RuntimeError:  # no folder for the cache can be written to: compile in every run
        return cast("Callable[..., None]", njit(nogil=True, error_model="numpy")(linked))


def interpreted(fast: FastRules) -> Callable[..., None]:
    """The same by the interpreter: slow, for tests. As in machine code, a quotient by 0 is infinite or NaN, silently."""
    linked = _linked(
        fast.name, fast.screen, fast.judge, fast.step, fast.settle, fast.helpers, lambda function: function
    )

    def loop(*arguments: Any) -> None:
        with np.errstate(all="ignore"):
            linked(*arguments)

    return loop


def _linked(
    name: str,
    screen: Any,
    judge: Any,
    step: Any,
    settle: Any,
    helpers: tuple[Any, ...],
    jit: Callable[[FunctionType], Any],
) -> FunctionType:
    """``replay_rows`` whose callees are this family's, each turned by ``jit``.

    Functions are copied with the names that they call in their globals, so that each family has a loop of its own.
    Numba names a cached function by its qualified name and looks at its own file only: the name holds a digest of all.
    """
    names: dict[str, Any] = {}
    four = {"screen": screen, "judge": judge, "step": step, "settle": settle}
    family = [*helpers, *(_named(function, called) for called, function in four.items())]
    for function in (*bounded.HELPERS, *family, *loop.FUNCTIONS):
        names[function.__name__] = jit(_bound(cast("FunctionType", function), names))
    linked = _bound(cast("FunctionType", loop.replay_rows), names)
    linked.__qualname__ = f"replay_rows_{name.replace('-', '_')}_{_digest(family)}"
    return linked


def _named(function: Callable[..., Any], name: str) -> FunctionType:
    """The same function under the name by which the loop calls it."""
    plain = cast("FunctionType", function)
    return FunctionType(plain.__code__, plain.__globals__, name, plain.__defaults__)


def _bound(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    return FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)


def _digest(functions: Sequence[Any]) -> str:
    """Of the files that a family's functions stand in and of those that all families share."""
    files = {function.__code__.co_filename for function in functions}
    told = hashlib.sha256()
    for name in sorted(files | {str(module.__file__) for module in (bounded, loop, scratch)}):
        path = Path(name)
        told.update(path.read_bytes() if path.is_file() else name.encode())
    return told.hexdigest()[:16]
