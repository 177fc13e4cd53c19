"""Reading an owner's account in one Comet: what it has, at which prices, and what the contract says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from defirisk.chain.abi import checksum, decode_symbol, revert_reason
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Reverted
from defirisk.errors import ContractMismatch
from defirisk.fixedpoint import decimal_string
from defirisk.model import ContractView, Market, Position, Token
from defirisk.model import Warning as Notice
from defirisk.protocols.compound_v3.account import (
    borrow_balance,
    is_borrow_collateralized,
    is_liquidatable,
    judge,
    supply_balance,
)
from defirisk.protocols.compound_v3.reader_market import ABI, Site, decimals_of, read_asset_info
from defirisk.protocols.compound_v3.state import BASE, Asset, Comet, CometState, ask_factor
from defirisk.protocols.interface import Scope

_VIEWS: Final = ("isLiquidatable", "isBorrowCollateralized", "borrowBalanceOf", "balanceOf")
_BAD_PRICE: Final = "fd1ee349"
"""The selector of ``BadPrice()``, with which Comet refuses an answer of 0 or less."""


@dataclass(frozen=True, slots=True)
class Account:
    """``UserBasic`` of one owner (EIP-55): ``principal`` signed, ``held`` the offsets whose bit is set.

    ``scope`` is how much of it is read: supplied base secures nothing.
    """

    owner: str
    principal: int
    held: tuple[int, ...]
    scope: Scope = Scope.ALL

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read."""
        needed = self.principal if self.scope is not Scope.USED else min(0, self.principal)
        return needed == 0 and not self.held


@dataclass(frozen=True, slots=True)
class Price:
    """A feed's price, 8 decimals; 0 with a ``cause`` where there is none. ``updated_at`` seconds, ``None`` unknown."""

    raw: int
    updated_at: int | None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """A market whose assets (by offset, only those that somebody holds) and prices (0 is the base's) are read."""

    site: Site
    market: Market
    comet: Comet
    assets: dict[int, Asset]
    base_price: Price
    prices: dict[int, Price]
    warnings: tuple[Notice, ...]


# --- calls --------------------------------------------------------------------------------------------------------


def account_calls(entry: str, owner: str) -> list[Call]:
    """Ask whether an owner has anything."""
    return [ABI["userBasic"](entry, owner)]


def view_calls(site: Site, account: Account) -> list[Call]:
    """Ask what the contract itself says of an account."""
    return [ABI[name](site.entry, account.owner) for name in _VIEWS]


def asset_calls(site: Site, info: Any) -> list[Call]:
    """Ask a collateral's name, its price, and how much of it the market holds."""
    return [
        ABI["totalsCollateral"](site.entry, info.asset),
        ABI["symbol"](info.asset),
        ABI["getPrice"](site.entry, info.priceFeed),
        ABI["latestRoundData"](info.priceFeed),
    ]


def balance_calls(answers: Answers, site: Site, account: Account) -> Iterator[Call]:
    """Ask the balances of what an account holds."""
    for offset in account.held:
        yield ABI["userCollateral"](site.entry, account.owner, read_asset_info(answers, site, offset).asset)


# --- decoding -----------------------------------------------------------------------------------------------------


def read_account(answers: Answers, site: Site, owner: str, scope: Scope) -> Account:
    """Read an owner's principal and asset bits."""
    basic = answers.read(ABI["userBasic"], site.entry, owner)
    principal, _, _, assets_in, reserved = basic
    return Account(checksum(owner), principal, site.rules.held(assets_in, reserved, site.listed), scope)


def read_token(answers: Answers, address: str, decimals: int) -> Token:
    """Read a token; one that does not say its symbol is shown by its address."""
    shown = checksum(address)
    symbol = decode_symbol(answers.answer(ABI["symbol"](address)))
    return Token(shown, symbol or f"{shown[:6]}...{shown[-4:]}", decimals)


def read_asset(answers: Answers, site: Site, offset: int, store_front_price_factor: int) -> Asset:
    """Read one collateral as listed."""
    info = read_asset_info(answers, site, offset)
    return Asset(
        token=read_token(answers, info.asset, decimals_of(info.scale, checksum(info.asset))),
        offset=offset,
        scale=info.scale,
        borrow_collateral_factor=info.borrowCollateralFactor,
        liquidate_collateral_factor=info.liquidateCollateralFactor,
        liquidation_factor=info.liquidationFactor,
        ask=ask_factor(store_front_price_factor, info.liquidationFactor),
        supply_cap=info.supplyCap,
        total_supply=answers.read(ABI["totalsCollateral"], site.entry, info.asset)[0],
    )


def read_price(answers: Answers, site: Site, feed: str) -> Price:
    """Read ``Comet.getPrice`` and when the feed was last updated; a feed that fails is a cause, not an error."""
    round_data = answers.optional(ABI["latestRoundData"], feed)
    updated_at = (round_data[3] or None) if round_data is not None else None
    answer = answers.answer(ABI["getPrice"](site.entry, feed))
    if isinstance(answer, Reverted):
        reason = ": BadPrice" if answer.data.hex() == _BAD_PRICE else revert_reason(answer.data)
        return Price(0, updated_at, f"getPrice of the feed {checksum(feed)} reverted{reason}")
    price = answers.word(ABI["getPrice"], site.entry, feed)
    return Price(price, updated_at, None if price else f"the feed {checksum(feed)} answers a price of 0")


# --- positions ----------------------------------------------------------------------------------------------------


def read_position(answers: Answers, book: Book, account: Account) -> Position | None:
    """Read an account's balances and put everything together.

    Raises:
        ContractMismatch: our balances, or the borrow line, are not the contract's own.

    """
    state = _state(answers, book, account)
    prices = (book.base_price, *(book.prices[offset] for offset in account.held))
    unpriced = {slot: price.cause for slot, price in enumerate(prices) if price.cause and _needed(state, slot)}
    lacking = {slot for slot, price in enumerate(prices) if not price.raw}
    _compare(answers, book.site, account, state, lacking)
    contract = ContractView(liquidatable=_view(answers, book.site, account, "isLiquidatable"))
    reproduced = ContractView(liquidatable=is_liquidatable(state.as_stored(), lacking))
    return Position(
        market=book.market,
        owner=account.owner,
        rules=book.site.rules,
        state=state,
        price_times=tuple(price.updated_at for price in prices),
        contract=contract,
        reproduced=reproduced,
        warnings=(*book.warnings, *_warnings(state, contract, unpriced)),
        unpriced=unpriced,
    )


def _state(answers: Answers, book: Book, account: Account) -> CometState:
    assets = [book.assets[offset] for offset in account.held]
    prices = (book.base_price.raw, *(book.prices[offset].raw for offset in account.held))
    balances = [_balance(answers, book.site, account, asset) for asset in assets]
    return CometState.of(book.comet, account.principal, zip(assets, balances, strict=True), prices)


def _balance(answers: Answers, site: Site, account: Account, asset: Asset) -> int:
    balance: int = answers.read(ABI["userCollateral"], site.entry, account.owner, asset.token.address)[0]
    return balance


def _needed(state: CometState, slot: int) -> bool:
    return state.principal != 0 if slot == BASE else state.balances[slot - 1] > 0


def _view(answers: Answers, site: Site, account: Account, name: str) -> Any | None:
    """One of the contract's views, ``None`` where it reverts, as the flags do when they meet a bad price."""
    found = answers.optional(ABI[name], site.entry, account.owner)
    return None if found is None else found[0]


def _compare(answers: Answers, site: Site, account: Account, state: CometState, lacking: set[int]) -> None:
    """Hold what no other field of the output shows to the contract's own answers: two accrue, one does not.

    The flag is left out where a price that it needs is lacking: the position is unpriced then, whatever it says.
    """
    said = {
        "borrowBalanceOf": borrow_balance(state),
        "balanceOf": supply_balance(state),
        "isBorrowCollateralized": is_borrow_collateralized(state.as_stored(), lacking),
    }
    for name, ours in said.items():
        theirs = _view(answers, site, account, name)
        if ours is not None and theirs != ours:
            raise ContractMismatch(
                f"{name} of {account.owner} is {theirs} in {checksum(site.entry)}, but {ours} by ours"
            )


def _warnings(state: CometState, contract: ContractView, unpriced: Iterable[int]) -> Iterator[Notice]:
    if not tuple(unpriced) and contract.liquidatable is False and judge(state).liquidatable:
        text = (
            "liquidatable as soon as anybody accrues interest, which an absorb does; the stored index does not show it"
        )
        yield Notice("liquidatable-once-accrued", text)
    least, base = state.comet.base_borrow_min, state.comet.base
    if any(debt.amount < least for debt in judge(state).debt):
        figure = f"{decimal_string(least, base.decimals)} {base.symbol}"
        text = f"owes less than {figure}, the market's smallest debt: repaying is free, borrowing more must reach it"
        yield Notice("below-borrow-min", text)
    for token in state.tokens:
        if token.symbol == f"{token.address[:6]}...{token.address[-4:]}":
            yield Notice(
                "symbol-unreadable", f"the token {token.address} does not say its symbol; shown by its address"
            )
