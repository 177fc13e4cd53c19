"""A recording read line by line, as ``defirisk record`` writes it: a million calls in little memory.

Exactly that layout is read here, its digest checked on the way; whatever differs by a blank is left to
:func:`defirisk.chain.fixture.decode_fixture`, which reads any JSON of the shape but holds all of it.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from defirisk.chain.fixture import CALLS_BEGIN, Fixture, check_format, checked, parse_document
from defirisk.chain.seal import Seal
from defirisk.chain.store import AnswerStore, Row, row
from defirisk.errors import FixtureError

_FIRST: Final = b'{"format": "'
_CALL: Final = re.compile(
    rb'\{"to":"0x([0-9a-f]{40})","data":"0x([0-9a-f]*)","(result|error)":"0x([0-9a-f]*)"\}(,\n|\n\]\}\n)'
)
_LAST: Final = b"\n]}\n"
_MOST_HEAD: Final = 64 << 20  # a million wallets take 45 MB
_MOST_CALL: Final = 16 << 20
_CHUNK: Final = 1 << 20


class OtherLayout(Exception):
    """It is not written as ``defirisk record`` writes it; the text says where it differs."""


def read_stream(file: BinaryIO, name: str, limit: int) -> Fixture:
    """Read a document in our own layout, of ``limit`` bytes at most; ``name`` stands for it in messages.

    Raises:
        OtherLayout: it is in another one, or longer, or cut off, or changed.
        DigestMismatch, FixtureError: it is in this one, and not sound.
    """
    head = _head(file, name)
    check_format(head, name)
    seal, store = Seal(head), AnswerStore()
    store.put_rows(_calls(file, seal, limit))
    seal.check(name)
    return checked(head, store, name)


def _head(file: BinaryIO, name: str) -> dict[str, Any]:
    """All members before ``calls``, which stays empty."""
    lines = [file.readline(_MOST_HEAD)]
    if not lines[0].startswith(_FIRST):
        raise OtherLayout("it does not begin as `defirisk record` begins")
    size = 0
    while lines[-1] != CALLS_BEGIN:
        lines.append(file.readline(_MOST_HEAD))
        size += len(lines[-1])
        if not lines[-1] or size > _MOST_HEAD:
            raise OtherLayout("its list of calls does not begin")
    try:
        return parse_document(b"".join(lines) + b"]}", name)
    except FixtureError as problem:
        raise OtherLayout("what stands before its calls is not sound") from problem


def _calls(file: BinaryIO, seal: Seal, limit: int) -> Iterator[Row]:
    """The calls one by one, sealed as they go by; strictly in order, so that none is held twice."""
    last = b""
    for number, (to, data, kind, answer) in enumerate(_lines(file, limit), start=1):
        try:
            key, answer_data = unhexlify(to + data), unhexlify(answer)
        except ValueError as problem:
            raise OtherLayout(f"its call {number:,} holds half a byte") from problem
        if key <= last:
            raise OtherLayout(f"its call {number:,} is not in order")
        last = key
        seal.add(to, data, kind, answer)
        yield row(key, answer_data, returned=kind == b"result")


def _lines(file: BinaryIO, limit: int) -> Iterator[tuple[bytes, ...]]:
    """The four parts of each line, up to the end of the document and of the file."""
    text, number, ended = b"", 0, False
    while chunk := file.read(_CHUNK):
        text, place = text + chunk, 0
        limit -= len(chunk)
        for found in _CALL.finditer(text):
            if ended or found.start() != place:
                break
            place, number = found.end(), number + 1
            *parts, end = found.groups()
            ended = end == _LAST
            yield tuple(parts)
        text = text[place:]
        if limit < 0 or len(text) > _MOST_CALL or (ended and text):
            break
    if not ended or text:
        raise OtherLayout(f"after {number:,} calls it is cut off, changed or too large")
