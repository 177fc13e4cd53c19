"""What a rule family gives to the house: its rules, its reader, where it is deployed.

A family is found through the entry-point group ``defirisk.protocols``; nothing else knows it by name. ``Rules`` are
pure integers. They are also run on :class:`defirisk.risk.interval.Interval` prices to prove thresholds, so they must
not hash prices or amounts, convert them with ``int()``, or catch the ``Undecided`` that a comparison may raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from defirisk.model import Amount, Borne, Limits, Position, Seized, Standing, Token
from defirisk.model import Warning as Notice

if TYPE_CHECKING:
    from defirisk.chain.calls import Call, Chain
    from defirisk.protocols.fast import FastRules

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


# --- what if (optional) -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Named:
    """An asset that a what-if may name: ``token``, ``key`` the address by which its market knows it (a cToken's where
    there is one), and what else it is called there.
    """

    token: Token
    key: str
    aliases: tuple[str, ...] = ()


class ActKind(StrEnum):
    """What an owner may do to a position."""

    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"
    BORROW = "borrow"
    REPAY = "repay"


@dataclass(frozen=True, slots=True)
class Act:
    """One act of the owner. ``amount`` token base units, ``None`` for all that there is (withdraw and repay)."""

    kind: ActKind
    asset: Named
    amount: int | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter as governance would set it: of an ``asset``, of the eMode category ``emode``, or of the market.

    ``text`` is the value as the user wrote it.
    """

    name: str
    text: str
    asset: Named | None = None
    emode: int | None = None


@dataclass(frozen=True, slots=True)
class Altered:
    """A position after a setting, the same state where it does not feel it.

    ``was`` and ``now`` are the parameter's value for people, ``was`` ``None`` where it is a list or was not read.
    ``warnings`` say what governance's own contract would refuse of it.
    """

    position: Position
    was: str | None
    now: str
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Acted:
    """A position after an act: ``amount`` moved, token base units; ``warnings`` say what could not be looked at."""

    position: Position
    amount: int
    warnings: tuple[Notice, ...] = ()


class Changes(Protocol):
    """What a family knows of changes to a position and to its market's parameters: pure, exact, as its contracts do it.

    Rules that have one carry it as ``changes``; those that do not cannot be asked what if.
    """

    asset_parameters: tuple[str, ...]
    market_parameters: tuple[str, ...]
    emode_parameters: tuple[str, ...]

    def assets(self, position: Position) -> Sequence[Named]:
        """All that can be named in this position's market, held or not."""
        ...

    def set(self, position: Position, setting: Setting) -> Altered:
        """The same position under another parameter.

        Raises:
            BadParameter: the protocol has no such parameter, or cannot keep that value.
        """
        ...

    def act(self, position: Position, act: Act) -> Acted:
        """The position after its owner's transaction, every market accrued to the block.

        Raises:
            Refused: the contract would revert; the reason is its own error.
        """
        ...

    def hull(self, near: Any, far: Any) -> Any:
        """A state that holds two states of the same shape, and all between them, as intervals.

        Raises:
            Undecided: they have not the same shape.
        """
        ...


def changes_of(rules: Rules[Any]) -> Changes | None:
    """What a family's rules know of changes; ``None`` where they know nothing."""
    return getattr(rules, "changes", None)


def liquidatable(rules: Rules[Any], state: Any) -> bool:
    """``rules.standing(state).liquidatable`` and nothing else of it: a search for a price asks this most of all.

    Rules that can tell it for less than a whole standing carry a method of this name.
    """
    told: Callable[[Any], bool] | None = getattr(rules, "liquidatable", None)
    return rules.standing(state).liquidatable if told is None else told(state)


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


@dataclass(frozen=True, slots=True)
class Deployment:
    """A market in the registry: ``hints`` are addresses to be verified before use, by name."""

    name: str
    protocol: str
    chain: str
    chain_id: int
    entry: str
    hints: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class MarketReading:
    """What a reader found in one market: a position or a failure for each wallet asked, in that order.

    ``rules`` is ``None`` when the market itself could not be read; then every wallet has the same failure.
    ``None`` in ``positions`` means that the wallet has nothing there. ``assets`` are all that the market lists, held
    or not: a scenario may name them.
    """

    positions: tuple[Position | BaseException | None, ...]
    rules: str | None
    assets: tuple[Token, ...] = ()


class Scope(Enum):
    """How much of a wallet is read.

    ``LISTED`` asks for what a what-if needs besides: each position's ``listing`` holds all that its market lists, caps
    and cash; what a recording lacks of that is unknown there, and no error of the wallets.
    ``USED`` leaves a reader free to ask only for what is owed and what secures it: whatever the exact engine computes
    for that must be the same as in ``ALL``. A reader that ignores the scope is right, only slower; the caller drops a
    position without debt and counted collateral.
    """

    ALL = "everything held or owed, also supplies that do not count"
    LISTED = "everything held or owed, and all that the market lists beside it"
    USED = "what is owed, and what counts as collateral"


class Reader(Protocol):
    """Chain to positions: calls and decoding, nothing else.

    A reader written before there were scopes has no such parameter; it is called without and reads everything.
    """

    def early_calls(self, deployment: Deployment) -> Sequence[Call]:
        """The first calls of :meth:`read`, so that a client can send them together with its opening."""
        ...

    async def read(
        self, chain: Chain, deployment: Deployment, wallets: Sequence[str], scope: Scope = Scope.ALL
    ) -> MarketReading:
        """Read these wallets (EIP-55) in one market at the chain's pinned block.

        Raises:
            ReadError: the market could not be read at all.
            NotAMarket: the entry is not what it is said to be.
        """
        ...


@dataclass(frozen=True, slots=True)
class DebtEvent:
    """An event that tells who owes: ``signature`` canonical, of static types only; ``owner`` the debtor's parameter.

    ``layouts`` are the parameters that are indexed, one tuple for each way in which the contracts declare it, told
    apart by their number. ``certain`` is whether its owner borrowed; else the owner may have, and is a candidate.
    """

    signature: str
    owner: int
    layouts: tuple[tuple[int, ...], ...]
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Emitter:
    """A contract (lower-case ``address``) and the events of its own that tell of debts."""

    address: str
    events: tuple[DebtEvent, ...]


class DebtEvents(Protocol):
    """Where a market's debts are told of, for ``defirisk borrowers``."""

    async def emitters(self, chain: Chain, deployment: Deployment) -> Sequence[Emitter]:
        """Return the contracts whose events name everyone who ever borrowed, as of the chain's pinned block.

        Raises:
            ReadError: the market could not be read.
            NotAMarket: the entry is not what it is said to be.
        """
        ...


@dataclass(frozen=True, slots=True)
class StateTypes:
    """What a position of a family is made of, so that it can be stored and read back as nothing else.

    ``state`` is the frozen dataclass of one owner's state, of integers, flags, texts, optional values, tuples, sets
    and further such dataclasses. ``own`` are those of them that are one owner's own; all others are what owners have
    in common, and are stored once. ``rules`` are the rules that positions name, by their name.
    """

    state: type
    own: tuple[type, ...]
    rules: Mapping[str, Rules[Any]]


@dataclass(frozen=True, slots=True)
class RuleFamily:
    """A rule family as the entry point gives it: name (``aave-v3``), reader, deployments and ABI fragments.

    ``rules`` are the names of the revisions whose arithmetic it knows, for ``defirisk markets``. ``fast`` loads its
    float rules for whole populations; its :class:`Rules` name the same loader in an attribute ``fast``. ``None`` leaves
    everything to the exact rules. ``debt_events`` tells who borrowed, ``None`` where that cannot be told from events.
    ``states`` says how its positions are stored, ``None`` where they are not.
    """

    name: str
    reader: Reader
    deployments: Traversable
    abis: Traversable | None = None
    rules: tuple[str, ...] = ()
    fast: Callable[[], FastRules] | None = None
    debt_events: DebtEvents | None = None
    states: StateTypes | None = None
