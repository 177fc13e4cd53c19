"""What is said of caps: to owners with debt, of what they have, where it is full or nearly so."""

import pytest

from defirisk.model import Bound, Limit, Limits
from defirisk.risk.limits import limit_warnings
from tests.support.toy_rules import TOKENS, Side, position

WETH, USDC = TOKENS["WETH"], TOKENS["USDC"]
FREE = Limit()


def said(supply: Limit, borrow: Limit | None, *, debt: int = 1000 * 10**6) -> list[tuple[str, str]]:
    loan = position(Side(WETH, 2000 * 10**8, supply=10**18), Side(USDC, 10**8, debt=debt))
    told = [Limits(WETH, 0, supply, FREE), Limits(USDC, 1, FREE, borrow)]
    return [(one.code, one.text) for one in limit_warnings(told, loan.rules.standing(loan.state))]


@pytest.mark.parametrize("room", [None, 10**18, 10**19])
def test_enough_room_is_no_news(room: int | None) -> None:
    assert said(Limit(cap=10**20, room=room), Limit(cap=10, room=1)) == []


def test_a_full_cap_is_told_on_either_side() -> None:
    assert said(Limit(cap=5, room=0), Limit(cap=5, room=0)) == [
        ("supply-cap", "WETH is at its supply cap: more of it cannot be deposited here"),
        ("borrow-cap", "USDC is at its borrow cap: more of it cannot be borrowed here"),
    ]


def test_less_room_than_the_owner_holds_is_told_with_its_figure() -> None:
    ((code, text),) = said(Limit(cap=10**20, room=10**18 - 1), None)
    assert (code, "only 0.999999999999999999 more" in text) == ("supply-cap", True)


def test_who_owes_nothing_needs_no_rescue_and_what_is_closed_its_reader_tells() -> None:
    assert said(Limit(cap=5, room=0), Limit(cap=5, room=0), debt=0) == []
    assert said(Limit(open=False, room=0), Limit(open=False, room=0)) == []


def test_a_debt_ceiling_that_is_reached_is_told_by_its_name() -> None:
    ((code, text),) = said(FREE, Limit(room=0, bound_by=Bound.DEBT_CEILING))
    assert (code, "no more USDC" in text) == ("debt-ceiling", True)
