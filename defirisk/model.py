"""The nouns: what a position is, what a scenario does to it, what comes of it.

Everything here is an immutable value without I/O. Amounts are integers in token base units, prices integers in
the unit of the protocol's own oracle, values integers in base units of the market's unit of account, ratios wad
(1e18). Floats appear nowhere. ``None`` always has one documented meaning; what could not be read is an error
(:mod:`defirisk.errors`), never ``None`` and never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from defirisk.protocols.interface import Rules

NATIVE_COIN: Final = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
"""The address that stands for a chain's own coin."""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the field's own word, as in DESIGN's JSON
    """Something the reader of a result must know; ``code`` is stable, ``text`` is for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """An asset: EIP-55 ``address``, ``symbol`` as the contract says it (hostile until cleaned), ``decimals``."""

    address: str
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A market's unit of account: ``symbol``, ``decimals``, and the ``asset`` it is (``None`` for USD)."""

    symbol: str
    decimals: int
    asset: str | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """One deployment of a protocol. ``rules`` names the revision's arithmetic, ``entry`` is the contract asked."""

    name: str
    protocol: str
    rules: str
    chain_id: int
    entry: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class Amount:
    """``raw`` base units of a token."""

    token: Token
    raw: int


@dataclass(frozen=True, slots=True)
class Collateral:
    """One asset supplied.

    ``slot`` is the index of its price; ``amount`` token base units; ``price`` oracle units; ``value`` unit base
    units as the revision rounds it; ``counts`` whether it secures debt (and may be seized); ``liquidation_threshold``
    wad, the LT / collateral factor / liquidateCollateralFactor in force for this owner; ``liquidation_bonus`` wad above
    1, ``None`` for Comet, which has ``liquidation_penalty`` (wad) instead; ``recovery`` wad, the share of its value
    that repays debt when it is seized (1 / (1 + bonus), down; Comet: the storefront's ask); ``protocol_fee`` wad, the
    protocol's share of the bonus.
    """

    token: Token
    slot: int
    amount: int
    price: int
    value: int
    counts: bool
    liquidation_threshold: int
    liquidation_bonus: int | None
    recovery: int
    protocol_fee: int = 0
    liquidation_penalty: int | None = None


@dataclass(frozen=True, slots=True)
class Debt:
    """One asset owed. ``slot`` is the index of its price; ``amount`` token base units; ``value`` unit base units."""

    token: Token
    slot: int
    amount: int
    price: int
    value: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A state judged by its rules at its prices.

    ``health_factor`` wad, below 1e18 exactly when ``liquidatable``; ``None`` without debt. ``collateral`` and ``debt``
    hold everything supplied and owed, in the market's own reserve order, amounts above 0 only. ``collateral_value`` is
    what counts, ``debt_value`` all debts, both in unit base units as the contract sums them.
    """

    health_factor: int | None
    liquidatable: bool
    collateral_value: int
    debt_value: int
    collateral: tuple[Collateral, ...]
    debt: tuple[Debt, ...]

    @property
    def at_stake(self) -> bool:
        """Whether there is a debt, or collateral that counts."""
        return bool(self.debt) or any(leg.counts for leg in self.collateral)


class Bound(StrEnum):
    """What closes one side of a market to an owner, or bounds how much it takes."""

    INACTIVE = "inactive"
    PAUSED = "paused"
    FROZEN = "frozen"
    DISABLED = "disabled"
    SENTINEL = "sentinel"
    EMODE = "emode"
    ISOLATION = "isolation"
    SILOED = "siloed"
    CAP = "cap"
    DEBT_CEILING = "debt-ceiling"


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of an asset a market takes on one side from an owner, at the block.

    ``open`` is ``False`` where that side is closed to the owner (paused, frozen, disabled, not in the eMode). ``cap``
    is the largest total that it takes, ``None`` without one; ``room`` how much more, ``None`` where nothing bounds it,
    or where the total was not read; both token base units. ``room`` is 0 where closed. ``bound_by`` is what closes it,
    or bounds ``room``.
    """

    open: bool = True
    cap: int | None = None
    room: int | None = None
    bound_by: Bound | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an owner may do with one asset in a market, whatever the prices; ``slot`` is the index of its price.

    ``borrow`` is ``None`` where the asset cannot be borrowed at all (a collateral of Comet).
    """

    token: Token
    slot: int
    supply: Limit = Limit()
    borrow: Limit | None = Limit()
    repay_open: bool = True
    withdraw_open: bool = True


@dataclass(frozen=True, slots=True)
class ContractView:
    """What the contract itself says, from its stored state; ``None`` where it has no such view.

    ``health_factor`` wad (2**256 - 1, "no debt", is ``None`` with ``has_health_factor`` set); ``liquidity`` and
    ``shortfall`` unit base units.
    """

    has_health_factor: bool = False
    health_factor: int | None = None
    liquidatable: bool | None = None
    liquidity: int | None = None
    shortfall: int | None = None


class PositionStatus(StrEnum):
    """``ok``: judged. ``unpriced``: read, but a price it needs is 0 or reverts, so nothing is judged."""

    OK = "ok"
    UNPRICED = "unpriced"


@dataclass(frozen=True, slots=True)
class Position:
    """One owner in one market at one block.

    ``state`` is the protocol's own immutable state, which only ``rules`` looks into; it has ``tokens`` and ``prices``
    by slot. ``price_times`` are the oracle's update times by slot (seconds, ``None`` where unknown). ``contract`` is
    the contract's own view and ``reproduced`` ours of the same stored numbers: they must be equal. ``unpriced`` maps
    the slots without a usable price to the cause. ``listing`` is what the market lists beside it, which only its
    family's changes look into.
    """

    market: Market
    owner: str
    rules: Rules[Any]
    state: Any
    price_times: tuple[int | None, ...]
    contract: ContractView
    reproduced: ContractView
    warnings: tuple[Warning, ...] = ()
    unpriced: Mapping[int, str] = field(default_factory=dict)
    listing: Any = field(default=None, compare=False, repr=False)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens by price slot."""
        return self.state.tokens  # type: ignore[no-any-return]

    @property
    def prices(self) -> tuple[int, ...]:
        """The oracle prices by slot, oracle units."""
        return self.state.prices  # type: ignore[no-any-return]

    @property
    def status(self) -> PositionStatus:
        """Whether the position could be judged."""
        return PositionStatus.UNPRICED if self.unpriced else PositionStatus.OK


@dataclass(frozen=True, slots=True)
class Failure:
    """A market that could not be answered for an owner: ``code`` stable, ``message`` for people."""

    market: str
    protocol: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AccountReading:
    """All that one address has in the markets asked for: its positions, and the markets that failed."""

    address: str
    positions: tuple[Position, ...] = ()
    failures: tuple[Failure, ...] = ()
    warnings: tuple[Warning, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read at one block of one chain. ``source`` is a host or a fixture's name, never a URL.

    ``assets`` are all that the markets read list, held by an account or not.
    """

    chain_id: int
    block: int
    timestamp: int
    source: str
    accounts: tuple[AccountReading, ...]
    warnings: tuple[Warning, ...] = ()
    assets: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Seized:
    """What leaves the owner: ``amount`` to the liquidator, ``protocol_fee`` to the protocol, token base units.

    ``shares`` and ``protocol_shares`` are the receipt tokens behind them (Compound V2), ``None`` elsewhere.
    """

    token: Token
    slot: int
    amount: int
    protocol_fee: int
    shares: int | None = None
    protocol_shares: int | None = None


@dataclass(frozen=True, slots=True)
class Liquidation:
    """One liquidation call (one absorb in Comet). ``health_factor_after`` wad, ``None`` when no debt is left."""

    repaid: Amount
    repaid_slot: int
    seized: tuple[Seized, ...]
    bad_debt: tuple[Amount, ...]
    health_factor_after: int | None


class Ended(StrEnum):
    """Why a replay ended."""

    HEALTHY = "healthy"
    NOTHING_TO_SEIZE = "nothing-to-seize"
    RULES = "rules"
    LIQUIDATOR = "liquidator"


@dataclass(frozen=True, slots=True)
class Move:
    """What a scenario does to one price: exactly one of the three is set.

    ``change`` wad, -1e18 (exclusive) and up, relative; ``raw`` an absolute price in the unit of the oracle of
    ``market``; ``usd`` an absolute price in USD, wad.
    """

    change: int | None = None
    raw: int | None = None
    usd: int | None = None
    market: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named set of price moves by symbol, address or ``family:NAME``; ``market`` where it differs from ``oracle``.

    ``volatile`` moves every volatile family (wad), which is what ``--drop`` means. ``preset`` scenarios may name
    assets that nobody holds.
    """

    name: str
    oracle: Mapping[str, Move] = field(default_factory=dict)
    market: Mapping[str, Move] = field(default_factory=dict)
    volatile: int | None = None
    source: str | None = None
    preset: bool = False


@dataclass(frozen=True, slots=True)
class BadDebt:
    """Debt that the lenders lose: ``amount`` token base units, ``value`` unit base units, rounded up."""

    token: Token
    amount: int
    value: int


@dataclass(frozen=True, slots=True)
class Borne:
    """Who bears how much of a bad debt: ``who`` is reserves, deficit, umbrella or suppliers; token base units."""

    who: str
    token: Token
    amount: int


@dataclass(frozen=True, slots=True)
class OwnerLoss:
    """What the owner loses, in unit base units at market prices.

    ``move`` equity lost to the prices alone, ``bonus`` paid to liquidators, ``protocol_fee`` paid to the protocol,
    ``left`` what remains to the owner, ``borne_by_others`` what the owner would owe and walks away from; and
    ``total`` = equity before - left = move + bonus + protocol_fee - borne_by_others. A negative total is a gain.
    """

    total: int
    move: int
    bonus: int
    protocol_fee: int
    left: int
    borne_by_others: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario makes of a position. Values in unit base units; ``health_factor`` before any liquidation."""

    scenario: str
    health_factor: int | None
    liquidatable: bool
    liquidations: tuple[Liquidation, ...]
    ended: Ended
    assets_left: tuple[Amount, ...]
    debt_left: tuple[Amount, ...]
    bad_debt: tuple[BadDebt, ...]
    bad_debt_value: int
    uncovered_value: int
    owner_loss: OwnerLoss
    borne_by: tuple[Borne, ...]
    liquidator: str
    search: str | None = None
    """For ``worst-case``: "exhaustive" or "greedy"; ``None`` otherwise."""
    prices: tuple[int, ...] = field(default=(), compare=False)
    """The oracle prices in this scenario by slot, oracle units; to be told, not compared."""
    market_prices: tuple[int, ...] | None = field(default=None, compare=False)
    """The market's, where they differ from the oracle's."""

    @property
    def loss_value(self) -> int:
        """The larger of bad debt and uncovered debt: what verdicts, thresholds and policies speak of."""
        return max(self.bad_debt_value, self.uncovered_value)


class Direction(StrEnum):
    """Which way a price moves."""

    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The nearest move at which a position becomes liquidatable, and at which it leaves bad debt.

    ``kind`` is "group" or "asset", ``move`` its name. Moves are wad, rounded away from zero; 0 if it holds today;
    ``None`` if there is no such move up to ``searched_to`` (wad), which is an answer. For one asset the integer price
    (oracle units) is the authority.
    """

    kind: str
    move: str
    direction: Direction
    liquidation: int | None
    bad_debt: int | None
    asset: str | None = None
    liquidation_price: int | None = None
    bad_debt_price: int | None = None
    searched_to: int | None = None
    proved: bool = True
    """Everything nearer is proved not to; False where the search gave up (said in a warning)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The plain answer to "can I lose more than I put in, and who would owe the rest?".

    ``nearest`` is the threshold that it names as the nearest to liquidation; ``None`` where it names none.
    """

    code: str
    text: str
    nearest: Threshold | None = None
