"""``Comptroller.markets(cToken)``: every fork answers a struct of its own, told apart by its length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from defirisk.chain.abi import checksum
from defirisk.chain.calls import Answer, Returned
from defirisk.errors import CallReverted, MalformedAnswer, UnsupportedRules
from defirisk.fixedpoint import WAD

_WORD: Final = 32
_SHORTEST: Final = 2
_WITH_THRESHOLD: Final = 7


@dataclass(frozen=True, slots=True)
class Listing:
    """How a Comptroller lists a market: factors wad. ``incentive`` is ``None`` where it has one for all markets;
    ``newer`` means Venus's struct, which has a threshold and an incentive of the market's own, and says whether
    the core pool may borrow there.
    """

    listed: bool
    collateral_factor: int
    liquidation_threshold: int
    incentive: int | None
    newer: bool
    borrow_allowed: bool = True


def decode_listing(answer: Answer, market: str) -> Listing:
    """Decode (isListed, collateralFactor, ...); Venus's seven members go on (isVenus, threshold, incentive, ...).

    Raises:
        CallReverted, MalformedAnswer: it is not that.
        UnsupportedRules: it has a third number that is no flag, as in Venus's isolated pools.

    """
    place = f"markets({checksum(market)})"
    if not isinstance(answer, Returned):
        raise CallReverted(f"the Comptroller's {place} reverted")
    words = [int.from_bytes(answer.data[at : at + _WORD]) for at in range(0, len(answer.data), _WORD)]
    if len(answer.data) % _WORD or len(words) < _SHORTEST or words[0] > 1 or words[1] > WAD:
        raise MalformedAnswer(f"the Comptroller's {place} answered what is no market: {answer.data[:64].hex()}")
    if len(words) >= _WITH_THRESHOLD:
        allowed = bool(words[_WITH_THRESHOLD - 1])
        return Listing(bool(words[0]), words[1], words[3], words[4], newer=True, borrow_allowed=allowed)
    if len(words) > _SHORTEST and words[2] > 1:
        raise UnsupportedRules(f"the Comptroller's {place} has a number where Compound V2 has a flag: another protocol")
    return Listing(bool(words[0]), words[1], words[1], None, newer=False)


def decode_active(answer: Answer) -> bool:
    """Decode whether an e-mode pool is active, the second member of (label, isActive, ...): unless it says not."""
    told = isinstance(answer, Returned) and len(answer.data) > 2 * _WORD
    return not told or any(answer.data[_WORD : 2 * _WORD])
