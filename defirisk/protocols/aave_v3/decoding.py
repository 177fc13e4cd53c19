"""Words that the pool packs: a reserve's configuration, a user's configuration, an eMode category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from defirisk.chain.abi import decode_symbol
from defirisk.chain.calls import Answer, Returned
from defirisk.errors import MalformedAnswer

_WORD: Final = 32
_BITS_A_RESERVE: Final = 2


@dataclass(frozen=True, slots=True)
class Configuration:
    """``DataTypes.ReserveConfigurationMap``: percentages bps, the ceiling USD with 2 decimals, caps in whole tokens."""

    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    decimals: int
    active: bool
    frozen: bool
    borrowing: bool
    paused: bool
    protocol_fee: int
    emode_category: int
    debt_ceiling: int
    in_isolation: bool
    siloed: bool
    reserve_factor: int
    borrow_cap: int
    supply_cap: int


def decode_configuration(word: int) -> Configuration:
    """Unpack a reserve's configuration by the bits of ``ReserveConfiguration``, the same from 3.0 to 3.7."""
    return Configuration(
        ltv=_bits(word, 0, 16),
        liquidation_threshold=_bits(word, 16, 16),
        liquidation_bonus=_bits(word, 32, 16),
        decimals=_bits(word, 48, 8),
        active=_bit(word, 56),
        frozen=_bit(word, 57),
        borrowing=_bit(word, 58),
        paused=_bit(word, 60),
        protocol_fee=_bits(word, 152, 16),
        emode_category=_bits(word, 168, 8),
        debt_ceiling=_bits(word, 212, 40),
        in_isolation=_bit(word, 61),
        siloed=_bit(word, 62),
        reserve_factor=_bits(word, 64, 16),
        borrow_cap=_bits(word, 80, 36),
        supply_cap=_bits(word, 116, 36),
    )


def is_borrowing(flags: int, reserve_id: int) -> bool:
    """``UserConfiguration.isBorrowing``."""
    return _bit(flags, _BITS_A_RESERVE * reserve_id)


def is_collateral(flags: int, reserve_id: int) -> bool:
    """``UserConfiguration.isUsingAsCollateral``."""
    return _bit(flags, _BITS_A_RESERVE * reserve_id + 1)


def _bits(word: int, start: int, size: int) -> int:
    return word >> start & (1 << size) - 1


def _bit(word: int, place: int) -> bool:
    return bool(word >> place & 1)


@dataclass(frozen=True, slots=True)
class Category:
    """``DataTypes.EModeCategory`` as ``getEModeCategoryData`` tells it: bps; ``price_source`` lower-case or zero."""

    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    price_source: str
    label: str


def decode_category(answer: Answer) -> Category:
    """Decode ``getEModeCategoryData``: one dynamic struct whose only dynamic member is the label, its last.

    By hand, because the ABI library costs a third of a second to load.

    Raises:
        MalformedAnswer: it is not that struct.

    """
    data = answer.data
    if not isinstance(answer, Returned) or len(data) < 6 * _WORD or _uint(data, 0) != _WORD:
        raise MalformedAnswer(f"an eMode category that does not decode: {data[:64].hex()}")
    ltv, threshold, bonus, source = (_uint(data, place) for place in range(1, 5))
    if max(ltv, threshold, bonus) >= 1 << 16 or source >= 1 << 160:
        raise MalformedAnswer(f"an eMode category with numbers that do not fit: {data[: 5 * _WORD].hex()}")
    return Category(ltv, threshold, bonus, f"0x{source:040x}", _label(data))


def _label(data: bytes) -> str:
    """The label, ``""`` if its place lies outside of the data.

    Its offset counts from the struct's start: what begins there is a lone string's encoding without its head.
    """
    body = data[_WORD + _uint(data, 5) :]
    return decode_symbol(Returned(_WORD.to_bytes(_WORD) + body)) if len(body) >= _WORD else ""


def _uint(data: bytes, place: int) -> int:
    return int.from_bytes(data[place * _WORD : (place + 1) * _WORD])
