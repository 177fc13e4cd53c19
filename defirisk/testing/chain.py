"""A recorded chain as tests use it: what was recorded, and checks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from defirisk.api import Scenarios, check_async
from defirisk.calling import blocking
from defirisk.errors import InputError

if TYPE_CHECKING:
    from defirisk.chain.recording import ReplayChain
    from defirisk.result import CheckResult
    from defirisk.risk.engine import PositionAnalysis


class RecordedChain:
    """A recording, replayed: no network, no key, the same answer for ever."""

    def __init__(self, replay: ReplayChain) -> None:
        self._replay = replay

    @property
    def source(self) -> str:
        """The recording's name."""
        return self._replay.source

    @property
    def chain_id(self) -> int:
        """The recorded chain's id."""
        return self._replay.chain_id

    @property
    def block(self) -> int:
        """The number of the block that was recorded."""
        return self._replay.block.number

    @property
    def timestamp(self) -> int:
        """When that block was made, seconds."""
        return self._replay.block.timestamp

    @property
    def wallets(self) -> tuple[str, ...]:
        """The wallets that were recorded, EIP-55."""
        return self._replay.fixture.wallets

    async def check_async(
        self,
        *addresses: str,
        scenarios: Scenarios | None = (),
        markets: str | Iterable[str] = (),
        liquidator: str = "largest",
        families: Mapping[str, str] | None = None,
        thresholds: bool = False,
    ) -> CheckResult:
        """Check wallets of the recording as :func:`defirisk.check` does.

        Args:
            addresses: some of the wallets; none: all of them.
            scenarios: as :func:`defirisk.check` takes them; none: only what is true at the block.
            markets: some of the markets; none: all of them.
            liquidator: the order of liquidations.
            families: assets taken to be in another family.
            thresholds: whether to find the prices that liquidate, which ``assert_liquidation_price`` needs.

        Raises:
            InputError: an address, market or scenario that makes no sense.
            ReadError: the recording lacks what was asked for.
        """
        return await check_async(
            addresses,
            fixture=self._replay,
            scenarios=scenarios,
            markets=markets,
            liquidator=liquidator,
            families=families,
            thresholds=thresholds,
        )

    check = blocking(check_async)

    def position(
        self,
        address: str | None = None,
        market: str | None = None,
        *,
        scenarios: Scenarios | None = (),
        thresholds: bool = False,
    ) -> PositionAnalysis:
        """The one position of a wallet in a market; either may be left out where the recording has only one.

        Raises:
            InputError: there is no such position, or several.
            ReadError: the recording lacks what was asked for.
        """
        asked = () if address is None else (address,)
        result = self.check(*asked, markets=market or (), scenarios=scenarios, thresholds=thresholds)
        failures = [failure for account in result.accounts for failure in account.failures]
        found = [analysis for account in result.accounts for analysis in account.positions]
        if len(found) == 1 and not failures:
            return found[0]
        where = f"of {address or 'the recorded wallets'} in {market or 'the recorded markets'}"
        if failures:
            raise InputError(f"the position {where} could not be read: {failures[0].message}")
        held = ", ".join(f"{one.position.owner} in {one.position.market.name}" for one in found[:5])
        raise InputError(
            f"{self.source} holds {len(found)} positions {where}", hint=f"name one: {held}" if held else None
        )

    def __repr__(self) -> str:
        """One line."""
        return (
            f"<RecordedChain {self.source}, chain {self.chain_id}, block {self.block}, {len(self.wallets)} wallet(s)>"
        )
