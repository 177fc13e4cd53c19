"""What the reader of a position must know besides its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from defirisk.model import Token
from defirisk.model import Warning as Notice
from defirisk.protocols.aave_v3.rules import AaveV3Rules
from defirisk.protocols.aave_v3.state import AaveState, Holding, isolated_in


def warnings_of(state: AaveState, nameless: Sequence[Token], rules: AaveV3Rules) -> Iterator[Notice]:
    """All warnings of a position: the account's, the market's, then each reserve's."""
    yield from _account(state)
    if state.liquidations_allowed is False:
        yield Notice("sentinel", "the sequencer sentinel forbids liquidations while the health factor is at least 0.95")
    for holding in state.holdings:
        yield from _reserve(holding, state.timestamp, rules)
    for token in nameless:
        yield Notice("symbol-unreadable", f"the token {token.address} does not say its symbol; shown by its address")


def umbrella_warnings(uncovered: Mapping[str, str]) -> Iterator[Notice]:
    """Who would bear a bad debt is not known in full: ``uncovered`` is the cause by the debt's symbol."""
    if uncovered:
        yield Notice(
            "umbrella-unread",
            f"what Umbrella would cover of a deficit in {', '.join(uncovered)} could not be read "
            f"({next(iter(uncovered.values()))}); a bad debt is shown as a deficit in full",
        )


def _account(state: AaveState) -> Iterator[Notice]:
    if state.emode is not None:
        label = f" ({state.emode.label})" if state.emode.label else ""
        yield Notice("emode", f"the account is in eMode {state.emode.id}{label}")
    isolated = isolated_in(state.holdings)
    if isolated is not None:
        symbol = isolated.token.symbol
        yield Notice("isolation-mode", f"{symbol} is isolated: it is the only collateral that this account can have")


def _reserve(holding: Holding, now: int, rules: AaveV3Rules) -> Iterator[Notice]:
    reserve = holding.reserve
    symbol = reserve.token.symbol
    if not reserve.active:
        yield Notice("inactive-reserve", f"{symbol} is inactive: nothing with it can be liquidated")
    if reserve.paused:
        yield Notice("paused-reserve", f"{symbol} is paused: nothing with it can be liquidated or repaid")
    if reserve.frozen:
        yield Notice("frozen-reserve", f"{symbol} is frozen: no new supply or debt; liquidations go on")
    if reserve.grace_until and now <= reserve.grace_until:
        until = _utc(reserve.grace_until)
        yield Notice("grace-period", f"{symbol} is in its grace period: nothing with it is liquidated until {until}")
    if holding.scaled_variable_debt and not holding.borrowing and rules.debt_of(holding):
        yield Notice("unseen-debt", f"{symbol} is owed, but the pool's own flag for it is off: it does not count it")


def _utc(seconds: int) -> str:
    """A time for people; one beyond the calendar stays a number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return str(seconds)
