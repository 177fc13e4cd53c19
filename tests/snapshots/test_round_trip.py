"""What is stored is what was read: every recorded position, and random ones of every family, to the last field."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from defirisk.chain.recording import load_fixture
from defirisk.model import AccountReading, Position
from defirisk.model import Warning as Notice
from defirisk.protocols import registry
from defirisk.reading import WaveReader
from defirisk.risk.outcome import outcome_of
from defirisk.risk.population import Population
from defirisk.risk.scenarios import Prices
from defirisk.snapshots.codec import Codec, Undecodable
from defirisk.snapshots.layout import PositionCodec
from defirisk.snapshots.reading import SnapshotFile
from tests.property.rule_sets import WORLDS, placed

from .conftest import RECORDINGS, run, taken, wallets_of


def read(name: str) -> list[AccountReading]:
    chain = load_fixture(str(RECORDINGS[name]))
    markets = [registry.deployment_at(m.protocol, m.entry, chain.chain_id, m.name) for m in chain.fixture.markets]
    return list(asyncio.run(WaveReader(chain, markets).read(wallets_of(name))).accounts)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recorded_position_is_read_back(name: str, tmp_path: Path) -> None:
    file = SnapshotFile(taken(tmp_path, name))
    found = [one for number in range(len(file.head.parts)) for one in file.readings(number)]
    was = read(name)
    assert [dataclasses.replace(one, warnings=()) for one in was] == found
    assert sum(len(one.positions) for one in found) > 3


def back_again(position: Position) -> Position:
    codec, other = PositionCodec(position.market.protocol), PositionCodec(position.market.protocol)
    data = codec.encode(position)
    other.load([(name, bytes.fromhex(text)) for name, text in codec.table])
    return Position(
        market=position.market, owner=position.owner, rules=other.types.rules[position.rules.name], **other.decode(data)
    )


@pytest.mark.parametrize("name", WORLDS)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_positions_of_every_family_are_read_back(name: str, data: st.DataObject) -> None:
    position = placed(data.draw(WORLDS[name]))
    position = dataclasses.replace(
        position, market=dataclasses.replace(position.market, protocol=name.partition(" ")[0])
    )
    told = data.draw(st.lists(st.builds(Notice, st.text(max_size=9), st.text(max_size=99)), max_size=2))
    times = tuple(data.draw(st.none() | st.integers(0, 2**63)) for _ in position.tokens)
    position = dataclasses.replace(position, warnings=tuple(told), price_times=times)
    again = back_again(position)
    assert again == position
    assert again.rules is position.rules
    now = Prices(position.prices, None)
    assert outcome_of(again, "x", now) == outcome_of(position, "x", now)


def test_a_population_s_columns_are_those_of_its_positions(demo: Path) -> None:
    file = SnapshotFile(demo)
    readings = file.readings(0)
    positions = [position for reading in readings for position in reading.positions]
    made = Population.of(positions)
    rows = [row for row in file.table(0).to_pylist() if row["state"] is not None]
    assert [row["address"] for row in rows] == list(made.owner)
    assert [row["kind"] for row in rows] == made.kind.tolist()
    assets = [(one.market, one.token, one.price, one.scale) for one in made.assets]
    stored = [(file.head.markets[place], *rest) for place, *rest in file.head.assets]
    for number, row in enumerate(rows):
        legs = made.legs[made.offsets[number] : made.offsets[number + 1]]
        assert [stored[place] for place in row["leg_asset"]] == [assets[place] for place in legs["asset"]]
        for field in ("side", "amount", "shares", "rate", "threshold", "bonus", "fee", "recovery", "extra"):
            assert row[f"leg_{field}"] == legs[field].tolist()
        place, fast, terms = file.head.groups[row["group"]]
        group = made.groups[made.group[number]]
        assert (file.head.markets[place], terms) == (group.market, group.terms)
        assert fast == (None if group.fast is None else group.fast.name)


# --- what anybody may send ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["aave-v2", "aave-v3", "compound-v2", "compound-v3"])
@given(data=st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_refused_or_are_a_position(protocol: str, data: bytes) -> None:
    codec = PositionCodec(protocol)
    try:
        fields = codec.decode(data)
    except Undecodable:
        return
    assert type(fields["state"]) is codec.types.state


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_position_with_bytes_changed_is_refused_or_is_one_of_its_types(data: st.DataObject) -> None:
    (position,) = [one.positions[0] for one in _some()[:1]]
    codec = PositionCodec(position.market.protocol)
    encoded = bytearray(codec.encode(position))
    codec.load([(name, bytes.fromhex(text)) for name, text in codec.table])
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(encoded), len(encoded), place]))
    try:
        fields = codec.decode(bytes(encoded[:cut]))
    except Undecodable:
        return
    assert type(fields["state"]) is codec.types.state
    for holding in fields["state"].holdings:
        assert type(holding.scaled_supply) is int
        assert type(holding.collateral) is bool


_READ: list[list[AccountReading]] = []


def _some() -> list[AccountReading]:
    if not _READ:
        _READ.append([one for one in read("aave-v3-3.5") if one.positions])
    return _READ[0]


@dataclasses.dataclass(frozen=True)
class Odd:
    number: int
    flag: bool
    text: str
    maybe: int | None
    many: tuple[int, ...]
    names: frozenset[str]


@settings(deadline=None)
@given(
    st.builds(
        Odd,
        st.integers(-(2**300), 2**300),
        st.booleans(),
        st.text(),
        st.none() | st.integers(-5, 5),
        st.lists(st.integers()).map(tuple),
        st.frozensets(st.text(max_size=4)),
    )
)
def test_every_type_comes_back(odd: Odd) -> None:
    if any(abs(one) >= 2**300 for one in odd.many):
        return
    for own in ((Odd,), ()):
        codec = Codec(own)
        data = codec.encode([odd], [Odd])
        other = Codec(own)
        other.load(codec.table, {"Odd": Odd})
        assert other.decode(data, [Odd]) == [odd]


@pytest.mark.parametrize(
    "wrong",
    [
        Odd(True, True, "", None, (), frozenset()),
        Odd(1, 1, "", None, (), frozenset()),  # type: ignore[arg-type]
        Odd(1, True, b"", None, (), frozenset()),  # type: ignore[arg-type]
        Odd(1, True, "", 1.5, (), frozenset()),  # type: ignore[arg-type]
        Odd(2**330, True, "", None, (), frozenset()),
    ],
)
def test_what_is_not_of_its_type_is_not_stored(wrong: Odd) -> None:
    with pytest.raises(TypeError):
        Codec((Odd,)).encode([wrong], [Odd])


def test_a_family_that_does_not_say_how_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = {name: dataclasses.replace(one, states=None) for name, one in registry.families().items()}
    monkeypatch.setattr(registry, "families", lambda: silent)
    ran = run(
        "snapshot",
        wallets_of("comet-usdc")[0],
        "--fixture",
        str(RECORDINGS["comet-usdc"]),
        "-o",
        str(tmp_path / "s.parquet"),
    )
    assert (ran.code, "does not say how its positions are stored" in ran.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
