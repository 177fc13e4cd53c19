"""Chain to positions under one Comptroller, in four round trips; two where no wallet has anything.

1. the Comptroller: its markets, oracle, flavour (sent with the client's opening)
2. the wallets: what they entered, the Comptroller's view, what every cToken says of them; where only what is used is
   read, what they entered first, then the rest for those who did, in the cTokens that they entered
3. the markets that somebody uses: configuration, price, stored totals
4. what their underlying is called; debts and rates brought to the block by the markets themselves

The last are no views: a batch of them would change what a view in the same batch reads. They stand alone, after
everything stored has been read, and touch nothing but each market's own interest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, ParamSpec, TypeVar

from defirisk.chain.abi import checksum, decode_symbol
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Chain
from defirisk.errors import DefiriskError
from defirisk.model import Market, Position, Token, Unit
from defirisk.model import Warning as Notice
from defirisk.protocols.compound_v2 import reader_accounts as accounts
from defirisk.protocols.compound_v2 import reader_comptroller as comptrollers
from defirisk.protocols.compound_v2 import reader_markets as markets
from defirisk.protocols.compound_v2 import reader_positions as positions
from defirisk.protocols.compound_v2.reader_accounts import Account, Snapshot, used_markets
from defirisk.protocols.compound_v2.reader_comptroller import ABI, Comptroller
from defirisk.protocols.compound_v2.reader_listing import bounding_calls, bounds_calls, read_listing
from defirisk.protocols.compound_v2.reader_markets import Listed
from defirisk.protocols.compound_v2.rules import ORIGINAL, SECONDS, VENUS, CompoundV2Rules
from defirisk.protocols.compound_v2.state import UNIT_DECIMALS
from defirisk.protocols.interface import Deployment, MarketReading, Scope

P = ParamSpec("P")
T = TypeVar("T")
_LIQUIDATORS: Final = ("treasuryPercentMantissa", "forceVAILiquidate", "minLiquidatableVAI")
_PROBED: Final = 3
"""How many of the listed markets are asked which clock they keep: the first may be broken."""


@dataclass(slots=True)
class Owner:
    """A wallet while it is read: its account, or why there is none, and what it holds by market."""

    account: Account | DefiriskError
    held: dict[str, Snapshot | DefiriskError]


class CompoundV2Reader:
    """Reads Compound V2 and its forks (:class:`defirisk.protocols.interface.Reader`)."""

    def early_calls(self, deployment: Deployment) -> Sequence[Call]:
        """Return the first calls of :meth:`read`, so that a client can send them together with its opening."""
        return comptrollers.comptroller_calls(deployment.entry)

    async def read(
        self, chain: Chain, deployment: Deployment, wallets: Sequence[str], scope: Scope = Scope.ALL
    ) -> MarketReading:
        """Read these wallets (EIP-55) under one Comptroller at the chain's pinned block.

        Raises:
            ReadError: the Comptroller could not be read at all.
            NotAMarket: the entry is no Comptroller.

        """
        in_full = scope is Scope.LISTED
        answers = Answers(chain)
        await answers.ask(self.early_calls(deployment))
        site = comptrollers.read_comptroller(answers, deployment.entry)
        await answers.ask([*_wallet_calls(site, wallets, scope), *(bounding_calls(site) if in_full else ())])
        rules = _flavour(answers, site)
        if scope is Scope.USED:
            await answers.ask(_used_calls(answers, site, wallets))
        owners = [_read_owner(answers, site, wallet, scope) for wallet in wallets]
        _warn_of_broken(chain, owners)
        used = _used(owners)
        if used and in_full:
            used = list(dict.fromkeys([*site.markets, *used]))
        if used:
            more = bounds_calls(answers, site, used) if in_full else ()
            await answers.ask([*_market_calls(site, owners, used, in_full=in_full), *more])
            _read_extra(answers, owners)
            listed = {market: _attempt(markets.read_market, answers, site, market) for market in used}
            await answers.ask(_last_calls(answers, site, owners, listed))
        else:
            listed = {}
        book = _book(answers, deployment, site, rules, listed)
        found = (_position(answers, book, owner, in_full=in_full) for owner in owners)
        return MarketReading(tuple(found), rules.name, _assets(book) if in_full else ())


def _assets(book: positions.Book) -> tuple[Token, ...]:
    """All that the markets read hold: what a scenario may name when somebody asks what if."""
    named = (token for token in book.tokens.values() if not isinstance(token, DefiriskError))
    return tuple(dict.fromkeys(token for token, _ in named))


def _attempt(read: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T | DefiriskError:
    """Read one of many: what cannot be read stands as its error and spoils no other."""
    try:
        return read(*arguments, **named)
    except DefiriskError as problem:
        return problem


# --- wallets ------------------------------------------------------------------------------------------------------


def _wallet_calls(site: Comptroller, wallets: Sequence[str], scope: Scope) -> Iterator[Call]:
    yield from (ABI["accrualBlockTimestamp"](market) for market in site.markets[:_PROBED])
    if site.liquidator is not None:
        yield from (ABI[name](site.liquidator) for name in _LIQUIDATORS)
    if site.vai is not None:
        yield ABI["getVAIAddress"](site.vai)
    for wallet in wallets:
        if scope is Scope.USED:
            yield from accounts.entry_calls(site, wallet)
        else:
            yield from accounts.account_calls(site, wallet)
            yield from (accounts.snapshot_call(market, wallet) for market in site.markets)


def _used_calls(answers: Answers, site: Comptroller, wallets: Sequence[str]) -> Iterator[Call]:
    """Ask more of the wallets that use anything, and of the markets that they entered."""
    entered: dict[str, None] = {}
    for wallet in wallets:
        if _attempt(accounts.is_used, answers, site, wallet) is True:
            own = accounts.read_entered(answers, site, wallet)
            entered.update(dict.fromkeys(own))
            yield from accounts.account_calls(site, wallet)
            yield from (accounts.snapshot_call(market, wallet) for market in own)
    for market in entered:
        yield from markets.market_calls(site, market)


def _flavour(answers: Answers, site: Comptroller) -> CompoundV2Rules:
    if site.vai is not None:
        return VENUS
    seconds = any(markets.counts_seconds(answers, market) for market in site.markets[:_PROBED])
    return SECONDS if seconds else ORIGINAL


def _read_owner(answers: Answers, site: Comptroller, wallet: str, scope: Scope) -> Owner:
    asked: Sequence[str] = site.markets
    if scope is Scope.USED:
        used = _attempt(accounts.is_used, answers, site, wallet)
        if isinstance(used, DefiriskError):
            return Owner(used, {})
        if not used:
            return Owner(Account(wallet, (), None), {})
        entered = accounts.read_entered(answers, site, wallet)
        asked = [market for market in site.markets if market in entered]
    account = _attempt(accounts.read_account, answers, site, wallet)
    return Owner(account, {market: _attempt(accounts.read_snapshot, answers, market, wallet) for market in asked})


def _warn_of_broken(chain: Chain, owners: Iterable[Owner]) -> None:
    """A listed market that does not answer hides what the wallets may have there; one that entered it fails instead."""
    broken = {
        market: snapshot
        for owner in owners
        for market, snapshot in owner.held.items()
        if isinstance(snapshot, DefiriskError) and market not in _entered(owner)
    }
    for market, problem in broken.items():
        text = f"the listed market {checksum(market)} does not answer, what a wallet may have there is not seen"
        chain.warnings.append(Notice("unreadable-market", f"{text}: {problem.message}"))


def _entered(owner: Owner) -> tuple[str, ...]:
    return owner.account.entered if isinstance(owner.account, Account) else ()


def _active(owners: Iterable[Owner]) -> Iterator[tuple[Account, Owner]]:
    for owner in owners:
        if isinstance(owner.account, Account) and not accounts.is_empty(owner.account, owner.held):
            yield owner.account, owner


def _used(owners: Iterable[Owner]) -> list[str]:
    """The markets of all positions: no other is read, so that a broken one spoils only its holders."""
    used = [market for account, owner in _active(owners) for market in accounts.used_markets(account, owner.held)]
    return list(dict.fromkeys(used))


# --- markets ------------------------------------------------------------------------------------------------------


def _market_calls(site: Comptroller, owners: Iterable[Owner], used: Sequence[str], *, in_full: bool) -> Iterator[Call]:
    for market in used:
        yield from markets.market_calls(site, market)
    for account, owner in _active(owners):
        yield from positions.owner_calls(site, account, used if in_full else used_markets(account, owner.held))
        for market in account.entered:
            yield accounts.snapshot_call(market, account.address)


def _read_extra(answers: Answers, owners: Iterable[Owner]) -> None:
    """What a wallet entered and the Comptroller no longer lists."""
    for account, owner in _active(owners):
        for market in account.entered:
            if market not in owner.held:
                owner.held[market] = _attempt(accounts.read_snapshot, answers, market, account.address)


def _last_calls(
    answers: Answers, site: Comptroller, owners: Iterable[Owner], listed: dict[str, Listed | DefiriskError]
) -> Iterator[Call]:
    for one in listed.values():
        if isinstance(one, Listed):
            yield from markets.token_calls(one)
            yield from markets.current_calls(one)
    for account, owner in _active(owners):
        yield from positions.current_calls(account, owner.held, listed)
    address = _vai_address(answers, site)
    if address is not None:
        yield ABI["symbol"](address)


def _book(
    answers: Answers,
    deployment: Deployment,
    site: Comptroller,
    rules: CompoundV2Rules,
    listed: dict[str, Listed | DefiriskError],
) -> positions.Book:
    read = {market: one for market, one in listed.items() if isinstance(one, Listed)}
    return positions.Book(
        site=site,
        market=Market(
            name=deployment.name,
            protocol=deployment.protocol,
            rules=rules.name,
            chain_id=answers.chain_id,
            entry=checksum(deployment.entry),
            unit=Unit("USD", UNIT_DECIMALS),
        ),
        rules=rules,
        listed=listed,
        tokens={market: _attempt(markets.read_token, answers, one) for market, one in read.items()},
        vai_symbol=_vai_symbol(answers, site) if listed else "",
        cut=0 if site.liquidator is None else answers.probe(ABI["treasuryPercentMantissa"], site.liquidator) or 0,
        vai_first=_vai_first(answers, site),
    )


def _vai_first(answers: Answers, site: Comptroller) -> int | None:
    if site.liquidator is None or not answers.probe(ABI["forceVAILiquidate"], site.liquidator):
        return None
    return answers.probe(ABI["minLiquidatableVAI"], site.liquidator)


def _vai_symbol(answers: Answers, site: Comptroller) -> str:
    address = _vai_address(answers, site)
    return "" if address is None else decode_symbol(answers.answer(ABI["symbol"](address))) or "VAI"


def _vai_address(answers: Answers, site: Comptroller) -> str | None:
    return None if site.vai is None else answers.probe(ABI["getVAIAddress"], site.vai)


def _position(
    answers: Answers, book: positions.Book, owner: Owner, *, in_full: bool
) -> Position | DefiriskError | None:
    account = owner.account
    if isinstance(account, DefiriskError):
        return account
    if accounts.is_empty(account, owner.held):
        return None
    found = _attempt(positions.read_position, answers, book, account, owner.held)
    if not isinstance(found, Position):
        return found
    used = used_markets(account, owner.held)
    return replace(found, listing=read_listing(answers, book, account, used, in_full=in_full))
