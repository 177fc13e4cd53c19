"""Calls, answers and logs between Python and the ABI's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address

WORD = 32
BITS = {f"uint{bits}": bits for bits in range(8, 257, 8)}
READ: Mapping[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(BITS, int.from_bytes),
    "bool": any,
    "address": lambda word: "0x" + word[12:].hex(),
    "bytes32": bytes,
}


def decoded(kinds: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """As `eth_abi.decode`, and many times as fast where every value is one plain word."""
    if len(data) < WORD * len(kinds) or not all(one in READ for one in kinds):
        return tuple(decode(kinds, data))
    return tuple(READ[one](data[WORD * i : WORD * i + WORD]) for i, one in enumerate(kinds))


def encoded(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    """As `eth_abi.encode`, and many times as fast where every value is one plain word."""
    words = [_word(one, value) for one, value in zip(kinds, values, strict=True)]
    return b"".join(word for word in words if word) if all(words) else encode(kinds, values)


def _word(one: str, value: Any) -> bytes | None:
    """A value's word; `None` where the library has to look at it."""
    if one in BITS and isinstance(value, int) and 0 <= value < 1 << BITS[one]:
        return value.to_bytes(WORD)
    if one == "address" and isinstance(value, str) and len(value) == 42:
        return bytes.fromhex(value[2:]).rjust(WORD, b"\0")
    return None


@dataclass(frozen=True)
class Event:
    """One decoded log."""

    address: str
    name: str
    args: Mapping[str, Any]


def kind(item: Mapping[str, Any]) -> str:
    """The ABI type, tuples written out."""
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    return "(" + ",".join(kind(part) for part in item["components"]) + ")" + item["type"][5:]


def signature(entry: Mapping[str, Any]) -> str:
    return entry["name"] + "(" + ",".join(kind(i) for i in entry["inputs"]) + ")"


class Coder:
    """Everything that one ABI knows, indexed once."""

    def __init__(self, abi: Iterable[Mapping[str, Any]]) -> None:
        self.functions: dict[str, list[tuple[bytes, list[str], list[str]]]] = {}
        self.events: dict[str, Mapping[str, Any]] = {}
        self.errors: dict[str, str] = {}
        for entry in abi:
            self._add(entry)

    def _add(self, entry: Mapping[str, Any]) -> None:
        if entry["type"] == "function":
            selector = keccak(text=signature(entry))[:4]
            shape = ([kind(i) for i in entry["inputs"]], [kind(o) for o in entry["outputs"]])
            self.functions.setdefault(entry["name"], []).append((selector, *shape))
        elif entry["type"] == "event":
            self.events["0x" + keccak(text=signature(entry)).hex()] = entry
        elif entry["type"] == "error":
            self.errors["0x" + keccak(text=signature(entry))[:4].hex()] = signature(entry)

    def encode(self, name: str, args: Sequence[Any]) -> tuple[str, list[str]]:
        """Call data, and the types of the answer; overloads are told apart by their number of arguments."""
        matches = [f for f in self.functions[name] if len(f[1]) == len(args)]
        assert len(matches) == 1, f"{name} with {len(args)} arguments: {len(matches)} matches"
        selector, inputs, outputs = matches[0]
        return "0x" + (selector + encoded(inputs, args)).hex(), outputs

    def decode_log(self, log: Mapping[str, Any]) -> Event | None:
        entry = self.events.get(log["topics"][0])
        if entry is None:
            return None
        indexed = [i for i in entry["inputs"] if i["indexed"]]
        plain = [i for i in entry["inputs"] if not i["indexed"]]
        if len(indexed) != len(log["topics"]) - 1:
            return None
        args = {
            i["name"]: decoded([kind(i)], bytes.fromhex(topic[2:]))[0]
            for i, topic in zip(indexed, log["topics"][1:], strict=True)
        }
        values = decoded([kind(i) for i in plain], bytes.fromhex(log["data"][2:]))
        args.update(zip((i["name"] for i in plain), values, strict=True))
        return Event(to_checksum_address(log["address"]), entry["name"], args)
