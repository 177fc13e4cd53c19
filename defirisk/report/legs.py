"""What several formats say of a position's assets: names, families, ages, causes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_HALF_UP
from typing import TYPE_CHECKING

from defirisk.fixedpoint import decimal_string
from defirisk.model import Collateral, Debt, Position, Token
from defirisk.report.figures import price
from defirisk.report.sanitize import clean, imitates, short_address, symbol

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis


def family_of(analysis: PositionAnalysis, slot: int) -> str:
    """The family that the asset of a price slot was taken to be in."""
    return clean(analysis.families[slot].name)


def legs_of(analysis: PositionAnalysis) -> tuple[Collateral | Debt, ...]:
    """Everything supplied and owed; empty where the position could not be judged at all."""
    return (*analysis.standing.collateral, *analysis.standing.debt) if analysis.standing else ()


def names_of(tokens: Iterable[Token]) -> dict[str, str]:
    """What to call each token, by address: its symbol, with the address where two tokens carry the same one."""
    by_address = {token.address: symbol(token) for token in tokens}
    often = Counter(by_address.values())
    return {
        address: name if often[name] == 1 else f"{name} ({short_address(address)})"
        for address, name in by_address.items()
    }


def imitations(tokens: Iterable[Token]) -> list[str]:
    """A sentence for each symbol that may imitate another token's, naming the address to go by."""
    doubtful = {token.address: symbol(token) for token in tokens if imitates(token)}
    return [
        f"the symbol {name} is not plain ASCII and may imitate another token: go by its address {address}"
        for address, name in doubtful.items()
    ]


def price_text(position: Position, leg: Collateral | Debt, raw: int, rounding: str = ROUND_HALF_UP) -> str:
    """What a whole token of a leg is worth at an oracle price: ``$2,345.67``."""
    return price(*_worth(position, leg, raw), position.market.unit, rounding)


def price_decimal(position: Position, leg: Collateral | Debt, raw: int) -> str:
    """The same as a decimal in the market's unit, exact (a scale is a power of ten)."""
    over, under = _worth(position, leg, raw)
    return decimal_string(over, len(str(under)) - 1)


def leg_of(analysis: PositionAnalysis, asset: str | None) -> Collateral | Debt | None:
    """The supply or debt of an asset, by address; ``None`` where there is none."""
    return next((leg for leg in legs_of(analysis) if leg.token.address == asset), None)


def _worth(position: Position, leg: Collateral | Debt, raw: int) -> tuple[int, int]:
    """An oracle price as a quotient of whole units: the oracle's own unit differs by protocol and by token."""
    return raw * 10**leg.token.decimals, position.state.scales[leg.slot] * 10**position.market.unit.decimals


def unpriced_message(position: Position) -> str:
    """Which assets have no usable price, and why."""
    causes = (f"{symbol(position.tokens[slot])}: {clean(cause)}" for slot, cause in sorted(position.unpriced.items()))
    return "no usable price for " + "; ".join(causes)


def price_ages(analysis: PositionAnalysis, timestamp: int) -> list[int]:
    """How old the prices in use were at the block, in seconds; those that are known."""
    slots = {leg.slot for leg in legs_of(analysis)}
    times = (analysis.position.price_times[slot] for slot in sorted(slots))
    return [max(0, timestamp - updated) for updated in times if updated is not None]


def ages_unknown(analysis: PositionAnalysis) -> list[Token]:
    """The assets whose oracle does not say when it was updated."""
    legs = {leg.slot: leg.token for leg in legs_of(analysis)}
    return [token for slot, token in legs.items() if analysis.position.price_times[slot] is None]
