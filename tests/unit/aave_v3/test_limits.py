"""What a reserve of Aave still takes from an owner: the largest amount that its own acts accept, and why no more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from defirisk.fixedpoint import RAY
from defirisk.model import Bound, ContractView, Limit, Limits, Market, Position, Unit
from defirisk.protocols.aave_v3.listing import NO_CAPS, Books, Caps, Listing, Offer
from defirisk.protocols.aave_v3.rules import rules_named
from defirisk.protocols.aave_v3.state import EMode, Holding
from defirisk.protocols.interface import Act, ActKind, Refused
from tests.support.aave_v3 import EVERY, USD, owed, state, supplied

FULL: dict[ActKind, tuple[str, str]] = {
    ActKind.DEPOSIT: ("51", "SupplyCapExceeded()"),
    ActKind.BORROW: ("50", "BorrowCapExceeded()"),
}
FREE = Limit()


def position(
    name: str, *held: Holding, caps: Sequence[Caps] = (), books: Sequence[Books | None] = (), **more: Any
) -> Position:
    """Holdings at a dollar each; all of them listed, and nothing else."""
    allowed = more.pop("borrow_allowed", None)
    made = state(*((one, USD) for one in held), **more)
    rows = zip(made.holdings, [*caps, *[NO_CAPS] * len(held)], [*books, *[None] * len(held)], strict=False)
    offers = tuple(Offer(one.reserve, USD, caps=cap, books=book) for one, cap, book in rows)
    return Position(
        market=Market("m", "aave-v3", name, 1, "0x" + "22" * 20, Unit("USD", 8)),
        owner="0x" + "33" * 20,
        rules=rules_named(name),
        state=made,
        price_times=(None,) * len(held),
        contract=ContractView(),
        reproduced=ContractView(),
        listing=Listing(offers, allowed),
    )


def told(mine: Position) -> tuple[Limits, ...]:
    limits: tuple[Limits, ...] = mine.rules.limits(mine.state, mine.listing)
    return limits


def refusal(mine: Position, kind: ActKind, slot: int, amount: int) -> str | None:
    changes = mine.rules.changes  # type: ignore[attr-defined]
    try:
        changes.act(mine, Act(kind, changes.assets(mine)[slot], amount))
    except Refused as refused:
        return refused.reason
    return None


@pytest.mark.parametrize("name", EVERY)
def test_the_room_is_the_largest_amount_that_is_taken(name: str) -> None:
    """Over indices, totals and caps: the room is taken, one unit more is above the cap."""
    rng, met = random.Random(name), 0
    for _ in range(12):
        index, debt_index = (RAY + rng.randrange(RAY * rng.choice((1, 4)) // 3) for _ in range(2))
        cap = rng.randint(2, 9) * 10**6
        books = Books(rng.randrange(cap), rng.randrange(cap // 2), rng.randrange(9), None, rng.randrange(5))
        held = [
            supplied("BIG", 10**30),
            supplied("CAP", 1, decimals=6, liquidity_index=index, variable_borrow_index=debt_index),
        ]
        mine = position(name, *held, caps=[NO_CAPS, Caps(cap // 10**6, cap // 10**6)], books=[None, books])
        limits = told(mine)[1]
        for kind, limit in ((ActKind.DEPOSIT, limits.supply), (ActKind.BORROW, limits.borrow)):
            assert limit is not None
            assert (limit.open, limit.cap, limit.bound_by) == (True, cap, Bound.CAP)
            assert limit.room is not None
            assert limit.room == 0 or refusal(mine, kind, 1, limit.room) is None
            assert refusal(mine, kind, 1, limit.room + 1) in (
                *FULL[kind],
                *(("26", "InvalidAmount()") if limit.room == 0 else ()),
            )
            met += limit.room > 0
    assert met > 12


@pytest.mark.parametrize("name", ["3.0", "3.4", "3.5", "3.7"])
def test_a_total_above_its_cap_leaves_no_room(name: str) -> None:
    mine = position(name, supplied("CAP", 1), caps=[Caps(5, 5)], books=[Books(6 * 10**18, 6 * 10**18, 0, None)])
    assert told(mine)[0].supply == told(mine)[0].borrow == Limit(cap=5 * 10**18, room=0, bound_by=Bound.CAP)


def test_a_cap_whose_total_was_not_read_is_told_without_its_room() -> None:
    limits = told(position("3.6", supplied("CAP", 1), caps=[Caps(5, 0)]))[0]
    assert (limits.supply, limits.borrow) == (Limit(cap=5 * 10**18, bound_by=Bound.CAP), FREE)


def test_without_a_listing_flags_alone_are_told() -> None:
    mine = position("3.6", supplied("CAP", 1, borrowing=False), caps=[Caps(5, 5)])
    (limits,) = mine.rules.limits(mine.state)
    assert (limits.supply, limits.borrow) == (FREE, Limit(open=False, room=0, bound_by=Bound.DISABLED))


@pytest.mark.parametrize(
    ("flag", "why"), [("active", Bound.INACTIVE), ("paused", Bound.PAUSED), ("frozen", Bound.FROZEN)]
)
def test_what_closes_a_reserve_closes_both_sides_and_a_frozen_one_lets_out(flag: str, why: Bound) -> None:
    held = supplied("SHUT", 1, **{flag: flag != "active"})
    limits = told(position("3.6", held, caps=[Caps(5, 5)]))[0]
    assert limits.supply == limits.borrow == Limit(open=False, cap=5 * 10**18, room=0, bound_by=why)
    assert limits.repay_open is limits.withdraw_open is (flag == "frozen")


def borrow_of(mine: Position, slot: int) -> Limit:
    limit = told(mine)[slot].borrow
    assert limit is not None
    return limit


def closed(mine: Position, slot: int = 1) -> Bound | None:
    """Why nothing of it can be borrowed; the act is refused then, and taken otherwise."""
    limit = borrow_of(mine, slot)
    assert (refusal(mine, ActKind.BORROW, slot, 1) is None) == limit.open
    assert limit.open or limit.room == 0
    return None if limit.open else limit.bound_by


@pytest.mark.parametrize("name", EVERY)
def test_an_emode_says_what_may_be_borrowed(name: str) -> None:
    """By the reserve's category up to 3.1, later by the category's list, which from 3.6 on is asked alone."""
    for inside in (False, True):
        emode = EMode(1, 9000, 9300, 10_200, collateral_bitmap=0b01, borrowable_bitmap=0b10 if inside else 0b01)
        held = supplied("BIG", 10**20, emode_category=1), supplied("B", 10**18, emode_category=1 if inside else 0)
        assert closed(position(name, *held, emode=emode)) == (None if inside else Bound.EMODE)
        disabled = held[0], replace(held[1], reserve=replace(held[1].reserve, borrowing=False))
        alone = name >= "3.6"
        expected = (None if inside else Bound.EMODE) if alone else Bound.DISABLED
        assert closed(position(name, *disabled, emode=emode)) == expected


@pytest.mark.parametrize("name", ["3.0", "3.3", "3.6"])
def test_isolation_bounds_what_may_be_borrowed(name: str) -> None:
    """To the last unit of the counter, two decimals of a dollar; and only of what is listed for it."""
    iso = supplied("ISO", 10**24, debt_ceiling=1_000_00, isolation_total_debt=999_90)
    held = iso, owed("USD", 10**6, decimals=6), owed("OTHER", 10**6, decimals=6)
    mine = position(name, *held, caps=[NO_CAPS, Caps(in_isolation=True)])
    limit = borrow_of(mine, 1)
    assert limit == Limit(room=10 * 10**4 + 10**4 - 1, bound_by=Bound.DEBT_CEILING)
    assert refusal(mine, ActKind.BORROW, 1, limit.room or 0) is None
    assert refusal(mine, ActKind.BORROW, 1, (limit.room or 0) + 1) in ("53", "DebtCeilingExceeded()")
    assert closed(mine, 2) is Bound.ISOLATION
    tight = Books(0, 10**6, 0, None)
    mine = position(name, *held, caps=[NO_CAPS, Caps(borrow_cap=1, in_isolation=True)], books=[None, tight])
    assert borrow_of(mine, 1) == Limit(cap=10**6, room=0, bound_by=Bound.CAP)
    over = replace(iso, reserve=replace(iso.reserve, isolation_total_debt=1_000_01))
    mine = position(name, over, *held[1:], caps=[NO_CAPS, Caps(in_isolation=True)])
    assert borrow_of(mine, 1) == Limit(room=0, bound_by=Bound.DEBT_CEILING)


@pytest.mark.parametrize(
    ("siloed", "expected"), [("ONE", (None, Bound.SILOED)), ("TWO", (None, Bound.SILOED)), ("", (None, None))]
)
def test_a_siloed_debt_is_the_only_one(siloed: str, expected: tuple[Bound | None, ...]) -> None:
    """Owing the siloed one, nothing else; owing another, not the siloed one."""
    held = supplied("BIG", 10**24), owed("ONE", 10**18), supplied("TWO", 10**18)
    caps = [Caps(siloed=one.reserve.token.symbol == siloed) for one in held]
    mine = position("3.6", *held, caps=caps)
    assert (closed(mine, 1), closed(mine, 2)) == expected


@pytest.mark.parametrize(("name", "expected"), [("3.0", Bound.SENTINEL), ("3.6", Bound.SENTINEL), ("3.7", None)])
def test_a_sentinel_may_forbid_borrowing(name: str, expected: Bound | None) -> None:
    mine = position(name, supplied("BIG", 10**24), supplied("B", 1), borrow_allowed=False)
    assert closed(mine) is expected


def test_a_reserve_without_caps_is_free() -> None:
    limits = told(position("3.5", supplied("BIG", 10**24)))[0]
    assert (limits.supply, limits.borrow) == (FREE, FREE)
