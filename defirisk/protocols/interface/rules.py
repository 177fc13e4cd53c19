"""The arithmetic of one protocol revision: judge a state, liquidate it, and bound what its roundings may do.

Rules are pure integers. They are also run on :class:`defirisk.risk.interval.Interval` prices to prove thresholds, so
they must not hash prices or amounts, convert them with ``int()``, or catch the ``Undecided`` that a comparison may
raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from defirisk.model import Amount, Borne, Limits, Seized, Standing, Token

S = TypeVar("S", bound="State")


class State(Protocol):
    """A protocol's own immutable state of one owner in one market; only its rules look further into it."""

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The token of each price slot, in the market's own reserve order."""
        ...

    @property
    def prices(self) -> tuple[int, ...]:
        """The oracle price of each slot, oracle units."""
        ...

    @property
    def scales(self) -> tuple[int, ...]:
        """By slot: amount * price / scale is a value in unit base units."""
        ...


class Refused(Exception):
    """The rules refuse a liquidation or an act; ``reason`` is the contract's own error where it has one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Pair:
    """A collateral and a debt, by price slot, that one liquidation call names. ``collateral`` is ``None`` where the
    protocol takes everything at once (Comet's absorb).
    """

    collateral: int | None
    debt: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one liquidation call does: the state after it, and what moved.

    ``bad_debt`` is what the protocol writes off in the same call (Aave's deficit, Comet's loss after the storefront);
    ``written_off`` is the debt forgiven by it, as the owner's debt said before.
    """

    state: Any
    repaid: Amount
    seized: tuple[Seized, ...]
    bad_debt: tuple[Amount, ...] = ()
    written_off: tuple[Amount, ...] = ()


@dataclass(frozen=True, slots=True)
class Slack:
    """How far the contract's rounding may move the health decision away from exact arithmetic, as upper bounds.

    A position is certainly not liquidatable while
    sum(amount * price / unit * (threshold - ``threshold``)) - sum(debt * price / unit) >= ``value``.
    ``threshold`` wad (1e14 where the average is truncated to a basis point), ``value`` unit base units. ``conserves``
    is whether every call keeps sum(collateral value * recovery) - debt value, up to rounding; it does not where a
    call is priced otherwise than the health factor (an eMode price source of Aave 3.0 and 3.1). ``rounding`` and
    ``unit_rounding`` are what a whole replay may cost the lenders by rounding, in base units of each token and in unit
    base units; ``None`` leaves that to the engine's generous bound.
    """

    threshold: int
    value: int
    conserves: bool = True
    rounding: int | None = None
    unit_rounding: int | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """What roundings may add up to on one side, base units: by leg of ``Standing.collateral`` and of ``.debt``, and in
    the unit of account.
    """

    supply: tuple[int, ...]
    debt: tuple[int, ...]
    unit: int


@dataclass(frozen=True, slots=True)
class Tail:
    """How far liquidating on from a state, in whatever order, may move sum(collateral value * recovery) - debt value.

    ``lost`` bounds what all calls together may cost the lenders, and what valuing what is left may; ``gained`` what
    they may win, and what the health decision may concede: if every counted threshold is at most its recovery, a state
    whose surplus is below -``gained`` never becomes healthy. Both hold at the state's own prices, and are upper bounds
    over each whole range where those are intervals.
    """

    lost: Drift
    gained: Drift


def liquidatable(rules: Rules[Any], state: Any) -> bool:
    """``rules.standing(state).liquidatable`` and nothing else of it: a search for a price asks this most of all.

    Rules that can tell it for less than a whole standing carry a method of this name.
    """
    told: Callable[[Any], bool] | None = getattr(rules, "liquidatable", None)
    return rules.standing(state).liquidatable if told is None else told(state)


def likely_loses(rules: Rules[Any]) -> Callable[[Any], bool] | None:
    """What a replay by ``largest`` from a state probably comes to, where rules can tell that in a small part of the
    time that a replay takes. It says where to look for bad debt, and proves nothing.
    """
    return getattr(rules, "likely_loses", None)


class Rules(Protocol[S]):
    """The arithmetic of one protocol revision: pure, integers only, equal to the contract to the last digit."""

    name: str
    """The revision's name as outputs show it, e.g. "3.6"."""
    whole_account: bool
    """True where a liquidation takes everything at once and there is no pair to choose (Comet)."""

    def reprice(self, state: S, prices: tuple[int, ...]) -> S:
        """The same holdings at other oracle prices (by slot, oracle units)."""
        ...

    def standing(self, state: S) -> Standing:
        """Judge a state at its prices."""
        ...

    def liquidate(self, state: S, standing: Standing, pair: Pair, repay: int | None = None) -> Step:
        """One liquidation call. ``repay`` is asked in debt token base units, as a liquidator would ask the contract;
        ``None`` asks for the largest amount that the rules accept.

        Raises:
            Refused: the contract would revert.
        """
        ...

    def health_slack(self, state: S, standing: Standing) -> Slack:
        """Bounds of the rounding in the health decision, valid at every price."""
        ...

    def tail(self, state: S, standing: Standing) -> Tail | None:
        """What is left to roundings from here on; ``None`` where nothing is promised."""
        ...

    def borne_by(self, state: S, losses: Sequence[Amount]) -> tuple[Borne, ...]:
        """Who bears these losses, by the protocol's own first-loss order."""
        ...

    def limits(self, state: S, listing: Any = None, /) -> tuple[Limits, ...]:
        """What the market still takes of each asset that the owner has there, at the block and whatever the prices.

        ``listing`` is the position's, for rules whose states do not hold the market's totals.
        """
        ...
