"""Where a policy says that the chain is read: a recording, a chain and block, a variable that holds an endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from defirisk.chain.endpoints import chain_named
from defirisk.errors import UnknownChain
from defirisk.policy.terms import Source
from defirisk.policy.values import Place, duration, integer, text

T = TypeVar("T")
SOURCE_KEYS: Final = ("chain", "block", "fixture", "rpc_env", "rpc", "max_age", "max_block_age")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def read_source(place: Place, document: Mapping[str, Any], folder: Path) -> Source:
    """The keys that say where to read.

    Raises:
        BadPolicy: one of them does not fit, or two of them contradict each other.
    """
    if "rpc" in document:
        place.at("rpc").refuse(
            "an endpoint may hold a key and never stands in a file",
            'name a variable of the environment that holds it: rpc_env = "MY_RPC"; or set DEFIRISK_RPC_<CHAIN>',
        )
    if "fixture" in document and "rpc_env" in document:
        place.at("rpc_env").refuse("contradicts fixture", "a run reads a recording or an endpoint")
    if "block" in document and "max_block_age" in document:
        place.at("max_block_age").refuse("contradicts block", "one block grows older every day: leave one out")

    def taken(key: str, read: Callable[[Place, Any], T]) -> T | None:
        return read(place.at(key), document[key]) if key in document else None

    return Source(
        chain=taken("chain", _chain),
        block=taken("block", lambda at, value: integer(at, value, "a block number", "23000000")),
        fixture=taken("fixture", lambda at, value: _fixture(at, value, folder)),
        rpc_env=taken("rpc_env", _variable),
        max_age=taken("max_age", lambda at, value: duration(at, value, "7d")),
        max_block_age=taken("max_block_age", lambda at, value: duration(at, value, "10m")),
    )


def _chain(place: Place, value: Any) -> str:
    name = text(place, value, "a chain", "ethereum")
    try:
        return name if name.isdecimal() else chain_named(name).name
    except UnknownChain as error:
        place.refuse(error.message, error.hint)


def _fixture(place: Place, value: Any, folder: Path) -> str:
    return str(folder / text(place, value, "a recording's path", "chain.json.gz"))


def _variable(place: Place, value: Any) -> str:
    """Never shown where it is wrong: it may be the very URL that must not be shown."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        place.refuse('expected the name of an environment variable such as "MY_RPC"', "its value is the endpoint's URL")
    return value
