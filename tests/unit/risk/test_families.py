"""Which family an asset is in, on what ground, and that a hostile symbol cannot claim more than a hint."""

import pytest

from defirisk.errors import InputError, InvalidAddress, UnknownAsset
from defirisk.fixedpoint import WAD
from defirisk.model import NATIVE_COIN, Collateral, Standing, Token
from defirisk.risk.families import FamilyBook, FamilyOf, near, parse_overrides
from tests.support.toy_rules import TOKENS, Side, position

RAW = {
    "family": {
        "USD": {"stable": True, "symbols": ["USDC", "DAI"]},
        "ETH": {"stable": False, "symbols": ["WETH", "STETH", "ETH"]},
    },
    "asset": [
        {"chain_id": 1, "address": TOKENS["WETH"].address, "family": "ETH", "symbol": "WETH", "wraps": "native"},
        {"chain_id": 1, "address": TOKENS["USDC"].address, "family": "USD", "symbol": "USDC"},
    ],
}
BOOK = FamilyBook.of(RAW)
OTHER = "0x" + "44" * 20


def token(symbol, address=OTHER):
    return Token(address, symbol, 18)


def test_a_listed_address_is_certain_whatever_its_symbol_says():
    assert BOOK.family_of(1, token("SCAM", TOKENS["WETH"].address)) == FamilyOf("ETH", False, "address")
    assert BOOK.family_of(1, token("WETH", TOKENS["USDC"].address.lower())) == FamilyOf("USD", True, "address")


def test_the_same_address_on_another_chain_is_another_asset():
    assert BOOK.family_of(10, token("SCAM", TOKENS["WETH"].address)).how == "own"


@pytest.mark.parametrize("symbol", ["stETH", "STETH", "steth"])
def test_a_symbol_is_a_hint_and_says_so(symbol):
    assert BOOK.family_of(1, token(symbol)) == FamilyOf("ETH", False, "symbol")


@pytest.mark.parametrize("symbol", ["stETH2", "xstETH", "st\u0415TH", "\u017fteth", "USDC ", ""])
def test_what_only_looks_like_a_hint_is_none(symbol):
    assert BOOK.family_of(1, token(symbol)).how == "own"


def test_an_unknown_asset_is_a_volatile_family_of_its_own():
    assert BOOK.family_of(1, token("ZZZ")) == FamilyOf("ZZZ", False, "own")


@pytest.mark.parametrize("symbol", ["USD", "usd", "ETH\x1b[31m", "a b", "x" * 13, "", "\u202eZZZ"])
def test_a_symbol_never_passes_for_a_family_or_breaks_a_line(symbol):
    assert BOOK.family_of(1, token(symbol)).name == OTHER


def test_the_native_coin_is_of_the_family_of_its_wrapper():
    assert BOOK.family_of(1, token("COIN", NATIVE_COIN)) == FamilyOf("ETH", False, "address")
    assert BOOK.family_of(5, token("ETH", NATIVE_COIN)) == FamilyOf("ETH", False, "symbol")
    assert BOOK.wraps_native(1, TOKENS["WETH"].address)
    assert BOOK.wraps_native(1, TOKENS["WETH"].address.lower())
    assert not BOOK.wraps_native(10, TOKENS["WETH"].address)
    assert not BOOK.wraps_native(1, TOKENS["USDC"].address)


def test_an_override_goes_before_everything():
    book = FamilyBook.of(RAW, {"zzz": "eth", TOKENS["USDC"].address: "ETH", "DAI": "own"})
    assert book.family_of(1, token("ZZZ")) == FamilyOf("ETH", False, "override")
    assert book.family_of(1, TOKENS["USDC"]) == FamilyOf("ETH", False, "override")
    assert book.family_of(1, token("DAI")) == FamilyOf("DAI", False, "override")


def test_an_override_to_no_family_is_refused_with_what_there_is():
    with pytest.raises(UnknownAsset) as caught:
        FamilyBook.of(RAW, {"ZZZ": "ETHH"})
    assert "ETH, USD" in caught.value.hint


def test_an_override_by_a_broken_address_is_refused():
    with pytest.raises(InvalidAddress):
        FamilyBook.of(RAW, {"0x1234": "ETH"})


def test_an_override_that_matches_nothing_is_a_slip_of_the_pen():
    book = FamilyBook.of(RAW, {"stEHT": "ETH"})
    with pytest.raises(UnknownAsset) as caught:
        book.check_overrides([(1, token("stETH")), (1, token("USDC"))])
    assert caught.value.hint == "near: stETH"
    book.check_overrides([])
    book.check_overrides([(1, token("STEHT"))])


def test_overrides_as_typed():
    assert parse_overrides(["stETH=ETH", " a=b = USD "]) == {"stETH": "ETH", "a=b": "USD"}


@pytest.mark.parametrize("texts", [["stETH"], ["=ETH"], ["stETH="], ["stETH=ETH", "STETH=USD"]])
def test_overrides_that_say_nothing_or_twice_are_refused(texts):
    with pytest.raises(InputError):
        parse_overrides(texts)


def test_a_price_source_takes_the_common_family_of_what_it_prices():
    """One source, a slot for each holding that it values: they are one price, so they are of one family."""
    source = "0x" + "55" * 20
    slots = [Side(Token(source, "eMode 1", decimals), 10**8) for decimals in (6, 18)]
    holder = position(Side(TOKENS["USDC"], 10**8, supply=1), Side(TOKENS["DAI"], 10**8, debt=1), *slots)
    assert {family.how for family in BOOK.families(holder)[2:]} == {"own"}
    legs = (_leg(TOKENS["USDC"], slot=2), _leg(TOKENS["DAI"], slot=3))
    assert BOOK.families(holder, _standing(legs))[2:] == (FamilyOf("USD", True, "symbol"),) * 2
    mixed = (*legs, _leg(TOKENS["WETH"], slot=3))
    assert {family.how for family in BOOK.families(holder, _standing(mixed))[2:]} == {"own"}


def test_near_names_only_symbols_that_are_plain_text():
    known = [(1, token("WETH")), (1, token("WETH\x1b]8")), (1, token("USDC"))]
    assert near("wet", known) == "near: WETH"
    assert near("qqqqqqq", known) == "known: USDC, WETH"
    assert near("WETH", [(1, token("\x1b"))]) is None


def test_the_book_that_ships_answers_for_well_known_assets():
    book = FamilyBook.load()
    assert [book.family_of(1, TOKENS[name]).name for name in ("WETH", "wstETH", "WBTC", "USDC")] == [
        "ETH", "ETH", "BTC", "USD",
    ]  # fmt: skip
    assert book.family_of(1, TOKENS["USDC"]).stable
    assert book.family_of(31337, token("WETH")).how == "symbol"


def _leg(of, slot):
    return Collateral(of, slot, 1, 10**8, 1, True, WAD, 0, WAD)


def _standing(legs):
    return Standing(None, False, 0, 0, legs, ())
