"""Packed words, taken apart."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.chain.calls import Answer, Returned, Reverted
from defirisk.errors import MalformedAnswer
from defirisk.protocols.aave_v3.decoding import (
    Category,
    Configuration,
    decode_category,
    decode_configuration,
    is_borrowing,
    is_collateral,
)

from .chains import word

PLACES = {
    "ltv": (0, 16),
    "liquidation_threshold": (16, 16),
    "liquidation_bonus": (32, 16),
    "decimals": (48, 8),
    "active": (56, 1),
    "frozen": (57, 1),
    "borrowing": (58, 1),
    "paused": (60, 1),
    "protocol_fee": (152, 16),
    "emode_category": (168, 8),
    "debt_ceiling": (212, 40),
    "in_isolation": (61, 1),
    "siloed": (62, 1),
    "reserve_factor": (64, 16),
    "borrow_cap": (80, 36),
    "supply_cap": (116, 36),
}


@given(st.integers(0, 2**256 - 1))
def test_a_configuration_is_cut_at_its_bits_and_nowhere_else(value: int) -> None:
    decoded = decode_configuration(value)
    assert {field.name for field in fields(Configuration)} == set(PLACES)
    for name, (start, size) in PLACES.items():
        assert getattr(decoded, name) == value >> start & 2**size - 1


@given(st.integers(0, 2**256 - 1), st.integers(0, 127))
def test_a_user_has_two_bits_a_reserve(flags: int, reserve: int) -> None:
    assert is_borrowing(flags, reserve) == (flags >> 2 * reserve) % 2
    assert is_collateral(flags, reserve) == (flags >> 2 * reserve + 1) % 2


def category(label: bytes, *numbers: int) -> bytes:
    head = word(32, *numbers, 160, len(label)).data
    return head + label + bytes(-len(label) % 32)


def test_a_category_with_its_label() -> None:
    data = category(b"ETH correlated", 9000, 9300, 10100, 0xE5)
    assert decode_category(Returned(data)) == Category(9000, 9300, 10100, f"0x{0xE5:040x}", "ETH correlated")
    assert decode_category(Returned(category(b"", 1, 2, 3, 0))).label == ""
    assert decode_category(Returned(category(b"x" * 1000, 1, 2, 3, 0))).label == "x" * 64


@pytest.mark.parametrize("offset", [161, 192, 10_000, 2**255])
def test_a_label_that_lies_outside_is_none(offset: int) -> None:
    data = bytearray(category(b"", 1, 2, 3, 4))
    data[5 * 32 : 6 * 32] = offset.to_bytes(32)
    assert decode_category(Returned(bytes(data))).label == ""


@pytest.mark.parametrize(
    "answer",
    [
        Reverted(category(b"", 1, 2, 3, 4)),
        Returned(b""),
        Returned(category(b"", 1, 2, 3, 4)[:191]),
        Returned(b"\x01" + category(b"", 1, 2, 3, 4)[1:]),
        Returned(category(b"", 2**16, 2, 3, 4)),
        Returned(category(b"", 1, 2**16, 3, 4)),
        Returned(category(b"", 1, 2, 2**255, 4)),
        Returned(category(b"", 1, 2, 3, 2**160)),
    ],
)
def test_what_is_no_category_is_refused(answer: Answer) -> None:
    with pytest.raises(MalformedAnswer):
        decode_category(answer)
