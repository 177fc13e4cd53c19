"""Every step of our replay against `liquidationCall` really sent, wallet by wallet, shock by shock. To the digit."""

from __future__ import annotations

from dataclasses import astuple

from .follow import Scene, Tally, follow_all
from .reading import Reading, state_at
from .shocks import shocks
from .test_positions import health
from .world import World

SEVERAL = ("many-many", "many-one", "one-many", "toxic", "small", "dusty", "crumb", "wide")


def test_health_factor_under_every_shock(chain: World, reading: Reading) -> None:
    wallets = list(reading.positions)
    liquidatable = 0
    for name, prices in shocks(chain.prices()).items():
        with chain.shock(prices):
            by_address = chain.prices_by_address()
            accounts = chain.accounts(wallets)
        for wallet, account in zip(wallets, accounts, strict=True):
            state, standing = state_at(reading.positions[wallet], by_address)
            assert tuple(reading.positions[wallet].rules.account_data(state)) == astuple(account), (name, wallet)
            ours = (standing.collateral_value, standing.debt_value, standing.health_factor)
            assert ours == (account.collateral, account.debt, health(account.health_factor)), (name, wallet)
            assert standing.liquidatable == (account.health_factor < 10**18)
            liquidatable += standing.liquidatable
    assert liquidatable > 300


def test_every_step_of_the_replay(chain: World, reading: Reading) -> None:
    tally = Tally()
    for name, prices in shocks(chain.prices()).items():
        with chain.shock(prices):
            follow_all(liquidatable_scenes(chain, reading, name), "largest", tally)
    check_coverage(chain, tally)


def test_every_step_of_who_goes_for_the_bonus(chain: World, reading: Reading) -> None:
    """Of wallets with several collaterals: with one, the same is taken as above."""
    tally = Tally()
    for name, prices in shocks(chain.prices()).items():
        with chain.shock(prices):
            follow_all([one for one in liquidatable_scenes(chain, reading, name) if several(one)], "best-bonus", tally)
    assert tally.met["step"] > 300, tally
    assert min(tally.endings[ending] for ending in ("healthy", "nothing-to-seize")) > 50, tally


def several(scene: Scene) -> bool:
    standing = scene.position.rules.standing(scene.position.state)
    return sum(leg.counts for leg in standing.collateral) > 1


def test_the_worst_case_order_is_one_that_the_contract_accepts(chain: World, reading: Reading) -> None:
    tally, searches = Tally(), set()
    for name in ("volatile -40%", "LINK -70%", "random 5"):
        with chain.shock(shocks(chain.prices())[name]):
            scenes = [one for one in liquidatable_scenes(chain, reading, name) if one.kind in SEVERAL]
            searches |= {done.search for done in follow_all(scenes, "worst-case", tally)}
    assert searches == {"exhaustive", "greedy"}
    assert tally.met["step"] > 30


def liquidatable_scenes(chain: World, reading: Reading, shock: str) -> list[Scene]:
    """The wallets that can be liquidated at the present prices, by the contract's own word."""
    kinds = {wallet.address: wallet.kind for wallet in chain.wallets}
    wallets = list(reading.positions)
    accounts = dict(zip(wallets, chain.accounts(wallets), strict=True))
    return [
        Scene(chain, reading.positions[wallet], shock, kinds[wallet])
        for wallet in wallets
        if accounts[wallet].health_factor < 10**18
    ]


def check_coverage(chain: World, tally: Tally) -> None:
    """The comparisons met every kind of step and ending that this revision knows."""
    assert tally.met["step"] > 400, tally
    assert tally.met["fee"] > 100, tally
    assert tally.endings["healthy"] > 50, tally
    assert tally.endings["nothing-to-seize"] > 50, tally
    if chain.market.rules == "3.6":
        assert tally.met["deficit"] > 50, tally
        assert tally.met["deficit in several reserves"] > 20, tally
        assert tally.met["reduced amount"] > 8, tally
    else:
        assert tally.met["deficit"] == 0, tally
        assert tally.endings["rules"] > 0, tally
