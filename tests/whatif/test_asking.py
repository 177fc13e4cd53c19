"""Texts of a what-if: what is taken, exactly, and what is refused with which words."""

from __future__ import annotations

from dataclasses import replace

import pytest

import defirisk
from defirisk import WhatIf
from defirisk.chain.recording import load_fixture
from defirisk.errors import BadParameter, InputError, NotChangeable
from defirisk.fixedpoint import WAD
from defirisk.model import Scenario
from defirisk.protocols.interface import ActKind
from defirisk.protocols.values import parse_bps, parse_fixed, parse_flag, parse_ratio, shown_bps
from defirisk.report.check import differs
from defirisk.whatif.applying import apply
from defirisk.whatif.asking import NOTHING, Act, Setting
from defirisk.whatif.binding import bind
from tests.cli.conftest import CLOSE, RECORDING
from tests.support.toy_rules import TOKENS, Side, position


def test_settings() -> None:
    asked = WhatIf.of(
        set=["WETH.liquidation_threshold=0.80", "aave-v3@0xAb:USDC.e.ltv = 75%", "close_factor=0.6"],
        set_emode="m:1.collateral=+WETH,-WBTC",
    )
    assert asked.settings == (
        Setting(None, "WETH", None, "liquidation_threshold", "0.80"),
        Setting("aave-v3@0xAb", "USDC.e", None, "ltv", "75%"),
        Setting(None, None, None, "close_factor", "0.6"),
        Setting("m", None, 1, "collateral", "+WETH,-WBTC"),
    )
    assert asked.changes
    assert asked.asks


def test_acts_in_their_order() -> None:
    asked = WhatIf.of(acts=["repay USDC=1000", "withdraw m:WETH=all", "borrow DAI=0.5", "deposit WETH=2"])
    assert asked.acts == (
        Act(ActKind.REPAY, None, "USDC", "1000"),
        Act(ActKind.WITHDRAW, "m", "WETH", None),
        Act(ActKind.BORROW, None, "DAI", "0.5"),
        Act(ActKind.DEPOSIT, None, "WETH", "2"),
    )


def test_aims() -> None:
    asked = WhatIf.of(reach_health=["1.5", "2"], survive=["-40%", "WETH=-30%"], with_assets="DAI")
    assert asked.reach_health == (3 * WAD // 2, 2 * WAD)
    assert [one.name for one in asked.survive] == ["-40%", "WETH=-30%"]
    assert not asked.changes
    assert asked.survive[0] == Scenario("-40%", volatile=-4 * 10**17)


@pytest.mark.parametrize(
    "given",
    [
        {"set": "WETH.liquidation_threshold"}, {"set": "=1"}, {"set": ".ltv=1"}, {"set": "WETH.=1"}, {"set": ":a.b=1"},
        {"set": "WETH.ltv="}, {"set": "WETH.ltv=\x1b[31m"}, {"set_emode": "ltv=1"}, {"set_emode": "0.ltv=1"},
        {"set_emode": "256.ltv=1"}, {"set_emode": "\u0661.ltv=1"}, {"set_emode": "1=1"}, {"acts": "repay"},
        {"acts": "donate USDC=1"}, {"acts": "repay =1"}, {"acts": "deposit WETH=all"}, {"acts": "borrow WETH=ALL"},
        {"reach_health": "0"}, {"reach_health": "-1"}, {"reach_health": "1e3"}, {"reach_health": "1.0000000000000000001"},
        {"survive": "-100%"}, {"survive": "nothing"}, {"with_assets": "DAI"},
    ],
)  # fmt: skip
def test_what_says_nothing(given: dict[str, str]) -> None:
    with pytest.raises(InputError) as refused:
        WhatIf.of(**given)
    assert refused.value.message
    assert "\x1b" not in refused.value.message


def test_values_are_exact() -> None:
    assert parse_ratio("0.8", "x") == parse_ratio("80%", "x") == parse_ratio(" 80.00 % ", "x") == 8 * 10**17
    assert parse_bps("0.8005", "x") == 8005
    assert parse_fixed("12.500", 2, "x") == 1250
    assert (parse_flag("true", "x"), parse_flag("OFF", "x")) == (True, False)
    assert shown_bps(8005) == "80.05 %"


@pytest.mark.parametrize(
    "text", ["0.80005", "80.005%", "1.0001", "100.01%", "-0.8", "0,8", "", "nan", "1e-1", "\u06f1"]
)
def test_values_that_no_basis_points_hold(text: str) -> None:
    with pytest.raises(BadParameter):
        parse_bps(text, "WETH.ltv")


def test_a_family_without_changes_says_so() -> None:
    mine = position(Side(TOKENS["WETH"], 10**11, supply=10**18))
    with pytest.raises(NotChangeable, match="toy"):
        bind(WhatIf.of(acts="repay USDC=1"), [mine])
    with pytest.raises(InputError, match="no position"):
        bind(WhatIf.of(acts="repay USDC=1"), [])


def test_a_position_that_differs_from_its_contract_stays_in_doubt() -> None:
    """Whatever is reckoned from it: the check is incomplete, as it is without a what-if."""
    recorded = load_fixture(str(RECORDING))
    account = defirisk.check([CLOSE], fixture=recorded, scenarios=(), thresholds=False, what_if=NOTHING).accounts[0]
    mine = account.positions[0].position
    doubted = replace(mine, contract=replace(mine.contract, health_factor=1))
    bound = bind(WhatIf.of(acts="deposit WETH=1"), [doubted])
    assert differs(apply(bound, doubted).position)
    assert not differs(apply(bound, mine).position)
