"""The rules that a policy may set, one class each: how its limit is written, what it judges, what it says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from defirisk.fixedpoint import WAD
from defirisk.model import Collateral, Debt, Outcome, Token, Unit
from defirisk.policy.findings import Figure
from defirisk.policy.terms import Clause, Limit
from defirisk.policy.values import Place, duration, fixed, number, texts
from defirisk.report.figures import health, money, span
from defirisk.report.sanitize import symbol

if TYPE_CHECKING:
    from defirisk.risk.engine import PositionAnalysis

_EXACT: Final = Context(prec=400)
_WAD_PLACES: Final = 18


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule says of a position, once, or of one scenario or asset there.

    ``missing`` is set where the rule could not be judged, and ``text`` then says why.
    """

    breached: bool
    text: str
    scenario: str | None = None
    asset: Token | None = None
    measured: Figure | None = None
    limit: Figure | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Matter:
    """A position as rules see it: judged, at a block's ``timestamp``, with the ``scenarios`` that count for it."""

    analysis: PositionAnalysis
    timestamp: int
    scenarios: tuple[str, ...]

    @property
    def unit(self) -> Unit:
        """The market's unit of account."""
        return self.analysis.position.market.unit

    def outcome(self, scenario: str) -> Outcome | None:
        """What a scenario makes of the position; ``None`` where it could not take the scenario."""
        return next((one for one in self.analysis.outcomes if one.scenario == scenario), None)


class Rule(Protocol):
    """A rule: ``name`` is its key in the file, ``title`` and ``help`` are for reports."""

    name: ClassVar[str]
    title: ClassVar[str]
    help: ClassVar[str]

    def read(self, place: Place, value: Any) -> Limit:
        """The limit that a value of the file states.

        Raises:
            BadPolicy: it states none.
        """
        ...

    def subjects(self, clause: Clause, scenarios: Sequence[str]) -> tuple[str | None, ...]:
        """The scenarios in which it is judged; one ``None`` where it is judged today."""
        ...

    def judge(self, clause: Clause, matter: Matter) -> Iterator[Judged]:
        """Judge a position."""
        ...


class MinHealthFactor:
    """The health factor today is not below the limit (wad). Without debt there is none, which is fine."""

    name: ClassVar[str] = "min_health_factor"
    title: ClassVar[str] = "The health factor is not below a minimum"
    help: ClassVar[str] = "Raise the health factor by repaying debt or adding collateral. Below 1 anyone may liquidate."

    def read(self, place: Place, value: Any) -> Limit:
        """A number above 0 of at most 18 decimals, exactly."""
        wad = fixed(place, number(place, value, "a health factor", "1.2"), _WAD_PLACES)
        if not wad:
            place.refuse("a minimum of 0 would hold for everyone", "below 1 anyone may liquidate; for example 1.2")
        return wad

    def subjects(self, clause: Clause, scenarios: Sequence[str]) -> tuple[str | None, ...]:  # noqa: ARG002 - as the rule has it
        """Today."""
        return (None,)

    def judge(self, clause: Clause, matter: Matter) -> Iterator[Judged]:
        """Exact: wad against wad."""
        standing, limit = matter.analysis.standing, clause.limit
        ours = standing.health_factor if standing else None
        least = Figure(int(limit), _WAD_PLACES)  # type: ignore[arg-type]
        if ours is None:
            yield Judged(False, "no debt, so no health factor", limit=least)
            return
        low = ours < least.raw
        said = f"the health factor {health(ours)} is {'below' if low else 'not below'} {least}"
        yield Judged(low, said, measured=Figure(ours, _WAD_PLACES), limit=least)


class Survives:
    """The position is not liquidatable in the scenarios that the limit names."""

    name: ClassVar[str] = "survives"
    title: ClassVar[str] = "The position is not liquidatable in a scenario"
    help: ClassVar[str] = "After the scenario's price moves, and before any liquidation, the position stays healthy."

    def read(self, place: Place, value: Any) -> Limit:
        """Names of scenarios; none in a wallet's own rules switches the rule off there."""
        names = texts(place, value, "scenario", "-30%")
        if not names and place.path[0] != "wallet":
            place.refuse("an empty list judges nothing", "leave the key out")
        return names

    def subjects(self, clause: Clause, scenarios: Sequence[str]) -> tuple[str | None, ...]:  # noqa: ARG002 - as the rule has it
        """The scenarios of the limit."""
        return clause.limit if isinstance(clause.limit, tuple) else ()

    def judge(self, clause: Clause, matter: Matter) -> Iterator[Judged]:
        """Liquidatable by the rules of the market, as the contract would say at those prices."""
        least = Figure(WAD, _WAD_PLACES)
        for name in self.subjects(clause, matter.scenarios):
            outcome = matter.outcome(name or "")
            if outcome is None:
                yield _left_out(name)
                continue
            shown = "no debt" if outcome.health_factor is None else f"health factor {health(outcome.health_factor)}"
            said = f"at {name} it would {'' if outcome.liquidatable else 'not '}be liquidatable ({shown})"
            measured = None if outcome.health_factor is None else Figure(outcome.health_factor, _WAD_PLACES)
            yield Judged(outcome.liquidatable, said, name, measured=measured, limit=least)


class MaxBadDebt:
    """In every scenario, the debt that nobody repays is not above the limit, in the market's unit.

    It is the larger of bad debt and uncovered debt, as everywhere.
    """

    name: ClassVar[str] = "max_bad_debt"
    title: ClassVar[str] = "No scenario leaves more bad debt than a maximum"
    help: ClassVar[str] = "After all liquidations that are allowed, what stays unpaid to the lenders is within a limit."

    def read(self, place: Place, value: Any) -> Limit:
        """A number from 0."""
        return number(place, value, "an amount in the market's unit", "0")

    def subjects(self, clause: Clause, scenarios: Sequence[str]) -> tuple[str | None, ...]:  # noqa: ARG002 - as the rule has it
        """Every scenario."""
        return tuple(scenarios)

    def judge(self, clause: Clause, matter: Matter) -> Iterator[Judged]:
        """Exact: unit base units against the limit, cut to a whole base unit, which changes no answer."""
        unit = matter.unit
        most = Figure(_base_units(Decimal(clause.limit), unit), unit.decimals, unit.symbol)  # type: ignore[arg-type]
        for name in matter.scenarios:
            outcome = matter.outcome(name)
            if outcome is None:
                yield _left_out(name)
                continue
            loss = outcome.loss_value
            yield Judged(
                loss > most.raw,
                f"at {name} {_unpaid(loss, most.raw, unit)}",
                name,
                measured=Figure(loss, unit.decimals, unit.symbol),
                limit=most,
            )


class MaxOracleAge:
    """No oracle of an asset that counts or is owed last updated its price longer ago than the limit, at the block.

    One whose age is not known fails. The market's own unit of account has no oracle there: its price is 1.
    """

    name: ClassVar[str] = "max_oracle_age"
    title: ClassVar[str] = "No oracle price is older than a maximum"
    help: ClassVar[str] = "A price that is not updated hides a fall. An oracle of unknown age needs a waiver."

    def read(self, place: Place, value: Any) -> Limit:
        """A time such as ``3h``; seconds."""
        return duration(place, value, "3h")

    def subjects(self, clause: Clause, scenarios: Sequence[str]) -> tuple[str | None, ...]:  # noqa: ARG002 - as the rule has it
        """Today."""
        return (None,)

    def judge(self, clause: Clause, matter: Matter) -> Iterator[Judged]:
        """An asset at a time, so that a waiver for one lets no other pass."""
        limit = Figure(int(clause.limit), unit="s")  # type: ignore[arg-type]
        used = _priced(matter)
        if not used:
            yield Judged(False, "no oracle price matters here", limit=limit)
        for slot, token in used.items():
            updated = matter.analysis.position.price_times[slot]
            yield self._asset(token, None if updated is None else matter.timestamp - updated, limit)

    def _asset(self, token: Token, seconds: int | None, limit: Figure) -> Judged:
        name = symbol(token)
        if seconds is None:
            text = f"the oracle of {name} does not say when its price was updated"
            return Judged(True, text, None, token, limit=limit)
        if seconds < 0:
            text = f"the oracle of {name} dates its price {span(-seconds)} after the block: its age is not known"
            return Judged(True, text, None, token, limit=limit)
        old = seconds > limit.raw
        text = f"the price of {name} is {span(seconds)} old, {'more' if old else 'not more'} than {span(limit.raw)}"
        return Judged(old, text, None, token, Figure(seconds, unit="s"), limit)


RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule for rule in (MinHealthFactor(), Survives(), MaxBadDebt(), MaxOracleAge())
}
"""Every rule, by the key that sets it."""


def _left_out(scenario: str | None) -> Judged:
    text = f"{scenario} could not be applied to this position's prices"
    return Judged(False, text, scenario, missing="bad-move")


def _unpaid(loss: int, most: int, unit: Unit) -> str:
    if not loss:
        return "no debt would stay unpaid"
    allowed = f"{'more than' if loss > most else 'within'} the {money(most, unit)} allowed"
    return f"{money(loss, unit)} of debt would stay unpaid, {allowed}"


def _base_units(limit: Decimal, unit: Unit) -> int:
    with localcontext(_EXACT):
        return int(limit.scaleb(unit.decimals).to_integral_value(rounding=ROUND_FLOOR))


def _priced(matter: Matter) -> dict[int, Token]:
    """What is priced by an oracle and matters: collateral that counts and debts, by price slot."""
    standing = matter.analysis.standing
    if standing is None:
        return {}
    counted = (leg for leg in standing.collateral if leg.counts)
    legs: list[Collateral | Debt] = [*counted, *standing.debt]
    return {leg.slot: leg.token for leg in legs if leg.token.address != matter.unit.asset}
