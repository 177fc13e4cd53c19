"""JSON-RPC 2.0: what is asked, what comes back, and what an error really means.

Every client software and every provider words its errors differently; the patterns below are the ones in use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from defirisk.errors import BlockUnavailable, EndpointRefused, ReadError, StateUnavailable

LOGS: Final = "eth_getLogs"
ARCHIVE_HINT: Final = "use an endpoint that keeps the state of old blocks (an archive node), or a newer --block"


@dataclass(frozen=True, slots=True)
class Ask:
    """One JSON-RPC request."""

    method: str
    params: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What an ask returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class RpcError:
    """An error object: ``message`` is cleaned for display, ``data`` as it came."""

    code: int
    message: str
    data: Any


Reply = Result | RpcError


class Kind(Enum):
    """What an error means to us."""

    REVERT = "the call itself failed: an answer"
    TOO_BIG = "gas, size or time ran out: ask for less at once"
    RATE = "asked too fast: wait"
    LAGGING = "the block is not there yet on this replica: wait"
    STATE = "the block's state is pruned"
    TRANSIENT = "the endpoint's own trouble: wait"
    REFUSED = "it will not answer this"


_REVERTED: Final = re.compile(r"execution reverted|^reverted", re.IGNORECASE)
_TOO_BIG: Final = re.compile(
    r"out ?of ?gas|gas (limit|required|uint64 overflow)|intrinsic gas|exceeds (the )?(block )?gas|gas exceed"
    r"|(response|request|payload|body|message|content|result|batch|input|calldata)[^.]{0,40}"
    r"(too (large|big|long|many)|exceed|limit|over)"
    r"|too (large|big) ?(response|request|payload)?|entity too large|max(imum)? (call|message|payload|batch|response)"
    r"|exceeded max|exceeds (the )?(max|limit)|memory limit|too many (calls|requests in|items)"
    r"|timed?[ -]?out|execution aborted|deadline exceeded",
    re.IGNORECASE,
)
_VM_FAILURE: Final = re.compile(
    r"vm (exception|execution error)|revert|invalid opcode|opcode 0x|bad (instruction|jump)|invalid jump"
    r"|stack (under|over)flow|stack limit|write protection|evm error",
    re.IGNORECASE,
)
_LAGGING: Final = re.compile(
    r"header not found|unknown block|block not found|could not find block|header for hash not found"
    r"|beyond current head|block .{0,80}not (yet )?(available|found)|block is out of range|after last accepted block",
    re.IGNORECASE,
)
_STATE: Final = re.compile(
    r"missing trie node|prun|archive|state .{0,80}(not|un) ?available|historical state|state histor|no state"
    r"|proof window|state already discarded|old data not available",
    re.IGNORECASE,
)
_RATE: Final = re.compile(
    r"rate.?limit|too many requests|compute units|capacity|throttl|quota|request limit|requests? per (second|minute)"
    r"|daily (request )?(limit|count)|limit reached",
    re.IGNORECASE,
)
_TRANSIENT: Final = re.compile(
    r"internal (server )?error|temporar|unavailable|upstream|bad gateway|try again|overload|busy|no (healthy )?backend",
    re.IGNORECASE,
)
_TOO_MANY_LOGS: Final = re.compile(
    r"(block|logs?|query|requested) ?ranges?|ranges? (is |of |over |limit|too )|max(imum)? range|limited to"
    r"|ranges? [\d,]+ (exceeds|is (bigger|larger|greater))|[\d,]+ (blocks? )?range"
    r"|more than [\d,]+ (results|logs|events)|too many (results|logs|events|blocks)"
    r"|(results|logs|events|blocks) (exceed|over|limit)|exceeds? max (results|logs)|must be smaller than size"
    r"|^limit exceeded",
    re.IGNORECASE,
)
_CODE_REVERT: Final = 3
_CODE_RATE: Final = (-32005, 429, -32029)


def kind_of(error: RpcError, method: str = "eth_call") -> Kind:
    """Say what an error object means as the answer to ``method``."""
    return _kind_of_logs(error) if method == LOGS else _kind_of_call(error)


def _kind_of_call(error: RpcError) -> Kind:
    """A reason string can hold anything, so a plain revert is recognised first."""
    text = f"{error.message} {error.data}" if isinstance(error.data, str) else error.message
    if error.code == _CODE_REVERT or _REVERTED.search(error.message):
        return Kind.REVERT
    if _RATE.search(error.message):
        return Kind.RATE
    for pattern, kind in ((_STATE, Kind.STATE), (_LAGGING, Kind.LAGGING), (_TOO_BIG, Kind.TOO_BIG)):
        if pattern.search(text):
            return kind
    if _VM_FAILURE.search(text):
        return Kind.REVERT
    if error.code in _CODE_RATE:
        return Kind.RATE
    return Kind.TRANSIENT if _TRANSIENT.search(error.message) else Kind.REFUSED


def _kind_of_logs(error: RpcError) -> Kind:
    """Logs run no contract, and are refused mostly for their range or their number."""
    text = f"{error.message} {error.data}" if isinstance(error.data, str | dict) else error.message
    for pattern, kind in ((_RATE, Kind.RATE), (_LAGGING, Kind.LAGGING), (_TOO_MANY_LOGS, Kind.TOO_BIG)):
        if pattern.search(text):
            return kind
    kind = _kind_of_call(error)
    return Kind.REFUSED if kind is Kind.REVERT else kind


def failure_of(error: RpcError, ask: Ask, host: str) -> ReadError:
    """Return the exception for an error that is no answer."""
    message = f"{host} answered {ask.method} with error {error.code}: {error.message}"
    kind = kind_of(error, ask.method)
    if kind in (Kind.STATE, Kind.LAGGING) and ask.method == "eth_getBlockByNumber":
        return BlockUnavailable(message)
    if kind in (Kind.STATE, Kind.LAGGING):
        return StateUnavailable(message, hint=ARCHIVE_HINT)
    if kind is Kind.RATE:
        return EndpointRefused(
            message, hint="try again later, or use an endpoint with a higher limit; several --rpc share the load"
        )
    return EndpointRefused(message)


def revert_data(error: RpcError) -> bytes:
    """Return the revert data, wherever this client software puts it; empty if it gives none."""
    data = error.data
    for _ in range(3):
        if isinstance(data, dict):
            data = data.get("data", data.get("result", data.get("output")))
    if not isinstance(data, str):
        return b""
    found = re.search(r"0x([0-9a-fA-F]*)$", data.strip())  # Nethermind and Parity: "Reverted 0x..."
    return bytes.fromhex(found[1]) if found and len(found[1]) % 2 == 0 else b""
