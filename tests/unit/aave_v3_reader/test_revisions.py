"""Which rules a pool gets: by its number, by its functions, or none at all."""

from __future__ import annotations

import pytest

from defirisk.errors import ContractMismatch, UnsupportedRules
from defirisk.protocols.aave_v3.reader_revision import Probes, choose_rules

from .chains import ABI, REVERT, Bent, codes, text_of, word

LEVELS = {"3.0": 0, "3.1": 1, "3.2": 2, "3.3": 3, "3.4": 4, "3.5": 4, "3.6": 5, "3.7": 6}
NUMBERS = {1: "3.0", 4: "3.1", 5: "3.2", 6: "3.2", 7: "3.3", 8: "3.4", 9: "3.5", 10: "3.6", 11: "3.7"}


def probes(level: int) -> Probes:
    return Probes(*(place < level for place in range(6)))


@pytest.mark.parametrize(("number", "name"), NUMBERS.items())
def test_a_number_that_keeps_its_word_is_certain(number: int, name: str) -> None:
    choice = choose_rules(number, probes(LEVELS[name]))
    assert [rules.name for rules in choice.candidates] == [name]
    assert choice.certain


@pytest.mark.parametrize("number", [2, 3])
def test_later_releases_of_3_0_are_unverified(number: int) -> None:
    choice = choose_rules(number, probes(0))
    assert [rules.name for rules in choice.candidates] == ["3.0"]
    assert choice.doubt is not None
    assert choice.doubt.code == "unverified-revision"


@pytest.mark.parametrize(
    ("number", "level", "names"), [(4, 0, {"3.0"}), (None, 3, {"3.3"}), (1, 5, {"3.6"}), (40, 4, {"3.4", "3.5"})]
)
def test_a_number_that_its_functions_belie_is_probed(number: int | None, level: int, names: set[str]) -> None:
    choice = choose_rules(number, probes(level))
    assert {rules.name for rules in choice.candidates} == names
    assert choice.doubt is not None
    assert choice.doubt.code == "probed-rules"


def test_a_revision_newer_than_all_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedRules, match="pool revision 12 is newer"):
        choose_rules(12, probes(6))


def test_functions_of_no_revision_are_refused() -> None:
    with pytest.raises(UnsupportedRules, match="functions of no known revision"):
        choose_rules(7, Probes(reserves_count=False, emode_bitmaps=True))


def test_an_unknown_pool_is_refused_whole() -> None:
    with pytest.raises(UnsupportedRules, match="revision 12"):
        Bent("3.7").say("POOL_REVISION", word(12)).read()


@pytest.mark.parametrize("revision", ["3.1", "3.2", "3.3", "3.4", "3.5", "3.7"])
def test_a_fork_without_a_number_is_read_by_what_reproduces_it(revision: str) -> None:
    chain = Bent(revision).say("POOL_REVISION", REVERT)
    for position in chain.positions():
        assert position.rules.name == position.market.rules == revision
        assert position.warnings[0].code == "probed-rules"
        assert position.reproduced == position.contract
    assert chain.trips == 4


def test_a_fork_with_aaves_numbers_of_other_rules_is_probed() -> None:
    chain = Bent("3.1").say("POOL_REVISION", word(2))
    assert {position.rules.name for position in chain.positions()} == {"3.1"}


def as_3_0(chain: Bent) -> Bent:
    """3.1 counts as 3.0 did: without what 3.1 added it is a pool of 3.0."""
    for name in ("getReservesCount", "getLiquidationGracePeriod"):
        chain.say(name, REVERT)
    return chain


@pytest.mark.parametrize("number", [2, 3])
def test_an_unverified_revision_is_used_with_a_warning(number: int) -> None:
    chain = as_3_0(Bent("3.1")).say("POOL_REVISION", word(number))
    for position in chain.positions():
        assert position.rules.name == "3.0"
        assert f"pool revision {number}" in text_of(position, "unverified-revision")


@pytest.mark.parametrize("number", [2, None])
def test_rules_in_doubt_fail_where_the_contract_disagrees(number: int | None) -> None:
    chain = as_3_0(Bent("3.1")).say("POOL_REVISION", REVERT if number is None else word(number))
    wallet = chain.wallets[0]
    account = list(chain.told("getUserAccountData", chain.pool, wallet))
    account[5] += 1
    found = chain.say("getUserAccountData", word(*account), wallet).read().positions
    assert isinstance(found[0], ContractMismatch)
    assert not any(isinstance(one, BaseException) for one in found[1:])


def test_a_known_revision_says_both_numbers_where_it_differs() -> None:
    chain = Bent("3.4").say("POOL_REVISION", word(9))  # it counts otherwise from 3.5 on
    positions = chain.positions()
    wrong = [position for position in positions if position.contract != position.reproduced]
    assert wrong
    for position in positions:
        assert ("contract-mismatch" in codes(position)) == (position in wrong)
    text = text_of(wrong[0], "contract-mismatch")
    assert "the rules of 3.5 say" in text
    assert text.count(".") >= 3


def test_probes_ask_what_the_table_of_revisions_says() -> None:
    chain = Bent("3.7")
    chain.read([])
    asked = {call.data[:4] for call in chain.asked}
    for name in (
        "getReservesCount",
        "getReserveDeficit",
        "RESERVE_INTEREST_RATE_STRATEGY",
        "getIsEModeCategoryIsolated",
    ):
        assert ABI[name].selector in asked
