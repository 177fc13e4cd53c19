"""What a scenario does to the prices of a position. Pure integers; files and options are read elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from defirisk.errors import BadMove
from defirisk.fixedpoint import WAD, mul_div_down
from defirisk.model import Position, Scenario
from defirisk.risk.binding import Asset, BoundScenario, Moves, known_assets, unit_token, validate
from defirisk.risk.families import FamilyBook, FamilyOf
from defirisk.risk.naming import label
from defirisk.risk.outcome import Prices

__all__ = ["BoundScenario", "Moves", "Prices", "known_assets", "moved_prices", "validate"]


@dataclass(frozen=True, slots=True)
class Worth:
    """An exact price, ``over / under`` oracle units, counted in the unit of account as it was before the scenario."""

    over: int
    under: int


_ONE: Final = Worth(1, 1)


def moved_prices(
    position: Position,
    scenario: Scenario | BoundScenario,
    book: FamilyBook,
    families: tuple[FamilyOf, ...] | None = None,
) -> Prices:
    """The prices of a position in a scenario, by slot, oracle units, each rounded down.

    Where the unit of account moves too, by m, every other price there is floor(price * (1 + move) / (1 + m)). Assets
    not named in a ``market`` section are worth on the market what the oracle says.

    Raises:
        BadMove: a price would become 0, or an absolute price cannot be given in this market's unit.
    """
    if isinstance(scenario, Scenario):
        (scenario,) = validate([scenario], known_assets([position]), book)
    mover = _Mover(position, scenario.name, book, families or book.families(position))
    oracle, unit = mover.section(scenario.oracle, mover.today())
    prices = mover.prices(oracle, unit)
    if scenario.market is None:
        return Prices(prices)
    return Prices(prices, mover.prices(*mover.section(scenario.market, oracle, unit)))


class _Mover:
    """One position's prices under one scenario."""

    def __init__(self, position: Position, name: str, book: FamilyBook, families: tuple[FamilyOf, ...]) -> None:
        self._position, self._name, self._families = position, name, families
        self._market, self._chain = position.market.name, position.market.chain_id
        self._assets = [(self._chain, token.address.lower()) for token in position.tokens]
        self._unit: tuple[Asset, FamilyOf] | None = None
        if position.market.unit.asset is not None:
            token = unit_token(position)
            self._unit = (self._chain, token.address.lower()), book.family_of(self._chain, token)

    def today(self) -> list[Worth]:
        return [Worth(price, 1) for price in self._position.prices]

    def section(self, moves: Moves, unnamed: list[Worth], unit: Worth = _ONE) -> tuple[list[Worth], Worth]:
        """What every price is worth in today's unit of account, and what the unit itself is; else as ``unnamed``."""
        unit = self._unit_worth(moves) or unit
        found = [self._worth(moves, slot, unit) or unnamed[slot] for slot in range(len(unnamed))]
        return found, unit

    def prices(self, worths: list[Worth], unit: Worth) -> tuple[int, ...]:
        """The prices in the moved unit of account, rounded down to the oracle's unit."""
        return tuple(self._price(slot, worth, unit) for slot, worth in enumerate(worths))

    def _price(self, slot: int, worth: Worth, unit: Worth) -> int:
        today = self._position.prices[slot]
        price = mul_div_down(worth.over, unit.under, worth.under * unit.over)
        if price <= 0 < today:
            raise BadMove(
                f"{self._name}: the price of {self._label(slot)} in {self._market} would become 0",
                hint="a price of 0 is no price: give a smaller fall",
            )
        return price

    def _worth(self, moves: Moves, slot: int, unit: Worth) -> Worth | None:
        move = moves.of(self._assets[slot], self._families[slot], self._market)
        if move is None:
            return None
        if move.change is not None:
            return Worth(self._position.prices[slot] * (WAD + move.change), WAD)
        absolute = move.raw if move.raw is not None else self._from_usd(slot, move.usd or 0)
        if self._unit is not None and self._assets[slot] == self._unit[0]:
            self._refuse_unit(slot, absolute)
        return Worth(absolute * unit.over, unit.under)

    def _unit_worth(self, moves: Moves) -> Worth | None:
        """By what the unit of account itself moves; only a relative move can say it."""
        if self._unit is None:
            return None
        move = moves.of(*self._unit, self._market)
        if move is None or move.raw is not None:
            return None
        if move.change is None:
            raise self._no_usd(self._position.market.unit.symbol)
        return Worth(WAD + move.change, WAD)

    def _from_usd(self, slot: int, usd: int) -> int:
        """A USD price (wad) in oracle units: what a whole token is worth, over its scale."""
        token, unit = self._position.tokens[slot], self._position.market.unit
        if unit.asset is not None:
            raise self._no_usd(self._label(slot))
        scale = self._position.state.scales[slot]
        return mul_div_down(usd, 10**unit.decimals * scale, WAD * 10**token.decimals)

    def _no_usd(self, what: str) -> BadMove:
        unit = self._position.market.unit.symbol
        return BadMove(
            f"{self._name}: a USD price of {what} cannot be used in {self._market}, which counts in {unit!a}",
            hint='give a relative move such as "-40%", or a raw price in the unit of that market\'s oracle',
        )

    def _refuse_unit(self, slot: int, raw: int) -> None:
        if raw != self._position.prices[slot]:
            raise BadMove(
                f"{self._name}: {self._label(slot)} is the unit of account of {self._market}: its price there is fixed",
                hint="move it by a percentage, and every other price there moves against it",
            )

    def _label(self, slot: int) -> str:
        return label(self._position.tokens[slot])
