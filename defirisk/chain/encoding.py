"""Encoding of arguments: words here, dynamic types by ``eth_abi``, imported when first needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from defirisk.chain.words import BASE_TYPE, WORD, AbiType

Encoder = Callable[[Any], bytes]


def encoder(inputs: AbiType) -> Encoder:
    """Return the encoder of a function's arguments, given as a sequence."""
    members = inputs.fields or ()
    if all(member.fields is None and member.item is None and member.words for member in members):
        words = [_word_encoder(member.name) for member in members]
        return lambda values: b"".join([word(value) for word, value in zip(words, values, strict=True)])
    if len(members) == 1 and (item := members[0].item) is not None and _is_word(item) and members[0].length is None:
        word = _word_encoder(item.name)
        return lambda values: _uint(WORD) + _uint(len(values[0])) + b"".join([word(value) for value in values[0]])
    return _dynamic_encoder(inputs)


def _is_word(kind: AbiType) -> bool:
    return kind.fields is None and kind.item is None and kind.words == 1


def _uint(value: int) -> bytes:
    return value.to_bytes(WORD)


def _word_encoder(name: str) -> Encoder:
    if name == "address":
        return lambda value: bytes(12) + _exactly(bytes.fromhex(value[2:]), 20)
    if name == "bool":
        return lambda value: _uint(1 if value else 0)
    base = BASE_TYPE.fullmatch(name)
    if base is None:
        raise ValueError(f"unknown ABI type {name!r}")
    size = int(base[2])
    if base[1] == "bytes":
        return lambda value: _exactly(bytes(value), size) + bytes(WORD - size)
    signed, bits = base[1] == "int", size
    return lambda value: _within(value, bits, signed).to_bytes(WORD, signed=signed)


def _exactly(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise ValueError(f"{len(value)} bytes where {size} belong")
    return value


def _within(value: int, bits: int, signed: bool) -> int:
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    if not low <= value < high:
        raise ValueError(f"{value} does not fit {bits} bits")
    return value


def _dynamic_encoder(inputs: AbiType) -> Encoder:
    names = [member.name for member in inputs.fields or ()]

    def encode(values: Any) -> bytes:
        from eth_abi.abi import encode as eth_encode  # noqa: PLC0415 - late: 0.2 s

        return eth_encode(names, values)

    return encode
