"""What Compound V2's rules know of changes (:class:`defirisk.protocols.interface.Changes`), in every flavour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from defirisk.errors import BadParameter
from defirisk.fixedpoint import UINT256_MAX, WAD, mul_div_down, zero_floor_sub
from defirisk.model import Position
from defirisk.model import Warning as Notice
from defirisk.protocols.compound_v2.acts import borrow, deposit, holding_of, rebuilt, repay, withdraw
from defirisk.protocols.compound_v2.listing import Listing, Offer
from defirisk.protocols.compound_v2.state import Books, CompoundState, CToken, Holding
from defirisk.protocols.interface import Act, Acted, ActKind, Altered, Named, Setting
from defirisk.protocols.values import parse_ratio, shown_ratio
from defirisk.risk.interval import Interval, Undecided, linear

_FACTORS: Final = ("collateral_factor", "liquidation_threshold")
_INCENTIVES: Final = ("incentive", "liquidation_bonus")
_SHARES: Final = ("seize_share", "protocol_seize_share")
_MOST_FACTOR: Final = 9 * WAD // 10
"""``Comptroller.collateralFactorMaxMantissa``."""
_CLOSE_FACTORS: Final = (5 * WAD // 100, 9 * WAD // 10)
"""``closeFactorMinMantissa`` and ``closeFactorMaxMantissa``."""


class CompoundChanges:
    """Changes under a Comptroller. Newer Venus keeps a threshold and an incentive of each market, elsewhere the
    collateral factor is both and the incentive is the Comptroller's.
    """

    __slots__ = ("asset_parameters", "emode_parameters", "market_parameters")

    def __init__(self) -> None:
        self.asset_parameters = (*_FACTORS, *_INCENTIVES, *_SHARES)
        self.market_parameters = ("close_factor", *_INCENTIVES)
        self.emode_parameters: tuple[str, ...] = ()

    def assets(self, position: Position) -> Sequence[Named]:
        """Every market that was read, by its underlying, its cToken's symbol, or either's address."""
        listing: Listing = position.listing
        return tuple(
            Named(one.market.token, one.market.address, (one.market.symbol, one.market.address))
            for one in listing.offers
        )

    def set(self, position: Position, setting: Setting) -> Altered:
        """One parameter of a market, or of the Comptroller."""
        if setting.emode is not None:
            raise _unknown(setting, (), "an e-mode")
        if setting.asset is None:
            return _set_comptroller(position, setting, self.market_parameters)
        return _set_market(position, setting, self.asset_parameters, setting.asset)

    def act(self, position: Position, act: Act) -> Acted:
        """``mint`` and ``enterMarkets``, ``redeemUnderlying``, ``borrow``, ``repayBorrow``."""
        offer = _offer(position, act.asset)
        warnings = tuple(_act_notices(position, offer, act))
        if act.kind is ActKind.DEPOSIT and act.amount is not None:
            return Acted(deposit(position, offer, act.amount), act.amount, warnings)
        if act.kind is ActKind.BORROW and act.amount is not None:
            return Acted(borrow(position, offer, act.amount), act.amount, warnings)
        done = withdraw if act.kind is ActKind.WITHDRAW else repay
        return Acted(*done(position, offer, act.amount), warnings)

    def hull(self, near: CompoundState, far: CompoundState) -> CompoundState:
        """Tokens and debts between those of two states of the same markets, and their exchange rates."""
        if [_shape(one) for one in near.holdings] != [_shape(one) for one in far.holdings]:
            raise Undecided
        pairs = zip(near.holdings, far.holdings, strict=True)
        return replace(near, holdings=tuple(_between(one, other) for one, other in pairs))


def _act_notices(position: Position, offer: Offer, act: Act) -> Iterator[Notice]:
    symbol = offer.market.token.symbol
    if act.kind is ActKind.DEPOSIT and not holding_of(position, offer).entered:
        yield Notice("enters-market", f"what if deposit {symbol}: its market is entered too, so that it counts")
    judged = act.kind in (ActKind.BORROW, ActKind.WITHDRAW)
    if judged and position.state.entered_only and offer.bounds is None:
        text = f"what if {act.kind.value} {symbol}: whether its price is bounded was not read, the oracle's is taken"
        yield Notice("limits-unread", text)


# --- parameters -----------------------------------------------------------------------------------------------------


def _set_comptroller(position: Position, setting: Setting, known: tuple[str, ...]) -> Altered:
    state: CompoundState = position.state
    if setting.name not in known:
        raise _unknown(setting, known, f"the Comptroller of {position.market.name}")
    if setting.name in _INCENTIVES:
        return _set_incentive(position, setting)
    value = parse_ratio(setting.text, setting.name)
    _check_at_most(value, WAD, setting)
    low, high = _CLOSE_FACTORS
    refused = () if low < value <= high else (_refused(setting.name, "it must be above 5 % and at most 90 %"),)
    after = rebuilt(replace(position, state=replace(state, close_factor=value)), list(state.holdings))
    return Altered(after, shown_ratio(state.close_factor), shown_ratio(value), refused)


def _set_incentive(position: Position, setting: Setting) -> Altered:
    state: CompoundState = position.state
    if state.entered_only:
        raise BadParameter(
            f"{position.market.name} has an incentive for each market, not one of its own",
            hint=f"for example --set {position.tokens[0].symbol}.{setting.name}={setting.text}",
        )
    value = _incentive(setting)
    listing: Listing = position.listing
    offers = tuple(replace(one, market=replace(one.market, incentive=value)) for one in listing.offers)
    holdings = [replace(one, market=replace(one.market, incentive=value)) for one in state.holdings]
    was = next((one.market.incentive for one in state.holdings), value)
    after = rebuilt(replace(position, listing=replace(listing, offers=offers)), holdings)
    return Altered(after, _shown(setting.name, was), _shown(setting.name, value))


def _set_market(position: Position, setting: Setting, known: tuple[str, ...], named: Named) -> Altered:
    if setting.name not in known:
        raise _unknown(setting, known, f"a market of {position.market.name}")
    offer = _offer(position, named)
    apart = position.state.entered_only
    if setting.name in _INCENTIVES and not apart:
        raise BadParameter(
            f"the incentive is the Comptroller's own in {position.market.name}, the same of every market",
            hint=f"--set {setting.name}={setting.text}",
        )
    value = _incentive(setting) if setting.name in _INCENTIVES else parse_ratio(setting.text, setting.name)
    if setting.name not in _INCENTIVES:
        _check_at_most(value, WAD, setting)
    fields = _fields(setting.name, apart=apart)
    change: Any = dict.fromkeys(fields, value)
    was = getattr(offer.market, fields[0])
    after = _with_market(position, offer, replace(offer.market, **change))
    refused = setting.name in _FACTORS and not apart and value > _MOST_FACTOR
    doubts = (_refused(f"{named.token.symbol} {setting.name}", "it is above 90 %"),) if refused else ()
    return Altered(after, _shown(setting.name, was), _shown(setting.name, value), doubts)


def _fields(name: str, *, apart: bool) -> tuple[str, ...]:
    """The fields that a parameter's name stands for: both factors are one, unless the fork keeps them apart."""
    if name in _INCENTIVES:
        return ("incentive",)
    if name in _SHARES:
        return ("seize_share",)
    return (name,) if apart else _FACTORS


def _with_market(position: Position, offer: Offer, changed: CToken) -> Position:
    listing = position.listing.with_offer(replace(offer, market=changed))
    holdings = [
        replace(one, market=changed) if one.market.address == changed.address else one
        for one in position.state.holdings
    ]
    return rebuilt(replace(position, listing=listing), holdings)


def _incentive(setting: Setting) -> int:
    """With the principal in it (1.08), or as a bonus above it (0.08)."""
    value = parse_ratio(setting.text, setting.name)
    value += WAD if setting.name == "liquidation_bonus" else 0
    if not WAD <= value <= UINT256_MAX:
        raise BadParameter(
            f"an incentive of {setting.text} would pay a liquidator less than he repays", hint="1.08 pays 8 %"
        )
    return value


def _shown(name: str, value: int) -> str:
    return shown_ratio(zero_floor_sub(value, WAD) if name == "liquidation_bonus" else value)


def _check_at_most(value: int, most: int, setting: Setting) -> None:
    if value > most:
        raise BadParameter(f"{setting.name}: {setting.text[:40]!a} is above {shown_ratio(most)}")


def _refused(what: str, why: str) -> Notice:
    return Notice("configurator-refuses", f"what if {what}: the Comptroller of Compound refuses this, since {why}")


def _unknown(setting: Setting, known: tuple[str, ...], what: str) -> BadParameter:
    hint = f"one of {', '.join(known)}" if known else None
    return BadParameter(f"{what} has no parameter {setting.name[:60]!a}", hint=hint)


def _offer(position: Position, named: Named) -> Offer:
    listing: Listing = position.listing
    return next(one for one in listing.offers if one.market.address == named.key)


# --- between two states ---------------------------------------------------------------------------------------------


def _shape(holding: Holding) -> tuple[str, bool]:
    return holding.market.address, holding.entered


def _between(near: Holding, far: Holding) -> Holding:
    """Borrowing and repaying leave the market's exchange rate as it is."""
    amounts: Any = {name: linear(getattr(near, name), getattr(far, name)) for name in ("tokens", "debt")}
    books = near.books if near.tokens == far.tokens else _books_between(near.books, far.books)
    return replace(near, books=books, **amounts)


def _books_between(near: Books, far: Books) -> Books:
    """Minting and redeeming round tokens down, so that a market's rate rises by less than one token's part of it."""
    least, most = min(near.rate, far.rate), max(near.rate, far.rate)
    tokens = max(1, min(near.supply, far.supply))
    above = mul_div_down(most, tokens + 1, tokens) + 1
    below = zero_floor_sub(least, above - most)
    rate: Any = Interval(below, above)
    return replace(near, rate=rate)


CHANGES: Final = CompoundChanges()
