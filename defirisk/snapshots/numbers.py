"""What a snapshot's rows have in common, by number: markets, groups, assets, tokens, and the objects of states.

Numbers are given in the order of the first use. What a run gave them so far is told in pieces (:meth:`Numbers.news`),
and taken up again piece by piece (:meth:`Numbers.know`), so that a run that was interrupted goes on with the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from defirisk.model import Market, Position, Token
from defirisk.risk.population import Asset, Group
from defirisk.snapshots.head import market_of, token_of
from defirisk.snapshots.layout import PositionCodec

Json = dict[str, Any]
GroupKey = tuple[Market, str | None, tuple[float, ...]]


class Numbers:
    """The numbers of one file."""

    def __init__(self) -> None:
        self._markets: dict[Market, int] = {}
        self._groups: dict[GroupKey, int] = {}
        self._assets: dict[Asset, int] = {}
        self._tokens: dict[tuple[str, str], int] = {}
        self._codecs: dict[str, PositionCodec] = {}
        self._told: dict[str, int] = {}

    def group(self, group: Group) -> int:
        """The number of a market with its float rules and terms."""
        self._market(group.market)
        key = (group.market, None if group.fast is None else group.fast.name, tuple(map(float, group.terms)))
        return self._groups.setdefault(key, len(self._groups))

    def asset(self, asset: Asset) -> int:
        """The number of a market's asset with its price."""
        self._market(asset.market)
        return self._assets.setdefault(asset, len(self._assets))

    def token(self, address: str, shown: str) -> int:
        """The number of a token as it is shown."""
        return self._tokens.setdefault((address, shown), len(self._tokens))

    def state(self, position: Position) -> bytes:
        """A position's bytes, in which shared objects are numbers."""
        return self._codec(position.market.protocol).encode(position)

    def _market(self, market: Market) -> int:
        return self._markets.setdefault(market, len(self._markets))

    def _codec(self, protocol: str) -> PositionCodec:
        return self._codecs.setdefault(protocol, PositionCodec(protocol))

    def to_json(self) -> Json:
        """All of them, for the head."""
        return {
            "markets": [asdict(market) for market in self._markets],
            "groups": [
                [self._markets[market], fast, [term.hex() for term in terms]] for market, fast, terms in self._groups
            ],
            "assets": [
                [self._markets[one.market], token_json(one.token), str(one.price), str(one.scale)]
                for one in self._assets
            ],
            "tokens": [list(one) for one in self._tokens],
            "shared": {protocol: codec.table for protocol, codec in self._codecs.items()},
        }

    def news(self) -> Json:
        """Those that were given since this was asked last, in the shape of :meth:`to_json`."""
        whole = self.to_json()
        shared = whole.pop("shared")
        news = {name: self._since(name, rows) for name, rows in whole.items()}
        return {
            **news,
            "shared": {protocol: self._since(f"shared {protocol}", rows) for protocol, rows in shared.items()},
        }

    def _since(self, name: str, rows: Sequence[Any]) -> Sequence[Any]:
        start, self._told[name] = self._told.get(name, 0), len(rows)
        return rows[start:]

    def know(self, news: Mapping[str, Any]) -> None:
        """Take up what :meth:`news` told, piece after piece.

        Raises:
            ValueError, KeyError, TypeError: it is no such thing.
        """
        for raw in news["markets"]:
            self._market(market_of(raw))
        markets = list(self._markets)
        for place, fast, terms in news["groups"]:
            self._groups.setdefault((markets[place], fast, tuple(map(float.fromhex, terms))), len(self._groups))
        for place, token, price, scale in news["assets"]:
            self.asset(Asset(markets[place], token_of(token), int(price), int(scale)))
        for address, shown in news["tokens"]:
            self.token(address, shown)
        for protocol, table in news["shared"].items():
            self._codec(protocol).load([(name, bytes.fromhex(data)) for name, data in table])
        self.news()


def token_json(token: Token) -> list[Any]:
    """As :func:`token_of` reads it."""
    return [token.address, token.symbol, token.decimals]
