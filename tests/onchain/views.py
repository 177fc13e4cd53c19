"""Many views of many contracts in one call, by a contract that stands nowhere: its code is given with the call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from .artifacts import ours
from .coding import decoded
from .evm import Contract, unwrapped

Question = tuple[Contract, str, Sequence[Any]]
PLACE = "0x00000000000000000000000000000000000a5ced"


@cache
def _code() -> str:
    return "0x" + ours()["Views"].runtime


def ask(questions: Sequence[Question]) -> list[Any]:
    """What each answers at the newest block, none changing what another sees; the first refusal raises Reverted."""
    if not questions:
        return []
    coded = [one.coder.encode(function, args) for one, function, args in questions]
    packed = [_question(one.address, data[2:]) for (one, _, _), (data, _) in zip(questions, coded, strict=True)]
    call = {"to": PLACE, "data": "0x" + "".join(packed)}
    answers = _answers(questions[0][0].evm.rpc("eth_call", call, "latest", {PLACE: {"code": _code()}}))
    return [
        _value(one, function, outputs, *answer)
        for (one, function, _), (_, outputs), answer in zip(questions, coded, answers, strict=True)
    ]


def _question(to: str, data: str) -> str:
    """Target, length of the data (2 bytes), data."""
    return f"{to[2:]}{len(data) // 2:04x}{data}"


def _answers(packed: str) -> Iterator[tuple[bool, bytes]]:
    """One after another: whether it succeeded (1 byte), length of the data (4 bytes), data."""
    data, at = bytes.fromhex(packed[2:]), 0
    while at < len(data):
        end = at + 5 + int.from_bytes(data[at + 1 : at + 5])
        yield bool(data[at]), data[at + 5 : end]
        at = end


def _value(one: Contract, function: str, outputs: Sequence[str], good: bool, data: bytes) -> Any:
    if not good:
        raise one.refusal(function, "0x" + data.hex())
    return unwrapped(decoded(outputs, data))
