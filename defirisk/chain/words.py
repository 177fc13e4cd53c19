"""ABI types and decoding: static types word by word, all others by ``eth_abi``, imported when first needed.

Slicing words is about ten times faster than ``eth_abi.decode``, and a population is hundreds of thousands of
answers. Both ways are strict: a word that holds more than its type can is an error, never truncated.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

WORD: Final = 32
_ARRAY: Final = re.compile(r"(.+)\[(\d*)\]")
BASE_TYPE: Final = re.compile(r"(uint|int|bytes)(\d+)")

Decoder = Callable[[bytes], Any]


class BadWords(ValueError):
    """Data that is not what the type says."""


@dataclass(frozen=True, slots=True)
class AbiType:
    """A parsed ABI type.

    ``name`` is canonical, tuples written out; ``fields`` a tuple's members and ``shape`` their names as a namedtuple
    class; ``item`` and ``length`` an array's (``length`` ``None``: of any length); ``words`` the head's size if the
    type is static, ``None`` if it is dynamic.
    """

    name: str
    words: int | None
    fields: tuple[AbiType, ...] | None = None
    shape: Callable[..., Any] | None = None
    item: AbiType | None = None
    length: int | None = None


def parse_type(entry: dict[str, Any]) -> AbiType:
    """Parse one ``inputs`` / ``outputs`` / ``components`` member of a JSON ABI."""
    return _parse(entry["type"], entry.get("components", ()))


def parse_tuple(entries: Sequence[dict[str, Any]]) -> AbiType:
    """Parse a list of members: what a function takes or returns is a tuple."""
    members = tuple(parse_type(entry) for entry in entries)
    sizes = [member.words for member in members]
    return AbiType(
        name="(" + ",".join(member.name for member in members) + ")",
        words=None if None in sizes else sum(size for size in sizes if size is not None),
        fields=members,
        shape=_shape([entry.get("name", "") for entry in entries]),
    )


def _parse(name: str, components: Sequence[dict[str, Any]]) -> AbiType:
    if array := _ARRAY.fullmatch(name):
        item = _parse(array[1], components)
        length = int(array[2]) if array[2] else None
        words = None if length is None or item.words is None else length * item.words
        return AbiType(f"{item.name}[{array[2]}]", words, item=item, length=length)
    if name == "tuple":
        return parse_tuple(components)
    if name in ("bytes", "string"):
        return AbiType(name, None)
    _word_decoder(name)  # refuses an unknown type when the fragment is loaded, not when it is used
    return AbiType(name, 1)


def _shape(names: Sequence[str]) -> Callable[..., Any]:
    """Give a tuple's members their names; unnamed ones are reachable by position."""
    made: Any = namedtuple("Members", names, rename=True)  # type: ignore[misc] # noqa: PYI024 - made at run time
    return cast("Callable[..., Any]", made._make)


# --- static types -------------------------------------------------------------------------------------------------


def static_decoder(kind: AbiType) -> Decoder:
    """Return a function that decodes exactly ``kind.words`` words."""
    words = [_word_decoder(name) for name in _leaves(kind)]
    size = WORD * len(words)
    places = [(decode, WORD * i, WORD * i + WORD) for i, decode in enumerate(words)]
    build = _builder(kind)

    def decode(data: bytes) -> Any:
        if len(data) != size:
            raise BadWords(f"{len(data)} bytes instead of {size}")
        return build(iter([word(data[start:end]) for word, start, end in places]))

    return decode


def _leaves(kind: AbiType) -> Iterator[str]:
    if kind.fields is not None:
        for member in kind.fields:
            yield from _leaves(member)
    elif kind.item is not None:
        for _ in range(kind.length or 0):
            yield from _leaves(kind.item)
    else:
        yield kind.name


def _builder(kind: AbiType) -> Callable[[Iterator[Any]], Any]:
    """Return a function that nests a flat run of values as ``kind`` is nested."""
    if kind.fields is not None and kind.shape is not None:
        if all(member.fields is None and member.item is None for member in kind.fields):
            return kind.shape
        shape, members = kind.shape, [_builder(member) for member in kind.fields]
        return lambda values: shape([build(values) for build in members])
    if kind.item is not None:
        item, length = _builder(kind.item), kind.length or 0
        return lambda values: tuple(item(values) for _ in range(length))
    return next


def _word_decoder(name: str) -> Decoder:
    """Return the checked decoder of one word of an elementary type."""
    if name == "address":
        return _address
    if name == "bool":
        return _bool
    base = BASE_TYPE.fullmatch(name)
    if base is None:
        raise ValueError(f"unknown ABI type {name!r}")
    size = int(base[2])
    if base[1] == "bytes":
        return _fixed_bytes(size)
    return _unsigned(size) if base[1] == "uint" else _signed(size)


def _address(word: bytes) -> str:
    if any(word[:12]):
        raise BadWords("an address with dirty upper bytes")
    return "0x" + word[12:].hex()


def _bool(word: bytes) -> bool:
    value = int.from_bytes(word)
    if value > 1:
        raise BadWords("a bool that is neither 0 nor 1")
    return value == 1


def _unsigned(bits: int) -> Decoder:
    if bits == 256:
        return int.from_bytes
    bound = 1 << bits

    def decode(word: bytes) -> int:
        value = int.from_bytes(word)
        if value >= bound:
            raise BadWords(f"a number that does not fit uint{bits}")
        return value

    return decode


def _signed(bits: int) -> Decoder:
    bound = 1 << (bits - 1)

    def decode(word: bytes) -> int:
        value = int.from_bytes(word, signed=True)
        if not -bound <= value < bound:
            raise BadWords(f"a number that does not fit int{bits}")
        return value

    return decode


def _fixed_bytes(size: int) -> Decoder:
    def decode(word: bytes) -> bytes:
        if any(word[size:]):
            raise BadWords(f"bytes{size} with dirty lower bytes")
        return word[:size]

    return decode


# --- any type -----------------------------------------------------------------------------------------------------


def decoder(outputs: AbiType) -> Decoder:
    """Return the decoder of what a function returns: words where it can, ``eth_abi`` otherwise."""
    if outputs.words is not None:
        return static_decoder(outputs)
    members = outputs.fields or ()
    if len(members) == 1 and members[0].item is not None and members[0].item.words and members[0].length is None:
        return _list_decoder(outputs, members[0].item)
    return _dynamic_decoder(outputs)


def _list_decoder(outputs: AbiType, item: AbiType) -> Decoder:
    """Return the decoder of a lone ``T[]`` of a static T: the commonest dynamic answer, without ``eth_abi``."""
    size, one, shape = WORD * (item.words or 1), static_decoder(_alone(item)), outputs.shape

    def decode(data: bytes) -> Any:
        if len(data) < 2 * WORD or int.from_bytes(data[:WORD]) != WORD:
            raise BadWords(f"{len(data)} bytes that do not start a list")
        count, body = int.from_bytes(data[WORD : 2 * WORD]), data[2 * WORD :]
        if len(body) != count * size:
            raise BadWords(f"{len(body)} bytes instead of a list of {count} items of {size}")
        values = tuple(one(body[at : at + size])[0] for at in range(0, len(body), size))
        return (values,) if shape is None else shape((values,))

    return decode


def _alone(item: AbiType) -> AbiType:
    return AbiType(f"({item.name})", item.words, fields=(item,), shape=tuple)


def _dynamic_decoder(outputs: AbiType) -> Decoder:
    names = [member.name for member in outputs.fields or ()]

    def decode(data: bytes) -> Any:
        from eth_abi.abi import decode as eth_decode  # noqa: PLC0415 - late: 0.2 s
        from eth_abi.exceptions import DecodingError  # noqa: PLC0415 - as above

        try:
            values = eth_decode(names, data)
        except (DecodingError, OverflowError, UnicodeDecodeError) as error:
            raise BadWords(f"{len(data)} bytes that do not decode ({type(error).__name__})") from error
        return _named(outputs, values)

    return decode


def _named(kind: AbiType, value: Any) -> Any:
    """Dress nested plain tuples in the shapes of their types."""
    if kind.fields is not None and kind.shape is not None:
        return kind.shape([_named(member, one) for member, one in zip(kind.fields, value, strict=True)])
    if kind.item is not None:
        item = kind.item
        return tuple(_named(item, one) for one in value)
    return value
