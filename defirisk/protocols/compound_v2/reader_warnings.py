"""What the reader of a position must know besides its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from defirisk.chain.answers import Answers
from defirisk.model import ContractView, Token
from defirisk.model import Warning as Notice
from defirisk.protocols.compound_v2.reader_accounts import Account, current_debt
from defirisk.protocols.compound_v2.reader_comptroller import ABI, Comptroller
from defirisk.protocols.compound_v2.reader_markets import Listed, counts_seconds
from defirisk.protocols.compound_v2.reader_vai import Minted
from defirisk.protocols.compound_v2.rules import CompoundV2Rules
from defirisk.protocols.compound_v2.state import Caps, CompoundState, Holding


@dataclass(frozen=True, slots=True)
class Case:
    """A position's ``state``, its markets as ``listed`` slot by slot, tokens that do not name themselves, ``unpriced``
    slots.
    """

    state: CompoundState
    listed: tuple[Listed, ...]
    nameless: tuple[Token, ...]
    account: Account
    unpriced: Mapping[int, str]


def warnings_of(
    case: Case, contract: ContractView, site: Comptroller, answers: Answers, rules: CompoundV2Rules
) -> Iterator[Notice]:
    """All warnings of a position: the account's, the Comptroller's, then each market's."""
    yield from _liquidatable_by_interest(case, contract, rules)
    yield from _account(case)
    yield from _comptroller(case, site, answers)
    for holding, one in zip(case.state.holdings, case.listed, strict=False):
        yield from _market(holding, one, case)
        yield from _accrual(holding, one, case, answers)
    for token in case.nameless:
        text = f"the token {token.address} does not say its symbol; its address stands for it"
        yield Notice("symbol-unreadable", text)


def _liquidatable_by_interest(case: Case, contract: ContractView, rules: CompoundV2Rules) -> Iterator[Notice]:
    """Stored numbers are what the Comptroller's view knows; anyone may have the markets accrue first."""
    forced = any(holding.market.forced and holding.debt for holding in case.state.holdings)
    if contract.liquidatable is not False or case.unpriced or forced:
        return
    if rules.standing(case.state).liquidatable:
        yield Notice(
            "liquidatable-once-accrued",
            "liquidatable by interest that the Comptroller's own view does not know yet: "
            "it answers from stored numbers, our figures are accrued to the block",
        )


def _account(case: Case) -> Iterator[Notice]:
    if case.account.pool:
        yield Notice("emode", f"the account is in the e-mode pool {case.account.pool}")
    if case.account.minted is not None:
        yield Notice(
            "vai-debt",
            "the account owes VAI, which the protocol counts as one dollar whatever it fetches",
        )
        yield from _vai(case.account.minted)


def _vai(minted: Minted) -> Iterator[Notice]:
    if not minted.dated:
        yield Notice(
            "vai-interest-unseen",
            "the VAIController does not say when it last accrued: VAI is counted with interest up to then, as the "
            "Comptroller counts it; liquidating the VAI itself finds a little more",
        )
    if minted.forced:
        yield Notice(
            "forced-liquidation",
            "VAI is under forced liquidation: its debt is liquidatable with no shortfall and no close factor, "
            "all of it at once",
        )


def _comptroller(case: Case, site: Comptroller, answers: Answers) -> Iterator[Notice]:
    if site.paused:
        yield Notice("paused-protocol", "the protocol is paused: nothing can be liquidated")
    by_block = [one for one in case.listed if not counts_seconds(answers, one.address)]
    if site.block is None and by_block:
        yield Notice(
            "block-number-assumed",
            "neither the Comptroller nor Multicall3 says which block number contracts see; interest is accrued to the "
            "chain's own",
        )
    elif site.block is not None and site.block != answers.block.number and by_block:
        yield Notice("block-number-other", f"contracts count block {site.block}, to which interest is accrued")


def _market(holding: Holding, one: Listed, case: Case) -> Iterator[Notice]:
    symbol, owes = holding.market.token.symbol, holding.debt > 0
    if holding.market.forced and owes:
        cause = "is deprecated" if one.flags.deprecated else "is under forced liquidation"
        code = "deprecated-market" if one.flags.deprecated else "forced-liquidation"
        yield Notice(
            code,
            f"{one.symbol} {cause}: its debt is liquidatable with no shortfall and no close factor, all of it at once",
        )
    if not one.listing.listed:
        yield Notice("unlisted-market", f"{one.symbol} is no longer listed: nothing with it can be liquidated")
    if one.flags.seize_paused and holding.tokens:
        yield Notice("paused-market", f"seizing {symbol} is paused")
    if one.flags.liquidate_paused and owes:
        yield Notice("paused-market", f"liquidating {symbol} debt is paused")
    if one.listing.listed:
        yield from _pauses(one, holding.market.caps or one.caps, owes=owes, holds=holding.tokens > 0)
    yield from _seizable(holding, one, case)
    if owes and not holding.entered:
        yield Notice("unseen-debt", f"{symbol} is owed in a market not entered: the Comptroller does not count it")


def _pauses(one: Listed, caps: Caps, *, owes: bool, holds: bool) -> Iterator[Notice]:
    if caps.borrow_paused or caps.mint_paused:
        stopped = [name for name, on in (("supply", caps.mint_paused), ("debt", caps.borrow_paused)) if on]
        yield Notice("paused-market", f"{one.symbol} takes no new {' and no new '.join(stopped)}; liquidations go on")
    if caps.repay_paused and owes:
        yield Notice("paused-market", f"repaying {one.symbol} debt is paused, and so is liquidating it")
    if caps.redeem_paused and holds:
        yield Notice("paused-market", f"withdrawing from {one.symbol} is paused")


def _seizable(holding: Holding, one: Listed, case: Case) -> Iterator[Notice]:
    """Collateral that secures nothing and can be taken all the same."""
    owes = any(other.debt for other in case.state.holdings)
    if not holding.tokens or not owes:
        return
    if holding.entered and holding.market.liquidation_threshold == 0:
        yield Notice("zero-factor", f"{one.symbol} secures no debt (its factor is 0), but it can be seized")
    if not holding.entered and not case.state.entered_only:
        yield Notice("seizable-supply", f"{one.symbol} was not entered and secures no debt, but it can be seized")


def _accrual(holding: Holding, one: Listed, case: Case, answers: Answers) -> Iterator[Notice]:
    """The market's own answers, brought to the block by itself, beside ours."""
    if one.index == one.stored_index:
        return
    told = answers.optional(ABI["exchangeRateCurrent"], one.address)
    if told is not None and told[0] != one.books.rate:
        yield Notice(
            "accrual-differs",
            f"{one.symbol}: asked for its exchange rate at the block the market says {told[0]}, "
            f"by its own interest rate it is {one.books.rate}, which is used",
        )
    if not current_debt(answers, case.account, one, holding.stored_debt)[1]:
        yield Notice(
            "accrual-differs",
            f"{one.symbol} does not tell the debt at the block within what its indices allow; the most that they "
            f"allow is used: {holding.debt}",
        )
