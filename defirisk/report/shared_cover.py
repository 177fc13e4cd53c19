"""What covers bad debt is counted in full for each position: what is left of it where several draw on it is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from defirisk.model import Borne
from defirisk.model import Warning as Notice
from defirisk.report.figures import number
from defirisk.report.sanitize import clean, symbol
from defirisk.risk.together import SharedLoss

_BEARERS: Final = {
    "umbrella": "Umbrella's stake bears",
    "reserves": "the reserves bear",
    "deficit": "a deficit is left of",
    "suppliers": "the suppliers bear",
}


def shared_cover(losses: Iterable[SharedLoss]) -> Iterator[Notice]:
    """One notice of all stakes and reserves that cover less of the sum than they were said to of each position.

    Of each market's asset in the scenario that loses most of it.
    """
    worst: dict[tuple[str, str], SharedLoss] = {}
    for one in losses:
        key = (one.market, one.token.address)
        if one.differs and (key not in worst or one.amount > worst[key].amount):
            worst[key] = one
    if worst:
        told = "; ".join(map(_told, worst.values()))
        text = f"each position's loss is told as if it were the only one, though what covers it is there once: {told}"
        yield Notice("cover-counted-for-each", text)


def _told(one: SharedLoss) -> str:
    lost = f"{number(one.amount, one.token.decimals)} {symbol(one.token)}"
    shares = ", ".join(map(_share, one.borne_by))
    return f"of {lost} that {one.positions} positions in {clean(one.market)} lose in {clean(one.scenario)}, {shares}"


def _share(borne: Borne) -> str:
    return f"{_BEARERS.get(borne.who, f'{borne.who} bears')} {number(borne.amount, borne.token.decimals)}"
