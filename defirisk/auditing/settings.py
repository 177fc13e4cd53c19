"""What if parameters were others, of a whole list: a vote before it lands. Settings alone: an act is one owner's.

A setting is bound to its market once, by the first positions that are read there; so that it means the same however a
list is cut, it names its market where several are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from defirisk.auditing.summary import Summary
from defirisk.errors import BadParameter, UnknownMarket
from defirisk.model import Snapshot
from defirisk.model import Warning as Notice
from defirisk.whatif.applying import apply
from defirisk.whatif.asking import Setting, WhatIf
from defirisk.whatif.binding import Bound, bind

UNCHANGED: Final = Bound()


def refuse_what_is_one_owner_s(asked: WhatIf) -> None:
    """Acts and aims are of one wallet.

    Raises:
        BadParameter: some are asked for.
    """
    if asked.acts or asked.reach_health or asked.survive:
        raise BadParameter(
            "an act or an aim is one owner's: a list can be asked only what if parameters were set",
            hint="`defirisk check` asks it of a wallet",
        )


class Settings:
    """The settings of a run, by the market that each is of."""

    def __init__(self, asked: WhatIf, markets: Sequence[str]) -> None:
        self._left: dict[str, list[Setting]] = {}
        for setting in asked.settings:
            self._left.setdefault(_market_of(setting, markets), []).append(setting)
        self._markets = tuple(self._left)
        self._said = [_said(setting) for setting in asked.settings]
        self._bound = UNCHANGED

    def bound(self, snapshot: Snapshot) -> Bound:
        """Those of the markets that somebody in this snapshot, or in one before it, has a position in.

        Raises:
            InputError: one names no asset or parameter there, or a value that it cannot have.
        """
        for market, settings in list(self._left.items()):
            here = [one for account in snapshot.accounts for one in account.positions if one.market.name == market]
            if here:
                found = bind(WhatIf(settings=tuple(settings)), here)
                apply(found, here[0])  # what cannot be set is said before anything is judged
                self._bound = Bound(settings=(*self._bound.settings, *found.settings))
                del self._left[market]
        return self._bound

    def complain(self, summary: Summary) -> None:
        """Say of which markets nothing was set, since nobody has a position there."""
        for market in self._markets:
            sums = summary.markets.get(market)
            if sums is None or not sums.statuses.get("ok"):
                summary.notices[f"nobody on the list has a position in {market}, so nothing was set there"] = 1

    def notices(self) -> tuple[Notice, ...]:
        """A word for every result: what is not so must not be taken for what is."""
        text = "every figure is of the positions as they would be with what was asked for"
        return (Notice("what-if", f"{text}: {', '.join(self._said)}"),) if self._said else ()


def among(asked: WhatIf, markets: Sequence[str], held: Sequence[str]) -> WhatIf:
    """The settings of markets in which positions are ``held``."""
    return WhatIf(settings=tuple(one for one in asked.settings if _market_of(one, markets) in held))


def _said(setting: Setting) -> str:
    """As it was asked for."""
    whose = setting.asset if setting.emode is None else f"eMode {setting.emode}"
    market = f"{setting.market}:" if setting.market else ""
    return f"{market}{whose + '.' if whose else ''}{setting.name}={setting.text}"


def _market_of(setting: Setting, markets: Sequence[str]) -> str:
    if setting.market is None and len(markets) == 1:
        return markets[0]
    if setting.market is None:
        raise BadParameter(
            f"--set {setting.name}: several markets are read, and it does not say which is meant",
            hint=f"put one in front, as in {markets[0]}:...",
        )
    if setting.market not in markets:
        raise UnknownMarket(f"no market {setting.market[:80]!a} is read", hint=f"one of {', '.join(markets)}")
    return setting.market
