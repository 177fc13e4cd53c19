"""What a snapshot's file holds: its columns, and the head in its metadata.

One row a wallet and market, whole wallets in a row group. A row's figures stand in columns, its exact position in
``state``; a population's columns (:class:`defirisk.risk.population.Population`) beside them, a list of legs a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from defirisk.model import ContractView, Position, Token
from defirisk.model import Warning as Notice
from defirisk.protocols import registry
from defirisk.protocols.interface import StateTypes
from defirisk.snapshots.codec import Codec, Undecodable, shared_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

FORMAT: Final = "defirisk-snapshot/2"
KEY: Final = b"defirisk.snapshot"
"""The key of the head in the file's metadata: what has it is a snapshot."""
MOST_DECIMALS: Final = 255
"""No token says more: what it says is a byte."""
NO_POSITION: Final = 255
"""``kind`` of a row that has no position."""
LEG_FIELDS: Final = (
    "asset",
    "side",
    "open",
    "amount",
    "shares",
    "rate",
    "threshold",
    "bonus",
    "fee",
    "recovery",
    "extra",
    "extra2",
)
DEBT: Final = 1
"""``value_side`` of a debt; 0 is collateral that counts."""
BYTES: Final = 20
"""How long a value in limbs is."""
OWN: Final = (ContractView, Notice)
"""What every position has of its own, beside its family's state."""


class Column(NamedTuple):
    """A column: its Arrow type by name, and what it means."""

    name: str
    kind: str
    meaning: str


COLUMNS: Final = (
    Column("address", "string", "the wallet, EIP-55"),
    Column("market", "string", "name of the market"),
    Column("status", "string", "ok, no-position (no debt and no collateral that counts), or failed"),
    Column("error", "string", "code of the cause where status is failed"),
    Column("error_message", "string", "the cause in words"),
    Column("rules", "string", "revision whose arithmetic it follows"),
    Column("unit", "string", "the market's unit of account"),
    Column("health_factor", "double", "below 1 exactly when liquidatable; empty without debt"),
    Column("health_factor_raw", "string", "the same, exact: wad"),
    Column("liquidatable", "bool", "whether anyone may liquidate it at the block"),
    Column("collateral_value", "double", "collateral that counts, in the unit"),
    Column("collateral_value_raw", "string", "the same, exact: base units of the unit"),
    Column("debt_value", "double", "all debt, in the unit"),
    Column("debt_value_raw", "string", "the same, exact: base units of the unit"),
    Column("labels", "string", "the list's further columns, a JSON object; empty if there are none"),
    Column("state", "binary", "the exact position, encoded; empty where there is none"),
    Column("kind", "uint8", "how a population replays it; 255 where there is no position"),
    Column("group", "int32", "number of its market and terms in the head; -1 where there is no position"),
    Column("blocked", "uint8", "the family's own flag"),
    Column("collateral_limbs", "limbs", "collateral that counts: base units of the unit, 160 bits, lowest byte first"),
    Column("debt_limbs", "limbs", "all debt, likewise"),
    Column("value_token", "int32s", "the tokens of what it holds that counts and owes: numbers in the head"),
    Column("value_side", "int8s", "0 for collateral that counts, 1 for debt"),
    Column("value_limbs", "limbss", "their values, as collateral_limbs"),
    *(Column(f"leg_{name}", "list", "a population's leg, one a price slot or more") for name in LEG_FIELDS),
)
_LEG_TYPES: Final = {"asset": "int32", "side": "int8", "open": "int8"}


def schema() -> pa.Schema:
    """The Arrow schema."""
    import pyarrow as pa  # noqa: PLC0415 - 0.1 s, only where files are made

    kinds = {
        "string": pa.string(),
        "binary": pa.binary(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "uint8": pa.uint8(),
        "int32": pa.int32(),
        "int8": pa.int8(),
        "limbs": pa.binary(BYTES),
        "int32s": pa.list_(pa.int32()),
        "int8s": pa.list_(pa.int8()),
        "limbss": pa.list_(pa.binary(BYTES)),
    }

    def kind_of(column: Column) -> Any:
        if column.kind != "list":
            return kinds[column.kind]
        return pa.list_(kinds[_LEG_TYPES.get(column.name.removeprefix("leg_"), "double")])

    return pa.schema([pa.field(column.name, kind_of(column)) for column in COLUMNS])


class PositionCodec:
    """Positions of one family as bytes and back.

    ``shared`` is the table that an earlier codec of the same family left, to decode by.
    """

    def __init__(self, protocol: str) -> None:
        self.types = types_of(protocol)
        own = (*self.types.own, self.types.state, *OWN)
        self._kinds = (
            self.types.state,
            tuple[int | None, ...],
            ContractView,
            ContractView,
            tuple[Notice, ...],
            dict[int, str],
        )
        self._shared = shared_kinds(self._kinds, own)
        self._codec = Codec(own)

    def encode(self, position: Position) -> bytes:
        """A position's bytes, without what its row and group say: owner, market, rules.

        Raises:
            TypeError: it holds what its family does not name.
        """
        values = (
            position.state,
            position.price_times,
            position.contract,
            position.reproduced,
            position.warnings,
            dict(position.unpriced),
        )
        return self._codec.encode(values, self._kinds)

    @property
    def table(self) -> list[list[str]]:
        """The shared objects so far, for the head."""
        return [[name, data.hex()] for name, data in self._codec.table]

    def load(self, table: list[tuple[str, bytes]]) -> None:
        """Take up the shared objects of a file.

        Raises:
            Undecodable: they are none of this family's.
        """
        self._codec.load(table, self._shared)
        for one in self._codec.objects:
            if isinstance(one, Token) and not 0 <= one.decimals <= MOST_DECIMALS:
                raise Undecodable(f"a token of {one.decimals} decimals")

    def decode(self, data: bytes) -> Mapping[str, Any]:
        """The fields of a position.

        Raises:
            Undecodable: the bytes are none of this family's.
        """
        names = ("state", "price_times", "contract", "reproduced", "warnings", "unpriced")
        return dict(zip(names, self._codec.decode(data, self._kinds), strict=True))


def types_of(protocol: str) -> StateTypes:
    """How a family's positions are stored.

    Raises:
        InputError: it does not say.
    """
    from defirisk.errors import InputError  # noqa: PLC0415 - rare

    found = registry.family(protocol).states
    if found is None:
        raise InputError(f"the protocol {protocol} does not say how its positions are stored")
    return found
