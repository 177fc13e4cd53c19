"""Every code of the verdict, and that each sentence of it is true of the position that it is said of."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.fixedpoint import WAD
from defirisk.model import Borne, Direction, OwnerLoss, Threshold, Token, Unit
from defirisk.risk import verdict as verdicts
from defirisk.risk.engine import analyse
from defirisk.risk.families import FamilyBook
from defirisk.risk.outcome import Prices, outcome_of
from defirisk.risk.verdict import unpriced_verdict, verdict_of
from defirisk.risk.wording import bearers_text, distance_text, health_text, move_text, price_text, value_text
from tests.support.toy_rules import TOKENS, Side, position

BOOK = FamilyBook.load()
USD = 10**8
ETH = 10**18
USDC = 10**6


def weth(amount, price=2000, **fields):
    return Side(TOKENS["WETH"], int(price * USD), **{"supply": int(amount * ETH), **fields})


def usdc(debt=0, supply=0, price=USD):
    return Side(TOKENS["USDC"], price, debt=int(debt * USDC), supply=int(supply * USDC))


def said(of, **options):
    return analyse(of, [], book=BOOK, **options).verdict


def test_no_debt():
    found = said(position(weth(1), usdc(supply=5)))
    assert found.code == "no-debt"
    assert "cannot be liquidated" in found.text
    assert "what the assets themselves lose" in found.text


def test_no_debt_is_about_debt_not_about_the_health_factor():
    """A debt too small to be valued has no health factor (Aave before 3.5), but it is owed."""
    of = position(weth(1), usdc(1000))
    standing = replace(of.rules.standing(of.state), health_factor=None)
    found = verdict_of(of, standing, BOOK.families(of), None, None)
    assert found.code == "not-liquidatable"
    assert "health factor none" in found.text


def test_can_be_liquidated_names_move_price_and_who_bears_the_rest():
    found = said(position(weth(1), usdc(1000)))
    assert found.code == "can-be-liquidated"
    assert "a fall of WETH by 37.5 % to 1,250.00 USD" in found.text
    assert "a fall of WETH by 47.5 % to 1,050.00 USD leaves more debt" in found.text
    assert "health factor 1.6000" in found.text
    assert "borne by the other suppliers: you would lose the collateral, not more" in found.text


@pytest.mark.parametrize(("debt", "code"), [(1440.01, "close"), (1440, "can-be-liquidated"), (1599.99, "close")])
def test_close_is_ten_percent(debt, code):
    assert said(position(weth(1), usdc(debt))).code == code


def test_a_rise_of_the_debt_is_named_before_the_fall_of_a_stable_that_equals_it():
    found = said(position(usdc(supply=3000), weth(0, debt=ETH)))
    assert "a rise of WETH by 20.0 % to 2,400.00 USD" in found.text
    assert found.code == "can-be-liquidated"


def test_a_rise_is_close_when_the_fall_that_equals_it_is():
    assert said(position(usdc(supply=2777), weth(0, debt=ETH))).code == "close"
    assert said(position(usdc(supply=2778), weth(0, debt=ETH))).code == "can-be-liquidated"


def test_one_asset_on_both_sides_is_never_liquidated_by_prices():
    found = said(position(weth(2, debt=ETH)))
    assert found.code == "no-drop-liquidates"
    assert "No move of one asset or group leaves debt unpaid" in found.text
    assert "interest may in time" in found.text


def test_no_drop_but_a_rise():
    found = _verdict_with([_threshold("WETH", Direction.UP, liquidation=WAD // 2, price=3000 * USD)])
    assert found.code == "no-drop-liquidates"
    assert "but a rise of WETH by 50.0 % to 3,000.00 USD does" in found.text


def test_liquidatable_now_says_what_it_costs_and_what_is_left():
    of = position(weth(1), usdc(1700))
    found = said(of)
    assert found.code == "liquidatable-now"
    assert "costs you 85.00 USD in bonus and fees and leaves you 215.00 USD" in found.text
    assert "cannot lose more than you put in" in found.text


def test_bad_debt_now_says_how_much_and_who():
    found = said(position(weth(1), usdc(1950), who="deficit"))
    assert found.code == "bad-debt-now"
    assert "45.24 USD stays unpaid, borne by the protocol and its lenders, as a deficit" in found.text
    assert "nobody can collect the rest from you" in found.text


def test_debt_that_is_not_written_off_is_still_owed():
    of = position(weth(1), usdc(1950))
    assert "goes on owing it" in said(of).text


def test_toxic_names_the_collateral_whose_seizure_lowers_the_health_factor():
    of = position(
        weth(1, threshold=WAD * 95 // 100, bonus=WAD // 10),
        Side(TOKENS["WBTC"], 60000 * USD, supply=10**6, threshold=WAD // 10),
        usdc(2000),
    )
    found = said(of, thresholds=False)
    assert found.code == "toxic"
    assert "seizing WETH makes it worse" in found.text
    standing = of.rules.standing(of.state)
    today = outcome_of(of, "today", Prices(of.prices))
    assert today.loss_value == 0
    assert today.liquidations[0].health_factor_after < standing.health_factor < WAD


def test_seizing_that_heals_is_not_toxic():
    of = position(weth(1, threshold=WAD * 80 // 100), usdc(1650))
    assert said(of, thresholds=False).code == "liquidatable-now"


def test_without_thresholds_no_distance_is_claimed():
    found = said(position(weth(1), usdc(1000)), thresholds=False)
    assert found.code == "not-liquidatable"
    assert "was not computed" in found.text
    assert "%" not in found.text


def test_unpriced_names_the_asset_and_judges_nothing():
    found = said(position(weth(1, price=0), usdc(1950), unpriced={0: "reverts"}))
    assert found.code == "unpriced"
    assert "no usable price for WETH" in found.text


def _today(of, **changed):
    return replace(outcome_of(of, "today", Prices(of.prices)), **changed)


def test_refused_liquidations_are_said():
    of = position(weth(1), usdc(1700))
    found = verdict_of(of, of.rules.standing(of.state), BOOK.families(of), None, _today(of, liquidations=()))
    assert "refuse every liquidation at the moment" in found.text


def test_the_protocols_fee_is_part_of_the_cost():
    of = position(weth(1), usdc(1700))
    loss = OwnerLoss(total=0, move=0, bonus=70 * USD, protocol_fee=15 * USD, left=200 * USD, borne_by_others=0)
    found = verdict_of(of, of.rules.standing(of.state), BOOK.families(of), None, _today(of, owner_loss=loss))
    assert "costs you 85.00 USD in bonus and fees and leaves you 200.00 USD" in found.text


def test_a_hostile_symbol_does_not_reach_the_sentence():
    evil = Token("0x" + "ab" * 20, "\x1b[2JSAFE\u202e [red]" + "x" * 10_000, 18)
    of = position(Side(evil, 2000 * USD, supply=ETH), usdc(1000))
    found = said(of)
    assert "a fall of 0xabab...abab by 37.5 %" in found.text
    assert found.text.isprintable()
    assert evil.symbol not in unpriced_verdict(position(Side(evil, 0, supply=1), unpriced={0: "x"})).text


def test_verdicts_fit_the_reports():
    """Reports cut a text at 500 characters: a verdict that is cut says half of the truth."""
    for of in (
        position(weth(10**9), usdc(10**12, price=99999999)),
        position(weth(1), usdc(1950)),
        position(weth(2, debt=ETH)),
    ):
        assert len(said(of).text) <= 450


def test_the_documented_codes_are_the_codes():
    documented = set(re.findall(r"^    ([a-z-]+)  ", verdicts.__doc__, re.MULTILINE))
    source = Path(verdicts.__file__).read_text(encoding="utf-8")
    given = set(re.findall(r'"([a-z]+(?:-[a-z]+)+|close|toxic|unpriced)"', source))
    assert documented == given


def test_the_nearest_of_several_is_named():
    of = position(weth(1), Side(TOKENS["wstETH"], 2400 * USD, supply=ETH), usdc(2000))
    found = verdict_of(
        of, of.rules.standing(of.state), BOOK.families(of),
        [_threshold("WETH", Direction.DOWN, -WAD // 2, 1000 * USD), _threshold("wstETH", Direction.DOWN, -WAD // 4, 1800 * USD),
         Threshold("group", "all volatile", Direction.DOWN, -WAD // 5, -WAD // 3)],
        None,
    )  # fmt: skip
    assert "a fall of all volatile assets by 20.0 % (health" in found.text
    assert "a fall of all volatile assets by 33.3 % leaves" in found.text


amounts = st.integers(0, 3 * 10**6)


@given(supply=amounts, extra=amounts, debt=amounts, high=st.integers(50, 95), low=st.integers(5, 60))
def test_the_code_says_what_the_replay_does(supply, extra, debt, high, low):
    """Two collaterals, one of them nearly worthless as cover: each code exactly where its facts hold."""
    of = position(
        weth(supply / 10**6, threshold=high * WAD // 100, bonus=WAD // 10),
        Side(TOKENS["WBTC"], 60000 * USD, supply=extra, threshold=low * WAD // 100),
        Side(TOKENS["USDC"], USD, debt=debt * 2000),
    )
    code, standing = said(of, thresholds=False).code, of.rules.standing(of.state)
    today = outcome_of(of, "today", Prices(of.prices))
    lowered = any(
        step.health_factor_after is not None and step.health_factor_after < before
        for step, before in zip(today.liquidations, [standing.health_factor], strict=False)
    )
    assert (code == "no-debt") == (debt == 0)
    assert (code == "not-liquidatable") == (debt > 0 and not standing.liquidatable)
    assert (code == "bad-debt-now") == (today.loss_value > 0)
    if lowered and today.loss_value == 0:
        assert code == "toxic"


@pytest.mark.parametrize(
    ("move", "text"),
    [(-WAD // 8, "12.5 %"), (-123999999999999999, "12.3 %"), (-WAD + 1, "99.9 %"), (-45678 * 10**12, "4.56 %"),
     (-(10**13), "0.0010 %"), (1, "less than 0.0001 %"), (-1, "less than 0.0001 %"), (12345 * WAD, "1,234,500.0 %")],
)  # fmt: skip
def test_distances_are_cut_towards_zero(move, text):
    assert distance_text(move) == text


@given(st.integers(-WAD + 1, 999 * WAD).filter(bool))
def test_a_distance_is_never_overstated(move):
    text = distance_text(move)
    if not text.startswith("less"):
        assert Fraction(text.removesuffix(" %").replace(",", "")) / 100 <= Fraction(abs(move), WAD)


@given(price=st.integers(1, 10**16), up=st.booleans())
def test_a_price_is_rounded_towards_today(price, up):
    shown = price_text(position(weth(1)), TOKENS["WETH"].address, price, up=up)
    value = Fraction(shown.removesuffix(" USD").replace(",", ""))
    exact = Fraction(price, USD)
    assert value >= exact if up else value <= exact
    assert abs(value - exact) <= max(exact / 10**4, Fraction(1, 10**8))


@pytest.mark.parametrize(
    ("price", "up", "text"),
    [(234567_890000, True, "2,345.68 USD"), (234567_890000, False, "2,345.67 USD"), (99987123, True, "0.999872 USD"),
     (1234, False, "0.0000123400 USD"), (1, False, "0.0000000100000 USD")],
)  # fmt: skip
def test_prices_as_they_are_read(price, up, text):
    assert price_text(position(weth(1)), TOKENS["WETH"].address, price, up=up) == text


def test_values_and_health_are_cut_to_stay_true():
    of = position(weth(1))
    assert value_text(of, 123456, up=True) == "0.01 USD"
    assert value_text(of, 1, up=False) == "0.00 USD"
    assert value_text(of, -150_000_001, up=True) == "-1.50 USD"
    assert value_text(of, -150_000_001, up=False) == "-1.51 USD"
    coin = position(weth(1), unit=Unit("ETH", 18, TOKENS["WETH"].address))
    assert value_text(coin, 123456789 * 10**10, up=False) == "1.23456 ETH"
    assert health_text(WAD - 1) == "0.9999"
    assert health_text(None) == "none"


def test_losses_are_borne_in_order():
    token = TOKENS["USDC"]
    assert bearers_text([Borne("reserves", token, 1), Borne("suppliers", token, 2), Borne("suppliers", token, 2)]) == (
        "the protocol's reserves, then the other suppliers"
    )
    assert bearers_text([]) == "the lenders"
    assert bearers_text([Borne("umbrella", token, 1)]) == "those who staked in Umbrella"


def test_a_group_move_has_no_price():
    group = Threshold("group", "family:ETH", Direction.UP, WAD // 4, None)
    assert move_text(position(weth(1)), group, WAD // 4, None) == "a rise of all ETH assets by 25.0 %"


def _threshold(name, direction, liquidation, price, bad_debt=None):
    return Threshold("asset", name, direction, liquidation, bad_debt, TOKENS[name].address, price)


def _verdict_with(thresholds):
    of = position(weth(1), usdc(1000))
    return verdict_of(of, of.rules.standing(of.state), BOOK.families(of), thresholds, None)
