"""Reading wallets under a Comptroller: what they entered, what every cToken says of them, the Comptroller's view."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from defirisk.chain.abi import checksum
from defirisk.chain.answers import Answers
from defirisk.chain.calls import Call, Reverted
from defirisk.errors import CallReverted, DefiriskError, MalformedAnswer
from defirisk.protocols.compound_v2 import reader_vai as vai
from defirisk.protocols.compound_v2.interest import debt_bounds
from defirisk.protocols.compound_v2.reader_comptroller import ABI, MOST_MARKETS, Comptroller
from defirisk.protocols.compound_v2.reader_markets import Listed
from defirisk.protocols.compound_v2.reader_vai import Minted

_CORE_POOL: Final = 0


class Snapshot(NamedTuple):
    """``CToken.getAccountSnapshot``, from stored numbers: cToken units, underlying base units, exchange rate."""

    tokens: int
    debt: int
    rate: int


@dataclass(frozen=True, slots=True)
class View:
    """``Comptroller.getAccountLiquidity``: ``error`` 0, or the contract's code with both sums 0."""

    error: int
    liquidity: int
    shortfall: int


@dataclass(frozen=True, slots=True)
class Account:
    """A wallet as the Comptroller knows it: ``address`` EIP-55, ``entered`` markets lower-case.

    ``view`` is ``None`` where the Comptroller's own view reverts. ``pool`` is Venus's e-mode pool, 0 for its core.
    ``minted`` is VAI, ``None`` where there is none.
    """

    address: str
    entered: tuple[str, ...]
    view: View | None
    pool: int = _CORE_POOL
    minted: Minted | None = None


Held = Mapping[str, "Snapshot | DefiriskError"]
"""By market: what a wallet has there, or why that cannot be said."""


def account_calls(site: Comptroller, wallet: str) -> Iterator[Call]:
    """Ask what the Comptroller knows of a wallet."""
    yield from entry_calls(site, wallet)
    yield ABI["getAccountLiquidity"](site.entry, wallet)
    if site.vai is not None:
        yield ABI["userPoolId"](site.entry, wallet)
        yield from vai.minted_calls(site, wallet)


def entry_calls(site: Comptroller, wallet: str) -> Iterator[Call]:
    """Ask whether a wallet owes or secures anything: without entering a market it can do neither, except mint VAI."""
    yield ABI["getAssetsIn"](site.entry, wallet)
    if site.vai is not None:
        yield ABI["mintedVAIs"](site.entry, wallet)


def snapshot_call(market: str, wallet: str) -> Call:
    """Ask a cToken for a wallet."""
    return ABI["getAccountSnapshot"](market, wallet)


def read_account(answers: Answers, site: Comptroller, wallet: str) -> Account:
    """Read what the Comptroller knows of a wallet.

    Raises:
        ReadError: it does not say, or says what cannot be.

    """
    entered = read_entered(answers, site, wallet)
    call = ABI["getAccountLiquidity"](site.entry, wallet)
    view = None
    if not isinstance(answers.answer(call), Reverted):
        view = View(*answers.read(ABI["getAccountLiquidity"], site.entry, wallet))
    if site.vai is None:
        return Account(wallet, entered, view)
    pool = answers.probe(ABI["userPoolId"], site.entry, wallet) or _CORE_POOL
    return Account(wallet, entered, view, pool, vai.read_minted(answers, site, wallet))


def read_entered(answers: Answers, site: Comptroller, wallet: str) -> tuple[str, ...]:
    """Read which markets a wallet entered, lower-case.

    Raises:
        ReadError: the Comptroller does not say, or says what cannot be.

    """
    entered = tuple(dict.fromkeys(answers.word(ABI["getAssetsIn"], site.entry, wallet)))
    if len(entered) > MOST_MARKETS:
        raise MalformedAnswer(f"{checksum(site.entry)} says that {wallet} entered {len(entered)} markets")
    return entered


def is_used(answers: Answers, site: Comptroller, wallet: str) -> bool:
    """Whether a wallet may owe or secure anything, by the answers to :func:`entry_calls`.

    Raises:
        ReadError: the Comptroller does not say.

    """
    minted = site.vai is not None and bool(answers.word(ABI["mintedVAIs"], site.entry, wallet))
    return bool(read_entered(answers, site, wallet)) or minted


def read_snapshot(answers: Answers, market: str, wallet: str) -> Snapshot:
    """Read what a cToken says of a wallet.

    Raises:
        ReadError: it reverts, answers an error code, or is no cToken.

    """
    error, tokens, debt, rate = answers.read(ABI["getAccountSnapshot"], market, wallet)
    if error:
        raise CallReverted(f"getAccountSnapshot of {checksum(market)} answers error {error} for {wallet}")
    return Snapshot(tokens, debt, rate)


def used_markets(account: Account, held: Held) -> list[str]:
    """The markets that make up a wallet's position, in the Comptroller's order, then what it entered besides."""
    order = dict.fromkeys([*held, *account.entered])
    return [market for market in order if market in account.entered or _has_something(held.get(market))]


def is_empty(account: Account, held: Held) -> bool:
    """Whether a wallet has nothing: markets entered and left empty are nothing, what cannot be read is not."""
    if account.minted is not None and account.minted.stored:
        return False
    extra = [market for market in account.entered if market not in held or isinstance(held[market], DefiriskError)]
    return not extra and not any(_has_something(one) for one in held.values())


def _has_something(snapshot: Snapshot | DefiriskError | None) -> bool:
    return isinstance(snapshot, Snapshot) and bool(snapshot.tokens or snapshot.debt)


# --- debts at the block -------------------------------------------------------------------------------------------


def current_debt(answers: Answers, account: Account, one: Listed, stored_debt: int) -> tuple[int, bool]:
    """A debt at the block as the market itself says, and whether it does: it must lie where its indices put it.

    If it does not, it is the most that they allow.
    """
    low, high = debt_bounds(stored_debt, one.stored_index, one.index)
    if low == high:
        return low, True
    told = answers.optional(ABI["borrowBalanceCurrent"], one.address, account.address)
    if told is not None and low <= told[0] <= high:
        return int(told[0]), True
    return high, False
