"""Totals over markets: dollars with dollars, ether with ether, whatever the decimals."""

from dataclasses import replace

from defirisk.model import Unit
from defirisk.report.table import text
from defirisk.report.totals import totals_of
from tests.unit.report import worlds


def in_unit(analysis, name, unit):
    market = replace(analysis.position.market, name=name, unit=unit)
    return replace(analysis, position=replace(analysis.position, market=market))


def account(*units):
    one = worlds.check().accounts[0]
    first = one.positions[0]
    return replace(one, positions=tuple(in_unit(first, f"market-{i}", unit) for i, unit in enumerate(units)))


def test_one_unit_is_added_up_and_another_kept_apart():
    dollars, finer, ether = Unit("USD", 8), Unit("USD", 18), Unit("ETH", 18, "0x" + "e" * 40)
    held = account(dollars, finer, ether)
    standing = held.positions[0].standing
    usd, eth = totals_of(held)
    assert (usd.unit.symbol, usd.markets) == ("USD", 2)
    assert usd.collateral == standing.collateral_value * 10**10 + standing.collateral_value
    assert usd.debt == standing.debt_value * 10**10 + standing.debt_value
    assert (eth.unit.symbol, eth.markets, eth.debt) == ("ETH", 1, standing.debt_value)


def test_the_table_says_what_the_markets_come_to_and_which_hold_nothing():
    one = worlds.check()
    held = account(Unit("USD", 8), Unit("USD", 8))
    shown = text(replace(one, accounts=(held,), markets=("market-0", "market-1", "aave-v3-empty", "spark-empty")))
    assert "Over 2 markets: $7,037.01 collateral that counts, $5,600.69 debt." in " ".join(shown.split())
    assert "Nothing in: aave-v3-empty, spark-empty." in " ".join(shown.split())


def test_an_unpriced_position_is_in_no_total():
    held = account(Unit("USD", 8))
    (judged,) = held.positions
    unpriced = replace(judged, position=replace(judged.position, unpriced={0: "price 0"}), standing=None)
    assert totals_of(replace(held, positions=(unpriced,))) == ()
