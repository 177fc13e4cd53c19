"""Event logs over a range of blocks, each checked against what was asked: whose they are, of what kind, of which block.

Nodes and providers limit the range, the results, the size or the time; some say which range they would take. A node
that has not got a range's last block yet answers with the logs that it has and no error, so that block's header is
asked in the same breath.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NoReturn

from defirisk.chain.calls import Block
from defirisk.chain.headers import header_ask, read_hash, read_header, read_quantity
from defirisk.chain.jsonrpc import LOGS, Ask, Reply, Result, RpcError
from defirisk.chain.symbols import quoted
from defirisk.chain.transport import TooBig
from defirisk.errors import EndpointRefused, MalformedAnswer

_WORD: Final = 32
_MOST_TOPICS: Final = 4
_HEX: Final = re.compile(r"0x(?:[0-9a-f]{2})*", re.IGNORECASE)
_SUGGESTED: Final = re.compile(r"\b(0x[0-9a-f]+|[0-9]+)\s*(?:,|-|to)\s*(0x[0-9a-f]+|[0-9]+)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Logs of any of these contracts (lower-case) whose first topic is one of ``topics`` (lower-case 0x hex)."""

    addresses: tuple[str, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """One log; ``block`` and ``index`` are its place in the chain, ``topics`` words, the first one the event's."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    index: int


@dataclass(frozen=True, slots=True)
class LogRange:
    """The logs up to and with the block ``last``, in the chain's order."""

    last: Block
    logs: tuple[Log, ...]


class TooManyLogs(TooBig):
    """The range is refused; ``suggested`` is the last block of the one that the endpoint would take, if it says so."""

    def __init__(self, reason: str, suggested: int | None) -> None:
        super().__init__(reason)
        self.suggested = suggested


def log_asks(wanted: LogFilter, first: int, last: int) -> list[Ask]:
    """Ask for the logs of a range, both ends included, and for its last block."""
    query = {
        "fromBlock": hex(first),
        "toBlock": hex(last),
        "address": list(wanted.addresses),
        "topics": [list(wanted.topics)],
    }
    return [Ask(LOGS, (query,)), header_ask(last)]


def read_log_range(replies: Sequence[Reply], wanted: LogFilter, first: int, last: int, host: str) -> LogRange:
    """Read what :func:`log_asks` was answered.

    Raises:
        TooManyLogs: the range is refused.
        EndpointRefused: so is a single block.
        BlockUnavailable: the endpoint has no such last block.
        MalformedAnswer: a log is not of what was asked.

    """
    found, header = replies
    if isinstance(found, RpcError) and first == last:
        raise EndpointRefused(f"{host} refuses the logs of the single block {first}: {found.message}")
    if isinstance(found, RpcError):
        raise TooManyLogs(found.message, _suggested(found, first, last))
    end = read_header(header, last, host).block
    if not isinstance(found, Result) or not isinstance(found.value, list):
        _malformed(host, f"answered {LOGS} with {quoted(getattr(found, 'value', None))}, no list")
    logs = list(_checked(found.value, wanted, first, end, host))
    logs.sort(key=lambda log: (log.block, log.index))
    for one, other in pairwise(logs):
        if (one.block, one.index) == (other.block, other.index):
            _malformed(host, f"sent two logs {one.index} of block {one.block}")
    return LogRange(end, tuple(logs))


def _checked(values: Sequence[Any], wanted: LogFilter, first: int, end: Block, host: str) -> Iterator[Log]:
    hashes: dict[int, str | None] = {end.number: end.hash}
    for value in values:
        if not isinstance(value, dict):
            _malformed(host, f"sent {quoted(value)} where a log belongs")
        log = _log(value, host)
        if value.get("removed") not in (None, False):
            _malformed(host, f"sent a log of block {log.block} that it says was removed")
        if not first <= log.block <= end.number:
            _malformed(host, f"sent a log of block {log.block}, asked for {first} to {end.number}")
        if log.address not in wanted.addresses:
            _malformed(host, f"sent a log of {log.address}, which was not asked for")
        if not log.topics or "0x" + log.topics[0].hex() not in wanted.topics:
            _malformed(host, f"sent a log of block {log.block} whose event was not asked for")
        found = read_hash(value.get("blockHash"), host)
        if hashes.setdefault(log.block, found) != found:
            _malformed(host, f"sent logs of two different blocks {log.block}")
        yield log


def _log(value: Mapping[str, Any], host: str) -> Log:
    topics = value.get("topics")
    if not isinstance(topics, list) or len(topics) > _MOST_TOPICS:
        _malformed(host, f"sent a log with the topics {quoted(topics)}")
    address = _bytes(value.get("address"), host)
    words = tuple(_bytes(topic, host) for topic in topics)
    if len(address) != 20 or any(len(word) != _WORD for word in words):
        _malformed(host, "sent a log whose address or topics have another length")
    return Log(
        address="0x" + address.hex(),
        topics=words,
        data=_bytes(value.get("data"), host),
        block=read_quantity(value.get("blockNumber"), "a log's block number", host),
        index=read_quantity(value.get("logIndex"), "a log's index", host),
    )


def _bytes(value: Any, host: str) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        _malformed(host, f"sent {quoted(value)} in a log where bytes in hex belong")
    return bytes.fromhex(value[2:])


def _suggested(error: RpcError, first: int, last: int) -> int | None:
    """The end of the range that an error names as one that would be taken: it begins where ours does."""
    data = error.data
    if isinstance(data, dict) and {"from", "to"} <= data.keys():
        text = f"{data['from']}-{data['to']}"
    else:
        text = f"{error.message} {data}" if isinstance(data, str) else error.message
    pairs = ((int(start, 0), int(end, 0)) for start, end in _SUGGESTED.findall(text) if _is_number(start, end))
    return next((end for start, end in pairs if start == first and first <= end < last), None)


def _is_number(*texts: str) -> bool:
    """Whether texts are numbers of a sensible length; a decimal one with a leading zero is none."""
    return all(len(text) <= 18 and (text.startswith(("0x", "0X")) or text == text.lstrip("0")) for text in texts)


def _malformed(host: str, what: str) -> NoReturn:
    raise MalformedAnswer(f"{host} {what}")
