"""Small Aave V3 worlds by hand: dollars in, states out. Indices are one ray unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from defirisk.fixedpoint import RAY, UINT256_MAX
from defirisk.model import Standing, Token
from defirisk.protocols.aave_v3.rules import AaveV3Rules
from defirisk.protocols.aave_v3.state import AaveState, EMode, Holding, PriceSource, Reserve, state_of
from defirisk.protocols.interface import Pair, Refused, Step

NOW = 1_700_000_000
USD = 10**8
"""One dollar in the oracle's unit."""
ALL = UINT256_MAX

NUMBERED = ("3.0", "3.1", "3.2", "3.3")
NAMED = ("3.4", "3.5", "3.6", "3.7")
EVERY = NUMBERED + NAMED


def token(symbol: str, decimals: int = 18) -> Token:
    """A token whose address follows from its symbol."""
    return Token("0x" + symbol.encode().hex().rjust(40, "0"), symbol, decimals)


def reserve(symbol: str, **given: Any) -> Reserve:
    """A reserve like mainnet's WETH; ``decimals`` 18 unless given, ids by first use in :func:`state`."""
    usual = {
        "id": 0,
        "ltv": 8000,
        "liquidation_threshold": 8300,
        "liquidation_bonus": 10500,
        "protocol_fee": 0,
        "liquidity_index": RAY,
        "variable_borrow_index": RAY,
    }
    decimals = given.pop("decimals", 18)
    return Reserve(token=token(symbol, decimals), **(usual | given))


def supplied(symbol: str, scaled: int, **given: Any) -> Holding:
    """A supply used as collateral."""
    flag = given.pop("collateral", True)
    return Holding(reserve(symbol, **given), scaled_supply=scaled, collateral=flag)


def owed(symbol: str, scaled: int, **given: Any) -> Holding:
    """A variable debt."""
    stable = given.pop("stable_debt", 0)
    return Holding(reserve(symbol, **given), scaled_variable_debt=scaled, stable_debt=stable, borrowing=True)


def state(
    *priced: tuple[Holding, int], emode: EMode | None = None, source: int | None = None, **given: Any
) -> AaveState:
    """Holdings with the prices of their assets, in order; ``source`` is the eMode's own price."""
    holdings = tuple(_numbered(index, holding) for index, (holding, _) in enumerate(priced))
    return state_of(
        holdings,
        tuple(price for _, price in priced),
        given.pop("timestamp", NOW),
        emode=emode,
        source=None if source is None else PriceSource(token("SOURCE", 8), source),
        **given,
    )


def _numbered(index: int, holding: Holding) -> Holding:
    return replace(holding, reserve=replace(holding.reserve, id=index))


def call(rules: AaveV3Rules, at: AaveState, repay: int | None = ALL, pair: tuple[int, int] = (0, 1)) -> Step:
    """One liquidation call of the first holding's collateral for the second's debt, unless said otherwise."""
    return rules.liquidate(at, rules.standing(at), Pair(*pair), repay)


def refusal(rules: AaveV3Rules, at: AaveState, repay: int | None = ALL, pair: tuple[int, int] = (0, 1)) -> str | None:
    """The reason why a call is refused, ``None`` if it is not."""
    try:
        call(rules, at, repay, pair)
    except Refused as refused:
        return refused.reason
    return None


def leg(standing: Standing, symbol: str) -> Any:
    """The collateral or debt leg of a token."""
    return next(leg for leg in (*standing.collateral, *standing.debt) if leg.token.symbol == symbol)
