"""A stake, or a market's reserves, that several positions of a run were promised."""

from dataclasses import replace

import pytest

from defirisk.model import Borne
from defirisk.report.check import Account
from defirisk.report.shared_cover import shared_cover

from . import worlds


def account(who: str, scenario: str = "-40%", market: str = "here") -> Account:
    outcome = replace(worlds.outcome(), scenario=scenario, borne_by=(Borne(who, worlds.USDC, 5),))
    held = worlds.position(market=worlds.market(name=market))
    analysis = replace(worlds.analysis(outcomes=(outcome,)), position=held)
    return Account(worlds.OWNER, (analysis,))


@pytest.mark.parametrize(("who", "named"), [("umbrella", "Umbrella's stake"), ("reserves", "the reserves")])
def test_what_two_positions_draw_on_is_said_once(who: str, named: str) -> None:
    (notice,) = shared_cover([account(who), account(who), account(who, "-50%"), account(who, "-50%")])
    assert notice.code == "cover-counted-for-each"
    assert notice.text.endswith(f"only once: {named} for USDC in here")
    check = replace(worlds.check(), accounts=(account(who), account(who)))
    assert notice in check.all_warnings()


def test_one_position_a_scenario_and_market_and_what_has_no_bottom_is_no_news() -> None:
    assert not list(shared_cover([account("umbrella"), account("umbrella", "-50%")]))
    assert not list(shared_cover([account("umbrella"), account("umbrella", market="there")]))
    assert not list(shared_cover([account("suppliers"), account("suppliers"), account("umbrella"), account("reserves")]))
