"""Chain id and block header as an endpoint states them, checked before anything rests on them."""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn

from defirisk.chain.calls import Block
from defirisk.chain.jsonrpc import Ask, Reply, Result
from defirisk.chain.multicall import Header
from defirisk.chain.redact import described
from defirisk.errors import BlockUnavailable, MalformedAnswer

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,16}")
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")


def header_ask(number: int | None) -> Ask:
    """Ask for a block's header, the latest one's for ``None``."""
    return Ask("eth_getBlockByNumber", ("latest" if number is None else hex(number), False))


def read_chain_id(reply: Reply, host: str) -> int:
    """Return the chain id.

    Raises:
        MalformedAnswer: it is no positive quantity.

    """
    value = reply.value if isinstance(reply, Result) else None
    chain_id = read_quantity(value, "a chain id", host)
    if chain_id == 0:
        _malformed("a chain id", value, host)
    return chain_id


def read_header(reply: Reply, asked: int | None, host: str) -> Header:
    """Return the header if it can be that of block ``asked`` (any for ``None``).

    Raises:
        BlockUnavailable: the endpoint has no such block, or answers with another.
        MalformedAnswer: its number, time or hash cannot be one.

    """
    value = reply.value if isinstance(reply, Result) else None
    if value is None:
        which = "latest block" if asked is None else f"block {asked}"
        raise BlockUnavailable(f"{host} has no {which}", hint="is it mined yet, and on this chain?")
    if not isinstance(value, dict):
        _malformed("a block", value, host)
    block = Block(
        number=read_quantity(value.get("number"), "a block number", host),
        timestamp=read_quantity(value.get("timestamp"), "a block time", host),
        hash=read_hash(value.get("hash"), host),
    )
    if asked is not None and block.number != asked:
        raise BlockUnavailable(f"{host} was asked for block {asked} and answered with block {block.number}")
    if block.timestamp == 0 and block.number > 0:
        _malformed("a block time", value.get("timestamp"), host)
    return Header(block, read_hash(value["parentHash"], host) if "parentHash" in value else None)


def read_quantity(value: Any, what: str, host: str) -> int:
    """Return a JSON-RPC quantity of at most 64 bits; :class:`MalformedAnswer` naming ``what`` if it is none."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        _malformed(what, value, host)
    return int(value, 16)


def read_hash(value: Any, host: str) -> str:
    """Return a block hash, lower-case; :class:`MalformedAnswer` if it is none."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        _malformed("a block hash", value, host)
    return value.lower()


def _malformed(what: str, value: Any, host: str) -> NoReturn:
    raise MalformedAnswer(f"{host} answered {described(value)} where {what} belongs")
