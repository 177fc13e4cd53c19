"""The recorded vectors as states of ours, and a liquidator that acts as the recorded one did."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from defirisk.fixedpoint import UINT256_MAX
from defirisk.model import Collateral, Debt, Standing, Token
from defirisk.protocols.aave_v3.rules import AaveV3Rules, rules_named
from defirisk.protocols.aave_v3.state import AaveState, EMode, Holding, PriceSource, Reserve, state_of
from defirisk.protocols.interface import Pair, Refused, Step

DATA = Path(__file__).parent / "data"
REVISIONS = ("3.1", "3.2", "3.3", "3.4", "3.5", "3.7")
NO_SOURCE = "0x" + "0" * 40

Json = dict[str, Any]


@cache
def recorded(revision: str) -> Json:
    """A recording by the revision's name."""
    with gzip.open(DATA / f"aave-v{revision}.json.gz", "rt") as file:
        return json.load(file)


class Recording:
    """One recording: what the chain held, and how a wallet's state follows from it."""

    def __init__(self, revision: str) -> None:
        self.data = recorded(revision)
        self.rules: AaveV3Rules = rules_named(revision)
        self.now = int(self.data["timestamp"])
        self.wallets = tuple(self.data["positions"])

    def indices(self, name: str) -> tuple[int, int]:
        """Both indices of a reserve at the recording's clock, from what is stored."""
        reserve = self.data["reserves"][name]
        return self.rules.indices_at(
            liquidity_index=int(reserve["stored_liquidity_index"]),
            variable_borrow_index=int(reserve["stored_variable_borrow_index"]),
            liquidity_rate=int(reserve["liquidity_rate"]),
            variable_borrow_rate=int(reserve["variable_borrow_rate"]),
            last_update=int(reserve["last_update"]),
            now=self.now,
        )

    @cache  # noqa: B019 - a recording lives as long as the tests do
    def reserve(self, name: str, paused: bool) -> Reserve:
        """A reserve as the reader would give it."""
        raw = self.data["reserves"][name]
        liquidity, borrow = self.indices(name)
        return Reserve(
            id=int(raw["id"]),
            token=Token(raw["asset"], name, int(raw["decimals"])),
            ltv=int(raw["ltv"]),
            liquidation_threshold=int(raw["liquidation_threshold"]),
            liquidation_bonus=int(raw["liquidation_bonus"]),
            protocol_fee=int(raw["liquidation_protocol_fee"]),
            liquidity_index=liquidity,
            variable_borrow_index=borrow,
            active=raw["active"] == "1",
            frozen=raw["frozen"] == "1",
            paused=paused or raw["paused"] == "1",
            borrowing=raw["borrowing"] == "1",
            emode_category=int(raw.get("emode_category", "0")),
            debt_ceiling=int(raw.get("debt_ceiling", "0")),
            isolation_total_debt=int(raw["isolation_total_debt"]),
        )

    def emode(self, number: str) -> EMode | None:
        """A category, ``None`` for category 0."""
        if number == "0":
            return None
        raw = self.data["emodes"][number]
        return EMode(
            id=int(number),
            ltv=int(raw["ltv"]),
            liquidation_threshold=int(raw["liquidation_threshold"]),
            liquidation_bonus=int(raw["liquidation_bonus"]),
            label=raw["label"],
            collateral_bitmap=int(raw.get("collateral_bitmap", "0")),
            borrowable_bitmap=int(raw.get("borrowable_bitmap", "0")),
            ltvzero_bitmap=int(raw.get("ltvzero_bitmap", "0")),
            isolated=raw.get("isolated", "0") == "1",
        )

    def state(self, wallet: str, shock: Json) -> AaveState:
        """A wallet under a shock."""
        position = self.data["positions"][wallet]
        named = sorted(position["reserves"].items(), key=lambda item: int(self.data["reserves"][item[0]]["id"]))
        holdings = tuple(self._holding(name, held, name in shock["paused"]) for name, held in named)
        prices = tuple(int(shock["oracle_prices"][name]) for name, _ in named)
        emode, source = self.emode(position["emode"]), self.source(position["emode"], shock)
        return state_of(holdings, prices, self.now, emode=emode, source=source)

    def source(self, number: str, shock: Json) -> PriceSource | None:
        """A category's price source under a shock."""
        raw = self.data["emodes"].get(number, {})
        if raw.get("price_source", NO_SOURCE) == NO_SOURCE:
            return None
        return PriceSource(
            Token(raw["price_source"], raw["price_key"], 8), int(shock["source_prices"][raw["price_key"]])
        )

    def _holding(self, name: str, held: Json, paused: bool) -> Holding:
        return Holding(
            reserve=self.reserve(name, paused),
            scaled_supply=int(held["scaled_supply"]),
            scaled_variable_debt=int(held["scaled_debt"]),
            collateral=held["collateral"] == "1",
            borrowing=held["borrowing"] == "1",
        )


def choose(standing: Standing) -> Pair | None:
    """The recorded liquidator's pair: the largest value on each side, the lowest reserve id among equals."""
    counted = [leg for leg in standing.collateral if leg.counts and leg.liquidation_threshold > 0]
    if not counted:
        return None
    return Pair(_largest(counted).slot, _largest(standing.debt).slot)


def _largest(legs: Any) -> Collateral | Debt:
    return max(legs, key=lambda leg: (leg.value, -leg.slot))


class Liquidator:
    """Always the maximum, stop at the first revert; keeps a record in the recording's own shape."""

    def __init__(self, recording: Recording, state: AaveState) -> None:
        self.recording = recording
        self.rules = recording.rules
        self.state = state
        self.standing = self.rules.standing(state)
        self.steps: list[Json] = []
        self.deficit: dict[str, int] = {}
        self.start = {h.reserve.token.symbol: h.reserve.isolation_total_debt for h in state.holdings}
        self.isolated = dict(self.start)

    def run(self) -> tuple[list[Json], Json]:
        """The steps and the end."""
        while True:
            if not self.standing.debt:
                return self._ended("no_debt")
            if not self.standing.liquidatable:
                return self._ended("healthy")
            pair = choose(self.standing)
            if pair is None:
                return self._ended("no_collateral")
            try:
                step = self.rules.liquidate(self.state, self.standing, pair, UINT256_MAX)
            except Refused as refusal:
                names = [self._name(pair.collateral), self._name(pair.debt)]
                return self._ended("revert", reason=refusal.reason, refused_pair=names)
            self._advance(pair, step)

    def _name(self, slot: int | None) -> str:
        assert slot is not None
        return self.state.holdings[self.state.index_at(slot)].reserve.token.symbol

    def _advance(self, pair: Pair, step: Step) -> None:
        assert pair.collateral is not None
        index = self.state.index_at(pair.collateral)
        before, after = self.state.holdings[index], step.state.holdings[index]
        standing = self.rules.standing(step.state)
        seized = step.seized[0]
        owed = self.rules.debt_of(self.state.holdings[self.state.index_at(pair.debt)])
        shares = self.rules.revision.burn_supply(seized.amount, before.reserve.liquidity_index)
        record = {
            "collateral": self._name(pair.collateral),
            "debt": self._name(pair.debt),
            "collateral_before": str(self.rules.supply_of(before)),
            "debt_before": str(owed),
            "debt_repaid": str(step.repaid.raw),
            "collateral_to_liquidator": str(seized.amount),
            "protocol_fee": str(seized.protocol_fee),
            "protocol_fee_scaled": str(before.scaled_supply - after.scaled_supply - shares),
            "health_before": health(self.standing),
            "health_after": health(standing),
            "bound_by": _bound(before.collateral and not after.collateral, step.repaid.raw == owed),
        }
        if step.bad_debt:
            record["deficit"] = {amount.token.symbol: str(amount.raw) for amount in step.bad_debt}
            for amount in step.bad_debt:
                self.deficit[amount.token.symbol] = self.deficit.get(amount.token.symbol, 0) + amount.raw
        name = self._name(pair.collateral)
        self.isolated[name] = self.rules.isolated_debt_after(step, self.isolated[name])
        self.steps.append(record)
        self.state, self.standing = step.state, standing

    def _ended(self, stop: str, **more: Any) -> tuple[list[Json], Json]:
        rules, holdings = self.rules, self.state.holdings
        end = {
            "stop": stop,
            **more,
            "account": [str(field) for field in rules.account_data(self.state)],
            "debt": {h.reserve.token.symbol: str(rules.debt_of(h)) for h in holdings if rules.debt_of(h)},
            "supply": {h.reserve.token.symbol: str(rules.supply_of(h)) for h in holdings if rules.supply_of(h)},
            "collateral_flags": [h.reserve.token.symbol for h in holdings if h.collateral],
        }
        if self.deficit:
            end["deficit"] = {name: str(amount) for name, amount in self.deficit.items()}
        changed = {name: str(value) for name, value in self.isolated.items() if value != self.start[name]}
        if changed:
            end["isolation_total_debt"] = changed
        return self.steps, end


def health(standing: Standing) -> str:
    """The health factor as the contract writes it."""
    return str(UINT256_MAX if standing.health_factor is None else standing.health_factor)


def _bound(flag_fell: bool, all_debt: bool) -> str:
    if flag_fell:
        return "collateral"
    return "debt" if all_debt else "close_factor"
