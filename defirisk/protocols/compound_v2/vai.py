"""Repaying VAI: the VAIController splits what it is asked to take into parts, each rounded down by itself.

Kept apart from a cToken's debt because what is taken is less than what was asked, and because what is left of the debt
is not the difference of the two.
"""

from __future__ import annotations

from typing import NamedTuple

from defirisk.fixedpoint import WAD, wad_div_down, wad_mul_down
from defirisk.protocols.compound_v2.interest import owed
from defirisk.protocols.compound_v2.state import VaiDebt


class Parts(NamedTuple):
    """Base units of VAI: ``burned`` of what was minted, ``interest`` paid to the receiver, ``past`` as much of the
    interest as had become part of the debt.
    """

    burned: int
    interest: int
    past: int


def vai_parts(debt: VaiDebt, asked: int) -> Parts:
    """``VAIController.getVAICalculateRepayAmount``: the share that is repaid, wad, rounds down, then each part does."""
    total = owed(debt)
    share = WAD if asked >= total else wad_div_down(asked, total)
    interest = total - debt.minted
    return Parts(wad_mul_down(debt.minted, share), wad_mul_down(interest, share), wad_mul_down(debt.past, share))


def vai_paid(debt: VaiDebt, asked: int) -> int:
    """What ``VAIController.repayVAIFresh`` takes of what it is asked to."""
    parts = vai_parts(debt, asked)
    return parts.burned + parts.interest


def vai_left(debt: VaiDebt, asked: int) -> VaiDebt:
    """What is owed afterwards; the owner's index stays, so that what was minted and is left goes on owing interest."""
    parts = vai_parts(debt, asked)
    return VaiDebt(debt.minted - parts.burned, debt.past - parts.past, debt.growth)
