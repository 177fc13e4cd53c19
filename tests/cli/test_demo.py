"""`defirisk demo`: the recording that ships, anywhere, offline, and what its wallets are about."""

import tomllib
from pathlib import Path

import jsonschema
import pytest

from defirisk.chain.addresses import checksum
from defirisk.chain.recording import load_fixture
from defirisk.report.json import schema
from defirisk.sources import demo_recording
from defirisk.stories import labels

from .conftest import Run

HEALTHY, EDGE, LOOP, TOXIC, BAD, RISING, SUPPLY, STABLE = (checksum("0x" + str(n) * 40) for n in range(1, 9))


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, object]]:
    """The demo's one position of each wallet."""
    import defirisk

    document = defirisk.demo(scenarios=["-40%"]).to_dict()
    jsonschema.Draft202012Validator(schema()).validate(document)
    return {account["address"]: account["positions"][0] for account in document["accounts"]}


def test_it_works_from_any_folder(spawn: Run, tmp_path: Path) -> None:
    ran = spawn("demo", "--no-thresholds", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 80
    assert ran.out.isascii()
    for address, label in labels().items():
        assert f"{address}: {label}" in " ".join(ran.out.split())


def test_every_wallet_has_its_story() -> None:
    assert tuple(labels()) == load_fixture(demo_recording()).fixture.wallets


def test_every_figure_is_the_contracts_own(told: dict[str, dict[str, object]]) -> None:
    assert {position["status"] for position in told.values()} == {"ok"}
    for position in told.values():
        assert position["health_factor_raw"] == position["contract_health_factor_raw"]
        assert "contract-mismatch" not in str(position["warnings"])


def health(told: dict[str, dict[str, object]], address: str) -> float:
    return float(str(told[address]["health_factor"]))


def nearest(told: dict[str, dict[str, object]], address: str, direction: str) -> float | None:
    moves = [
        abs(float(t["liquidation"]))
        for t in told[address]["thresholds"]  # type: ignore[attr-defined]
        if t["direction"] == direction and t["liquidation"] is not None
    ]
    return min(moves, default=None)


def test_the_stories_are_true(told: dict[str, dict[str, object]]) -> None:
    crash = {address: position["scenarios"][0] for address, position in told.items()}  # type: ignore[index]
    assert health(told, HEALTHY) > 2
    assert not crash[HEALTHY]["liquidatable"]
    assert 1 < health(told, EDGE) < 1.02
    assert {leg["family"] for side in ("collateral", "debt") for leg in told[LOOP][side]} == {"ETH"}  # type: ignore[attr-defined]
    assert not crash[LOOP]["liquidatable"]
    assert told[TOXIC]["liquidatable"]
    assert int(crash[BAD]["bad_debt_value_raw"]) > 0
    assert not told[BAD]["liquidatable"]
    assert nearest(told, RISING, "up") is not None
    assert not crash[RISING]["liquidatable"]
    assert (told[SUPPLY]["debt"], told[SUPPLY]["health_factor_raw"]) == ([], None)
    assert {leg["family"] for leg in told[STABLE]["collateral"]} == {"USD"}  # type: ignore[attr-defined]


def test_options_of_check_hold(run: Run) -> None:
    ran = run("demo", "--shock", "WETH=-25%", "--format", "json", "--no-thresholds")
    names = {s["name"] for a in ran.json["accounts"] for p in a["positions"] for s in p["scenarios"]}
    assert (ran.code, names) == (0, {"WETH=-25%"})


def test_stories_are_a_data_file() -> None:
    text = (Path(__file__).parents[2] / "defirisk" / "stories.toml").read_text()
    assert len(tomllib.loads(text)["wallet"]) == len(labels())
