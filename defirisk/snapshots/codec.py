"""A protocol's state as bytes and back. What is read may come from anybody: only the types that a family names are ever
made, each field of its own type, every count bounded by the bytes that are there.

Integers are zigzag varints, texts UTF-8 with their length, an optional value one byte more, tuples and sets their
length and members, a dataclass its fields in order. Objects that many positions have in common (a reserve, a token) are
*shared*: in the stream stands their number in a table, in which each refers only to those before it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final, Union, get_args, get_origin

MOST_BITS: Final = 320
"""No figure of a contract is longer than a word of 256 bits; products are not stored."""
_MOST_BYTES: Final = MOST_BITS // 7 + 1
_MOST_TEXT: Final = 1 << 16

Put = Callable[[Any, bytearray], None]
Take = Callable[["Source"], Any]


class Undecodable(ValueError):
    """Bytes that are not what the types say."""


class Source:
    """Bytes that are read from their beginning to their end."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def unsigned(self) -> int:
        """A varint."""
        data, at, shift, value = self.data, self.at, 0, 0
        for _ in range(_MOST_BYTES):
            if at >= len(data):
                raise Undecodable("it ends too early")
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                self.at = at
                return value
            shift += 7
        raise Undecodable("a number is too long")

    def count(self) -> int:
        """How many members follow: each takes a byte at least."""
        count = self.unsigned()
        if count > len(self.data) - self.at:
            raise Undecodable(f"{count} members are said to follow")
        return count

    def flag(self) -> bool:
        """A byte that is 0 or 1."""
        value = self.unsigned()
        if value > 1:
            raise Undecodable(f"{value} where yes or no belongs")
        return value == 1

    def text(self) -> str:
        """A text with its length."""
        size = self.count()
        if size > _MOST_TEXT:
            raise Undecodable(f"a text of {size} bytes")
        self.at += size
        try:
            return self.data[self.at - size : self.at].decode()
        except UnicodeDecodeError as problem:
            raise Undecodable("a text is no UTF-8") from problem

    def finish(self) -> None:
        """See that nothing is left."""
        if self.at != len(self.data):
            raise Undecodable(f"{len(self.data) - self.at} bytes too many")


class Codec:
    """Encodes and decodes values of one type; ``own`` are the dataclasses that stand inline, all others are shared.

    One codec's table of shared objects serves all values that it encodes.
    """

    def __init__(self, own: Collection[type]) -> None:
        self._own = frozenset(own)
        self._numbers: dict[tuple[type, Any], int] = {}
        self._entries: list[tuple[str, bytes]] = []
        self._objects: list[Any] = []
        self._puts: dict[Any, Put] = {}
        self._takes: dict[Any, Take] = {}

    # --- encoding ---

    def encode(self, values: Sequence[Any], kinds: Sequence[Any]) -> bytes:
        """The bytes of values, each of its type.

        Raises:
            TypeError: one is not of its type.
        """
        out = bytearray()
        for value, kind in zip(values, kinds, strict=True):
            self._put(kind)(value, out)
        return bytes(out)

    @property
    def table(self) -> list[tuple[str, bytes]]:
        """The shared objects so far: the name of each one's class, and its bytes."""
        return self._entries

    def _put(self, kind: Any) -> Put:
        if kind not in self._puts:
            self._puts[kind] = self._make_put(kind)
        return self._puts[kind]

    def _make_put(self, kind: Any) -> Put:
        if kind in _PUTS:
            return _PUTS[kind]
        if is_dataclass(kind):
            return self._put_fields(kind) if kind in self._own else self._put_shared(kind)
        inner = _optional(kind)
        if inner is not None:
            return _put_optional(self._put(inner))
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (frozenset, tuple) and (origin is frozenset or arguments[-1] is ...):
            return _put_many(self._put(arguments[0]), ordered=origin is tuple)
        if _is_mapping(origin):
            return _put_mapping(self._put(arguments[0]), self._put(arguments[1]))
        raise TypeError(f"{kind} cannot be stored")

    def _put_fields(self, kind: Any) -> Put:
        parts = [(name, self._put(hint)) for name, hint in _hints(kind)]

        def put(value: Any, out: bytearray) -> None:
            if type(value) is not kind:
                raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
            for name, part in parts:
                part(getattr(value, name), out)

        return put

    def _put_shared(self, kind: Any) -> Put:
        whole = self._put_fields(kind)

        def put(value: Any, out: bytearray) -> None:
            number = self._numbers.get((kind, value))
            if number is None:
                entry = bytearray()
                whole(value, entry)
                number = self._numbers[kind, value] = len(self._entries)
                self._entries.append((kind.__name__, bytes(entry)))
                self._objects.append(value)
            _put_unsigned(number, out)

        return put

    # --- decoding ---

    @property
    def objects(self) -> Sequence[Any]:
        """The shared objects of a table that was taken up."""
        return self._objects

    def load(self, table: Sequence[tuple[str, bytes]], kinds: Mapping[str, type]) -> None:
        """Take up a table of shared objects, or more of one: encoding goes on behind it.

        Raises:
            Undecodable: an entry is of no known class, or its bytes are not what its fields are.
        """
        for name, data in table:
            if name not in kinds:
                raise Undecodable(f"{name!a:.60} is no class that is stored")
            source = Source(data)
            kind = kinds[name]
            found = self._take_fields(kind)(source)
            source.finish()
            self._numbers.setdefault((kind, found), len(self._objects))
            self._objects.append(found)
            self._entries.append((name, data))

    def decode(self, data: bytes, kinds: Sequence[Any]) -> list[Any]:
        """The values that bytes are, each of its type.

        Raises:
            Undecodable: they are not.
        """
        source = Source(data)
        values = [self._take(kind)(source) for kind in kinds]
        source.finish()
        return values

    def _take(self, kind: Any) -> Take:
        if kind not in self._takes:
            self._takes[kind] = self._make_take(kind)
        return self._takes[kind]

    def _make_take(self, kind: Any) -> Take:
        if kind in _TAKES:
            return _TAKES[kind]
        if is_dataclass(kind):
            return self._take_fields(kind) if kind in self._own else self._take_shared(kind)
        inner = _optional(kind)
        if inner is not None:
            return _take_optional(self._take(inner))
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (frozenset, tuple) and (origin is frozenset or arguments[-1] is ...):
            return _take_many(self._take(arguments[0]), origin)
        if _is_mapping(origin):
            return _take_mapping(self._take(arguments[0]), self._take(arguments[1]))
        raise TypeError(f"{kind} cannot be stored")

    def _take_fields(self, kind: Any) -> Take:
        parts = [self._take(hint) for _, hint in _hints(kind)]
        return lambda source: kind(*[part(source) for part in parts])

    def _take_shared(self, kind: Any) -> Take:
        def take(source: Source) -> Any:
            number = source.unsigned()
            if number >= len(self._objects) or type(self._objects[number]) is not kind:
                raise Undecodable(f"there is no {kind.__name__} with the number {number}")
            return self._objects[number]

        return take


@cache
def _hints(kind: Any) -> tuple[tuple[str, Any], ...]:
    """The fields of a dataclass with their types, in order."""
    found = typing.get_type_hints(kind)
    return tuple((one.name, found[one.name]) for one in fields(kind))


def shared_kinds(kinds: Collection[Any], own: Collection[type]) -> dict[str, type]:
    """The shared dataclasses that values of these types may hold, by name."""
    found: dict[str, type] = {}
    seen: set[Any] = set()
    left = list(kinds)
    while left:
        kind = left.pop()
        if kind in seen or kind is ...:
            continue
        seen.add(kind)
        if is_dataclass(kind):
            if kind not in own:
                name = kind.__name__  # type: ignore[union-attr] # a class has one
                if found.setdefault(name, kind) is not kind:  # type: ignore[arg-type]
                    raise TypeError(f"two classes are named {name}")
            left += [hint for _, hint in _hints(kind)]
        else:
            left += get_args(kind)
    return found


def _optional(kind: Any) -> Any:
    """What an ``X | None`` is when it is there; ``None`` for another type."""
    if get_origin(kind) not in (Union, types.UnionType):
        return None
    inner = [one for one in get_args(kind) if one is not type(None)]
    return inner[0] if len(inner) == 1 and len(get_args(kind)) == 2 else None


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


# --- plain values -------------------------------------------------------------------------------------------------


def _put_unsigned(value: int, out: bytearray) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _put_int(value: Any, out: bytearray) -> None:
    if type(value) is not int:
        raise TypeError(f"{value!a:.60} is no integer")
    if value.bit_length() >= MOST_BITS:
        raise TypeError(f"an integer of {value.bit_length()} bits")
    _put_unsigned(2 * value if value >= 0 else -2 * value - 1, out)


def _put_bool(value: Any, out: bytearray) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{value!a:.60} is neither true nor false")
    out.append(value)


def _put_text(value: Any, out: bytearray) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{value!a:.60} is no text")
    data = value.encode()
    if len(data) > _MOST_TEXT:
        raise TypeError(f"a text of {len(data)} bytes")
    _put_unsigned(len(data), out)
    out += data


def _put_optional(inner: Put) -> Put:
    def put(value: Any, out: bytearray) -> None:
        out.append(value is not None)
        if value is not None:
            inner(value, out)

    return put


def _put_many(inner: Put, *, ordered: bool) -> Put:
    def put(value: Any, out: bytearray) -> None:
        _put_unsigned(len(value), out)
        for one in value if ordered else sorted(value):
            inner(one, out)

    return put


def _put_mapping(key: Put, item: Put) -> Put:
    def put(value: Any, out: bytearray) -> None:
        _put_unsigned(len(value), out)
        for name, one in value.items():
            key(name, out)
            item(one, out)

    return put


def _take_int(source: Source) -> int:
    value = source.unsigned()
    return -(value >> 1) - 1 if value & 1 else value >> 1


def _take_optional(inner: Take) -> Take:
    return lambda source: inner(source) if source.flag() else None


def _take_many(inner: Take, made: Any) -> Take:
    return lambda source: made([inner(source) for _ in range(source.count())])


def _take_mapping(key: Take, item: Take) -> Take:
    return lambda source: {key(source): item(source) for _ in range(source.count())}


_PUTS: Final[dict[Any, Put]] = {int: _put_int, bool: _put_bool, str: _put_text}
_TAKES: Final[dict[Any, Take]] = {int: _take_int, bool: Source.flag, str: Source.text}
