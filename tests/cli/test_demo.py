"""`defirisk demo`: the recording that ships, anywhere, offline, and what its wallets are about."""

import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from defirisk.chain.addresses import checksum
from defirisk.chain.recording import load_fixture
from defirisk.report.json import schema
from defirisk.sources import demo_recording
from defirisk.stories import labels

from .conftest import Run

EVERYWHERE = "0x87FB2e8879BDa2C64A9b78f75C24bFc2478B2d1c"
HEALTHY, EDGE, LOOP, TOXIC, BAD, RISING, SUPPLY, STABLE = (checksum("0x" + str(n) * 40) for n in range(1, 9))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    import defirisk

    made: dict[str, Any] = defirisk.demo(scenarios=["-40%"]).to_dict()
    jsonschema.Draft202012Validator(schema()).validate(made)
    return made


@pytest.fixture(scope="module")
def told(document: dict[str, Any]) -> dict[str, dict[str, object]]:
    """The one position of each wallet that tells one story."""
    return {a["address"]: a["positions"][0] for a in document["accounts"] if a["address"] != EVERYWHERE}


@pytest.fixture(scope="module")
def everywhere(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The positions of the wallet that is in every market."""
    [account] = [a for a in document["accounts"] if a["address"] == EVERYWHERE]
    positions: list[dict[str, Any]] = account["positions"]
    return positions


def test_it_works_from_any_folder(spawn: Run, tmp_path: Path) -> None:
    ran = spawn("demo", "--no-thresholds", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 80
    assert ran.out.isascii()
    for address, label in labels().items():
        assert f"{address}: {label}" in " ".join(ran.out.split())


def test_every_wallet_has_its_story() -> None:
    assert tuple(labels()) == load_fixture(demo_recording()).fixture.wallets


def test_one_wallet_is_in_every_family(document: dict[str, Any], everywhere: list[dict[str, Any]]) -> None:
    """First of all wallets; one drop hits all its markets, in each by that market's rules."""
    assert document["accounts"][0]["address"] == EVERYWHERE
    assert [p["protocol"] for p in everywhere] == ["aave-v3", "aave-v2", "compound-v2", "compound-v3"]
    assert {p["status"] for p in everywhere} == {"ok"}
    for position in everywhere:
        assert position["debt"]
        [drop] = position["scenarios"]
        assert drop["name"] == "-40%"
        assert int(drop["health_factor_raw"]) < int(position["health_factor_raw"])
    assert [p["scenarios"][0]["liquidatable"] for p in everywhere] == [True, True, True, False]
    assert not [w["code"] for p in everywhere for w in p["warnings"]]


def test_the_contracts_agree_wherever_the_wallet_is(everywhere: list[dict[str, Any]]) -> None:
    """Aave states a health factor, the Compounds whether it can be liquidated."""
    aave, compound = everywhere[:2], everywhere[2:]
    for position in aave:
        assert position["health_factor_raw"] == position["contract_health_factor_raw"] is not None
    for position in compound:
        assert position["contract"]["liquidatable"] is position["liquidatable"] is False
    assert int(compound[0]["contract"]["liquidity_raw"]) > 0
    assert compound[0]["contract"]["shortfall_raw"] == "0"


def test_an_asset_is_the_same_asset_in_every_market(everywhere: list[dict[str, Any]]) -> None:
    legs = [(leg["asset"], leg["symbol"]) for p in everywhere for side in ("collateral", "debt") for leg in p[side]]
    owners = {symbol: {asset for asset, one in legs if one == symbol} for _, symbol in legs}
    assert {symbol for symbol, assets in owners.items() if len(assets) > 1} == set()
    assert [symbol for _, symbol in legs].count("USDC") == 3


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
