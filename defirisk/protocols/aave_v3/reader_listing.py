"""Reading what a market of Aave lists for acts: each reserve's own totals and cash, and whether borrowing is allowed.

Asked only where somebody asks what if; a recording that lacks it leaves it unknown.
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

BALANCE_OF: Final = Abi.load("erc20")["balanceOf"]
_ALL_LENT_FROM: Final = "3.4"
"""Before, a reserve that is owed though nobody supplied it mints what it lends: GHO."""
_FLOORED_FROM: Final = "3.5"
"""From here on what the treasury is due is rounded down."""


def listing_calls(site: Site, listed: Sequence[Listed]) -> Iterator[Call]:
    """Ask what acts are limited by."""
    for one in listed:
        asset = one.reserve.token.address
        yield ABI["scaledTotalSupply"](one.a_token)
        yield ABI["scaledTotalSupply"](one.variable_debt_token)
        yield ABI["getVirtualUnderlyingBalance"](site.pool, asset)
        yield BALANCE_OF(asset, one.a_token)
        if one.stable_debt_token is not None:
            yield ABI["totalSupply"](one.stable_debt_token)
    if site.sentinel is not None:
        yield ABI["isBorrowAllowed"](site.sentinel)


def read_listing(
    answers: Answers, site: Site, listed: Sequence[Listed], rules: AaveV3Rules, *, in_full: bool
) -> Listing:
    """The market's reserves as offers; ``in_full`` where the calls above were asked."""
    offers = tuple(_offer(answers, site, one, rules, in_full=in_full) for one in listed)
    return Listing(offers, _borrow_allowed(answers, site) if in_full else None)


def _offer(answers: Answers, site: Site, one: Listed, rules: AaveV3Rules, *, in_full: bool) -> Offer:
    return Offer(
        reserve=one.reserve,
        price=one.price.raw,
        cause=one.price.cause,
        price_time=read_price_time(answers, one.price),
        caps=one.caps,
        books=_books(answers, site, one, rules) if in_full else None,
    )


def _books(answers: Answers, site: Site, one: Listed, rules: AaveV3Rules) -> Books | None:
    """A reserve's totals; ``None`` where one of them is not told."""
    try:
        supply: int = answers.word(ABI["scaledTotalSupply"], one.a_token)
        debt: int = answers.word(ABI["scaledTotalSupply"], one.variable_debt_token)
        stable = 0 if one.stable_debt_token is None else answers.probe(ABI["totalSupply"], one.stable_debt_token)
        minted = rules.name < _ALL_LENT_FROM and debt > 0 and supply == 0
        cash = None if minted else _cash(answers, site, one)
        return Books(supply, debt, _treasury(one, rules, debt), cash, stable or 0)
    except ReadError:  # a recording that lacks it, or a token that does not say: nothing is said of caps then
        return None


def _cash(answers: Answers, site: Site, one: Listed) -> int:
    """What can be taken out: from 3.1 on the pool's own count, which a gift of tokens does not raise."""
    asset = one.reserve.token.address
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
    if site.sentinel is None:
        return None
    try:
        found = answers.optional(ABI["isBorrowAllowed"], site.sentinel)
    except MissingCall:
        return None
    return found is not None and bool(found[0])
