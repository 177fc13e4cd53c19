"""Who bears a deficit where Umbrella's stakers cover it: in the contract's order and by its rounding."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.model import Amount, Borne
from defirisk.protocols.aave_v3.coverage import newly_covered
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import Coverage
from tests.support.aave_v3 import EVERY, USD, owed, state, supplied, token

PLAIN = Coverage(deficit=0, offset=0, pending=0, slashable=1000, price=USD, stake_price=USD)
BOOKING = [name for name in EVERY if name not in ("3.0", "3.1", "3.2")]


def borne(coverage, *losses, name="3.7"):
    """Who bears losses of a covered reserve, by amount."""
    world = state((supplied("WETH", 1), 1), (owed("DAI", 1, coverage=coverage), 1))
    found = rules_named(name).borne_by(world, [Amount(token("DAI"), loss) for loss in losses])
    assert all(one.token == token("DAI") for one in found)
    return [(one.who, one.amount) for one in found]


@pytest.mark.parametrize("name", BOOKING)
def test_the_stake_covers_what_it_has_and_the_rest_is_a_deficit(name):
    assert borne(PLAIN, 400, name=name) == [("umbrella", 400)]
    assert borne(PLAIN, 1000, name=name) == [("umbrella", 1000)]
    assert borne(PLAIN, 1001, name=name) == [("umbrella", 1000), ("deficit", 1)]


def test_a_reserve_without_a_stake_has_a_deficit():
    assert borne(None, 400) == [("deficit", 400)]


@pytest.mark.parametrize("name", ["3.0", "3.1", "3.2"])
def test_rules_that_book_no_deficit_leave_it_to_the_suppliers(name):
    assert borne(PLAIN, 400, name=name) == [("suppliers", 400)]


def test_another_reserves_stake_covers_nothing():
    world = state((supplied("WETH", 1), 1), (owed("DAI", 1, coverage=PLAIN), 1), (owed("LINK", 1), 1))
    losses = [Amount(token("LINK"), 5), Amount(token("DAI"), 7)]
    assert rules_named("3.7").borne_by(world, losses) == (
        Borne("deficit", token("LINK"), 5),
        Borne("umbrella", token("DAI"), 7),
    )


def test_no_staker_is_slashed_up_to_the_offset():
    covered = replace(PLAIN, offset=300)
    assert borne(covered, 300) == [("deficit", 300)]
    assert borne(covered, 301) == [("umbrella", 1), ("deficit", 300)]
    assert borne(covered, 1400) == [("umbrella", 1000), ("deficit", 400)]


def test_a_deficit_at_the_block_has_used_up_the_offset():
    assert borne(replace(PLAIN, offset=300, deficit=250), 100) == [("umbrella", 50), ("deficit", 50)]


def test_what_was_slashed_for_is_not_slashed_for_again():
    """The pool's deficit of 500 is the offset's 100 and 400 that stakers paid and nobody burnt yet."""
    settled = replace(PLAIN, offset=100, pending=400, deficit=500, slashable=150)
    assert borne(settled, 200) == [("umbrella", 150), ("deficit", 50)]


def test_a_deficit_that_waits_for_its_slash_has_the_first_claim():
    assert borne(replace(PLAIN, deficit=700), 400) == [("umbrella", 300), ("deficit", 100)]
    assert borne(replace(PLAIN, deficit=5000), 400) == [("deficit", 400)]


def test_an_empty_or_paused_stake_covers_nothing():
    assert borne(replace(PLAIN, slashable=0), 400) == [("deficit", 400)]


def test_two_losses_of_one_reserve_share_one_stake():
    assert borne(PLAIN, 600, 600) == [("umbrella", 600), ("umbrella", 400), ("deficit", 200)]


def test_a_wrapped_token_is_worth_more_than_what_it_covers():
    """1000 staked shares at a rate of 1.25 are 1250 of the reserve's token; half of them are 625."""
    wrapped = replace(PLAIN, stake_price=USD * 5 // 4)
    assert borne(wrapped, 1250) == [("umbrella", 1250)]
    assert borne(wrapped, 2500) == [("umbrella", 1250), ("deficit", 1250)]


def test_a_fee_is_slashed_on_top_and_covers_nothing():
    dear = replace(PLAIN, fee=2500)
    assert borne(dear, 800) == [("umbrella", 800)]
    assert borne(dear, 1600) == [("umbrella", 800), ("deficit", 800)]


def test_a_slash_of_nothing_reverts():
    """A deficit of one unit is less than one share."""
    assert borne(replace(PLAIN, stake_price=2 * USD), 1) == [("deficit", 1)]


def test_rounding_is_the_contracts():
    """10 * 3 / 7 = 4 shares to slash, of which 3 are there: 10 * 3 / 4 = 7 covered."""
    assert newly_covered(replace(PLAIN, price=3, stake_price=7, slashable=3), 10) == 7


amounts = st.integers(0, 2**96)


@given(
    coverage=st.builds(
        Coverage,
        deficit=amounts,
        offset=amounts,
        pending=amounts,
        slashable=amounts,
        price=st.integers(1, 2**40),
        stake_price=st.integers(1, 2**40),
        fee=st.integers(0, 10_000),
    ),
    losses=st.lists(st.integers(1, 2**96), min_size=1, max_size=4),
)
def test_every_unit_is_borne_once(coverage, losses):
    found = borne(coverage, *losses)
    assert sum(amount for _, amount in found) == sum(losses)
    assert all(amount > 0 for _, amount in found)
