"""Reading what a market of Aave takes: each reserve's own totals, its cash, and whether borrowing is allowed.

A check asks for the totals that a cap is held against, a what-if for all of it. What was not asked, or what a recording
lacks, is left unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from defirisk.chain.abi import Abi
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import MissingCall, ReadError
from defirisk.fixedpoint import percent_mul_half_up, ray_div_down, ray_div_half_up, ray_mul_down, ray_mul_half_up
from defirisk.protocols.aave_v3.listing import Books, Listing, Offer
from defirisk.protocols.aave_v3.reader_market import ABI, Site
from defirisk.protocols.aave_v3.reader_reserves import Listed, read_price_time
from defirisk.protocols.aave_v3.rules import AaveV3Rules
from defirisk.protocols.interface import Scope

BALANCE_OF: Final = Abi.load("erc20")["balanceOf"]
_ALL_LENT_FROM: Final = "3.4"
"""Before, a reserve that is owed though nobody supplied it mints what it lends: GHO."""
_FLOORED_FROM: Final = "3.5"
"""From here on what the treasury is due is rounded down."""


def calls_for(scope: Scope, site: Site, listed: Sequence[Listed]) -> Iterator[Call]:
    """Ask what a reading of that scope tells of the market; what is only used needs none of it."""
    if scope is Scope.LISTED:
        yield from listing_calls(site, listed)
    elif scope is Scope.ALL:
        yield from limit_calls(site, listed)


def limit_calls(site: Site, listed: Sequence[Listed]) -> Iterator[Call]:
    """Ask what caps are held against, and whether borrowing is allowed."""
    for one in listed:
        if one.caps.supply_cap or one.caps.borrow_cap:
            yield from _total_calls(one)
    if site.sentinel is not None:
        yield ABI["isBorrowAllowed"](site.sentinel)


def listing_calls(site: Site, listed: Sequence[Listed]) -> Iterator[Call]:
    """Ask what acts are limited by: of every reserve its totals and its cash."""
    for one in listed:
        asset = one.reserve.token.address
        yield from _total_calls(one)
        yield ABI["getVirtualUnderlyingBalance"](site.pool, asset)
        yield BALANCE_OF(asset, one.a_token)
    yield from limit_calls(site, ())


def _total_calls(one: Listed) -> Iterator[Call]:
    yield ABI["scaledTotalSupply"](one.a_token)
    yield ABI["scaledTotalSupply"](one.variable_debt_token)
    if one.stable_debt_token is not None:
        yield ABI["totalSupply"](one.stable_debt_token)


def read_listing(answers: Answers, site: Site, listed: Sequence[Listed], rules: AaveV3Rules) -> Listing:
    """The market's reserves as offers, with what was asked of the calls above."""
    return Listing(tuple(_offer(answers, site, one, rules) for one in listed), _borrow_allowed(answers, site))


def _offer(answers: Answers, site: Site, one: Listed, rules: AaveV3Rules) -> Offer:
    return Offer(
        reserve=one.reserve,
        price=one.price.raw,
        cause=one.price.cause,
        price_time=read_price_time(answers, one.price),
        caps=one.caps,
        books=_books(answers, site, one, rules),
    )


def _books(answers: Answers, site: Site, one: Listed, rules: AaveV3Rules) -> Books | None:
    """A reserve's totals; ``None`` where they were not asked, or one of them is not told."""
    if not answers.asked(ABI["scaledTotalSupply"](one.a_token)):
        return None
    try:
        supply: int = answers.word(ABI["scaledTotalSupply"], one.a_token)
        debt: int = answers.word(ABI["scaledTotalSupply"], one.variable_debt_token)
        stable = 0 if one.stable_debt_token is None else answers.probe(ABI["totalSupply"], one.stable_debt_token)
        minted = rules.name < _ALL_LENT_FROM and debt > 0 and supply == 0
        cash = None if minted else _cash(answers, site, one)
        return Books(supply, debt, _treasury(one, rules, debt), cash, stable or 0)
    except ReadError:  # a recording that lacks it, or a token that does not say: nothing is said of caps then
        return None


def _cash(answers: Answers, site: Site, one: Listed) -> int | None:
    """What can be taken out: from 3.1 on the pool's own count, which a gift of tokens does not raise."""
    asset = one.reserve.token.address
    if not answers.asked(BALANCE_OF(asset, one.a_token)):
        return None
    held: int = answers.word(BALANCE_OF, asset, one.a_token)
    counted = answers.probe(ABI["getVirtualUnderlyingBalance"], site.pool, asset)
    return held if counted is None else min(held, counted)


def _treasury(one: Listed, rules: AaveV3Rules, debt: int) -> int:
    """``ReserveLogic._accrueToTreasury``: shares owed to the treasury once the reserve is brought to the block.

    The part of stable debts (up to 3.1) is left out: a supply cap is missed by that dust at most.
    """
    accrual, reserve = one.treasury, one.reserve
    if rules.name >= _FLOORED_FROM:
        interest = ray_mul_down(debt, reserve.variable_borrow_index - accrual.stored_index)
        due = percent_mul_half_up(interest, accrual.factor)
        return accrual.owed + ray_div_down(due, reserve.liquidity_index)
    before = ray_mul_half_up(debt, accrual.stored_index)
    interest = ray_mul_half_up(debt, reserve.variable_borrow_index) - before
    due = percent_mul_half_up(interest, accrual.factor)
    return accrual.owed + ray_div_half_up(due, reserve.liquidity_index)


def _borrow_allowed(answers: Answers, site: Site) -> bool | None:
    """What the sentinel says of borrowing; ``None`` where there is none, or a recording does not hold it."""
    if site.sentinel is None or not answers.asked(ABI["isBorrowAllowed"](site.sentinel)):
        return None
    try:
        found = answers.optional(ABI["isBorrowAllowed"], site.sentinel)
    except MissingCall:
        return None
    return found is not None and bool(found[0])
