"""Names in a what-if bound to the markets that were read: which market, which asset. Wrong names are errors here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from defirisk.errors import AmbiguousAsset, BadParameter, InputError, NotChangeable, UnknownAsset, UnknownMarket
from defirisk.model import Position
from defirisk.protocols.interface import Act, Changes, Named, Setting, changes_of
from defirisk.protocols.naming import find_named, matching, unknown_asset
from defirisk.protocols.values import parse_fixed
from defirisk.whatif import asking
from defirisk.whatif.asking import WhatIf
from defirisk.whatif.outcome import markets_of


@dataclass(frozen=True, slots=True)
class Place:
    """A market that positions were read in: what its family knows of changes, and which assets can be named."""

    name: str
    changes: Changes
    assets: tuple[Named, ...]


class BoundSetting(NamedTuple):
    """A setting of one market."""

    market: str
    setting: Setting


class BoundAct(NamedTuple):
    """An act in one market."""

    market: str
    act: Act


@dataclass(frozen=True, slots=True)
class Bound:
    """A what-if whose names stand for markets and assets; ``added`` are further collaterals by market."""

    settings: tuple[BoundSetting, ...] = ()
    acts: tuple[BoundAct, ...] = ()
    added: Mapping[str, tuple[Named, ...]] = field(default_factory=dict)


def bind(asked: WhatIf, positions: Iterable[Position]) -> Bound:
    """Bind what is asked to the markets of some positions.

    Raises:
        NotChangeable: the families of these markets know no changes.
        UnknownMarket, UnknownAsset, AmbiguousAsset: a name that stands for nothing there, or for several things.
        BadParameter: an amount that cannot be.
    """
    binder = _Binder(list(positions))
    return Bound(
        settings=tuple(binder.setting(one) for one in asked.settings),
        acts=tuple(binder.act(one) for one in asked.acts),
        added=binder.added(asked.with_assets),
    )


class _Binder:
    def __init__(self, positions: list[Position]) -> None:
        self._markets = {position.market.name for position in positions}
        self._places = _places(positions)
        if not positions:
            raise InputError("there is no position to change", hint="no wallet asked for has one in these markets")
        if not self._places:
            one = positions[0].market
            raise NotChangeable(
                f"the rules {one.rules} of {one.protocol} know nothing of changes: {one.name} cannot be asked what if"
            )

    def setting(self, asked: asking.Setting) -> BoundSetting:
        if asked.emode is not None:
            place = self._only([p for p in self._open(asked.market) if p.changes.emode_parameters], "eModes")
            return BoundSetting(place.name, Setting(asked.name, asked.text, emode=asked.emode))
        if asked.asset is None:
            fitting = [p for p in self._open(asked.market) if asked.name in p.changes.market_parameters]
            place = self._only(fitting or self._open(asked.market), f"a parameter {asked.name}")
            return BoundSetting(place.name, Setting(asked.name, asked.text))
        place, named = self._asset(asked.market, asked.asset)
        return BoundSetting(place.name, Setting(asked.name, asked.text, asset=named))

    def act(self, asked: asking.Act) -> BoundAct:
        place, named = self._asset(asked.market, asked.asset)
        amount = None
        if asked.amount is not None:
            what = f"{asked.kind.value} {named.token.symbol}"
            amount = parse_fixed(asked.amount, named.token.decimals, what)
            if amount == 0:
                raise BadParameter(f"{what}: an amount of 0 changes nothing")
        return BoundAct(place.name, Act(asked.kind, named, amount))

    def added(self, texts: Iterable[str]) -> dict[str, tuple[Named, ...]]:
        """Further collaterals: in every market that lists them."""
        found: dict[str, list[Named]] = {}
        for text in texts:
            market, _, asset = text.rpartition(":")
            places = [place for place in self._open(market or None) if matching(place.assets, asset)]
            if not places:
                raise self._unknown(market or None, asset)
            for place in places:
                found.setdefault(place.name, []).append(find_named(place.assets, asset, place.name))
        return {market: tuple(dict.fromkeys(named)) for market, named in found.items()}

    def _asset(self, market: str | None, text: str) -> tuple[Place, Named]:
        places = [place for place in self._open(market) if matching(place.assets, text)]
        if not places:
            raise self._unknown(market, text)
        place = self._only(places, f"an asset {text}")
        return place, find_named(place.assets, text, place.name)

    def _unknown(self, market: str | None, text: str) -> UnknownAsset:
        places = self._open(market)
        assets = [named for place in places for named in place.assets]
        return unknown_asset(assets, text, markets_of([place.name for place in places]))

    def _open(self, market: str | None) -> list[Place]:
        """The markets that may be meant."""
        if market is None:
            return list(self._places.values())
        if market in self._places:
            return [self._places[market]]
        if market in self._markets:
            raise NotChangeable(f"the rule family of {market} knows nothing of changes")
        raise UnknownMarket(
            f"no wallet asked for has a position in a market {market[:80]!a}",
            hint=f"one of {markets_of(list(self._places))}",
        )

    def _only(self, places: list[Place], what: str) -> Place:
        if not places:
            raise BadParameter(f"no market read has {what}")
        if len(places) > 1:
            names = markets_of([place.name for place in places])
            raise AmbiguousAsset(
                f"several markets read have {what}: {names}", hint=f"put one in front, as in {places[0].name}:..."
            )
        return places[0]


def _places(positions: Iterable[Position]) -> dict[str, Place]:
    assets: dict[str, dict[str, Named]] = {}
    changes: dict[str, Changes] = {}
    for position in positions:
        known = changes_of(position.rules)
        if known is not None and position.listing is not None:
            changes[position.market.name] = known
            mine = {named.key: named for named in known.assets(position)}
            assets[position.market.name] = assets.get(position.market.name, {}) | mine
    return {name: Place(name, changes[name], tuple(assets[name].values())) for name in changes}
