"""Families: which assets move together, and which of them are stable.

The facts are data (``families.toml``): by chain and address for certain, by symbol as a hint, because anyone can name a
token USDC. What a user says (``--family stETH=ETH``) goes before both. What none of them knows is a family of its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Final

from defirisk.errors import InputError, InvalidAddress, UnknownAsset
from defirisk.model import NATIVE_COIN, Collateral, Debt, Position, Standing, Token
from defirisk.risk.naming import label

OWN: Final = "own"
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_WEAKNESS: Final = ("override", "address", "symbol", "own")


@dataclass(frozen=True, slots=True)
class FamilyOf:
    """The family an asset was taken to be in.

    ``how`` is the ground: "override" (the user said so), "address" (certain), "symbol" (a hint only, anyone can
    choose a symbol), "own" (nothing is known: a volatile family of its own).
    """

    name: str
    stable: bool
    how: str


@dataclass(frozen=True, slots=True)
class FamilyBook:
    """What is known of families. Addresses are lower-case here, symbols upper-case in ASCII."""

    stable: Mapping[str, bool]
    by_address: Mapping[tuple[int, str], str]
    by_symbol: Mapping[str, str]
    wrappers: frozenset[tuple[int, str]]
    native: Mapping[int, str]
    overrides: Mapping[str, str] = field(default_factory=dict)
    _found: dict[tuple[int, Token], FamilyOf] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def load(cls, overrides: Mapping[str, str] = {}) -> FamilyBook:
        """The book that ships with the package, with the user's overrides (symbol or address to family name).

        Raises:
            UnknownAsset: an override names a family that the book does not hold.
            InvalidAddress: an override's key begins with 0x and is no address.
        """
        raw = tomllib.loads(files("defirisk.risk").joinpath("families.toml").read_text(encoding="utf-8"))
        return cls.of(raw, overrides)

    @classmethod
    def of(cls, raw: Mapping[str, Any], overrides: Mapping[str, str] = {}) -> FamilyBook:
        """A book from the shape of ``families.toml``."""
        families: Mapping[str, Any] = raw.get("family", {})
        assets: Sequence[Mapping[str, Any]] = raw.get("asset", ())
        stable = {name: bool(family["stable"]) for name, family in families.items()}
        by_address = {(a["chain_id"], a["address"].lower()): a["family"] for a in assets}
        wrappers = frozenset((a["chain_id"], a["address"].lower()) for a in assets if a.get("wraps") == "native")
        return cls(
            stable=stable,
            by_address=by_address,
            by_symbol={symbol: name for name, family in families.items() for symbol in family.get("symbols", ())},
            wrappers=wrappers,
            native={chain_id: by_address[chain_id, address] for chain_id, address in sorted(wrappers)},
            overrides={_override_key(key): _known_family(name, stable) for key, name in overrides.items()},
        )

    def family_of(self, chain_id: int, token: Token) -> FamilyOf:
        """The family of a token on a chain, and on what ground."""
        found = self._found.get((chain_id, token))
        if found is None:
            found = self._found[chain_id, token] = self._look_up(chain_id, token)
        return found

    def wraps_native(self, chain_id: int, address: str) -> bool:
        """Whether a token is the chain's own coin one to one, so that the two have one price."""
        return (chain_id, address.lower()) in self.wrappers

    def families(self, position: Position, standing: Standing | None = None) -> tuple[FamilyOf, ...]:
        """The family of every price slot.

        A price that serves other tokens than its own (the price source of an Aave V3.0 eMode) is of the common family
        of those tokens, if they have one; ``standing`` tells which they are.
        """
        chain_id, tokens = position.market.chain_id, position.tokens
        served = _served_by_others(tokens, standing)
        common = {source: _common([self.family_of(chain_id, token) for token in of]) for source, of in served.items()}
        return tuple(common.get(token.address) or self.family_of(chain_id, token) for token in tokens)

    def check_overrides(self, assets: Iterable[tuple[int, Token]]) -> None:
        """Refuse an override of an asset that nobody holds: it is a slip of the pen that would change nothing.

        Raises:
            UnknownAsset: an override matches none of ``assets``; with no assets at all nothing is refused.
        """
        known = tuple(assets)
        matched = {key for _, token in known for key in (token.address.lower(), _upper(token.symbol))}
        for key in self.overrides:
            if known and key not in matched:
                raise UnknownAsset(f"a family is set for {key!a}, which no market read knows", hint=near(key, known))

    def _look_up(self, chain_id: int, token: Token) -> FamilyOf:
        address = token.address.lower()
        overridden = self.overrides.get(address) or self.overrides.get(_upper(token.symbol))
        if overridden == OWN:
            return FamilyOf(self._own_name(token), stable=False, how="override")
        listed = self.by_address.get((chain_id, address))
        if listed is None and address == NATIVE_COIN.lower():
            listed = self.native.get(chain_id)
        hinted = self.by_symbol.get(_upper(token.symbol))
        for name, how in ((overridden, "override"), (listed, "address"), (hinted, "symbol")):
            if name is not None:
                return FamilyOf(name, self.stable[name], how)
        return FamilyOf(self._own_name(token), stable=False, how="own")

    def _own_name(self, token: Token) -> str:
        """The asset's symbol, or its address where the symbol is unfit or would pass for a family of the book."""
        name = label(token)
        return token.address if name != token.symbol or _upper(name) in map(_upper, self.stable) else name


def parse_overrides(texts: Iterable[str]) -> dict[str, str]:
    """``--family stETH=ETH`` options to a mapping, for :meth:`FamilyBook.load`; the family ``own`` takes an asset out.

    Raises:
        InputError: not ASSET=FAMILY, or one asset named twice.
    """
    overrides: dict[str, str] = {}
    for text in texts:
        asset, equals, family = (part.strip() for part in text.rpartition("="))
        if not (asset and equals and family):
            raise InputError(f"--family {text!a} is not ASSET=FAMILY", hint="for example --family stETH=ETH")
        if _override_key(asset) in map(_override_key, overrides):
            raise InputError(f"--family names {asset!a} twice")
        overrides[asset] = family
    return overrides


def near(name: str, assets: Iterable[tuple[int, Token]]) -> str | None:
    """A hint with the known assets whose symbols are like ``name``, or the first ones known; ``None`` without any."""
    symbols = {_upper(token.symbol): label(token) for _, token in assets if label(token) == token.symbol}
    close = [symbols[upper] for upper in get_close_matches(_upper(name), symbols, n=4, cutoff=0.55)]
    if close:
        return f"near: {', '.join(close)}"
    return f"known: {', '.join(sorted(symbols.values())[:12])}" if symbols else None


def _override_key(key: str) -> str:
    if key[:2] in ("0x", "0X"):
        if not _ADDRESS.fullmatch(key):
            raise InvalidAddress(f"{key!a} is not an address", hint="an address is 0x and 40 hex digits")
        return key.lower()
    return _upper(key)


def _known_family(name: str, stable: Mapping[str, bool]) -> str:
    for known in (*stable, OWN):
        if _upper(known) == _upper(name):
            return known
    raise UnknownAsset(f"no family is named {name!a}", hint=f"one of {', '.join(sorted(stable))}, or own")


def _upper(symbol: str) -> str:
    """Upper case in ASCII only, so that no letter of another script turns into one of ours."""
    return "".join(c.upper() if c.isascii() else c for c in symbol)


def _served_by_others(tokens: tuple[Token, ...], standing: Standing | None) -> dict[str, list[Token]]:
    """By the address that a price is of: the other tokens that it values."""
    served: dict[str, list[Token]] = {}
    legs: tuple[Collateral | Debt, ...] = (*standing.collateral, *standing.debt) if standing else ()
    for leg in legs:
        source = tokens[leg.slot].address
        if leg.token.address != source:
            served.setdefault(source, []).append(leg.token)
    return served


def _common(families: list[FamilyOf]) -> FamilyOf | None:
    """The one family of all, on the weakest of their grounds; ``None`` where they differ."""
    if len({family.name for family in families}) != 1:
        return None
    return max(families, key=lambda family: _WEAKNESS.index(family.how))
