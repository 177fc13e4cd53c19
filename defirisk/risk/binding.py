"""Names in a scenario bound to the assets that were read: once a run, so that moving prices needs only look-ups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from defirisk.errors import AmbiguousAsset, BadMove, InvalidAddress, UnknownAsset, UnknownMarket
from defirisk.model import NATIVE_COIN, Move, Position, Scenario, Token
from defirisk.risk.families import FamilyBook, FamilyOf, near

FAMILY: Final = "family:"
NATIVE: Final = "native"
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")
_NATIVE: Final = NATIVE_COIN.lower()

Asset = tuple[int, str]
"""A chain id and a lower-case address."""


@dataclass(frozen=True, slots=True)
class Moves:
    """One section of a scenario, bound: for each asset the moves that name it, the one that goes first in front."""

    assets: Mapping[Asset, tuple[Move, ...]]
    families: Mapping[str, Move]
    volatile: Move | None = None

    def of(self, asset: Asset, family: FamilyOf, market: str) -> Move | None:
        """The move that holds for an asset in a market: its own, its family's, or that of all volatile ones."""
        for move in self.assets.get(asset, ()):
            if move.market in (None, market):
                return move
        move_of_family = self.families.get(family.name)
        if move_of_family is not None and move_of_family.market in (None, market):
            return move_of_family
        return None if family.stable else self.volatile


@dataclass(frozen=True, slots=True)
class BoundScenario:
    """A scenario whose names stand for assets; ``market`` is ``None`` where the market follows the oracle."""

    name: str
    oracle: Moves
    market: Moves | None
    source: str | None = None


def known_assets(positions: Iterable[Position]) -> Iterator[tuple[int, Token]]:
    """The assets that positions know: the token of each price, and the market's unit of account."""
    for position in positions:
        yield from ((position.market.chain_id, token) for token in position.tokens)
        if position.market.unit.asset is not None:
            yield position.market.chain_id, unit_token(position)


def validate(
    scenarios: Iterable[Scenario],
    assets: Iterable[tuple[int, Token]],
    book: FamilyBook,
    markets: Sequence[str] = (),
) -> tuple[BoundScenario, ...]:
    """Bind the names in scenarios to the assets that were read, and refuse what makes no sense.

    Args:
        scenarios: as given by the user, or presets (which may name what nobody holds).
        assets: chain id and token of all that the markets read know; where it is empty no name counts as unknown.
        book: the families.
        markets: the names of the markets asked for; empty where that is not known.

    Raises:
        UnknownAsset: a name that no asset has, or a family that the book does not hold.
        AmbiguousAsset: a symbol that several assets of one chain carry.
        InvalidAddress: an address of a known asset with a wrong checksum.
        UnknownMarket: an absolute price for a market that was not asked for.
        BadMove: two moves of equal rank for one asset, or an absolute oracle price without its market among several.
    """
    known = tuple(dict.fromkeys(assets))
    book.check_overrides(known)
    names = _Names(known, book, tuple(dict.fromkeys(markets)))
    return tuple(names.bind(scenario) for scenario in scenarios)


class _Names:
    """The assets that were read, by every name a user may give them."""

    def __init__(self, known: tuple[tuple[int, Token], ...], book: FamilyBook, markets: tuple[str, ...]) -> None:
        self._known, self._book, self._markets = known, book, markets
        self._tokens: dict[Asset, Token] = {(chain, token.address.lower()): token for chain, token in known}
        self._coins: dict[int, set[Asset]] = {}
        for chain, address in self._tokens:
            if address == _NATIVE or book.wraps_native(chain, address):
                self._coins.setdefault(chain, {(chain, _NATIVE)}).add((chain, address))

    def bind(self, scenario: Scenario) -> BoundScenario:
        volatile = None if scenario.volatile is None else Move(change=scenario.volatile)
        oracle = self._moves(scenario, scenario.oracle, volatile)
        market = self._moves(scenario, scenario.market, None) if scenario.market else None
        return BoundScenario(scenario.name, oracle, market, scenario.source)

    def _moves(self, scenario: Scenario, moves: Mapping[str, Move], volatile: Move | None) -> Moves:
        families: dict[str, Move] = {}
        ranked: dict[Asset, dict[int, tuple[str, Move]]] = {}
        for key, move in moves.items():
            self._check_market(scenario, key, move)
            if key.startswith(FAMILY):
                self._add_family(scenario, families, key, move)
                continue
            for asset, rank in self._reached(scenario, key):
                _add(scenario, ranked.setdefault(asset, {}), rank, key, move)
        assets = {asset: tuple(by_rank[rank][1] for rank in sorted(by_rank)) for asset, by_rank in ranked.items()}
        return Moves(assets, families, volatile)

    def _add_family(self, scenario: Scenario, families: dict[str, Move], key: str, move: Move) -> None:
        name = key.removeprefix(FAMILY)
        known = {family.upper(): family for family in self._book.stable}
        if name.upper() not in known:
            if scenario.preset:
                return
            close = get_close_matches(name.upper(), known, n=3) or sorted(known)
            raise UnknownAsset(f"{scenario.name}: no family is named {name!a}", hint=f"families: {', '.join(close)}")
        if known[name.upper()] in families:
            raise BadMove(f"{scenario.name}: {key} is moved twice")
        if move.change is None:
            raise BadMove(f"{scenario.name}: {key} has many prices, and cannot be given one", hint='write "-40%"')
        families[known[name.upper()]] = move

    def _reached(self, scenario: Scenario, key: str) -> Iterator[tuple[Asset, int]]:
        """The assets that a key moves, with its rank there: 0 by address, 1 by symbol, and 2 more through wrapping."""
        address = _as_address(key)
        named = self._by_symbol(scenario, key) if address is None else self._by_address(scenario, key, address)
        rank = 1 if address is None else 0
        yield from ((asset, rank) for asset in named)
        wrapped = {
            coin
            for chain, asset in named
            if (chain, asset) in self._coins.get(chain, ())
            for coin in self._coins[chain]
        }
        yield from ((asset, rank + 2) for asset in sorted(wrapped - set(named)))

    def _by_address(self, scenario: Scenario, key: str, address: str) -> list[Asset]:
        coins = [(chain, _NATIVE) for chain in self._coins] if address == _NATIVE else []
        found = coins or [asset for asset in self._tokens if asset[1] == address]
        if not found:
            self._unknown(scenario, key)
        for asset in found:
            if asset[1] != _NATIVE:
                _check_sum(key, self._tokens[asset].address)
        return found

    def _by_symbol(self, scenario: Scenario, key: str) -> list[Asset]:
        exact = [asset for asset, token in self._tokens.items() if token.symbol == key]
        folded = [asset for asset, token in self._tokens.items() if _folded(token.symbol) == _folded(key)]
        chains = {chain for chain, _ in exact}
        found = exact + [asset for asset in folded if asset[0] not in chains]
        if not found:
            self._unknown(scenario, key)
        if not scenario.preset:
            self._check_unambiguous(scenario, key, found)
        return found

    def _check_unambiguous(self, scenario: Scenario, key: str, found: list[Asset]) -> None:
        for chain in {chain for chain, _ in found}:
            same = sorted(self._tokens[asset].address for asset in found if asset[0] == chain)
            if len(same) > 1:
                raise AmbiguousAsset(
                    f"{scenario.name}: {len(same)} assets carry the symbol {key!a}: {', '.join(same)}",
                    hint="name the one you mean by its address",
                )

    def _unknown(self, scenario: Scenario, key: str) -> None:
        if not self._known or scenario.preset:
            return
        hints = [near(key, self._known)]
        if key.upper() in self._book.stable:
            hints.append(f"{FAMILY}{key.upper()} moves the whole family")
        raise UnknownAsset(
            f"{scenario.name}: no market read knows the asset {key!a}", hint="; ".join(filter(None, hints))
        )

    def _check_market(self, scenario: Scenario, key: str, move: Move) -> None:
        if move.raw is None or scenario.preset:
            return
        if move.market is None and len(self._markets) > 1:
            raise BadMove(
                f"{scenario.name}: the raw price of {key!a} does not say which market's oracle it is of",
                hint=f'add market = "NAME", one of {", ".join(self._markets)}',
            )
        if move.market is not None and self._markets and move.market not in self._markets:
            raise UnknownMarket(
                f"{scenario.name}: {key!a} is priced for {move.market!a}, which was not asked for",
                hint=f"one of {', '.join(self._markets)}",
            )


def unit_token(position: Position) -> Token:
    """The unit of account as an asset: as one of the position's tokens where it is one."""
    unit = position.market.unit
    address = unit.asset or ""
    for token in position.tokens:
        if token.address.lower() == address.lower():
            return token
    return Token(address, unit.symbol, unit.decimals)


def _add(scenario: Scenario, by_rank: dict[int, tuple[str, Move]], rank: int, key: str, move: Move) -> None:
    held = by_rank.get(rank)
    if held is not None:
        raise BadMove(
            f"{scenario.name}: {held[0]!a} and {key!a} are the same asset and move it twice",
            hint="name each asset once",
        )
    by_rank[rank] = key, move


def _as_address(key: str) -> str | None:
    """The lower-case address that a key is, ``None`` if it is a symbol."""
    if key.lower() == NATIVE:
        return _NATIVE
    if key[:2] not in ("0x", "0X"):
        return None
    if not _ADDRESS.fullmatch(key):
        raise InvalidAddress(f"{key!a} is not an address", hint="an address is 0x and 40 hex digits")
    return key.lower()


def _check_sum(key: str, proper: str) -> None:
    """EIP-55: mixed case must be the asset's own spelling; all lower and all upper carry no checksum."""
    body = key[2:]
    if body not in (body.lower(), body.upper(), proper[2:]):
        raise InvalidAddress(f"{key} has a wrong checksum", hint=f"the asset is {proper}")


def _folded(symbol: str) -> str:
    """Lower case in ASCII only, so that no letter of another script turns into one of ours."""
    return symbol.lower() if symbol.isascii() else "".join(c.lower() if c.isascii() else c for c in symbol)
