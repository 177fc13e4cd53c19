"""Finding a market: what is none, what has moved, what lies about itself."""

from __future__ import annotations

import dataclasses

import pytest

from defirisk.chain.calls import Call, Returned
from defirisk.errors import MalformedAnswer, NotAMarket, NotDeployed
from defirisk.protocols.aave_v3.family import PROTOCOL
from defirisk.protocols.interface import Deployment

from .chains import ABI, NOTHING, REVERT, Bent, word

ZEROS = word(0)


@pytest.mark.parametrize("name", ["getPool", "getPriceOracle"])
def test_an_entry_that_reverts_is_no_market(name: str) -> None:
    with pytest.raises(NotAMarket, match="is no PoolAddressesProvider") as caught:
        Bent("3.7").say(name, REVERT).read()
    assert caught.value.exit_code == 2
    assert not isinstance(caught.value, NotDeployed)


def test_an_entry_without_code_is_not_deployed() -> None:
    with pytest.raises(NotDeployed, match="nothing answers getPool"):
        Bent("3.7").say("getPool", NOTHING).read()


@pytest.mark.parametrize("answer", [Returned(b"\xff" * 32), Returned(b"\x01" * 20), Returned(b"x" * 96), ZEROS])
def test_an_entry_that_answers_no_address_is_no_market(answer: Returned) -> None:
    with pytest.raises(NotAMarket):
        Bent("3.7").say("getPool", answer).read()


def test_a_pool_that_lists_nothing_is_no_market() -> None:
    with pytest.raises(NotAMarket, match="is no pool of Aave V3"):
        Bent("3.7").say("getReservesList", REVERT).read()


def listing(*assets: int) -> Returned:
    return word(32, len(assets), *assets)


def test_a_list_of_ten_thousand_reserves_is_refused_before_it_is_followed() -> None:
    chain = Bent("3.7").say("getReservesList", listing(*range(1, 10_001)))
    with pytest.raises(MalformedAnswer, match="lists 10000 reserves"):
        chain.read()
    assert chain.trips == 2
    assert len(chain.asked) < 300


def test_a_list_that_names_a_reserve_twice_is_refused() -> None:
    with pytest.raises(MalformedAnswer, match="twice"):
        Bent("3.7").say("getReservesList", listing(7, 8, 7)).read()


@pytest.mark.parametrize("promised", [2**255, 10**9])
def test_a_list_that_promises_more_than_it_sends_is_refused(promised: int) -> None:
    with pytest.raises(MalformedAnswer):
        Bent("3.7").say("getReservesList", word(32, promised, 1)).read()


def test_two_reserves_of_one_id_are_refused() -> None:
    chain = Bent("3.7")
    first, second = chain.assets[:2]
    same = chain.base.fixture.answers[_reserve_data(chain, first)]
    with pytest.raises(MalformedAnswer, match="impossible ids"):
        chain.say("getReserveData", same, second).read()


def test_a_reserve_beyond_the_bitmap_is_refused() -> None:
    chain = Bent("3.7")
    data = bytearray(chain.base.fixture.answers[_reserve_data(chain, chain.assets[0])].data)
    data[7 * 32 : 8 * 32] = (128).to_bytes(32)
    with pytest.raises(MalformedAnswer, match="impossible ids"):
        chain.say("getReserveData", Returned(bytes(data)), chain.assets[0]).read()


def _reserve_data(chain: Bent, asset: str) -> Call:
    return ABI["getReserveData"](chain.pool, asset)


def test_an_update_after_the_block_is_refused() -> None:
    with pytest.raises(MalformedAnswer, match="after its block"):
        Bent("3.7").at(1_000_000).read()


def test_an_empty_market_holds_nobody() -> None:
    chain = Bent("3.7").say("getReservesList", listing())
    assert chain.read().positions == (None,) * len(chain.wallets)


@pytest.mark.parametrize("unit", [0, 3, 10**19, 10**37])
def test_a_unit_that_is_no_power_of_ten_is_refused(unit: int) -> None:
    with pytest.raises(MalformedAnswer, match="power of ten"):
        Bent("3.7").say("BASE_CURRENCY_UNIT", word(unit)).read()


def test_another_unit_of_account_is_named_by_its_symbol() -> None:
    chain = Bent("3.7")
    weth = chain.assets[0]
    chain.say("BASE_CURRENCY", word(int(weth, 16))).say("BASE_CURRENCY_UNIT", word(10**18))
    unit = chain.positions()[0].market.unit
    assert (unit.symbol, unit.decimals) == ("WETH", 18)
    assert unit.asset is not None
    assert unit.asset.lower() == weth


def hinted(chain: Bent, pool: str, oracle: str) -> Deployment:
    return dataclasses.replace(chain.deployment, hints=(("pool", pool), ("oracle", oracle)))


def test_hints_that_hold_save_a_round_trip() -> None:
    chain = Bent("3.7")
    with_hints = chain.read(deployment=hinted(chain, chain.pool, chain.oracle))
    assert chain.trips == 3
    assert with_hints == Bent("3.7").read()


def test_an_emode_with_a_price_source_costs_a_hinted_market_a_fourth() -> None:
    chain = Bent("3.1")
    assert chain.read(deployment=hinted(chain, chain.pool, chain.oracle)) == Bent("3.1").read()
    assert chain.trips == 4


@pytest.mark.parametrize("wrong", ["pool", "oracle", "both"])
def test_hints_that_are_wrong_cost_nothing_but_their_calls(wrong: str) -> None:
    """A hint may be out of date at the block; a contract there may even answer as a pool."""
    chain = Bent("3.7")
    chain.bends.append(lambda call: REVERT if call.to == "0x" + "dead" * 10 else None)
    elsewhere = "0x" + "dead" * 10
    pool = chain.pool if wrong == "oracle" else elsewhere
    oracle = chain.oracle if wrong == "pool" else elsewhere
    assert chain.read(deployment=hinted(chain, pool, oracle)) == Bent("3.7").read()
    assert chain.trips == 4


def test_early_calls_are_exactly_what_is_asked_first() -> None:
    for hints in ((), (("pool", "0x" + "11" * 20), ("oracle", "0x" + "22" * 20))):
        chain = Bent("3.7")
        chain.bends.append(lambda call: REVERT if call.to in ("0x" + "11" * 20, "0x" + "22" * 20) else None)
        deployment = dataclasses.replace(chain.deployment, hints=hints)
        early = list(PROTOCOL.reader.early_calls(deployment))
        chain.read(deployment=deployment)
        assert chain.asked[: len(early)] == early
