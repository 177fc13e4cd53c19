"""What the contracts say of a wallet, and what a liquidation did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .evm import MAX

NO_DEBT = MAX  # a health factor


@dataclass(frozen=True)
class Wallet:
    """Someone with a position: `kind` says which sort it is meant to be."""

    address: str
    kind: str


@dataclass(frozen=True)
class Account:
    """`getUserAccountData`: values in oracle units, ratios in basis points, health factor wad (2^256-1: no debt)."""

    collateral: int
    debt: int
    available: int
    threshold: int
    ltv: int
    health_factor: int


@dataclass(frozen=True)
class Holding:
    """One wallet in one reserve, token base units."""

    supply: int
    scaled_supply: int
    debt: int  # stable and variable
    stable_debt: int
    scaled_debt: int
    counts: bool


@dataclass(frozen=True)
class Liquidated:
    """What a `liquidationCall` did, from its events; token base units, by symbol."""

    repaid: int
    to_liquidator: int
    fee: int
    deficit: Mapping[str, int]
    health_factor: int


@dataclass(frozen=True)
class Attempt:
    """A `liquidationCall` to send: wallet, symbols of collateral and debt, base units (all by default)."""

    wallet: str
    collateral: str
    debt: str
    amount: int = MAX


@dataclass(frozen=True)
class Refusal:
    """Why a `liquidationCall` reverted: the error's number (V3.0) or signature (V3.6)."""

    reason: str
