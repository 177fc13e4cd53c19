"""Owners: what one of them meets, the others do not feel."""

from __future__ import annotations

from typing import Any

import pytest

from defirisk.chain.calls import Answer, Returned
from defirisk.errors import CallReverted, MalformedAnswer, MissingCall, NonstandardDebtToken
from defirisk.fixedpoint import ray_mul_half_up
from defirisk.model import ContractView, Position, PositionStatus
from defirisk.protocols.aave_v3.interest import compounded_binomial

from .chains import ABI, NOTHING, REVERT, SYMBOL, Bent, codes, text_of, word

DAY = 86_400
PAUSED, FROZEN, ACTIVE = 1 << 60, 1 << 57, 1 << 56


def holders(revision: str, symbol: str) -> set[str]:
    return {
        position.owner
        for position in Bent(revision).positions()
        if symbol in {holding.reserve.token.symbol for holding in position.state.holdings}
    }


def asset_of(chain: Bent, symbol: str) -> str:
    return next(one for one in chain.assets if symbol.encode() in chain.base.fixture.answers[SYMBOL(one)].data)


def reconfigured(chain: Bent, symbol: str, *, on: int = 0, off: int = 0) -> Bent:
    asset = asset_of(chain, symbol)
    data = bytearray(chain.base.fixture.answers[ABI["getReserveData"](chain.pool, asset)].data)
    data[:32] = (int.from_bytes(data[:32]) & ~off | on).to_bytes(32)
    return chain.say("getReserveData", Returned(bytes(data)), asset)


# --- one wallet alone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["getUserConfiguration", "getUserEMode", "getUserAccountData", "scaledBalanceOf"])
@pytest.mark.parametrize("answer", [NOTHING, Returned(b"\x00" * 31), Returned(b"\x00" * 4096)])
def test_a_wallet_with_malformed_answers_fails_alone(name: str, answer: Answer) -> None:
    chain = Bent("3.5")
    victim = chain.wallets[3]
    found = chain.say(name, answer, victim).read().positions
    assert isinstance(found[3], MalformedAnswer)
    usual = Bent("3.5").read().positions
    assert [*found[:3], *found[4:]] == [*usual[:3], *usual[4:]]


def test_a_wallet_in_an_impossible_emode_fails_alone() -> None:
    chain = Bent("3.5")
    found = chain.say("getUserEMode", word(256), chain.wallets[0]).read().positions
    assert isinstance(found[0], MalformedAnswer)
    assert isinstance(found[1], Position)


def test_an_emode_that_cannot_be_read_fails_those_in_it() -> None:
    chain = Bent("3.5")
    found = chain.say("getEModeCategoryCollateralConfig", REVERT, 1).read().positions
    inside = {one.owner for one in Bent("3.5").positions() if one.state.emode and one.state.emode.id == 1}
    assert inside
    for wallet, one in zip(chain.wallets, found, strict=True):
        assert isinstance(one, CallReverted) == (wallet in inside)


def test_a_wallet_that_the_recording_lacks_fails_alone() -> None:
    chain = Bent("3.5")
    stranger = "0x000000000000000000000000000000000000bEEF"
    found = chain.read([chain.wallets[0], stranger, chain.wallets[1]]).positions
    assert isinstance(found[1], MissingCall)
    assert [found[0], found[2]] == list(Bent("3.5").read(chain.wallets[:2]).positions)


def test_a_wallet_with_nothing_has_no_position() -> None:
    chain = Bent("3.5")
    owner = chain.wallets[0]
    found = chain.say("scaledBalanceOf", word(0), owner).read().positions
    assert found[0] is None
    assert isinstance(found[1], Position)


def test_a_dead_token_fails_everybody_and_says_which() -> None:
    chain = Bent("3.5")
    token = chain.token(chain.assets[2], "aTokenAddress")
    for one in chain.say("scaledBalanceOf", REVERT, to=token).read().positions:
        assert isinstance(one, CallReverted)
        assert token in one.message.lower()


@pytest.mark.parametrize(("revision", "ceiling"), [("3.5", 12_345), ("3.7", 0)])
def test_from_3_7_on_the_bits_of_isolation_are_dead(revision: str, ceiling: int) -> None:
    for position in reconfigured(Bent(revision), "WBTC", on=12_345 << 212).positions():
        for holding in position.state.holdings:
            if holding.reserve.token.symbol == "WBTC":
                assert holding.reserve.debt_ceiling == ceiling


# --- prices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [REVERT, NOTHING, word(0), Returned(b"\xff" * 31)])
def test_a_missing_price_concerns_who_holds_or_owes_it(price: Answer) -> None:
    users, chain = holders("3.3", "WBTC"), Bent("3.3")
    chain.say("getAssetPrice", price, asset_of(chain, "WBTC"))
    usual = {position.owner: position for position in Bent("3.3").positions()}
    assert 0 < len(users) < len(usual)
    for position in chain.positions():
        if position.owner not in users:
            assert position == usual[position.owner]
            continue
        assert position.status is PositionStatus.UNPRICED
        (slot,) = position.unpriced
        assert position.tokens[slot].symbol == "WBTC"
        assert position.unpriced[slot]
        assert position.reproduced == ContractView()
        assert position.contract == usual[position.owner].contract  # the recorded one: it is told, and not compared
        assert "contract-mismatch" not in codes(position)
        same = [(one.scaled_supply, one.scaled_variable_debt) for one in position.state.holdings]
        assert same == [(one.scaled_supply, one.scaled_variable_debt) for one in usual[position.owner].state.holdings]


def test_the_contracts_own_revert_is_no_second_failure_where_a_price_is_missing() -> None:
    chain = Bent("3.3")
    owner = min(holders("3.3", "WBTC"))
    chain.say("getAssetPrice", REVERT, asset_of(chain, "WBTC")).say("getUserAccountData", REVERT, owner)
    (position,) = chain.positions([owner])
    assert position.contract == ContractView()
    assert position.status is PositionStatus.UNPRICED


def test_an_account_that_reverts_with_all_prices_there_is_a_failure() -> None:
    chain = Bent("3.3")
    (found,) = chain.say("getUserAccountData", REVERT).read(chain.wallets[:1]).positions
    assert isinstance(found, CallReverted)


def test_an_emodes_own_price_source_is_a_price_too() -> None:
    sourced = {one.owner for one in Bent("3.1").positions() if one.state.emode and one.state.emode.price_slot}
    chain = Bent("3.1")
    key = chain.base.fixture.answers[ABI["getEModeCategoryData"](chain.pool, 2)].data[4 * 32 + 12 : 5 * 32].hex()
    chain.say("getAssetPrice", REVERT, "0x" + key)
    assert sourced
    for position in chain.positions():
        held = len(position.state.holdings)
        assert bool(position.unpriced) == (position.owner in sourced)
        assert list(position.unpriced) == list(range(held, len(position.tokens)))


@pytest.mark.parametrize(
    ("round_data", "alone", "expected"),
    [
        (word(1, 2, 3, 1_700_000_000, 1), REVERT, 1_700_000_000),
        (REVERT, word(1_600_000_000), 1_600_000_000),
        (word(1, 2, 3, 0, 1), word(1_600_000_000), 1_600_000_000),
        (REVERT, REVERT, None),
        (NOTHING, Returned(b"\x01"), None),
        (word(1, 2, 3, 2**200, 1), word(0), None),
    ],
)
def test_a_feed_may_tell_its_time_or_not(round_data: Answer, alone: Answer, expected: int | None) -> None:
    chain = Bent("3.7").say("latestRoundData", round_data).say("latestTimestamp", alone)
    for position in chain.positions():
        assert set(position.price_times) == {expected}


def test_an_asset_without_a_feed_has_a_price_of_unknown_age() -> None:
    for answer in (word(0), REVERT):
        chain = Bent("3.7").say("getSourceOfAsset", answer)
        for position in chain.positions():
            assert set(position.price_times) == {None}
            assert position.status is PositionStatus.OK


# --- debts that are not plain -------------------------------------------------------------------------------------


def debtor(revision: str) -> tuple[Bent, str, str]:
    """A chain, a wallet with variable debt, and the asset that it owes."""
    chain = Bent(revision)
    for position in chain.positions():
        for holding in position.state.holdings:
            if holding.scaled_variable_debt:
                return Bent(revision), position.owner, holding.reserve.token.address
    raise AssertionError


@pytest.mark.parametrize("revision", ["3.1", "3.2", "3.3"])
def test_a_discounted_debt_is_refused_not_guessed(revision: str) -> None:
    """GHO before 3.4: the debt token's own balance is less than shares times index."""
    chain, owner, asset = debtor(revision)
    token = chain.token(asset, "variableDebtTokenAddress")
    told = chain.told("balanceOf", token, owner)[0]
    chain.say("balanceOf", word(told - 1), owner, to=token)
    found = dict(zip(chain.wallets, chain.read().positions, strict=True))
    assert isinstance(found.pop(owner), NonstandardDebtToken)
    assert all(isinstance(one, Position) for one in found.values())


def test_from_3_4_on_no_debt_token_is_asked_twice() -> None:
    chain = Bent("3.4")
    chain.read()
    assert ABI["balanceOf"].selector not in {call.data[:4] for call in chain.asked}


def test_stable_debt_is_compounded_since_its_own_time_and_counts() -> None:
    chain, owner, asset = debtor("3.1")
    token = chain.token(asset, "stableDebtTokenAddress")
    principal, rate, since = 5 * 10**15, 7 * 10**25, chain.block.timestamp - 100 * DAY
    chain.say("principalBalanceOf", word(principal), owner, to=token)
    chain.say("getUserStableRate", word(rate), owner, to=token).say("getUserLastUpdated", word(since), owner, to=token)
    (usual,) = Bent("3.1").positions([owner])
    (position,) = chain.positions([owner])
    holding = next(one for one in position.state.holdings if one.reserve.token.address == asset)
    assert holding.stable_debt == ray_mul_half_up(principal, compounded_binomial(rate, 100 * DAY)) > principal
    before, after = usual.rules.standing(usual.state), position.rules.standing(position.state)
    assert after.debt_value > before.debt_value
    assert "contract-mismatch" in codes(position)  # the recorded account knows nothing of it


def test_a_stable_token_that_does_not_answer_is_no_debt() -> None:
    usual = Bent("3.1").read()
    for answer in (REVERT, NOTHING):
        chain = Bent("3.1")
        for name in ("principalBalanceOf", "getUserStableRate", "getUserLastUpdated"):
            chain.say(name, answer)
        assert chain.read() == usual


def test_from_3_2_on_the_stand_in_for_stable_debt_is_not_asked() -> None:
    chain = Bent("3.2")
    data = bytearray(chain.base.fixture.answers[ABI["getReserveData"](chain.pool, chain.assets[0])].data)
    data[9 * 32 + 12 : 10 * 32] = b"\x5d" * 20
    assert chain.say("getReserveData", Returned(bytes(data)), chain.assets[0]).read() == Bent("3.2").read()
    assert "0x" + "5d" * 20 not in {call.to for call in chain.asked}


def test_a_debt_without_its_flag_is_shown_and_not_counted() -> None:
    chain = Bent("3.7")
    owner = next(one.owner for one in chain.positions() if not one.rules.standing(one.state).debt)
    token = chain.token(chain.assets[1], "variableDebtTokenAddress")
    (position,) = chain.say("scaledBalanceOf", word(1000), owner, to=token).positions([owner])
    assert "unseen-debt" in codes(position)
    standing = position.rules.standing(position.state)
    assert len(standing.debt) == 1
    assert standing.health_factor is None
    assert position.reproduced == position.contract


# --- what to warn of ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [({"on": PAUSED}, "paused-reserve"), ({"off": ACTIVE}, "inactive-reserve"), ({"on": FROZEN}, "frozen-reserve")],
)
def test_a_reserve_in_trouble_is_named_to_its_users(change: dict[str, Any], code: str) -> None:
    users = holders("3.7", "WBTC")
    for position in reconfigured(Bent("3.7"), "WBTC", **change).positions():
        named = [one.text for one in position.warnings if one.code == code and one.text.startswith("WBTC")]
        assert len(named) == (position.owner in users)


@pytest.mark.parametrize(("left", "warned"), [(3600, True), (0, True), (-1, False)])
def test_a_grace_period_lasts_to_its_second(left: int, warned: bool) -> None:
    chain = Bent("3.7")
    until = chain.block.timestamp + left
    for position in chain.say("getLiquidationGracePeriod", word(until)).positions():
        assert {one.reserve.grace_until for one in position.state.holdings} == {until}
        assert ("grace-period" in codes(position)) == warned


def test_a_grace_period_beyond_the_calendar_is_a_number() -> None:
    chain = Bent("3.7").say("getLiquidationGracePeriod", word(2**40 - 1))
    assert str(2**40 - 1) in text_of(chain.positions()[0], "grace-period")


@pytest.mark.parametrize(("answer", "allowed"), [(word(1), True), (word(0), False), (REVERT, False), (word(2), False)])
def test_the_sentinel_is_asked_and_may_forbid(answer: Answer, allowed: bool) -> None:
    chain = Bent("3.5").say("getPriceOracleSentinel", word(0x5E)).say("isLiquidationAllowed", answer)
    chain.say("isBorrowAllowed", word(1))
    for position in chain.positions():
        assert position.state.liquidations_allowed is allowed
        assert ("sentinel" in codes(position)) is not allowed
    assert chain.trips == 4


def test_from_3_7_on_the_sentinel_means_nothing() -> None:
    chain = Bent("3.7").say("getPriceOracleSentinel", word(0x5E)).say("isLiquidationAllowed", word(0))
    assert {position.state.liquidations_allowed for position in chain.positions()} == {None}
    assert chain.read() == Bent("3.7").read()


def string(text: bytes) -> Returned:
    return Returned((32).to_bytes(32) + len(text).to_bytes(32) + text + bytes(-len(text) % 32))


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (Returned(b"MKR".ljust(32, b"\0")), "MKR"),
        (string(b"L" * 10_000), "L" * 64),
        (string(b"\x1b[31mRED"), "\x1b[31mRED"),  # reports clean it; the model keeps what the contract says
        (string(b"\xff\xfe"), "\ufffd\ufffd"),
        (string(b""), None),
        (REVERT, None),
        (NOTHING, None),
        (Returned((2**255).to_bytes(32) * 3), None),
    ],
)
def test_a_hostile_symbol_changes_no_number(answer: Answer, shown: str | None) -> None:
    chain = Bent("3.7").say("symbol", answer)
    for position, usual in zip(chain.positions(), Bent("3.7").positions(), strict=True):
        assert position.reproduced == usual.reproduced
        for token in position.tokens:
            assert token.symbol == (shown or f"{token.address[:6]}...{token.address[-4:]}")
        assert ("symbol-unreadable" in codes(position)) == (shown is None)


def test_a_hostile_label_changes_no_number() -> None:
    usual = Bent("3.7").positions()
    head = Bent("3.7").base.fixture.answers[ABI["getEModeCategoryData"](Bent("3.7").pool, 1)].data[: 5 * 32]
    for tail in (word(2**255), word(160, 2**255), word(160, 10_000), word(160 + 31)):
        chain = Bent("3.7").say("getEModeCategoryData", Returned(head + tail.data), 1)
        for position, one in zip(chain.positions(), usual, strict=True):
            assert position.reproduced == one.reproduced
            assert len(position.state.emode.label if position.state.emode else "") <= 64
