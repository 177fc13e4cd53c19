"""How each revision takes what an owner does: roundings of new shares, what is asked in which order, what refusals
are called. Data, beside :mod:`~defirisk.protocols.aave_v3.revisions`, which says how positions are judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from defirisk.fixedpoint import ray_div_down, ray_div_half_up, ray_div_up

Rounded = Callable[[int, int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActReasons:
    """What a refusal of an act is called (``Errors``): numbers as text up to 3.3, custom errors from 3.4 on."""

    amount: str = "InvalidAmount()"
    inactive: str = "ReserveInactive()"
    paused: str = "ReservePaused()"
    frozen: str = "ReserveFrozen()"
    supply_cap: str = "SupplyCapExceeded()"
    mint: str = "InvalidMintAmount()"
    burn: str = "InvalidBurnAmount()"
    balance: str = "NotEnoughAvailableUserBalance()"
    health: str = "HealthFactorLowerThanLiquidationThreshold()"
    ltv: str = "LtvValidationFailed()"
    not_borrowable: str = "BorrowingNotEnabled()"
    sentinel: str = "PriceOracleSentinelCheckFailed()"
    borrow_cap: str = "BorrowCapExceeded()"
    isolation: str = "AssetNotBorrowableInIsolation()"
    ceiling: str = "DebtCeilingExceeded()"
    emode: str = "NotBorrowableInEMode()"
    no_collateral: str = "CollateralBalanceIsZero()"
    collateral: str = "CollateralCannotCoverNewBorrow()"
    siloed: str = "SiloedBorrowingViolation()"
    no_debt: str = "NoDebtOfSelectedType()"
    cash: str = "Panic(0x11)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """One revision's way with acts.

    ``mint_supply`` and ``mint_debt`` from amount and index to shares. ``by_shares`` (3.5 on): amounts are checked as
    shares, and a borrow is judged after it, not before. ``flags_by_shares`` (3.4 on): the borrowing flag falls when no
    share of debt is left and rises with any debt, and isolation is asked for last; before, it falls when the amounts
    are equal and rises with the first variable share. ``effective_ltv`` (3.6 on): an eMode's LTV decides whether a
    supply counts and leaves first;
    ``borrowable_by_emode`` (3.6 on): in an eMode only its bitmap says what may be borrowed. ``checks_supply`` (3.1 on):
    no more can be borrowed than was supplied in all. ``version_2``: first deposits always count, the whole pool pauses,
    a withdrawal is judged beforehand by a formula of its own.
    """

    reasons: ActReasons
    mint_supply: Rounded
    mint_debt: Rounded
    by_shares: bool = False
    flags_by_shares: bool = False
    effective_ltv: bool = False
    borrowable_by_emode: bool = False
    checks_supply: bool = False
    version_2: bool = False


NUMBERED: Final = ActReasons(
    amount="26",
    inactive="27",
    paused="29",
    frozen="28",
    supply_cap="51",
    mint="24",
    burn="25",
    balance="32",
    health="35",
    ltv="57",
    not_borrowable="30",
    sentinel="59",
    borrow_cap="50",
    isolation="60",
    ceiling="53",
    emode="58",
    no_collateral="34",
    collateral="36",
    siloed="89",
    no_debt="39",
)

C3_0: Final = Conduct(reasons=NUMBERED, mint_supply=ray_div_half_up, mint_debt=ray_div_half_up)
C3_1: Final = replace(C3_0, checks_supply=True)
C3_2: Final = replace(C3_1, reasons=replace(NUMBERED, emode="100"))
C3_4: Final = replace(C3_2, reasons=ActReasons(), flags_by_shares=True)
C3_5: Final = replace(C3_4, mint_supply=ray_div_down, mint_debt=ray_div_up, by_shares=True)
C3_6: Final = replace(C3_5, effective_ltv=True, borrowable_by_emode=True)
V2: Final = replace(
    C3_0,
    version_2=True,
    reasons=ActReasons(
        amount="1",
        inactive="2",
        paused="64",
        frozen="3",
        supply_cap="",
        mint="56",
        burn="58",
        balance="5",
        health="10",
        ltv="50",
        not_borrowable="7",
        sentinel="",
        borrow_cap="",
        isolation="",
        ceiling="",
        emode="",
        no_collateral="9",
        collateral="11",
        siloed="",
        no_debt="15",
        cash="SafeMath: subtraction overflow",
    ),
)
"""The contracts of the package 1.0.1. A withdrawal that is not allowed has a number of its own, ``6``."""

CONDUCT: Final[dict[str, Conduct]] = {
    "2.0": V2,
    "2.0-cf100": V2,
    "3.0": C3_0,
    "3.1": C3_1,
    "3.2": C3_2,
    "3.3": C3_2,
    "3.4": C3_4,
    "3.5": C3_5,
    "3.6": C3_6,
    "3.7": C3_6,
}
"""By the revision's name."""
