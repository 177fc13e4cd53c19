"""Positions of two collaterals and one debt in each rule family that is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any, Final

from benchmarks.positions import HEALTH, REVISIONS, aave_v3, placed, sketches, state
from defirisk.model import Position, Unit
from defirisk.protocols import registry

PER_CENT: Final = 10**16


def all_families(count: int) -> Iterator[tuple[str, list[Position]]]:
    """A name and so many positions, rule set by rule set; ``(name, [])`` for a family that nobody here can build."""
    for family in registry.families():
        if family in _BUILT:
            yield from _BUILT[family](count)
        else:
            yield family, []


def _aave_v3(count: int) -> Iterator[tuple[str, list[Position]]]:
    for revision in REVISIONS:
        yield f"aave-v3 {revision}", aave_v3(revision, "2+1", count)


def _aave_v2(count: int) -> Iterator[tuple[str, list[Position]]]:
    """The same states: Aave V2's shape is V3's, without a protocol fee."""
    from defirisk.protocols.aave_v2.rules import RULES

    for name, rules in RULES.items():
        states = (_without_fee(state(one)) for one in sketches("2+1", count))
        yield f"aave-v2 {name}", [placed(rules, one, "aave-v2", Unit("USD", 8)) for one in states]


def _without_fee(one: Any) -> Any:
    holdings = tuple(replace(held, reserve=replace(held.reserve, protocol_fee=0)) for held in one.holdings)
    return replace(one, holdings=holdings)


def _compound_v2(count: int) -> Iterator[tuple[str, list[Position]]]:
    """The recorded wallets of Compound's own contracts, cut to three markets, debts brought near the edge."""
    from defirisk.protocols.compound_v2.rules import ORIGINAL
    from tests.vectors.compound_v2.recording import recorded, state_of

    data = recorded()
    prices = [market["price"] for market in data["base"]["markets"]]
    wallets = (state_of(number, prices) for number in range(len(data["base"]["wallets"])))
    cut = [one for one in map(_three_markets, wallets) if one is not None]
    found = []
    for one, health in zip(_repeated(cut, count), cycle(HEALTH), strict=False):
        now = ORIGINAL.standing(one).health_factor
        holdings = tuple(
            replace(held, debt=held.debt * now // (health * PER_CENT)) if held.debt else held for held in one.holdings
        )
        found.append(placed(ORIGINAL, replace(one, holdings=holdings), "compound-v2", Unit("USD", 18)))
    yield "compound-v2 original", found


def _three_markets(one: Any) -> Any:
    """Two markets that count as collateral and one that is owed; ``None`` where the wallet has no such three."""
    held = list(enumerate(one.holdings))
    owed = [slot for slot, part in held if part.debt and not part.tokens][:1]
    supplied = [slot for slot, part in held if part.tokens and part.entered and not part.debt][:2]
    if len(owed) + len(supplied) < 3:
        return None
    slots = sorted(owed + supplied)
    kept = {name: tuple(getattr(one, name)[slot] for slot in slots) for name in ("holdings", "tokens", "prices")}
    return replace(one, **kept)


def _compound_v3(count: int) -> Iterator[tuple[str, list[Position]]]:
    """The recorded wallets of two Comets, cut to two collaterals, debts brought near the edge."""
    from defirisk.protocols.compound_v3.state import CometState
    from tests.vectors.comet import MARKETS, recording

    for name in MARKETS:
        market = recording(name)
        cut = []
        for one in market.states(market.data["stale"]["totals"], market.prices()):
            if one.principal < 0 and len(one.assets) >= 2:
                held = list(zip(one.assets, one.balances, strict=True))[:2]
                cut.append(CometState.of(one.comet, one.principal, held, one.prices[:3]))
        found = []
        for one, health in zip(_repeated(cut, count), cycle(HEALTH), strict=False):
            now = market.rules.standing(one).health_factor or 0
            near = replace(one, principal=one.principal * now // (health * PER_CENT))
            found.append(placed(market.rules, near, "compound-v3", Unit("USD", 8)))
        yield f"compound-v3 {name} ({market.rules.name})", found


def _repeated(states: list[Any], count: int) -> Iterator[Any]:
    return (states[number % len(states)] for number in range(count if states else 0))


_BUILT: Final[dict[str, Callable[[int], Iterator[tuple[str, list[Position]]]]]] = {
    "aave-v2": _aave_v2,
    "aave-v3": _aave_v3,
    "compound-v2": _compound_v2,
    "compound-v3": _compound_v3,
}
