"""Multicall3's ``aggregate3``: many calls as one, coded by hand because it is done by the hundred thousand.

``aggregate3`` forwards all gas but a 64th to each call. A call that fails with empty data may have run out of gas
only because the calls before it used it up, which a plain ``eth_call`` would not show. Every batch therefore ends
with witnesses: pairing checks of nothing, 45,000 gas each. After such a failure at most a 63rd of what the call
needed is left, so witnesses that all succeed prove that it needed over 22 million gas, or failed by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from defirisk.chain.calls import Answer, Block, Call, Returned, Reverted
from defirisk.chain.words import WORD, BadWords

MULTICALL3: Final = "0xca11bde05977b3631167028862be2a173976ca11"
AGGREGATE3: Final = bytes.fromhex("82ad56cb")
_PAIRING: Final = Call("0x" + "00" * 19 + "08", b"")
_ONE: Final = Returned((1).to_bytes(WORD))
WITNESSES: Final = (_PAIRING,) * 8
_ARB_SYS: Final = "0x" + "00" * 19 + "64"
_MAX_DATA: Final = 512 << 10


def chunks(calls: Sequence[Call], limit: int) -> Iterator[Sequence[Call]]:
    """Cut ``calls`` into runs of at most ``limit`` calls and half a MiB, as even as the count allows."""
    start = 0
    while start < len(calls):
        stop = first_stop(calls, start, len(calls), limit)
        yield calls[start:stop]
        start = stop


def first_stop(calls: Sequence[Call], start: int, stop: int, limit: int) -> int:
    """Return where the first run of ``calls[start:stop]`` ends; there must be one."""
    runs = -(-(stop - start) // limit)
    end, room = start + -(-(stop - start) // runs), _MAX_DATA
    for index in range(start, end):
        room -= 6 * WORD + len(calls[index].data)
        if room < 0 and index > start:
            return index
    return end


def encode(calls: Sequence[Call]) -> bytes:
    """Return the data of ``aggregate3`` over ``calls``, each allowed to fail."""
    heads, bodies, offset = [], [], WORD * len(calls)
    for call in calls:
        body = _element(call)
        heads.append(offset.to_bytes(WORD))
        bodies.append(body)
        offset += len(body)
    return AGGREGATE3 + WORD.to_bytes(WORD) + len(calls).to_bytes(WORD) + b"".join(heads) + b"".join(bodies)


_ELEMENT_HEAD: Final = (1).to_bytes(WORD) + (3 * WORD).to_bytes(WORD)


def _element(call: Call) -> bytes:
    size = len(call.data)
    padding = bytes(-size % WORD)
    return bytes(12) + bytes.fromhex(call.to[2:]) + _ELEMENT_HEAD + size.to_bytes(WORD) + call.data + padding


def decode(data: bytes, count: int) -> list[Answer]:
    """Return the answers of an ``aggregate3`` over ``count`` calls.

    Raises:
        BadWords: the data is not that.

    """
    if len(data) < 2 * WORD or _number(data, 0) != WORD or _number(data, WORD) != count:
        raise BadWords(f"{len(data)} bytes that are no list of {count} answers")
    base = 2 * WORD
    return [_answer(data, base + _number(data, base + WORD * index)) for index in range(count)]


def _answer(data: bytes, at: int) -> Answer:
    success, offset, size = (_number(data, at + step) for step in (0, WORD, 2 * WORD))
    start = at + 3 * WORD
    if success > 1 or offset != 2 * WORD or start + size > len(data):
        raise BadWords("an answer that points outside of the data")
    body = data[start : start + size]
    return Returned(body) if success else Reverted(body)


def _number(data: bytes, at: int) -> int:
    if at + WORD > len(data):
        raise BadWords("a word outside of the data")
    return int.from_bytes(data[at : at + WORD])


def starved(answers: Sequence[Answer], witnesses: Sequence[Answer]) -> list[int]:
    """Return the indices of empty failures that nothing proves to be the calls' own."""
    if all(witness == _ONE for witness in witnesses):
        return []
    return [index for index, answer in enumerate(answers) if isinstance(answer, Reverted) and not answer.data]


# --- at which block a batch at "latest" was answered --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header as far as it is used; ``parent`` is ``None`` where the endpoint gives none."""

    block: Block
    parent: str | None


def place_calls(multicall: str | None) -> tuple[Call, ...]:
    """Calls that tell at which block they are answered: height, time, parent; and Arbitrum's own height."""
    selectors = ("42cbb15c", "0f28c97d", "27e86d6e")  # getBlockNumber, getCurrentBlockTimestamp, getLastBlockHash
    asked = [Call(multicall or MULTICALL3, bytes.fromhex(selector)) for selector in selectors]
    return (*asked, Call(_ARB_SYS, bytes.fromhex("a3b1b31d")))  # arbBlockNumber


def answered_at(header: Header, answers: Sequence[Answer]) -> bool:
    """Whether the answers to :func:`place_calls` prove that they are of ``header``'s block."""
    number, timestamp, parent, arbitrum = (_word(answer) for answer in answers)
    if timestamp != header.block.timestamp:
        return False
    if arbitrum is not None:  # there block.number is the L1's
        return arbitrum == header.block.number
    return number == header.block.number and header.parent is not None and parent == int(header.parent, 16)


def _word(answer: Answer) -> int | None:
    return int.from_bytes(answer.data) if isinstance(answer, Returned) and len(answer.data) == WORD else None
