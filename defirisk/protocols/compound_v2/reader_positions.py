"""From what was read to positions: slots and prices, stored and accrued numbers, the Comptroller's view beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from defirisk.chain.abi import checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call
from defirisk.errors import ContractMismatch, DefiriskError, MissingCall, UnsupportedRules
from defirisk.model import ContractView, Market, Position, Token
from defirisk.protocols.compound_v2.decoding import decode_active
from defirisk.protocols.compound_v2.interest import debt_bounds
from defirisk.protocols.compound_v2.reader_accounts import (
    Account,
    Held,
    Snapshot,
    View,
    current_debt,
    used_markets,
)
from defirisk.protocols.compound_v2.reader_comptroller import ABI, Comptroller
from defirisk.protocols.compound_v2.reader_markets import Listed
from defirisk.protocols.compound_v2.reader_vai import VAI_PRICE, vai_holding
from defirisk.protocols.compound_v2.reader_warnings import Case, warnings_of
from defirisk.protocols.compound_v2.rules import CompoundV2Rules
from defirisk.protocols.compound_v2.state import CompoundState, CToken, Holding

_BY_FACTOR, _BY_THRESHOLD = range(2)
"""Venus's ``WeightFunction``: collateral factor, liquidation threshold."""


@dataclass(frozen=True, slots=True)
class Book:
    """All that was read of a Comptroller's markets.

    By market, lower-case: ``listed`` and ``tokens``, what could not be read as its error. ``cut`` wad, what Venus's
    Liquidator keeps of the bonus; ``vai_first`` the VAI, base units, that it wants liquidated before other debts.
    """

    site: Comptroller
    market: Market
    rules: CompoundV2Rules
    listed: Mapping[str, Listed | DefiriskError]
    tokens: Mapping[str, tuple[Token, bool] | DefiriskError]
    vai_symbol: str
    cut: int
    vai_first: int | None = None


# --- calls --------------------------------------------------------------------------------------------------------


def owner_calls(site: Comptroller, account: Account, used: Iterable[str]) -> Iterator[Call]:
    """Ask on what terms Venus's markets count for this owner, who may be in an e-mode pool."""
    if site.vai is None:
        return
    for market in used:
        yield ABI["getEffectiveLtvFactor"](site.entry, account.address, market, _BY_THRESHOLD)
        yield ABI["getEffectiveLiquidationIncentive"](site.entry, account.address, market)
        yield ABI["isForcedLiquidationEnabledForUser"](site.entry, account.address, market)
        if account.pool:
            yield ABI["getEffectiveLtvFactor"](site.entry, account.address, market, _BY_FACTOR)
            yield ABI["poolMarkets"](site.entry, account.pool, market)
    if account.pool:
        yield ABI["pools"](site.entry, account.pool)


def current_calls(account: Account, held: Held, listed: Mapping[str, Listed | DefiriskError]) -> Iterator[Call]:
    """Let the owed markets say the debt at the block where what they store does not tell it to the last unit."""
    for market in used_markets(account, held):
        read, snapshot = listed[market], held.get(market)
        if isinstance(read, Listed) and isinstance(snapshot, Snapshot):
            low, high = debt_bounds(snapshot.debt, read.stored_index, read.index)
            if low != high:
                yield ABI["borrowBalanceCurrent"](market, account.address)


# --- one position -------------------------------------------------------------------------------------------------


def read_position(answers: Answers, book: Book, account: Account, held: Held) -> Position:
    """Put together what an owner has.

    Raises:
        ReadError: a market that it has something in, or entered, could not be read.
        ContractMismatch: our figures are not the Comptroller's.

    """
    used = [(_listed(book, market), _snapshot(held, market)) for market in used_markets(account, held)]
    read = [each for each in used if not _is_skipped(account, *each)]
    holdings = [_holding(answers, book, account, *each) for each in read]
    _check_old_debts(account, read, holdings)
    prices = [one.price for one, _ in read]
    if account.minted is not None:
        holdings.append(vai_holding(book.site, account.minted, book.vai_symbol, 0))
        prices.append(VAI_PRICE)
    newer = any(one.listing.newer for one, _ in read)
    state = CompoundState(
        holdings=tuple(holdings),
        tokens=tuple(holding.market.token for holding in holdings),
        prices=tuple(prices),
        close_factor=book.site.close_factor,
        cut=book.cut if newer else 0,
        entered_only=newer,
        paused=book.site.paused,
        vai_first=book.vai_first if newer else None,
    )
    unpriced = {slot: one.cause for slot, (one, _) in enumerate(read) if one.cause is not None}
    judged = not any(state.holdings[slot].entered for slot in unpriced)
    contract, ours = _views(book, account, state, judged)
    case = Case(state, tuple(one for one, _ in read), _nameless(book, read), account, unpriced)
    return Position(
        market=book.market,
        owner=account.address,
        rules=book.rules,
        state=state,
        price_times=(None,) * len(holdings),
        contract=contract,
        reproduced=ours,
        warnings=tuple(warnings_of(case, contract, book.site, answers, book.rules)),
        unpriced=unpriced,
    )


def _is_skipped(account: Account, one: Listed, snapshot: Snapshot) -> bool:
    """Whether a market without a price was entered and left empty, and the Comptroller does not ask for its price.

    Newer Venus does not; others answer with an error, and nobody can be liquidated then.
    """
    empty = snapshot.tokens == 0 and snapshot.debt == 0
    return one.cause is not None and empty and account.view is not None and account.view.error == 0


def _check_old_debts(account: Account, read: list[tuple[Listed, Snapshot]], holdings: list[Holding]) -> None:
    """See that no debt is liquidated by another incentive than its owner's pool gives.

    ``PolicyFacet`` reckons what is seized by the core pool's incentive where a market asks without naming the borrower,
    as markets older than e-mode do (vBNB).

    Raises:
        UnsupportedRules: there is such a debt, and a collateral whose incentives differ.
    """
    old = [one.symbol for one, snapshot in read if snapshot.debt and one.older]
    differs = any(
        snapshot.tokens and holding.market.incentive != one.listing.incentive
        for (one, snapshot), holding in zip(read, holdings, strict=True)
    )
    if account.pool and old and differs:
        raise UnsupportedRules(
            f"{account.address} is in the e-mode pool {account.pool} and owes {old[0]}, which is liquidated by "
            "the core pool's incentive: rules that we do not know in full"
        )


def _listed(book: Book, market: str) -> Listed:
    read = book.listed[market]
    if isinstance(read, DefiriskError):
        raise read
    return read


def _snapshot(held: Held, market: str) -> Snapshot:
    snapshot = held[market]
    if isinstance(snapshot, DefiriskError):
        raise snapshot
    return snapshot


def _token(book: Book, market: str) -> tuple[Token, bool]:
    token = book.tokens[market]
    if isinstance(token, DefiriskError):
        raise token
    return token


def _nameless(book: Book, read: list[tuple[Listed, Snapshot]]) -> tuple[Token, ...]:
    named = [_token(book, one.address) for one, _ in read]
    return tuple(token for token, nameless in named if nameless)


def _holding(answers: Answers, book: Book, account: Account, one: Listed, snapshot: Snapshot) -> Holding:
    return Holding(
        market=terms_of(answers, book, account, one),
        books=one.books,
        tokens=snapshot.tokens,
        debt=current_debt(answers, account, one, snapshot.debt)[0],
        entered=one.address in account.entered,
        stored_rate=snapshot.rate,
        stored_debt=snapshot.debt,
    )


def terms_of(answers: Answers, book: Book, account: Account, one: Listed) -> CToken:
    """A market as it is for this owner: Venus is asked for what is effective, elsewhere it is the same for all."""
    site, wallet, listing = book.site, account.address, one.listing
    threshold = incentive = forced = None
    if site.vai is not None:
        threshold = answers.probe(ABI["getEffectiveLtvFactor"], site.entry, wallet, one.address, _BY_THRESHOLD)
        incentive = answers.probe(ABI["getEffectiveLiquidationIncentive"], site.entry, wallet, one.address)
        forced = answers.probe(ABI["isForcedLiquidationEnabledForUser"], site.entry, wallet, one.address)
    if account.pool and (threshold is None or account.minted is not None):
        raise UnsupportedRules(f"{wallet} is in the e-mode pool {account.pool}, by rules that we do not know in full")
    return CToken(
        address=checksum(one.address),
        symbol=one.symbol,
        token=_token(book, one.address)[0],
        collateral_factor=_factor(answers, site, account, one),
        liquidation_threshold=listing.liquidation_threshold if threshold is None else threshold,
        incentive=_incentive(site, one, incentive),
        seize_share=one.seize_share,
        forced=one.flags.deprecated or one.flags.forced or bool(forced),
        # Liquidating repays, so that it asks `repayBorrowAllowed` too.
        liquidate_paused=one.flags.liquidate_paused or one.caps.repay_paused or not listing.listed,
        seize_paused=one.flags.seize_paused or not listing.listed,
        caps=replace(one.caps, borrow_paused=one.caps.borrow_paused or not _may_borrow(answers, site, account, one)),
    )


def _factor(answers: Answers, site: Comptroller, account: Account, one: Listed) -> int:
    """What the owner may borrow against: an e-mode pool has factors of its own."""
    told = None
    if account.pool:
        told = answers.probe(ABI["getEffectiveLtvFactor"], site.entry, account.address, one.address, _BY_FACTOR)
    return one.listing.collateral_factor if told is None else told


def _may_borrow(answers: Answers, site: Comptroller, account: Account, one: Listed) -> bool:
    """``PolicyFacet.poolBorrowAllowed``: what the owner's pool does not allow, or list, is not lent to him, and nothing
    is in a pool that is no longer active (``InactivePool``), which otherwise counts as the core pool does.
    """
    if not account.pool:
        return one.listing.borrow_allowed
    if not _is_active(answers, site, account):
        return False
    told = answers.optional(ABI["poolMarkets"], site.entry, account.pool, one.address)
    return one.listing.borrow_allowed if told is None else bool(told[-1])


def _is_active(answers: Answers, site: Comptroller, account: Account) -> bool:
    """Whether the owner's pool is; taken to be where a recording does not hold it."""
    try:
        return decode_active(answers.answer(ABI["pools"](site.entry, account.pool)))
    except MissingCall:
        return True


def _incentive(site: Comptroller, one: Listed, effective: int | None) -> int:
    told = next((each for each in (effective, one.listing.incentive, site.incentive) if each is not None), None)
    if told is None:
        raise UnsupportedRules(f"{checksum(site.entry)} does not say its liquidation incentive")
    return told


# --- the Comptroller's own view -----------------------------------------------------------------------------------


def _views(book: Book, account: Account, state: CompoundState, judged: bool) -> tuple[ContractView, ContractView]:
    """The Comptroller's view and ours of the same stored numbers; both empty where a price it needs is missing."""
    if not judged:
        return ContractView(), ContractView()
    if account.view is None or account.view.error:
        told = "reverts" if account.view is None else f"answers error {account.view.error}"
        raise ContractMismatch(
            f"getAccountLiquidity of {account.address} in {book.market.name} {told}, though all prices are there"
        )
    contract, ours = _contract_view(account.view), book.rules.contract_view(state)
    if contract != ours:
        raise ContractMismatch(
            f"{account.address} in {book.market.name}: the Comptroller says liquidity {contract.liquidity} and "
            f"shortfall {contract.shortfall}, the rules of Compound V2 say {ours.liquidity} and {ours.shortfall}",
            hint="a fork may count by rules of its own: its positions are not judged rather than guessed",
        )
    return contract, ours


def _contract_view(view: View) -> ContractView:
    return ContractView(liquidatable=view.shortfall > 0, liquidity=view.liquidity, shortfall=view.shortfall)
