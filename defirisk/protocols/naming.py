"""Assets as a what-if names them, in one market: by symbol, by address, or by what else the market calls them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from defirisk.errors import AmbiguousAsset, UnknownAsset
from defirisk.protocols.interface import Named

_ADDRESS_START = ("0x", "0X")


def find_named(assets: Sequence[Named], text: str, market: str) -> Named:
    """The one asset of a market that a text names.

    A symbol as written goes before one that differs in its letters' case, a token's own before a market's name for it.

    Raises:
        UnknownAsset: none.
        AmbiguousAsset: several.
    """
    found = matching(assets, text)
    if not found:
        raise unknown_asset(assets, text, market)
    if len(found) > 1:
        ways = ", ".join(sorted(one.key for one in found))
        raise AmbiguousAsset(
            f"{len(found)} assets of {market} are called {text!a}: {ways}", hint="name the one you mean by its address"
        )
    return found[0]


def matching(assets: Sequence[Named], text: str) -> list[Named]:
    """Every asset that a text may name, of the first kind of name that fits any."""
    if text.startswith(_ADDRESS_START):
        wanted = text.lower()
        by_key = [one for one in assets if one.key.lower() == wanted]
        return by_key or [one for one in assets if one.token.address.lower() == wanted]
    kinds = (
        [one for one in assets if one.token.symbol == text],
        [one for one in assets if text in one.aliases],
        [one for one in assets if one.token.symbol.lower() == text.lower()],
        [one for one in assets if text.lower() in (alias.lower() for alias in one.aliases)],
    )
    return next((kind for kind in kinds if kind), [])


def unknown_asset(assets: Sequence[Named], text: str, market: str) -> UnknownAsset:
    """What to say where nothing of a market is called so."""
    known = sorted({one.token.symbol for one in assets})
    near = get_close_matches(text, known, n=3, cutoff=0.5)
    hint = f"near: {', '.join(near)}" if near else f"it lists {', '.join(known[:12])}" if known else None
    return UnknownAsset(f"{market} lists no asset {text[:60]!a}", hint=hint)
