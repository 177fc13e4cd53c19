from typing import Any

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.chain import Block, Call, Returned, Reverted
from defirisk.chain.multicall import WITNESSES, Header, answered_at, chunks, decode, encode, starved
from defirisk.chain.words import BadWords

from .fakes import word

CALLS = st.lists(
    st.builds(Call, st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()), st.binary(max_size=100)),
    max_size=20,
)
ANSWERS = st.lists(
    st.one_of(st.builds(Returned, st.binary(max_size=100)), st.builds(Reverted, st.binary(max_size=100))), max_size=20
)


@given(CALLS)
def test_encoding_is_eth_abis(calls: list[Call]) -> None:
    expected = eth_abi.encode(["(address,bool,bytes)[]"], [[(call.to, True, call.data) for call in calls]])
    assert encode(calls) == bytes.fromhex("82ad56cb") + expected


def packed(answers: list[Any]) -> bytes:
    return eth_abi.encode(["(bool,bytes)[]"], [[(isinstance(one, Returned), one.data) for one in answers]])


@given(ANSWERS)
def test_decoding_undoes_eth_abi(answers: list[Any]) -> None:
    assert decode(packed(answers), len(answers)) == answers


@given(ANSWERS.filter(bool), st.data())
def test_cut_or_miscounted_answers_are_refused(answers: list[Any], data: st.DataObject) -> None:
    whole = packed(answers)
    with pytest.raises(BadWords):
        decode(whole, len(answers) + 1)
    unpadded = len(whole) - max(-len(answers[-1].data) % 32, 0)
    with pytest.raises(BadWords):
        decode(whole[: data.draw(st.integers(0, unpadded - 1))], len(answers))


@given(ANSWERS.filter(bool), st.integers(0, 2**256 - 1), st.data())
def test_no_word_of_garbage_reaches_outside(answers: list[Any], value: int, data: st.DataObject) -> None:
    whole = bytearray(packed(answers))
    at = 32 * data.draw(st.integers(0, len(whole) // 32 - 1))
    whole[at : at + 32] = word(value)
    try:
        got = decode(bytes(whole), len(answers))
    except BadWords:
        return
    assert len(got) == len(answers)
    assert sum(len(one.data) for one in got) <= len(whole) * len(answers)


@given(CALLS, st.integers(1, 7))
def test_chunks_keep_order_and_limit(calls: list[Call], limit: int) -> None:
    cut = list(chunks(calls, limit))
    assert [call for run in cut for call in run] == calls
    assert all(1 <= len(run) <= limit for run in cut)
    assert len(cut) == -(-len(calls) // limit)


def test_chunks_are_cut_by_size_too() -> None:
    heavy = [Call("0x" + "00" * 20, bytes(200_000))] * 5
    assert [len(run) for run in chunks(heavy, 100)] == [2, 2, 1]
    assert [len(run) for run in chunks([Call("0x" + "00" * 20, bytes(2_000_000))] * 2, 100)] == [1, 1]


def test_only_witnesses_that_all_succeed_vouch_for_empty_failures() -> None:
    answers = [Returned(b""), Reverted(b""), Reverted(b"\x01"), Reverted(b"")]
    fine = [Returned(word(1))] * len(WITNESSES)
    assert starved(answers, fine) == []
    assert starved(answers, [*fine[:-1], Reverted(b"")]) == [1, 3]
    assert starved(answers, [Returned(b"")] * len(WITNESSES)) == [1, 3]


HEADER = Header(Block(9, 1000, "0x" + "11" * 32), "0x" + "aa" * 32)
PARENT = int("aa" * 32, 16)


@pytest.mark.parametrize(
    ("words", "proved"),
    [
        ((9, 1000, PARENT, None), True),
        ((10, 1000, PARENT, None), False),
        ((9, 1001, PARENT, None), False),
        ((9, 1000, PARENT + 1, None), False),
        ((4, 1000, 0, 9), True),  # Arbitrum: block.number is the L1's
        ((4, 1000, 0, 10), False),
        ((4, 1001, 0, 9), False),
        ((None, None, None, None), False),
    ],
)
def test_where_a_batch_was_answered(words: tuple[int | None, ...], proved: bool) -> None:
    answers = [Returned(b"") if one is None else Returned(word(one)) for one in words]
    assert answered_at(HEADER, answers) is proved


def test_without_a_parent_hash_nothing_is_proved() -> None:
    answers = [Returned(word(one)) for one in (9, 1000, PARENT)] + [Returned(b"")]
    assert not answered_at(Header(HEADER.block, None), answers)
