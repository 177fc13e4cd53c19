"""A stake, or a market's reserves, that several positions of a run were promised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from defirisk.model import Borne
from defirisk.report.json import check as check_json
from defirisk.report.shared_cover import shared_cover
from defirisk.risk.together import SharedLoss

from . import worlds


def shared(first: int, rest: int, *, who: str = "umbrella", **changes: object) -> SharedLoss:
    """``first`` USDC borne by the cover and ``rest`` by the lenders, though each position was promised all of it."""
    left = "deficit" if who == "umbrella" else "suppliers"
    shares = tuple(Borne(name, worlds.USDC, raw * 10**6) for name, raw in ((who, first), (left, rest)) if raw)
    apart = (Borne(who, worlds.USDC, (first + rest) * 10**6),)
    base = SharedLoss("here", "-40%", worlds.USDC, 3, (first + rest) * 10**6, shares, apart)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("umbrella", "Umbrella's stake bears 1,000, a deficit is left of 1,400"),
        ("reserves", "the reserves bear 1,000, the suppliers bear 1,400"),
    ],
)
def test_what_is_covered_of_the_sum_is_said(who: str, said: str) -> None:
    (notice,) = shared_cover([shared(1000, 1400, who=who)])
    assert notice.code == "cover-counted-for-each"
    assert f"of 2,400 USDC that 3 positions in here lose in -40%, {said}" in notice.text
    assert notice in replace(worlds.check(), shared_losses=(shared(1000, 1400, who=who),)).all_warnings()


def test_of_several_scenarios_the_one_that_loses_most_is_said() -> None:
    ones = [
        shared(1000, 1),
        shared(1000, 9, scenario="-60%"),
        shared(1000, 5, scenario="-50%"),
        shared(7, 8, market="there"),
    ]
    (notice,) = shared_cover(ones)
    assert "of 1,009 USDC that 3 positions in here lose in -60%" in notice.text
    assert "of 15 USDC that 3 positions in there lose in -40%" in notice.text
    assert "-50%" not in notice.text


def test_a_cover_that_is_enough_for_all_is_no_news_but_stands_in_the_document() -> None:
    enough = shared(1000, 0)
    assert not list(shared_cover([enough]))
    told = check_json(replace(worlds.check(), shared_losses=(enough,)))["shared_losses"]
    assert told == [
        {
            "market": "here",
            "scenario": "-40%",
            "positions": 3,
            "asset": worlds.USDC.address,
            "amount_raw": "1000000000",
            "borne_by": [{"who": "umbrella", "asset": worlds.USDC.address, "amount_raw": "1000000000"}],
        }
    ]
