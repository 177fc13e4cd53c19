"""What became different between two readings of the same wallets and markets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from defirisk.model import AccountReading, Collateral, Position, Snapshot, Standing, Token, Unit


@dataclass(frozen=True, slots=True)
class Side:
    """A wallet in a market in one of the readings.

    ``position`` is ``None`` where it has none, or where it could not be read: then ``unread`` says why. ``standing`` is
    ``None`` without a position, and where a price lacks.
    """

    position: Position | None = None
    standing: Standing | None = None
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class PositionChange:
    """A wallet in a market; ``differs`` whether anything that is shown of it did change."""

    wallet: str
    market: str
    before: Side
    after: Side

    @property
    def differs(self) -> bool:
        """Whether it is new, gone, or has another health factor, collateral or debt."""
        return _shown(self.before) != _shown(self.after)


@dataclass(frozen=True, slots=True)
class PriceChange:
    """An oracle price, as quotients of a market's whole units for a whole token."""

    market: str
    unit: Unit
    token: Token
    before: tuple[int, int]
    after: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting of a market, or of a token in it, as it applies to one wallet; wad, ``None`` where there is none.

    ``what`` is its name; for ``rules`` and ``warning`` the values are texts.
    """

    market: str
    token: Token | None
    what: str
    before: int | bool | str | None
    after: int | bool | str | None


Change = PositionChange | PriceChange | SettingChange


def compare(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Compare two readings of the same wallets in the same markets, position by position."""
    held = {account.address: _sides(account) for account in before.accounts}
    for account in after.accounts:
        sides, old = _sides(account), held.get(account.address, {})
        for market in dict.fromkeys((*old, *sides)):
            change = PositionChange(account.address, market, old.get(market, Side()), sides.get(market, Side()))
            yield change
            if change.before.position is not None and change.after.position is not None:
                yield from _prices(change.before.position, change.after.position)
                yield from _settings(change)


def _sides(account: AccountReading) -> Mapping[str, Side]:
    found = {one.market.name: _side(one) for one in account.positions}
    failed = {one.market: Side(unread=f"{one.message} [{one.code}]") for one in account.failures}
    return {**found, **failed}


def _side(position: Position) -> Side:
    return Side(position, None if position.unpriced else position.rules.standing(position.state))


def _shown(side: Side) -> tuple[object, ...]:
    standing = side.standing
    figures = standing and (standing.health_factor, standing.collateral_value, standing.debt_value)
    return side.position is None, side.unread, figures


def _prices(before: Position, after: Position) -> Iterator[PriceChange]:
    old = _by_token(before)
    for address, (slot, token) in _by_token(after).items():
        earlier = old.get(address)
        if earlier is None or earlier[0] in before.unpriced or slot in after.unpriced:
            continue
        was, now = _worth(before, earlier[0], token), _worth(after, slot, token)
        if was[0] * now[1] != now[0] * was[1]:
            yield PriceChange(after.market.name, after.market.unit, token, was, now)


def _by_token(position: Position) -> dict[str, tuple[int, Token]]:
    return {token.address: (slot, token) for slot, token in enumerate(position.tokens)}


def _worth(position: Position, slot: int, token: Token) -> tuple[int, int]:
    """An oracle price as a quotient of whole units: the oracle's own unit differs by protocol and by token."""
    unit = 10**position.market.unit.decimals
    return position.prices[slot] * 10**token.decimals, position.state.scales[slot] * unit


def _settings(change: PositionChange) -> Iterator[SettingChange]:
    before, after = change.before, change.after
    if before.position is None or after.position is None:
        return
    yield from _differing(change.market, None, [("rules", before.position.market.rules, after.position.market.rules)])
    old, new = ({one.code: one.text for one in side.warnings} for side in (before.position, after.position))
    yield from (SettingChange(change.market, None, "warning", old[code], None) for code in old if code not in new)
    yield from (SettingChange(change.market, None, "warning", None, new[code]) for code in new if code not in old)
    if before.standing is not None and after.standing is not None:
        held = {leg.token.address: leg for leg in before.standing.collateral}
        for leg in after.standing.collateral:
            if leg.token.address in held:
                yield from _differing(change.market, leg.token, _terms(held[leg.token.address], leg))


def _terms(before: Collateral, after: Collateral) -> Iterable[tuple[str, int | bool | None, int | bool | None]]:
    return (
        ("counts as collateral", before.counts, after.counts),
        ("liquidation threshold", before.liquidation_threshold, after.liquidation_threshold),
        ("liquidation bonus", before.liquidation_bonus, after.liquidation_bonus),
        ("liquidation penalty", before.liquidation_penalty, after.liquidation_penalty),
        ("protocol's share of the bonus", before.protocol_fee, after.protocol_fee),
    )


def _differing(
    market: str, token: Token | None, terms: Iterable[tuple[str, int | bool | str | None, int | bool | str | None]]
) -> Iterator[SettingChange]:
    for what, was, now in terms:
        if was != now:
            yield SettingChange(market, token, what, was, now)
