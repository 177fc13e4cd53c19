"""The stress presets: the format of a scenario file, a source each, moves in range, no move that overlaps another."""

import re
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import defirisk

RISK = Path(defirisk.__file__).parent / "risk"
MOVE = re.compile(r"[+-]\d{1,4}(\.\d{1,2})?%|0%")
REQUIRED = {
    "black-thursday-2020", "may-2021", "ftx-2022", "aug-2024", "oct-2025", "feb-2026", "steth-2022",
    "steth-2022-market", "usdc-2023", "dai-spike-2020", "crv-short-2022", "uni-2024", "rseth-2026", "xusd-2025",
    "deusd-2025", "luna-2022", "thin-alts-60", "lrt-worthless",
}  # fmt: skip


def load(name: str) -> dict[str, Any]:
    """Return one data file of the risk room."""
    with (RISK / name).open("rb") as file:
        return tomllib.load(file)


SCENARIOS: list[dict[str, Any]] = load("presets.toml")["scenario"]
FAMILIES = load("families.toml")
HINTS = {symbol: name for name, family in FAMILIES["family"].items() for symbol in family["symbols"]}


def moves(scenario: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (table, what, move) of both tables."""
    return [(table, what, move) for table in ("oracle", "market") for what, move in scenario.get(table, {}).items()]


def percent(move: str) -> Fraction:
    """Return the move as an exact fraction: "-55%" is -11/20."""
    assert MOVE.fullmatch(move), move
    return Fraction(move.removesuffix("%")) / 100


def family_of(what: str) -> str | None:
    """Return the family that a symbol is hinted to be in."""
    return HINTS.get("".join(c.upper() if c.isascii() else c for c in what))


def test_names_are_unique_and_the_great_events_are_there() -> None:
    """A preset is asked for by its name."""
    names = [scenario["name"] for scenario in SCENARIOS]
    assert len(names) == len(set(names))
    assert set(names) >= REQUIRED


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s["name"])
def test_keys_are_those_of_a_scenario_file(scenario: dict[str, Any]) -> None:
    """Name, source, oracle, and market where the two differ."""
    assert {"name", "source", "oracle"} <= scenario.keys() <= {"name", "source", "oracle", "market"}
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", scenario["name"])
    assert scenario["oracle"]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s["name"])
def test_every_preset_names_its_source(scenario: dict[str, Any]) -> None:
    """A generic one says so; any other names a place to read."""
    source = scenario["source"]
    assert source.startswith("generic: ") or re.search(r"\w\.[a-z]{2,}/|arXiv|\w\.(net|observer|com)\b", source)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s["name"])
def test_moves_are_percentages_in_range(scenario: dict[str, Any]) -> None:
    """Above -100 % (a price of 0 is an input error), at most +1000 %."""
    for _, _, move in moves(scenario):
        assert -1 < percent(move) <= 10


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s["name"])
def test_a_preset_moves_something_and_its_market_differs(scenario: dict[str, Any]) -> None:
    """A market table that repeats the oracle says nothing."""
    assert any(percent(move) for _, _, move in moves(scenario))
    for what, move in scenario.get("market", {}).items():
        assert move != scenario["oracle"].get(what)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s["name"])
def test_families_exist(scenario: dict[str, Any]) -> None:
    """A family that is in no file would move nothing in silence."""
    for _, what, _ in moves(scenario):
        if what.startswith("family:"):
            assert what.removeprefix("family:") in FAMILIES["family"]
        else:
            assert re.fullmatch(r"[A-Za-z0-9.₮]{1,16}", what)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s["name"])
@pytest.mark.parametrize("table", ["oracle", "market"])
def test_no_asset_is_moved_twice_in_one_table(scenario: dict[str, Any], table: str) -> None:
    """No symbol beside the family it is in: a preset must not hang on which of the two wins."""
    whats = [what for where, what, _ in moves(scenario) if where == table]
    assert [what for what in whats if f"family:{family_of(what)}" in whats] == []
