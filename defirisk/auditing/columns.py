"""The columns of the two tables of an audit, each with its type, its unit and what it means: the one place.

The order here is the order there. Labels of the list follow behind those of the positions, as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "float", "bool", "int"]
_MARKET_UNIT: Final = "column `unit`"
_BASE_UNITS: Final = "base units of `unit`"


class Column(NamedTuple):
    """A column: its ``kind``, the ``unit`` of its figures (empty for text and flags), what it means."""

    name: str
    kind: Kind
    unit: str
    meaning: str


def _figure(name: str, meaning: str, unit: str = _MARKET_UNIT, raw_unit: str = _BASE_UNITS) -> tuple[Column, Column]:
    """A figure for people and for plots, and beside it the exact integer as text."""
    return Column(name, "float", unit, meaning), Column(f"{name}_raw", "text", raw_unit, "the same, exact")


POSITIONS: Final = (
    Column("chain_id", "int", "", "EIP-155 id of the chain"),
    Column("block", "int", "", "block that every figure is of"),
    Column("address", "text", "", "the wallet, EIP-55"),
    Column("market", "text", "", "name of the market"),
    Column("status", "text", "", "ok, no-position (no debt and no collateral that counts), or failed"),
    Column("error", "text", "", "code of the cause where status is failed"),
    Column("error_message", "text", "", "the cause in words"),
    Column("rules", "text", "", "revision whose arithmetic was used, such as 3.6"),
    Column("unit", "text", "", "the market's unit of account, which values and prices are in"),
    *_figure("health_factor", "below 1 exactly when liquidatable; empty without debt", "ratio", "wad"),
    Column("liquidatable", "bool", "", "whether anyone may liquidate it at the block"),
    *_figure("collateral_value", "collateral that counts"),
    *_figure("debt_value", "all debt"),
    Column("nearest_liquidation_asset", "text", "", "address of the asset whose own move, up or down, liquidates with "
           "the smallest change; empty if there is none, and where it is liquidatable today"),
    Column("nearest_liquidation_symbol", "text", "", "what that asset calls itself, cleaned"),
    *_figure("nearest_liquidation_move", "that move, negative for a fall, rounded away from zero; 0 if it is "
             "liquidatable today", "share of the price", "wad"),
    *_figure("nearest_liquidation_price", "the oracle price that it leads to", "column `unit`, a whole token",
             "oracle units"),
    Column("warnings", "text", "", "codes of what is to be known of the position, such as contract-mismatch"),
)  # fmt: skip
OUTCOMES: Final = (
    Column("chain_id", "int", "", "EIP-155 id of the chain"),
    Column("block", "int", "", "block that every figure is of"),
    Column("address", "text", "", "the wallet, EIP-55"),
    Column("market", "text", "", "name of the market"),
    Column("scenario", "text", "", "name of the scenario"),
    Column("unit", "text", "", "the market's unit of account, which values are in"),
    *_figure("health_factor", "at the scenario's prices, before any liquidation; empty without debt", "ratio", "wad"),
    Column("liquidatable", "bool", "", "whether anyone may liquidate at those prices"),
    Column("liquidations", "int", "calls", "how many calls the replay took"),
    *_figure("repaid_value", "what liquidators repaid, at the scenario's market prices"),
    *_figure("bad_debt_value", "debt that is never repaid, at the scenario's market prices"),
    *_figure("uncovered_value", "debt beyond what the collateral left could repay, where the replay stopped early"),
    Column("ended", "text", "", "healthy, nothing-to-seize, rules or liquidator: why the replay ended"),
    Column("engine", "text", "", "exact, or fast: floats within 1e-9 or a few base units, whose _raw are empty"),
    Column("error", "text", "", "bad-move where the position's prices cannot take the scenario: nothing is judged"),
)  # fmt: skip
REJECTED: Final = (
    Column("line", "int", "", "line of the list, or row of a Parquet file, from 1"),
    Column("text", "text", "", "what stood there, cleaned"),
    Column("reason", "text", "", "why it is no wallet"),
)


def documentation() -> str:
    """The columns of both tables in Markdown, as the README and ``defirisk audit --columns`` have them."""
    return f"Positions, `-o`:\n\n{_rows(POSITIONS)}\nOutcomes, `--outcomes`:\n\n{_rows(OUTCOMES)}"


def _rows(columns: tuple[Column, ...]) -> str:
    """A figure and its exact integer share a row."""
    lines = ["| Column | Type | Unit | Meaning |", "| --- | --- | --- | --- |"]
    for one in columns:
        if one.name.endswith("_raw"):
            continue
        raw = next((each for each in columns if each.name == f"{one.name}_raw"), None)
        name = f"`{one.name}`" + (f", `{raw.name}`" if raw else "")
        unit = f"{one.unit}; {raw.unit}" if raw else one.unit
        lines.append(f"| {name} | {one.kind}{', text' if raw else ''} | {unit} | {one.meaning} |")
    return "\n".join(lines) + "\n"


def schema(columns: tuple[Column, ...], labels: tuple[str, ...] = ()) -> pa.Schema:
    """The Arrow schema of a table; labels are text."""
    import pyarrow as pa  # noqa: PLC0415 - 0.1 s, only where tables are written

    kinds = {"text": pa.string(), "float": pa.float64(), "bool": pa.bool_(), "int": pa.int64()}
    fields = [pa.field(one.name, kinds[one.kind]) for one in columns]
    return pa.schema([*fields, *(pa.field(label, pa.string()) for label in labels)])


def label_columns(labels: tuple[str, ...]) -> dict[str, str]:
    """The column of each label: its own name, with ``label_`` before it where that is taken."""
    clashing = {one.name for one in POSITIONS}
    taken = clashing.union(labels)
    columns = dict.fromkeys(labels, "")
    for label in labels:
        name = label
        while label in clashing and name in taken:
            name = f"label_{name}"
        taken.add(name)
        columns[label] = name
    return columns
