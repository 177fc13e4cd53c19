"""From what was read to positions: slots and prices, the contract's view beside ours, and what to warn of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from defirisk.chain.abi import checksum
from defirisk.chain.answers import Answers
from defirisk.errors import CallReverted, ContractMismatch, DefiriskError
from defirisk.fixedpoint import UINT256_MAX, decimal_string
from defirisk.model import ContractView, Market, Position, Token
from defirisk.model import Warning as Notice
from defirisk.protocols.aave_v3.account import AccountData
from defirisk.protocols.aave_v3.reader_market import Site
from defirisk.protocols.aave_v3.reader_owners import Entered, Owner, read_account, read_holding
from defirisk.protocols.aave_v3.reader_reserves import Listed, Price
from defirisk.protocols.aave_v3.reader_warnings import umbrella_warnings, warnings_of
from defirisk.protocols.aave_v3.rules import AaveV3Rules
from defirisk.protocols.aave_v3.state import AaveState, EMode, Holding, PriceSource, state_of

_WAD_DECIMALS: Final = 18
Row = tuple[Listed, Holding]


@dataclass(frozen=True, slots=True)
class Read:
    """All that was read of a market but its owners' balances. ``emodes`` by category, what could not be read as its
    error; ``key_prices`` by category's price source; ``price_times`` by reserve id; ``uncovered`` by reserve id, why it
    is not known what covers its deficit.
    """

    site: Site
    listed: Sequence[Listed]
    emodes: Mapping[int, Entered | DefiriskError]
    key_prices: Mapping[str, Price]
    price_times: Mapping[int, int | None]
    timestamp: int
    liquidations_allowed: bool | None
    uncovered: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A position before its rules are settled: ``account`` is the contract's own view, ``None`` where that reverts (a
    price that it needs is missing); ``nameless`` tokens stand in it by address; ``uncovered`` are its debts
    of which it is not known what covers them, by symbol, with the cause.
    """

    owner: Owner
    account: AccountData | None
    state: AaveState
    unpriced: Mapping[int, str]
    price_times: tuple[int | None, ...]
    nameless: tuple[Token, ...]
    uncovered: Mapping[str, str] = field(default_factory=dict)


def draft_position(answers: Answers, read: Read, owner: Owner, rules: AaveV3Rules) -> Draft | None:
    """Put together what an owner has; ``None`` if that is nothing.

    Raises:
        ReadError: a balance or the owner's eMode could not be read.

    """
    if not owner.asked:
        return None
    account = read_account(answers, read.site, owner.address)
    rows = list(_rows(answers, read, owner, rules))
    if not rows:
        return None
    emode, source = _entered(read, owner)
    state = state_of(
        tuple(holding for _, holding in rows),
        tuple(listed.price.raw for listed, _ in rows),
        read.timestamp,
        emode=emode,
        source=source,
        liquidations_allowed=read.liquidations_allowed,
    )
    times = [read.price_times[listed.reserve.id] for listed, _ in rows]
    return Draft(
        owner=owner,
        account=account,
        state=state,
        unpriced=_unpriced(read, rows, state, source),
        price_times=(*times, *(None for _ in state.tokens[len(rows) :])),
        nameless=tuple(listed.reserve.token for listed, _ in rows if listed.nameless),
        uncovered={
            listed.reserve.token.symbol: read.uncovered[listed.reserve.id]
            for listed, holding in rows
            if listed.reserve.id in read.uncovered and rules.debt_of(holding)
        },
    )


def _rows(answers: Answers, read: Read, owner: Owner, rules: AaveV3Rules) -> Iterator[Row]:
    for listed in read.listed:
        if not owner.asks(listed.reserve.id):
            continue
        holding = read_holding(answers, listed, owner, rules)
        if holding.scaled_supply or holding.scaled_variable_debt or holding.stable_debt:
            yield listed, holding


def _entered(read: Read, owner: Owner) -> tuple[EMode | None, PriceSource | None]:
    """The owner's eMode, and its own price source if it has one (3.0, 3.1)."""
    if owner.emode == 0:
        return None, None
    entered = read.emodes[owner.emode]
    if isinstance(entered, DefiriskError):
        raise entered
    key = entered.price_source
    if key is None:
        return entered.emode, None
    return entered.emode, PriceSource(_key_token(read, entered.emode, key), read.key_prices[key].raw)


def _key_token(read: Read, emode: EMode, key: str) -> Token:
    """A category may be priced by one of the market's own assets; else the key names nothing but the category."""
    address = checksum(key)
    own = next((listed.reserve.token for listed in read.listed if listed.reserve.token.address == address), None)
    return own or Token(address, f"eMode {emode.id} {emode.label}".rstrip(), 0)


def _unpriced(read: Read, rows: Sequence[Row], state: AaveState, source: PriceSource | None) -> dict[int, str]:
    """The slots without a usable price: of what is held or owed, and of the eMode's source."""
    causes = [listed.price.cause for listed, _ in rows]
    if source is not None:
        causes += [read.key_prices[source.token.address.lower()].cause for _ in state.tokens[len(rows) :]]
    return {slot: cause for slot, cause in enumerate(causes) if cause is not None}


# --- rules and the contract's view --------------------------------------------------------------------------------


def settle_rules(candidates: Sequence[AaveV3Rules], drafts: Sequence[Draft]) -> AaveV3Rules:
    """Of several revisions that the pool may be, the one that reproduces most accounts; the first of equals."""
    if len(candidates) == 1:
        return candidates[0]
    return max(candidates, key=lambda rules: sum(_reproduces(rules, draft) for draft in drafts))


def _reproduces(rules: AaveV3Rules, draft: Draft) -> bool:
    return not draft.unpriced and rules.account_data(draft.state) == draft.account


def finish_position(draft: Draft, market: Market, rules: AaveV3Rules, doubt: Notice | None) -> Position:
    """Judge a draft by its rules and put the contract's own view beside it.

    ``doubt`` says why the rules are not certain; then they must reproduce the contract's health factor.

    Raises:
        ContractMismatch: rules in doubt do not.
        CallReverted: the contract has no view of the account though all its prices are there.

    """
    contract, ours = _contract_view(draft), _our_view(draft, rules)
    notices = [*warnings_of(draft.state, draft.nameless, rules), *umbrella_warnings(draft.uncovered)]
    if doubt is not None:
        notices.insert(0, doubt)
    if not draft.unpriced and contract != ours:
        text = _mismatch(contract, ours, rules)
        if doubt is not None:
            raise ContractMismatch(
                f"{draft.owner.address} in {market.name}: {text}; {doubt.text.partition(';')[0].partition(':')[0]}, "
                "and no rules that we have reproduce it",
                hint="a fork may count by rules of its own: its positions are not judged rather than guessed",
            )
        notices.insert(0, Notice("contract-mismatch", text))
    return Position(
        market=market,
        owner=draft.owner.address,
        rules=rules,
        state=draft.state,
        price_times=draft.price_times,
        contract=contract,
        reproduced=ours,
        warnings=tuple(notices),
        unpriced=draft.unpriced,
    )


def _contract_view(draft: Draft) -> ContractView:
    account = draft.account
    if account is not None:
        health = account.health_factor
        return ContractView(has_health_factor=True, health_factor=None if health == UINT256_MAX else health)
    if draft.unpriced:
        return ContractView()
    raise CallReverted(f"getUserAccountData of {draft.owner.address} reverted, though all its prices are there")


def _our_view(draft: Draft, rules: AaveV3Rules) -> ContractView:
    """Ours of the same numbers; empty where a price is missing."""
    if draft.unpriced:
        return ContractView()
    return ContractView(has_health_factor=True, health_factor=rules.standing(draft.state).health_factor)


def _mismatch(contract: ContractView, ours: ContractView, rules: AaveV3Rules) -> str:
    return (
        f"the contract says that the health factor is {_shown(contract.health_factor)}, "
        f"the rules of {rules.name} say {_shown(ours.health_factor)}"
    )


def _shown(health_factor: int | None) -> str:
    return "none (no debt)" if health_factor is None else decimal_string(health_factor, _WAD_DECIMALS)
