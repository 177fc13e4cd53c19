"""What a scenario does to prices: which move goes first, how it rounds, and what is refused rather than guessed."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.errors import AmbiguousAsset, BadMove, InvalidAddress, UnknownAsset, UnknownMarket
from defirisk.fixedpoint import WAD
from defirisk.model import NATIVE_COIN, Move, Scenario, Token, Unit
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenario_files import parse_drops, parse_shocks
from defirisk.risk.scenarios import Prices, known_assets, moved_prices, validate
from tests.support.toy_rules import TOKENS, Side, position

RAW = {
    "family": {
        "USD": {"stable": True, "symbols": ["USDC", "DAI"]},
        "ETH": {"stable": False, "symbols": ["WETH", "WSTETH", "ETH"]},
        "BTC": {"stable": False, "symbols": ["WBTC"]},
    },
    "asset": [
        {"chain_id": 1, "address": TOKENS["WETH"].address, "family": "ETH", "symbol": "WETH", "wraps": "native"},
    ],
}
BOOK = FamilyBook.of(RAW)
COIN = Token(NATIVE_COIN, "ETH", 18)
WETH = TOKENS["WETH"].address
ETH_UNIT = Unit("ETH", 18, WETH)
COIN_UNIT = Unit("ETH", 18, NATIVE_COIN)
TODAY = {"WETH": 2000_12345678, "wstETH": 2400_00000001, "WBTC": 60000_00000000, "USDC": 99990001, "ZZZ": 12345}


def held(*names, unit=None, **fields):
    """A USD position with a price of each of these, or one in a coin with other prices."""
    sides = [Side(TOKENS[name], TODAY[name], supply=1) for name in names]
    return position(*sides, **({"unit": unit} if unit else {}), **fields)


def oracle(of, *shocks, **moves):
    scenario = parse_shocks(shocks) if shocks else Scenario("s", **moves)
    return moved_prices(of, scenario, BOOK).oracle


def floored(price, percent):
    return int(price * (1 + Fraction(percent) / 100))


def test_a_drop_moves_every_volatile_asset_and_no_stable_one():
    of = held("WETH", "wstETH", "WBTC", "USDC", "ZZZ")
    (drop,) = parse_drops("12.5")
    expected = tuple(floored(TODAY[name], "-12.5") for name in ("WETH", "wstETH", "WBTC"))
    assert moved_prices(of, drop, BOOK) == Prices((*expected, TODAY["USDC"], floored(TODAY["ZZZ"], "-12.5")))


def test_a_shock_moves_the_asset_it_names_and_nothing_else():
    of = held("WETH", "wstETH", "USDC")
    assert oracle(of, "WETH=-40%") == (floored(TODAY["WETH"], -40), TODAY["wstETH"], TODAY["USDC"])
    assert oracle(of, "USDC=+2%") == (TODAY["WETH"], TODAY["wstETH"], floored(TODAY["USDC"], 2))


def test_a_family_moves_together():
    of = held("WETH", "wstETH", "WBTC")
    assert oracle(of, "family:ETH=-40%") == oracle(of, "family:eth=-40%") == (
        floored(TODAY["WETH"], -40), floored(TODAY["wstETH"], -40), TODAY["WBTC"],
    )  # fmt: skip


def test_address_before_symbol_before_family_before_volatile():
    of = held("WETH", "wstETH", "WBTC")
    moves = {"family:ETH": Move(change=-WAD // 10)}
    volatile = floored(TODAY["WBTC"], -50)

    def prices(**more):
        return moved_prices(of, Scenario("s", oracle={**moves, **more}, volatile=-WAD // 2), BOOK).oracle

    assert prices() == (floored(TODAY["WETH"], -10), floored(TODAY["wstETH"], -10), volatile)
    assert prices(WETH=Move(change=-WAD // 5))[0] == floored(TODAY["WETH"], -20)
    by_both = prices(**{"WETH": Move(change=-WAD // 5), WETH: Move(change=-3 * WAD // 10)})
    assert by_both == (floored(TODAY["WETH"], -30), floored(TODAY["wstETH"], -10), volatile)


@pytest.mark.parametrize("key", ["WETH", "weth", WETH, WETH.lower(), "0X" + WETH[2:].upper(), "native", NATIVE_COIN])
def test_a_token_and_the_coin_it_wraps_have_one_price(key):
    of = position(Side(TOKENS["WETH"], 2000, supply=1), Side(COIN, 2000, supply=1), Side(TOKENS["wstETH"], 2400))
    assert oracle(of, f"{key}=-40%") == (1200, 1200, 2400)


def test_a_name_of_its_own_goes_before_wrapping():
    of = position(Side(TOKENS["WETH"], 2000, supply=1), Side(COIN, 2000, supply=1))
    assert oracle(of, "WETH=-40%", "native=-10%") == (1200, 1800)


@pytest.mark.parametrize(
    "shocks", [["WETH=-40%", "weth=-30%"], [f"{WETH}=-40%", f"{WETH.lower()}=-30%"], ["native=-40%", f"{NATIVE_COIN}=-30%"],
               ["family:ETH=-1%", "family:eth=-2%"]]
)  # fmt: skip
def test_two_moves_of_equal_rank_for_one_asset_are_refused(shocks):
    of = position(Side(TOKENS["WETH"], 2000, supply=1), Side(COIN, 2000, supply=1))
    with pytest.raises(BadMove):
        oracle(of, *shocks)


def test_two_symbols_that_differ_only_in_case_are_two_assets():
    small = Token("0x" + "66" * 20, "weth", 18)
    of = position(Side(TOKENS["WETH"], 2000, supply=1), Side(small, 1000, supply=1))
    assert oracle(of, "WETH=-40%", "weth=-10%") == (1200, 900)


def test_an_asset_that_shares_its_symbol_must_be_named_by_address():
    twin = Token("0x" + "66" * 20, "WETH", 18)
    of = position(Side(TOKENS["WETH"], 2000, supply=1), Side(twin, 1000, supply=1))
    with pytest.raises(AmbiguousAsset) as caught:
        oracle(of, "WETH=-40%")
    assert WETH in caught.value.message
    assert twin.address in caught.value.message
    assert oracle(of, f"{WETH}=-40%") == (1200, 1000)


def test_the_case_blind_fallback_is_used_only_where_it_is_clear():
    twins = [Token("0x" + digits * 20, symbol, 18) for digits, symbol in (("66", "Abc"), ("77", "aBc"))]
    of = position(*(Side(token, 1000, supply=1) for token in twins))
    assert oracle(of, "Abc=-10%") == (900, 1000)
    with pytest.raises(AmbiguousAsset):
        oracle(of, "abc=-10%")


def test_a_symbol_on_two_chains_is_not_ambiguous():
    there = Token("0x4200000000000000000000000000000000000006", "WETH", 18)
    (bound,) = validate([parse_shocks(["WETH=-40%"])], [(1, TOKENS["WETH"]), (10, there)], BOOK)
    assert moved_prices(position(Side(TOKENS["WETH"], 2000)), bound, BOOK).oracle == (1200,)
    assert moved_prices(position(Side(there, 2000), chain_id=10), bound, BOOK).oracle == (1200,)
    assert moved_prices(position(Side(there, 2000), chain_id=1), bound, BOOK).oracle == (2000,)


def test_what_one_position_calls_a_name_holds_for_all():
    """A hostile ``weth`` in one market must not take the user's ``weth`` away from WETH in another one, silently."""
    hostile = position(Side(Token("0x" + "66" * 20, "weth", 18), 7, supply=1))
    of = held("WETH", "USDC")
    (bound,) = validate([parse_shocks(["weth=-40%"])], known_assets([of, hostile]), BOOK)
    assert moved_prices(of, bound, BOOK).oracle == (TODAY["WETH"], TODAY["USDC"])
    assert moved_prices(hostile, bound, BOOK).oracle == (4,)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("WETHH", "near: WETH"),
        ("ETH", "near: WETH; family:ETH moves the whole family"),
        ("0x" + "99" * 20, "known: USDC, WETH"),
        ("native2", "known: USDC, WETH"),
        ("family:DOGE", "families: BTC, ETH, USD"),
    ],
)
def test_an_unknown_asset_is_refused_with_what_is_near(key, near):
    with pytest.raises(UnknownAsset) as caught:
        validate([parse_shocks([f"{key}=-40%"])], known_assets([held("WETH", "USDC")]), BOOK)
    assert caught.value.hint == near


def test_a_family_name_without_its_prefix_is_answered_with_it():
    with pytest.raises(UnknownAsset) as caught:
        oracle(held("WETH", "USDC"), "ETH=-40%")
    assert caught.value.hint == "near: WETH; family:ETH moves the whole family"


def test_a_preset_may_name_what_nobody_holds_and_moves_every_twin():
    twin = Token("0x" + "66" * 20, "WETH", 18)
    of = position(Side(TOKENS["WETH"], 2000, supply=1), Side(twin, 1000, supply=1))
    preset = Scenario(
        "p", {"WETH": Move(change=-WAD // 2), "DOGE": Move(change=0), "family:XX": Move(change=0)}, preset=True
    )
    assert moved_prices(of, preset, BOOK).oracle == (1000, 500)


def test_nothing_read_means_nothing_unknown():
    (bound,) = validate([parse_shocks(["WETHH=-40%"])], [], BOOK)
    assert bound.oracle.assets == {}


@pytest.mark.parametrize("key", ["0x1234", "0x" + "g" * 40, WETH + "00"])
def test_a_broken_address_is_refused(key):
    with pytest.raises(InvalidAddress):
        oracle(held("WETH"), f"{key}=-40%")


def test_a_wrong_checksum_is_refused():
    with pytest.raises(InvalidAddress) as caught:
        oracle(held("WETH"), f"{WETH[:-1]}{WETH[-1].swapcase()}=-40%".replace("0xC02a", "0xc02A"))
    assert WETH in caught.value.hint


def test_the_overrides_are_checked_with_the_names():
    with pytest.raises(UnknownAsset):
        validate([], known_assets([held("WETH")]), FamilyBook.of(RAW, {"WTHE": "ETH"}))


def test_a_move_that_makes_a_price_zero_names_the_asset():
    of = position(Side(TOKENS["ZZZ"], 1, supply=1))
    with pytest.raises(BadMove, match="ZZZ"):
        oracle(of, "ZZZ=-0.000001%")
    assert oracle(of, "ZZZ=+99%") == (1,)
    assert oracle(of, "ZZZ=+100%") == (2,)


def test_a_price_of_zero_that_was_read_stays():
    of = position(Side(TOKENS["ZZZ"], 0), Side(TOKENS["WETH"], 2000))
    assert oracle(of, "WETH=-40%", "ZZZ=-10%") == (0, 1200)


@pytest.mark.parametrize("change", [-WAD, -WAD - 1, -5 * WAD])
def test_a_fall_to_nothing_or_below_is_refused_wherever_it_comes_from(change):
    with pytest.raises(BadMove):
        oracle(held("WETH"), volatile=change)


def test_absolute_prices():
    of = held("WETH", "WBTC")
    assert oracle(of, oracle={"WBTC": Move(raw=25)}) == (TODAY["WETH"], 25)
    assert oracle(of, oracle={"WBTC": Move(usd=25000 * WAD)}) == (TODAY["WETH"], 25000_00000000)
    assert oracle(of, oracle={"WBTC": Move(usd=123456789 * 10**9 + 1)}) == (TODAY["WETH"], 12345678)


def test_a_usd_price_is_scaled_as_the_oracle_scales():
    """Compound V2's oracle has 36 - decimals digits: the scale is 1e18 for every token."""
    of = position(Side(TOKENS["USDC"], 10**30, supply=1), unit=Unit("USD", 18))
    of = replace(of, state=_Scaled(of.state, 10**18))
    assert oracle(of, oracle={"USDC": Move(usd=9 * WAD // 10)}) == (9 * 10**29,)


def test_a_usd_price_below_the_oracles_unit_is_a_price_of_zero():
    with pytest.raises(BadMove, match="WBTC"):
        oracle(held("WBTC"), oracle={"WBTC": Move(usd=10**9)})


def test_a_family_cannot_be_given_one_price():
    with pytest.raises(BadMove):
        oracle(held("WETH"), oracle={"family:ETH": Move(raw=5)})


def test_a_raw_price_holds_in_its_market_only():
    of = held("WETH", market="here")
    moves = {"WETH": Move(raw=5, market="there"), "family:ETH": Move(change=-WAD // 2)}
    assert oracle(of, oracle=moves) == (floored(TODAY["WETH"], -50),)
    assert oracle(replace(of, market=replace(of.market, name="there")), oracle=moves) == (5,)


def test_a_raw_price_among_several_markets_must_say_which():
    of = held("WETH")
    with pytest.raises(BadMove, match="WETH"):
        validate([Scenario("s", {"WETH": Move(raw=5)})], known_assets([of]), BOOK, ["a", "b"])
    with pytest.raises(UnknownMarket):
        validate([Scenario("s", {"WETH": Move(raw=5, market="c")})], known_assets([of]), BOOK, ["a", "b"])
    validate([Scenario("s", {"WETH": Move(raw=5)})], known_assets([of]), BOOK, ["a", "a"])


def test_the_market_follows_the_oracle_where_it_is_not_named():
    of = held("WETH", "wstETH", "USDC")
    crash = {"family:ETH": Move(change=-WAD // 5)}
    assert moved_prices(of, Scenario("s", crash), BOOK).market is None
    moved = moved_prices(of, Scenario("s", crash, {"wstETH": Move(change=-3 * WAD // 10)}), BOOK)
    assert moved.oracle == (floored(TODAY["WETH"], -20), floored(TODAY["wstETH"], -20), TODAY["USDC"])
    assert moved.market == (floored(TODAY["WETH"], -20), floored(TODAY["wstETH"], -30), TODAY["USDC"])


def test_a_frozen_feed():
    of = held("WETH", "USDC")
    moved = moved_prices(of, Scenario("s", {"WETH": Move(change=0)}, {"WETH": Move(change=-WAD // 2)}), BOOK)
    assert moved == Prices((TODAY["WETH"], TODAY["USDC"]), (floored(TODAY["WETH"], -50), TODAY["USDC"]))


def coin_market(unit=ETH_UNIT):
    """A market that counts in ETH: WETH is worth 1e18, always."""
    return position(
        Side(TOKENS["WETH"], 10**18, supply=1), Side(TOKENS["wstETH"], 12 * 10**17, supply=1),
        Side(TOKENS["USDC"], 5 * 10**14 + 1, debt=1), unit=unit, market="coin",
    )  # fmt: skip


@pytest.mark.parametrize("unit", [ETH_UNIT, COIN_UNIT])
@pytest.mark.parametrize("shock", ["WETH=-40%", "native=-40%"])
def test_where_the_unit_of_account_falls_every_other_price_rises(unit, shock):
    others = (int(Fraction(12 * 10**17) / Fraction(60, 100)), int(Fraction(5 * 10**14 + 1) / Fraction(60, 100)))
    assert oracle(coin_market(unit), shock) == (10**18, *others)


@pytest.mark.parametrize("unit", [ETH_UNIT, COIN_UNIT])
def test_a_fall_of_the_whole_family_keeps_its_ratios(unit):
    stable = int(Fraction(5 * 10**14 + 1) / Fraction(60, 100))
    assert oracle(coin_market(unit), "family:ETH=-40%") == (10**18, 12 * 10**17, stable)
    assert oracle(coin_market(unit), volatile=-4 * WAD // 10) == (10**18, 12 * 10**17, stable)
    assert oracle(coin_market(unit), "USDC=+2%") == (10**18, 12 * 10**17, (5 * 10**14 + 1) * 102 // 100)


def test_moves_of_unit_and_asset_are_one_division():
    price = 5 * 10**14 + 1
    assert oracle(coin_market(), "WETH=-40%", "USDC=-7%")[2] == price * 93 // 60


def test_absolute_prices_where_the_unit_moves():
    of = coin_market()
    assert oracle(of, oracle={"WETH": Move(change=-WAD // 2), "USDC": Move(raw=77)}) == (10**18, 24 * 10**17, 77)
    for moves in ({"USDC": Move(usd=WAD)}, {"WETH": Move(usd=1000 * WAD)}, {"WETH": Move(raw=5)}):
        with pytest.raises(BadMove, match="coin"):
            oracle(of, oracle=moves)
    assert oracle(of, oracle={"WETH": Move(raw=10**18)}) == of.prices


def test_the_market_price_of_the_unit_moves_the_market_prices_of_all_others():
    of = coin_market()
    moved = moved_prices(of, Scenario("s", {"USDC": Move(change=WAD // 50)}, {"WETH": Move(change=-WAD // 2)}), BOOK)
    usdc = 5 * 10**14 + 1
    assert moved.oracle == (10**18, 12 * 10**17, usdc * 102 // 100)
    assert moved.market == (10**18, 24 * 10**17, usdc * 102 // 50)


def test_the_market_counts_in_the_unit_that_the_oracle_moved():
    of = coin_market()
    moved = moved_prices(of, Scenario("s", {"WETH": Move(change=-WAD // 2)}, {"wstETH": Move(change=-WAD // 10)}), BOOK)
    usdc = (5 * 10**14 + 1) * 2
    assert moved == Prices((10**18, 24 * 10**17, usdc), (10**18, 12 * 9 * 2 * 10**16, usdc))


moves = st.integers(-WAD + 1, 20 * WAD)
sizes = st.integers(10**6, 10**14)


@given(price=sizes, change=moves)
def test_a_moved_price_is_the_exact_one_rounded_down(price, change):
    exact = Fraction(price * (WAD + change), WAD)
    of = position(Side(TOKENS["WETH"], price, supply=1))
    if exact < 1:
        with pytest.raises(BadMove):
            oracle(of, oracle={"WETH": Move(change=change)})
    else:
        (moved,) = oracle(of, oracle={"WETH": Move(change=change)})
        assert moved <= exact < moved + 1


@given(price=sizes, change=moves, unit=moves)
def test_a_moved_price_in_a_moved_unit_is_the_exact_one_rounded_down(price, change, unit):
    exact = Fraction(price * (WAD + change), WAD + unit)
    of = position(Side(TOKENS["WETH"], WAD), Side(TOKENS["USDC"], price, supply=1), unit=ETH_UNIT)
    scenario = {"WETH": Move(change=unit), "USDC": Move(change=change)}
    if exact < 1:
        with pytest.raises(BadMove):
            oracle(of, oracle=scenario)
    else:
        assert oracle(of, oracle=scenario) == (WAD, int(exact))


@given(price=st.integers(10**9, 10**14), near=st.integers(-WAD * 99 // 100, 5 * WAD), far=st.integers(0, 5 * WAD))
def test_a_larger_move_never_gives_a_smaller_price(price, near, far):
    of = position(Side(TOKENS["WETH"], price, supply=1))
    assert oracle(of, volatile=near)[0] <= oracle(of, volatile=near + far)[0]


class _Scaled:
    """A state whose oracle counts in another scale."""

    def __init__(self, state, scale):
        self.tokens, self.prices, self.scales = state.tokens, state.prices, (scale,) * len(state.tokens)
