"""Which prices move together: every asset that matters to a position, its families, and all that is volatile."""

from __future__ import annotations

from defirisk.model import NATIVE_COIN, Position, Standing, Token
from defirisk.risk.families import FamilyBook
from defirisk.risk.paths import Axis

ALL_VOLATILE = "all volatile"


def axes_of(position: Position, today: Standing, book: FamilyBook) -> tuple[Axis, ...]:
    """The axes along which thresholds are sought: groups first, then the assets in the market's reserve order.

    A supply that does not count moves no threshold and has no axis.
    """
    moving = _Moving(position, today, book)
    return (*moving.groups(), *moving.assets())


class _Moving:
    def __init__(self, position: Position, today: Standing, book: FamilyBook) -> None:
        self._chain = position.market.chain_id
        self._tokens = position.tokens
        self._book = book
        self._families = book.families(position, today)
        unit = position.market.unit
        self._unit = Token(unit.asset, unit.symbol, unit.decimals) if unit.asset else None
        counted = {leg.slot for leg in today.collateral if leg.counts} | {leg.slot for leg in today.debt}
        self._slots = sorted(counted)

    def groups(self) -> list[Axis]:
        volatile = frozenset(slot for slot in self._slots if not self._families[slot].stable)
        found = [self._group(ALL_VOLATILE, volatile)] if volatile else []
        names = dict.fromkeys(self._families[slot].name for slot in self._slots)
        for name in names:
            members = frozenset(slot for slot in self._slots if self._families[slot].name == name)
            if len(members) > 1 and members != volatile:
                found.append(self._group(f"family:{name}", members))
        return found

    def assets(self) -> list[Axis]:
        found: dict[str, Axis] = {}
        for slot in self._slots:
            coin = self._coin(self._tokens[slot])
            if coin not in found:
                token = self._tokens[slot]
                slots = frozenset(i for i in self._slots if self._coin(self._tokens[i]) == coin)
                moves_unit = self._unit is not None and self._coin(self._unit) == coin
                found[coin] = Axis("asset", token.symbol, slots, token.address, moves_unit)
        return list(found.values())

    def _group(self, name: str, slots: frozenset[int]) -> Axis:
        unit = self._unit
        if unit is None:
            return Axis("group", name, slots)
        family = self._book.family_of(self._chain, unit)
        moves_unit = not family.stable if name == ALL_VOLATILE else name == f"family:{family.name}"
        return Axis("group", name, slots, None, moves_unit)

    def _coin(self, token: Token) -> str:
        """The coin a token is: its own address, or the chain's coin for the token that wraps it."""
        return NATIVE_COIN if self._book.wraps_native(self._chain, token.address) else token.address
