"""The recorded vectors of Comet as states of ours. What they hold and how they were made: ``data/README-comet.md``."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from defirisk.model import Token
from defirisk.protocols.compound_v3.interest import Curve, accrue
from defirisk.protocols.compound_v3.rules import RULES, CometRules
from defirisk.protocols.compound_v3.state import Asset, Comet, CometState, Totals, ask_factor

DATA = Path(__file__).parent / "data"
MARKETS = ("usdc", "weth")

Json = dict[str, Any]


@cache
def recorded(name: str) -> Json:
    """A recording by the market's name."""
    with gzip.open(DATA / f"comet-{name}.json.gz", "rt") as file:
        return json.load(file)


@cache
def recording(name: str) -> Recording:
    """A recording, made once."""
    return Recording(name)


class Recording:
    """One market's recording."""

    def __init__(self, name: str) -> None:
        self.data = recorded(name)
        self.base: Json = self.data["base"]
        extended = self.base["contract"] == "CometWithExtendedAssetList"
        self.rules: CometRules = RULES["comet-extended" if extended else "comet"]
        self.token = Token(self.base["base_token"], self.base["base_symbol"], self.base["base_decimals"])
        self.wallets = range(len(self.data["stale"]["users"]))

    @cached_property
    def assets(self) -> tuple[Asset, ...]:
        factor = int(self.base["storeFrontPriceFactor"])
        return tuple(self._asset(one, factor) for one in self.base["assets"])

    def _asset(self, one: Json, factor: int) -> Asset:
        return Asset(
            token=Token(one["asset"], one["symbol"], one["decimals"]),
            offset=one["offset"],
            scale=int(one["scale"]),
            borrow_collateral_factor=int(one["borrowCollateralFactor"]),
            liquidate_collateral_factor=int(one["liquidateCollateralFactor"]),
            liquidation_factor=int(one["liquidationFactor"]),
            ask=ask_factor(factor, int(one["liquidationFactor"])),
            supply_cap=int(one["supplyCap"]),
        )

    def curve(self, side: str) -> Curve:
        names = ("Kink", "PerSecondInterestRateBase", "PerSecondInterestRateSlopeLow", "PerSecondInterestRateSlopeHigh")
        return Curve(*(int(self.base[side + part]) for part in names))

    def comet(self, totals: Json) -> Comet:
        """The market as a block's ``totalsBasic`` and its time tell it."""
        stored = books(totals)
        elapsed = int(totals["timestamp"]) - int(totals["lastAccrualTime"])
        return Comet(
            base=self.token,
            base_scale=int(self.base["baseScale"]),
            store_front_price_factor=int(self.base["storeFrontPriceFactor"]),
            target_reserves=int(self.base["targetReserves"]),
            base_borrow_min=int(self.base["baseBorrowMin"]),
            stored=stored,
            accrued=accrue(stored, self.curve("supply"), self.curve("borrow"), elapsed),
            reserves=int(totals["getReserves"]),
        )

    def prices(self, raw: Sequence[str] | None = None, base: str | None = None) -> tuple[int, ...]:
        """All prices, the base's first."""
        listed = [one["price"] for one in self.base["assets"]] if raw is None else raw
        return tuple(int(price) for price in (base or self.base["base_price"], *listed))

    def state(self, user: Json, comet: Comet, prices: tuple[int, ...]) -> CometState:
        """A wallet's state; ``prices`` are of all assets, the base's first."""
        bits = self.rules.held(int(user["assetsIn"]), int(user["_reserved"]), len(self.assets))
        holdings = [(self.assets[offset], int(user["collateral"][offset])) for offset in bits]
        return CometState.of(comet, int(user["principal"]), holdings, (prices[0], *(prices[i + 1] for i in bits)))

    def states(self, totals: Json, prices: tuple[int, ...]) -> list[CometState]:
        """All wallets at a block's books; principals and collateral are the same throughout a recording."""
        comet = self.comet(totals)
        return [self.state(user, comet, prices) for user in self.data["stale"]["users"]]


def books(totals: Json) -> Totals:
    """The four numbers of ``totalsBasic`` that value principals."""
    names = ("baseSupplyIndex", "baseBorrowIndex", "totalSupplyBase", "totalBorrowBase")
    return Totals(*(int(totals[name]) for name in names))


def flags(text: str) -> list[bool]:
    """A string of 0 and 1 in wallet order."""
    return [one == "1" for one in text]
