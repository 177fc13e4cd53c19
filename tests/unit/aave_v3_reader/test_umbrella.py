"""Umbrella's coverage from the chain: when it is asked, what it costs, and what stands where it does not answer."""

from __future__ import annotations

import pytest

from defirisk.chain.calls import Answer, Returned
from defirisk.model import Amount, Position
from defirisk.protocols.aave_v3.state import Coverage

from .chains import ABI, NOTHING, REVERT, STAKE, UMBRELLA, Bent, codes, text_of, word

ASKED = {"POOL", "getReserveSlashingConfigs", "getDeficitOffset", "getPendingDeficit", "latestUnderlyingAnswer"}
SELECTORS = {ABI[name].selector for name in (*ASKED, "getMaxSlashableAssets")}


def covered(revision: str = "3.7", **given: int | None) -> tuple[Bent, str]:
    """A market whose USDC is covered."""
    chain = Bent(revision)
    asset = next(one for one in chain.assets if _symbol(chain, one) == "USDC")
    return chain.covered(asset, **({"slashable": 1000, "deficit": 0} | given)), asset


def _symbol(chain: Bent, asset: str) -> str:
    return next(one.symbol for one in chain.read([]).assets if one.address.lower() == asset)


def debtors(chain: Bent) -> list[Position]:
    return [one for one in chain.positions() if _usdc(one) and _owes(one)]


def _usdc(position: Position) -> int | None:
    symbols = [holding.reserve.token.symbol for holding in position.state.holdings]
    return symbols.index("USDC") if "USDC" in symbols else None


def _owes(position: Position) -> bool:
    return bool(position.state.holdings[_usdc(position) or 0].scaled_variable_debt)


def shares(position: Position, loss: int) -> list[tuple[str, int]]:
    """Who bears a loss of USDC."""
    token = position.state.holdings[_usdc(position) or 0].reserve.token
    return [(one.who, one.amount) for one in position.rules.borne_by(position.state, [Amount(token, loss)])]


def test_what_covers_a_reserve_is_read_with_it() -> None:
    chain, asset = covered(offset=70, pending=20, deficit=30)
    chain.say("latestUnderlyingAnswer", word(123_456_789), STAKE)
    chain.say("getReserveSlashingConfigs", word(32, 1, int(STAKE, 16), 0x0FAC1E, 250), asset)
    price = chain.told("getAssetPrice", chain.oracle, asset)[0]
    found = debtors(chain)
    assert found
    for position in found:
        for holding in position.state.holdings:
            expected = (
                Coverage(30, 70, 20, 1000, price, 123_456_789, 250) if holding.reserve.token.symbol == "USDC" else None
            )
            assert holding.reserve.coverage == expected
        assert "umbrella-unread" not in codes(position)


def test_a_loss_is_split_by_what_the_chain_says() -> None:
    chain, _ = covered(offset=70)
    assert {tuple(shares(one, 1500)) for one in debtors(chain)} == {(("umbrella", 1000), ("deficit", 500))}


def test_coverage_costs_no_round_trip() -> None:
    chain, _ = covered()
    chain.trips = 0
    chain.read()
    assert chain.trips == 4
    chain.hints += (("pool", chain.pool), ("oracle", chain.oracle))
    chain.trips = 0
    chain.read()
    assert chain.trips == 3


def test_only_what_is_covered_is_asked_for_its_stake() -> None:
    chain, asset = covered()
    chain.asked.clear()
    chain.read()
    asked = [call for call in chain.asked if call.to in (UMBRELLA, STAKE)]
    assert len(asked) == 1 + len(chain.assets) + 4
    assert ABI["getDeficitOffset"](UMBRELLA, asset) in asked


def test_a_market_without_umbrella_is_not_asked_about_it() -> None:
    chain = Bent("3.7")
    assert all(holding.reserve.coverage is None for one in chain.positions() for holding in one.state.holdings)
    assert not any(call.data[:4] in SELECTORS for call in chain.asked)
    assert not any("umbrella-unread" in codes(one) for one in chain.positions())


def test_coverage_changes_nothing_else() -> None:
    chain, _ = covered()
    for one, other in zip(chain.positions(), Bent("3.7").positions(), strict=True):
        assert (one.warnings, one.contract, one.reproduced) == (other.warnings, other.contract, other.reproduced)


@pytest.mark.parametrize("answer", [REVERT, NOTHING, Returned(b"\x01"), Returned((2**255).to_bytes(32) * 3)])
@pytest.mark.parametrize("name", sorted(ASKED) + ["getMaxSlashableAssets"])
def test_what_does_not_answer_is_said_and_never_zero(name: str, answer: Answer) -> None:
    chain, _ = covered()
    if name in ("getDeficitOffset", "getPendingDeficit", "getMaxSlashableAssets") and isinstance(answer, Returned):
        answer = Returned(answer.data[:7])  # a number of 32 bytes would be an answer
    found = debtors(chain.say(name, answer))
    assert found
    for position in found:
        assert "a bad debt is shown as a deficit in full" in text_of(position, "umbrella-unread")
        assert "USDC" in text_of(position, "umbrella-unread")
        assert shares(position, 1500) == [("deficit", 1500)]


def test_a_recording_from_before_is_read_as_ever_and_warns() -> None:
    chain = Bent("3.7")
    chain.hints = (("umbrella", UMBRELLA),)
    positions = chain.positions()
    owing = [one for one in positions if any(h.scaled_variable_debt for h in one.state.holdings)]
    assert owing
    assert all("umbrella-unread" in codes(one) for one in owing)
    assert [one.state for one in positions] == [one.state for one in Bent("3.7").positions()]


def test_who_owes_nothing_is_not_warned() -> None:
    chain = Bent("3.7")
    chain.hints = (("umbrella", UMBRELLA),)
    free = [one for one in chain.positions() if not any(h.scaled_variable_debt for h in one.state.holdings)]
    assert free
    assert not any("umbrella-unread" in codes(one) for one in free)


def test_an_umbrella_over_another_pool_is_not_believed() -> None:
    chain, _ = covered()
    for position in debtors(chain.say("POOL", word(0xBAD))):
        assert "covers the pool 0x0000000000000000000000000000000000000Bad" in text_of(position, "umbrella-unread")
        assert shares(position, 10) == [("deficit", 10)]


@pytest.mark.parametrize("price", [0, 2**256 - 1])
def test_a_stake_without_a_price_is_unread(price: int) -> None:
    chain, _ = covered()
    for position in debtors(chain.say("latestUnderlyingAnswer", word(price), STAKE)):
        assert "has no price" in text_of(position, "umbrella-unread")


def test_two_stakes_for_one_reserve_cannot_be_slashed() -> None:
    chain, asset = covered()
    chain.say("getReserveSlashingConfigs", word(32, 2, 1, 2, 0, 3, 4, 0), asset)
    for position in debtors(chain):
        assert shares(position, 10) == [("deficit", 10)]
        assert "umbrella-unread" not in codes(position)


def test_rules_that_book_no_deficit_ask_for_no_stake() -> None:
    chain, _ = covered("3.1", deficit=None)
    positions = chain.positions()
    assert not any(call.to == STAKE for call in chain.asked)
    assert not any("umbrella-unread" in codes(one) for one in positions)
