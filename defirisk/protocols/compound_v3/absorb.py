"""What an absorb does to an account and to reserves, and what the storefront then fetches for the collateral.

Everything or nothing: all collateral is taken at its liquidation factor, reserves pay the debt, what is left over
becomes the owner's supply of base, what is missing is forgiven. The collateral is sold for base at a discount later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from defirisk.fixedpoint import WAD, div_up, mul_div_down, mul_div_up, wad_mul_down, zero_floor_sub
from defirisk.model import Amount, Seized
from defirisk.protocols.compound_v3.account import borrow_balance
from defirisk.protocols.compound_v3.interest import borrowed, supplied, supply_principal
from defirisk.protocols.compound_v3.state import BASE, Asset, CometState
from defirisk.protocols.interface import Step

MOST_TOKENS: Final = 512
"""What a replay's roundings may cost the lenders by the engine's margin (:mod:`defirisk.risk.thresholds`), in units."""


@dataclass(frozen=True, slots=True)
class Absorption:
    """One account's absorb (``Comet.absorbInternal``), base units.

    ``paid_out`` is ``basePaidOut``, what reserves pay; ``surplus`` the owner's new balance; ``forgiven`` the debt that
    the credit for the collateral does not reach.
    """

    paid_out: int
    surplus: int
    forgiven: int


def absorption(state: CometState) -> Absorption:
    """``Comet.absorbInternal`` up to the account's new balance."""
    debt, credit = borrow_balance(state), credit_of(state)
    if credit > debt:
        return Absorption(paid_out=credit, surplus=credit - debt, forgiven=0)
    return Absorption(paid_out=debt, surplus=0, forgiven=debt - credit)


def credit_of(state: CometState) -> int:
    """``deltaBalance``: what the collateral is credited with, base units."""
    value = sum(
        wad_mul_down(mul_div_down(balance, price, asset.scale), asset.liquidation_factor)
        for asset, balance, price in zip(state.assets, state.balances, state.prices[1:], strict=True)
    )
    return mul_div_down(value, state.comet.base_scale, state.prices[BASE])


def absorb(state: CometState) -> Step:
    """The whole step; the state after it has the same slots, all collateral gone."""
    done = absorption(state)
    base = state.comet.base
    lost = loss(state, done)
    return Step(
        state=_state_after(state, done),
        repaid=Amount(base, done.paid_out),
        seized=_seized(state),
        bad_debt=(Amount(base, lost),) if lost > 0 else (),
        written_off=(Amount(base, done.forgiven),) if done.forgiven > 0 else (),
    )


def _seized(state: CometState) -> tuple[Seized, ...]:
    return tuple(
        Seized(asset.token, slot, balance, 0)
        for slot, (asset, balance) in enumerate(zip(state.assets, state.balances, strict=True), start=1)
        if balance
    )


def _state_after(state: CometState, done: Absorption) -> CometState:
    """The books move by principals, the new one rounded down (``Comet.repayAndSupplyAmount``)."""
    principal = supply_principal(done.surplus, state.totals.supply_index)
    totals = replace(
        state.totals,
        total_supply=state.totals.total_supply + principal,
        total_borrow=state.totals.total_borrow + state.principal,
    )
    return replace(state, balances=(0,) * len(state.assets), principal=principal, totals=totals)


def reserves(state: CometState) -> int:
    """``Comet.getReserves`` with the books of this state, signed base units; what was seized counts when it is sold."""
    before, after = state.comet.accrued, state.totals
    return state.comet.reserves - (supplied(after) - supplied(before)) + (borrowed(after) - borrowed(before))


# --- the storefront -----------------------------------------------------------------------------------------------


def loss(state: CometState, done: Absorption) -> int:
    """What reserves paid out less what the storefront fetches for everything seized, if positive; base units.

    Sales are at the same prices. That they are open only below ``targetReserves`` and while ``buy`` is not paused
    delays them and changes no amount.
    """
    if done.surplus > 0 and _sale_covers_credit(state):
        return 0
    return zero_floor_sub(done.paid_out, proceeds(state))


def proceeds(state: CometState) -> int:
    """What buyers pay for everything that was seized, base units."""
    return sum(
        fetched(state, asset, balance, price)
        for asset, balance, price in zip(state.assets, state.balances, state.prices[1:], strict=True)
        if balance
    )


def fetched(state: CometState, asset: Asset, amount: int, price: int) -> int:
    """The least base amount that buys as much of ``amount`` as can be bought (``Comet.quoteCollateral``).

    A quote is base * basePrice * scale // ask // baseScale, one floor of a quotient. Where a unit of base buys at most
    one of the collateral, quotes pass through every integer: all is bought, and the least payment is the quotient the
    other way, up. Where it buys more, every unit of base changes the quote: the largest payment whose quote is not
    above ``amount`` is one less than the first that is.
    """
    ask = ask_price(price, asset)
    if ask == 0:
        return 0  # the quote divides by it: nothing can be bought
    per_base = state.prices[BASE] * asset.scale
    per_unit = ask * state.comet.base_scale
    if per_base > per_unit:
        return mul_div_up(amount + 1, per_unit, per_base) - 1
    return mul_div_up(amount, per_unit, per_base)


def ask_price(price: int, asset: Asset) -> int:
    """``assetPriceDiscounted`` of ``Comet.quoteCollateral``, 8 decimals."""
    return wad_mul_down(price, asset.ask)


def _sale_covers_credit(state: CometState) -> bool:
    """Whether the sale certainly fetches what the account was credited with; ``False`` proves nothing.

    It changes no answer. It holds for whole ranges of prices at once, where the difference of two rounded sums could
    not be told: what the sale is to fetch exceeds the credit by value * (ask - liquidationFactor), linear in each
    price, less one oracle unit a whole token, because the ask price is rounded down, less the rounding of the
    payments: with Y their exact sum, they are at least ceil(Y) where none is rounded down, and otherwise at least
    floor(Y) - (n - 1) for n that may be. The credit is at most its exact sum, rounded down.
    """
    gain = cost = fine = 0
    for asset, balance, price in zip(state.assets, state.balances, state.prices[1:], strict=True):
        gain += mul_div_down(balance * price, asset.ask - asset.liquidation_factor, asset.scale)
        cost += div_up(balance * (WAD - 1), asset.scale) if asset.ask != WAD else 0
        fine += _buys_more_than_one(state, asset, price)
    unit = state.prices[BASE] * WAD
    margin = (gain - cost) * state.comet.base_scale
    return margin > -unit if fine == 0 else margin >= (fine - 1) * unit


def sales_conserve(state: CometState) -> bool:
    """Whether at every price a sale that is to cover the debt by the engine's margin covers what reserves paid out.

    The ask price is rounded down to the oracle's unit, which costs up to one unit of value a whole token, and each
    payment up to one unit of base. Where reserves pay the debt, the engine's margin pays for both as long as the tokens
    are few. Where they pay a credit above the debt, the discount has to: the sale is to fetch at least value * (ask -
    liquidationFactor) more than the credit, and the value is at least the debt's. So the debt times the smallest
    difference must be worth more than what rounding takes, at a base price of one unit already. A market that gives
    the whole penalty away as discount has no difference, and no such promise.
    """
    tokens = sum(div_up(balance, asset.scale) for asset, balance in zip(state.assets, state.balances, strict=True))
    kept = min((asset.ask - asset.liquidation_factor for asset in state.assets), default=0)
    rounding = tokens * state.comet.base_scale + len(state.assets)
    return tokens <= MOST_TOKENS and borrow_balance(state) * kept >= rounding * WAD


def _buys_more_than_one(state: CometState, asset: Asset, price: int) -> bool:
    return state.prices[BASE] * asset.scale > ask_price(price, asset) * state.comet.base_scale
