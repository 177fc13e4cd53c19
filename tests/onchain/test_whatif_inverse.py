"""The least amounts that a what-if names, really sent on Aave: enough they are, and a base unit less is not."""

from __future__ import annotations

from collections.abc import Mapping

from defirisk.model import Position, Scenario
from defirisk.protocols.interface import ActKind
from defirisk.risk.binding import known_assets, validate
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenarios import moved_prices
from defirisk.whatif.inverse import Goal, health_aim, survival_aim, unchanged, ways_of

from .whatif import named, theirs
from .world import NO_DEBT, World

AIMS = (1_050_000_000_000_000_000, 1_333_333_333_333_333_333, 2 * 10**18)


def test_the_least_amounts_reach_the_health_factor(aave: World, listed: Mapping[str, Position]) -> None:
    """Each amount really sent leaves at least the health factor asked for, a base unit less does not; and deposits of
    what was not held.
    """
    tried = 0
    for number, (wallet, position) in list(enumerate(listed.items()))[::5]:
        aim = AIMS[number % len(AIMS)]
        extra = (named(position, ("DAI", "wstETH", "LINK")[number % 3]),)
        for way in ways_of(position, [Goal(health_aim(aim), unchanged)], extra):
            if way.act is None or way.amount is None or way.asset is None:
                continue
            assert way.proved
            for amount, enough in ((way.amount, True), (way.amount - 1, False)):
                with aave.reverting():
                    refused = theirs(aave, wallet, ActKind(way.act), way.asset.symbol, amount) if amount else None
                    health = aave.health_factor(wallet)
                    what = f"{aave.market.rules} {wallet} {way.act} {amount} {way.asset.symbol} to {aim}: {health}"
                    assert (refused is None and health >= aim) == enough, f"{what} {refused}"
                    if enough:
                        assert health == (way.health if way.health is not None else NO_DEBT), what
            tried += 1
    assert tried >= 8


def test_the_least_amounts_survive_a_fall(aave: World, listed: Mapping[str, Position]) -> None:
    """After the act and the fall nobody can liquidate; with a base unit less somebody can."""
    book = FamilyBook.load()
    tried = 0
    fall = Scenario("-30%", volatile=-3 * 10**17)
    for wallet, position in list(listed.items())[1::5]:
        if aave.market.rules == "2.0" and "WETH" not in {token.symbol for token in position.tokens}:
            continue
        (bound,) = validate([fall], known_assets([position]), book)
        for way in ways_of(
            position, [Goal(survival_aim(fall.name), lambda p, b=bound: moved_prices(p, b, book).oracle)], ()
        ):
            if way.act is None or way.amount is None or way.asset is None:
                continue
            prices = moved_prices(position, bound, book).oracle
            feeds = {t.symbol: p for t, p in zip(position.tokens, prices, strict=True) if t.symbol in aave.market.feeds}
            if aave.market.rules == "2.0":
                feeds.pop("WETH", None)
            for amount, enough in ((way.amount, True), (way.amount - 1, False)):
                with aave.reverting():
                    refused = theirs(aave, wallet, ActKind(way.act), way.asset.symbol, amount) if amount else None
                    aave.set_prices(feeds)
                    health = aave.health_factor(wallet)
                    what = f"{aave.market.rules} {wallet} {way.act} {amount} {way.asset.symbol}: {health}"
                    assert (refused is None and health >= 10**18) == enough, what
            tried += 1
    assert tried >= 2
