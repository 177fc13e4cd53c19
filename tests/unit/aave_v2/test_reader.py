"""Reading Aave V2: what is no market, in what it counts, whose rules it follows, what is lied about."""

from __future__ import annotations

import dataclasses
import random

import pytest

from defirisk.chain.calls import Answer, Call, Returned
from defirisk.errors import ContractMismatch, DefiriskError, MalformedAnswer, NotAMarket, NotDeployed, UnsupportedRules
from defirisk.model import Position, PositionStatus
from defirisk.protocols.aave_v2 import reader_market
from defirisk.protocols.aave_v2.family import PROTOCOL
from defirisk.protocols.aave_v2.reader_market import Manager, choose_rules, known_close_factors
from defirisk.protocols.interface import Deployment
from tests.unit.aave_v3_reader.chains import NOTHING, REVERT, SHAPES, codes, text_of, word

from .chains import ABI, BentV2, function

FIRST = "0x" + "11" * 20
CORE = "0xcc9632725266473ab5d42320e8ae00437a1df3bb"
SENTINEL = 0x5E47


def first(chain: BentV2) -> Position:
    return chain.positions()[0]


# --- no market ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["getLendingPool", "getPriceOracle", "getLendingPoolCollateralManager"])
def test_an_entry_that_does_not_answer_is_no_market(name: str) -> None:
    with pytest.raises(NotAMarket, match="is no LendingPoolAddressesProvider of Aave V2"):
        BentV2().say(name, REVERT).read()
    with pytest.raises(NotAMarket, match="zero address"):
        BentV2().say(name, word(0)).read()
    with pytest.raises(NotDeployed, match=f"nothing answers {name}"):
        BentV2().say(name, NOTHING).read()


def test_a_pool_that_lists_nothing_is_no_pool_of_v2() -> None:
    with pytest.raises(NotAMarket, match="is no pool of Aave V2"):
        BentV2().say("getReservesList", REVERT).read()


def test_an_empty_market_holds_nobody() -> None:
    chain = BentV2().say("getReservesList", word(32, 0))
    assert chain.read().positions == (None,) * len(chain.wallets)


def test_reserves_with_one_id_are_refused() -> None:
    chain = BentV2()
    one, other = chain.assets[:2]
    same = chain.base.fixture.answers[ABI["getReserveData"](chain.pool, one)]
    with pytest.raises(MalformedAnswer, match="impossible ids"):
        chain.say("getReserveData", same, other).read()


def test_the_configuration_of_a_reserve_bit_by_bit() -> None:
    """Bits 60 and up are V3's: whatever stands there, V2 has no pause of a reserve, no fee and no eMode."""
    chain = BentV2()
    asset = first(chain).state.holdings[0].reserve.token.address.lower()
    data = chain.base.fixture.answers[ABI["getReserveData"](chain.pool, asset)].data
    for frozen in (0, 1):
        packed = 1234 | 2345 << 16 | 10_777 << 32 | 18 << 48 | frozen << 57 | (2**196 - 1) << 60
        bent = BentV2().say("getReserveData", Returned(packed.to_bytes(32) + data[32:]), asset)
        reserve = first(bent).state.holdings[0].reserve
        assert (reserve.ltv, reserve.liquidation_threshold, reserve.liquidation_bonus) == (1234, 2345, 10_777)
        assert (reserve.token.decimals, reserve.active, reserve.frozen) == (18, False, bool(frozen))
        assert (reserve.paused, reserve.protocol_fee, reserve.emode_category) == (False, 0, 0)


# --- in what it counts ----------------------------------------------------------------------------------------------


def test_ether_by_the_oracles_weth() -> None:
    unit = first(BentV2()).market.unit
    chain = BentV2()
    assert (unit.symbol, unit.decimals) == ("WETH", 18)
    assert unit.asset is not None
    assert unit.asset.lower() == chain.told("WETH", chain.oracle)[0]


@pytest.mark.parametrize("base", [0, int("0x10F7Fc1F91Ba351f9C629c5947AD69bD03C05b96", 16)])
def test_dollars_by_the_base_currency_of_a_later_oracle(base: int) -> None:
    chain = BentV2().say("WETH", REVERT).say("BASE_CURRENCY", word(base)).say("BASE_CURRENCY_UNIT", word(10**8))
    unit = first(chain).market.unit
    assert (unit.symbol, unit.decimals, unit.asset) == ("USD", 8, None)


def test_another_base_currency_by_its_symbol() -> None:
    chain = BentV2()
    weth = chain.told("WETH", chain.oracle)[0]
    chain.say("WETH", REVERT).say("BASE_CURRENCY", word(int(weth, 16))).say("BASE_CURRENCY_UNIT", word(10**18))
    assert first(chain).market.unit == first(BentV2()).market.unit


@pytest.mark.parametrize("weth", [REVERT, NOTHING, word(0)])
def test_an_oracle_that_does_not_say_is_refused(weth: Answer) -> None:
    with pytest.raises(UnsupportedRules, match="does not say in what it counts"):
        BentV2().say("WETH", weth).read()


@pytest.mark.parametrize("price", [10**8, 2000 * 10**8, 10**18 + 1])
def test_an_oracle_whose_unit_is_not_worth_one_is_refused(price: int) -> None:
    chain = BentV2()
    with pytest.raises(UnsupportedRules, match="in what it counts is not known"):
        chain.say("getAssetPrice", word(price), chain.told("WETH", chain.oracle)[0]).read()


# --- whose rules ----------------------------------------------------------------------------------------------------


def test_the_packages_pool_and_manager_are_certain() -> None:
    choice = choose_rules(2, Manager(FIRST, None, None))
    assert choice.certain
    assert [revision.name for revision in choice.candidates] == ["2.0"]


@pytest.mark.parametrize("number", [1, 3, 4, 5])
def test_other_pools_are_used_with_a_warning(number: int) -> None:
    position = first(BentV2().say("LENDINGPOOL_REVISION", word(number)))
    assert position.market.rules == position.rules.name == "2.0"
    assert f"pool revision {number} with the collateral manager" in text_of(position, "unverified-revision")
    assert "half is assumed" not in text_of(position, "unverified-revision")


@pytest.mark.parametrize("answer", [word(0), word(6), word(99), REVERT])
def test_unknown_pools_are_refused(answer: Answer) -> None:
    with pytest.raises(UnsupportedRules, match=r"none of those of Aave V2 .*\(1, 2, 3, 4, 5\)"):
        BentV2().say("LENDINGPOOL_REVISION", answer).read()


def test_a_pool_in_doubt_whose_health_factor_is_not_ours_is_not_judged() -> None:
    chain = BentV2().say("LENDINGPOOL_REVISION", word(5))
    wallet = first(BentV2()).owner
    account = list(chain.told("getUserAccountData", chain.pool, wallet))
    account[5] -= 1
    [found] = chain.say("getUserAccountData", word(*account), wallet).read([wallet]).positions
    assert isinstance(found, ContractMismatch)


def test_a_certain_one_whose_health_factor_is_not_ours_says_so() -> None:
    chain = BentV2()
    wallet = first(chain).owner
    account = list(chain.told("getUserAccountData", chain.pool, wallet))
    account[5] -= 1
    [found] = chain.say("getUserAccountData", word(*account), wallet).positions([wallet])
    assert "contract-mismatch" in codes(found)


@pytest.mark.parametrize(("close_factor", "name"), [(5_000, "2.0"), (10_000, "2.0-cf100")])
def test_a_known_manager_says_how_much_one_call_repays(
    close_factor: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = BentV2()
    monkeypatch.setattr(reader_market, "known_close_factors", lambda: {(chain.chain_id, chain.manager): close_factor})
    position = first(chain)
    assert position.rules.name == name
    assert "half is assumed" not in text_of(position, "unverified-revision")


def test_an_unknown_later_manager_is_a_doubt_that_is_said() -> None:
    chain = BentV2().say("LIQUIDATIONS_GRACE_SENTINEL", word(SENTINEL)).say("gracePeriodUntil", word(0))
    assert "half is assumed" in text_of(first(chain), "unverified-revision")


def test_a_manager_without_a_sentinel_set_is_the_first() -> None:
    assert "unverified-revision" not in codes(first(BentV2().say("LIQUIDATIONS_GRACE_SENTINEL", word(0))))


def test_the_known_managers_are_of_their_chain_and_either_half_or_whole() -> None:
    known = known_close_factors()
    assert known[1, CORE] == 10_000
    assert (137, CORE) not in known
    assert set(known.values()) == {5_000, 10_000}
    assert all(address == address.lower() and len(address) == 42 for _, address in known)


# --- pauses and grace -----------------------------------------------------------------------------------------------


def test_a_paused_pool_pauses_all_of_its_reserves() -> None:
    for position in BentV2().say("paused", word(1)).positions():
        assert all(holding.reserve.paused for holding in position.state.holdings)
        assert "paused-reserve" in codes(position)
    assert not any(holding.reserve.paused for one in BentV2().positions() for holding in one.state.holdings)


def test_the_grace_period_of_each_reserve() -> None:
    chain = BentV2()
    asset = chain.assets[0]
    until = chain.block.timestamp + 60
    chain.say("LIQUIDATIONS_GRACE_SENTINEL", word(SENTINEL)).say("gracePeriodUntil", word(0))
    chain.say("gracePeriodUntil", word(until), asset)
    met = 0
    for position in chain.positions():
        for holding in position.state.holdings:
            mine = holding.reserve.token.address.lower() == asset
            met += mine
            assert holding.reserve.grace_until == (until if mine else 0)
    assert met


def test_a_grace_sentinel_that_does_not_answer_is_no_market_to_judge() -> None:
    chain = BentV2().say("LIQUIDATIONS_GRACE_SENTINEL", word(SENTINEL)).say("gracePeriodUntil", REVERT)
    with pytest.raises(DefiriskError, match="gracePeriodUntil"):
        chain.read()


# --- round trips ----------------------------------------------------------------------------------------------------


def hinted(chain: BentV2, pool: str, oracle: str) -> Deployment:
    return dataclasses.replace(chain.deployment, hints=(("pool", pool), ("oracle", oracle)))


def test_four_round_trips_and_three_with_hints_that_hold() -> None:
    plain, ahead = BentV2(), BentV2()
    assert plain.read() == ahead.read(deployment=hinted(ahead, ahead.pool, ahead.oracle))
    assert (plain.trips, ahead.trips) == (4, 3)


def test_three_with_a_grace_sentinel_too() -> None:
    chain = BentV2().say("LIQUIDATIONS_GRACE_SENTINEL", word(SENTINEL)).say("gracePeriodUntil", word(0))
    chain.read(deployment=hinted(chain, chain.pool, chain.oracle))
    assert chain.trips == 3


def test_hints_that_are_wrong_change_nothing() -> None:
    nowhere = "0x" + "dead" * 10
    chain = BentV2()
    chain.bends.append(lambda call: REVERT if call.to == nowhere else None)
    assert chain.read(deployment=hinted(chain, nowhere, nowhere)) == BentV2().read()
    assert chain.trips == 4


def test_early_calls_are_exactly_what_is_asked_first() -> None:
    chain = BentV2()
    deployment = hinted(chain, chain.pool, chain.oracle)
    early = list(PROTOCOL.reader.early_calls(deployment))
    chain.read(deployment=deployment)
    assert chain.asked[: len(early)] == early


# --- nonsense -------------------------------------------------------------------------------------------------------


def survive(chain: BentV2) -> None:
    try:
        found = chain.read(chain.wallets[:4]).positions
    except DefiriskError:
        return
    for one in found:
        assert one is None or isinstance(one, (Position, DefiriskError))
        if isinstance(one, Position) and one.status is PositionStatus.OK:
            assert one.contract == one.reproduced or one.warnings


@pytest.mark.parametrize("name", sorted(one.name for one in ABI))
def test_a_function_that_answers_nonsense_everywhere(name: str) -> None:
    for answer in SHAPES.values():
        survive(BentV2().say(name, answer))


@pytest.mark.parametrize("name", sorted(one.name for one in ABI))
def test_one_answer_with_a_flipped_bit(name: str) -> None:
    chance, selector = random.Random(name), function(name).selector
    held = BentV2().base.fixture.answers
    told = [call for call, answer in held.items() if call.data[:4] == selector and answer.data]
    for call in chance.sample(told, min(len(told), 4)):
        survive(flipped(call, held[call], chance))


def flipped(which: Call, answer: Answer, chance: random.Random) -> BentV2:
    data = bytearray(answer.data)
    place = chance.randrange(8 * len(data))
    data[place // 8] ^= 1 << place % 8
    chain = BentV2()
    chain.bends.append(lambda call: Returned(bytes(data)) if call == which else None)
    return chain


def test_every_fragment_is_asked() -> None:
    chain = BentV2().say("LIQUIDATIONS_GRACE_SENTINEL", word(SENTINEL)).say("gracePeriodUntil", word(0))
    chain.read()
    asked = {call.data[:4] for call in chain.asked}
    assert {one.name for one in ABI if one.selector not in asked} == set()
