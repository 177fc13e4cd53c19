"""Text from outside: symbols of tokens, reasons of reverts, what a message quotes. Hostile, so capped.

Symbols are returned as they are, to be cleaned by ``report``; what goes into a message is plain ASCII.
"""

from __future__ import annotations

from typing import Final

from defirisk.chain.calls import Answer, Reverted

SYMBOL_LIMIT: Final = 64
_WORD: Final = 32
_BYTES_PER_CHARACTER: Final = 4
_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
_PANIC_SELECTOR: Final = bytes.fromhex("4e487b71")


def quoted(value: object, limit: int = 60) -> str:
    """Return ``value`` as a short literal in plain ASCII, for messages."""
    text = ascii(value)
    return text if len(text) <= limit else text[:limit] + "..."


def decode_symbol(answer: Answer) -> str:
    """Return a token's symbol, at most 64 characters; ``""`` where the token has none or answers garbage.

    Old tokens (MKR) answer a bytes32, others a string of any length or of no valid UTF-8.
    """
    if isinstance(answer, Reverted):
        return ""
    if len(answer.data) == _WORD:
        return _text(answer.data.rstrip(b"\0"))
    return _text(_string_body(answer.data))


def revert_reason(data: bytes) -> str:
    """Return ``": the reason"`` of a revert as plain ASCII, or ``""``; for messages."""
    if data.startswith(_ERROR_SELECTOR):
        return f": {_text(_string_body(data[4:]))!a}"
    if data.startswith(_PANIC_SELECTOR):
        return f": panic {data[4:].hex()[-2:]}"
    return f": {data[:_WORD].hex()}" if data else ""


def _string_body(data: bytes) -> bytes:
    """Return the bytes of a lone ABI string, or nothing if its head points outside of the data."""
    offset = int.from_bytes(data[:_WORD])
    if len(data) < 2 * _WORD or offset + _WORD > len(data):
        return b""
    start = offset + _WORD
    length = int.from_bytes(data[offset:start])
    return data[start : start + length] if length <= len(data) - start else b""


def _text(raw: bytes) -> str:
    """Decode with replacement characters, no more bytes than the cap can need."""
    return raw[: SYMBOL_LIMIT * _BYTES_PER_CHARACTER].decode("utf-8", errors="replace")[:SYMBOL_LIMIT]
