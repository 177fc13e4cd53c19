"""Which chains have names, and which endpoint a run asks: the user's, the environment's, or a public one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from defirisk.chain.redact import check_url
from defirisk.chain.symbols import quoted
from defirisk.errors import UnknownChain


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """A known chain.

    ``coin`` is its own coin's symbol; ``multicall3`` that contract's address where it is not the usual one;
    ``dsproxy_registry`` and ``dsa_list`` the registries of proxy wallets where there are any.
    """

    chain_id: int
    name: str
    aliases: tuple[str, ...]
    coin: str
    ens: bool
    multicall3: str | None
    dsproxy_registry: str | None
    dsa_list: str | None
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where to ask: ``urls`` in order, and ``origin``: ``--rpc``, an environment variable's name, or ``public``."""

    urls: tuple[str, ...]
    origin: str


@lru_cache
def known_chains() -> tuple[ChainEntry, ...]:
    """Every chain of the data file, in its order."""
    text = (files("defirisk.chain") / "endpoints.toml").read_text(encoding="utf-8")
    return tuple(_entry(row) for row in tomllib.loads(text)["chain"])


def _entry(row: dict[str, Any]) -> ChainEntry:
    return ChainEntry(
        chain_id=row["chain_id"],
        name=row["name"],
        aliases=tuple(row.get("aliases", ())),
        coin=row["coin"],
        ens=row.get("ens", False),
        multicall3=row.get("multicall3"),
        dsproxy_registry=row.get("dsproxy_registry"),
        dsa_list=row.get("dsa_list"),
        endpoints=tuple(row["endpoints"]),
    )


def chain_named(name: str) -> ChainEntry:
    """Find a chain by name, alias or decimal id.

    Raises:
        UnknownChain: no such chain is known.

    """
    wanted = name.strip().lower()
    for entry in known_chains():
        if wanted in (entry.name, *entry.aliases, str(entry.chain_id)):
            return entry
    from difflib import get_close_matches  # noqa: PLC0415 - only to help

    near = get_close_matches(wanted, [entry.name for entry in known_chains()], n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "`defirisk markets` lists the known ones; or give --rpc"
    raise UnknownChain(f"no chain is known as {quoted(name)}", hint=hint)


def chain_with_id(chain_id: int) -> ChainEntry | None:
    """Find a chain by id; ``None`` for one that is not known, such as a local chain."""
    return next((entry for entry in known_chains() if entry.chain_id == chain_id), None)


def choose_source(
    rpc: Sequence[str], chain: ChainEntry, environment: Mapping[str, str], *, only: bool = True
) -> Source:
    """Choose the endpoints: ``rpc``, else ``DEFIRISK_RPC_<CHAIN>``, else ``ETH_RPC_URL``, else public ones.

    ``ETH_RPC_URL`` names no chain, so it counts only where ``chain`` is the ``only`` one asked for.

    Raises:
        InputError: a URL that is not http or https; the message does not repeat it.

    """
    if rpc:
        return Source(tuple(check_url(url) for url in rpc), "--rpc")
    own = "DEFIRISK_RPC_" + chain.name.upper().replace("-", "_")
    for variable in (own, "ETH_RPC_URL") if only else (own,):
        if value := environment.get(variable, "").strip():
            return Source((check_url(value),), variable)
    return Source(chain.endpoints, "public")
