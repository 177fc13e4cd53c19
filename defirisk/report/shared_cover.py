"""What covers bad debt is counted in full for each position: said once where several of them draw on the same cover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from defirisk.model import Warning as Notice
from defirisk.report.sanitize import symbol

if TYPE_CHECKING:
    from defirisk.report.check import Account

_COVERS: Final = {"umbrella": "Umbrella's stake", "reserves": "the reserves"}


def shared_cover(accounts: Iterable[Account]) -> Iterator[Notice]:
    """One notice of all stakes and reserves that two positions or more were promised in one scenario."""
    twice = [cover for cover, times in Counter(_drawn(accounts)).items() if times > 1]
    named = dict.fromkeys(f"{_COVERS[who]} for {symbol} in {market}" for _, market, symbol, who in twice)
    if named:
        text = f"counted in full for each position, though together they can draw on it only once: {', '.join(named)}"
        yield Notice("cover-counted-for-each", text)


def _drawn(accounts: Iterable[Account]) -> Iterator[tuple[str, str, str, str]]:
    """Scenario, market, asset and cover, once for each position that draws on it."""
    for analysis in (one for account in accounts for one in account.positions):
        market = analysis.position.market.name
        for outcome in analysis.outcomes:
            for borne in outcome.borne_by:
                if borne.who in _COVERS:
                    yield outcome.scenario, market, symbol(borne.token), borne.who
