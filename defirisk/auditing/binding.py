"""Scenarios bound to a run's assets: checked once, the same for every chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from defirisk.auditing.ask import Ask
from defirisk.auditing.begin import Begun
from defirisk.auditing.partition import Plan
from defirisk.auditing.settings import UNCHANGED, Settings
from defirisk.auditing.summary import Summary
from defirisk.errors import InputError
from defirisk.model import Snapshot, Token
from defirisk.model import Warning as Notice
from defirisk.risk.binding import BoundScenario, known_assets, validate
from defirisk.risk.families import FamilyBook
from defirisk.risk.population.engine import chosen
from defirisk.whatif.binding import Bound

FEW_PAIRS: Final = 250_000
"""Up to so many (wallet, scenario) pairs ``auto`` replays all exactly: it takes less time than reading does."""

Assets = tuple[tuple[int, Token], ...]


class Planner:
    """How the chunks of a run are judged."""

    def __init__(self, ask: Ask, begun: Begun) -> None:
        self._ask, self._begun = ask, begun
        self._book = FamilyBook.load(ask.terms.families)
        self._names = tuple(market.name for market in begun.markets)
        self._settings = Settings(ask.terms.what_if, self._names)
        self._checked = False
        self._seen: dict[tuple[int, Token], None] = {}
        self._bound: dict[Assets, tuple[BoundScenario, ...]] = {}
        self.engine = self._engine()

    def plan(self, snapshot: Snapshot) -> Plan:
        """The plan of a chunk.

        Raises:
            InputError: a scenario, a family override or a setting names what no market lists, or not clearly.
        """
        changes = self._settings.bound(snapshot)
        assets = tuple(dict.fromkeys(self._assets(snapshot)))
        if assets not in self._bound:
            if not self._checked and not self._some_market_failed(snapshot):
                validate(self._ask.terms.scenarios, assets, self._book, self._names)
                self._checked = True
            self._seen.update(dict.fromkeys(assets))
            lenient = [replace(scenario, preset=True) for scenario in self._ask.terms.scenarios]
            book = FamilyBook.load({})  # the overrides were checked above, and here somebody may hold none of them
            self._bound[assets] = validate(lenient, assets, book, self._names)
        return self._plan(self._bound[assets], changes)

    def look_at(self, snapshot: Snapshot) -> None:
        """Take note of the assets that are known, for :meth:`complain`."""
        self._seen.update(dict.fromkeys(self._assets(snapshot)))

    def complain(self, summary: Summary) -> None:
        """Say what was refused of no chunk, since in each some market was read for nobody, and what none of all knows.

        An unknown asset moves nothing: its scenario would pass for one that was survived.
        """
        self._settings.complain(summary)
        if self._checked or not self._seen:
            return
        try:
            validate(self._ask.terms.scenarios, tuple(self._seen), self._book, self._names)
        except InputError as problem:
            summary.notices[f"{problem.message}, so nothing was moved by it"] = 1

    def notices(self) -> tuple[Notice, ...]:
        """What is to be known of every figure."""
        return self._settings.notices()

    def failing_plan(self) -> Plan:
        """For wallets of which nothing was read: nothing is judged."""
        return self._plan((), UNCHANGED)

    def _plan(self, scenarios: tuple[BoundScenario, ...], changes: Bound) -> Plan:
        return Plan(
            chain_id=self._begun.chain_id,
            block=self._begun.block.number,
            markets=self._begun.markets,
            scenarios=scenarios,
            families=self._ask.terms.families,
            liquidator=self._ask.terms.liquidator,
            nearest=self._ask.terms.thresholds,
            rows=self._ask.outcomes is not None,
            engine=self.engine,
            keep=self._ask.keep(),
            changes=changes,
        )

    def _engine(self) -> str:
        """One engine for the whole run, so that no row depends on how the list was cut."""
        engine = self._ask.engine
        pairs = self._begun.listing.distinct * len(self._ask.terms.scenarios)
        if engine == "auto" and pairs <= FEW_PAIRS:
            return "exact"
        return chosen(engine, liquidator=self._ask.terms.liquidator).engine

    def _assets(self, snapshot: Snapshot) -> Iterator[tuple[int, Token]]:
        """What the markets list, and units of account and price sources that positions bring along."""
        listed = {token.address for token in snapshot.assets}
        yield from ((snapshot.chain_id, token) for token in snapshot.assets)
        for account in snapshot.accounts:
            for chain_id, token in known_assets(account.positions):
                if token.address not in listed:
                    yield chain_id, token

    def _some_market_failed(self, snapshot: Snapshot) -> bool:
        """Whether a market was read for nobody, so that its assets are not known."""
        failed = [{failure.market for failure in account.failures} for account in snapshot.accounts]
        return bool(failed) and bool(set.intersection(*failed))
