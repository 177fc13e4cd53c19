"""The whole command over endpoints that misbehave, in front of anvil with real contracts: no row changes, none is missing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from defirisk.auditing import pipeline
from defirisk.report.audit import schema
from tests.onchain.crowd import Crowd, crowd
from tests.support.faulty_proxy import FaultyProxy
from tests.support.faulty_server import Drop, Raw, Rewrite, Stall, after, at, between, each
from tests.support.patience import patience  # noqa: F401 - a fixture

from .conftest import Ran, lasting
from .test_resume import inside

WALLETS = 150
pytestmark = pytest.mark.usefixtures("patience")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is asked again at once."""
    monkeypatch.setattr(pipeline, "PAUSE", 0.0)


@pytest.fixture(scope="module")
def people() -> Iterator[Crowd]:
    with crowd(WALLETS) as made:
        yield made


def audited(people: Crowd, folder: Path, *urls: str, more: tuple[str, ...] = ()) -> Ran:
    folder.mkdir(exist_ok=True)
    (folder / "list.txt").write_text("\n".join(people.wallets))
    endpoints = [part for url in urls for part in ("--rpc", url)]
    files = ("-o", str(folder / "p.csv"), "--outcomes", str(folder / "o.csv"), "--chunk", "30", "--format", "json")
    market = f"aave-v3@{people.world.entry}"
    return inside(["", "", "", "audit", str(folder / "list.txt"), *endpoints, "--market", market, *files, *more])


def tables(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "p.csv").read_bytes(), (folder / "o.csv").read_bytes()


@pytest.fixture(scope="module")
def healthy(people: Crowd, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[bytes, bytes], dict[str, object]]:
    folder = tmp_path_factory.mktemp("healthy")
    ran = audited(people, folder, people.url)
    assert ran.code == 0, ran.err
    assert ran.json["wallets"]["failed"] == ran.json["markets"][0]["differ_from_contract"] == 0
    assert ran.json["wallets"]["ok"] > WALLETS * 0.9
    jsonschema.validate(ran.json, schema())
    return tables(folder), lasting(ran.json)


@pytest.mark.parametrize(
    "fault",
    [
        between(2, 4, Raw(429, b"slow down")),
        each(5, Drop()),
        after(2, Rewrite(lambda told: told[:-1] if isinstance(told, list) else told)),
        at({3: Stall(), 6: Raw(503), 7: Raw(200, b"<html>")}),
    ],
    ids=["429 for a while", "one in five dropped", "batches of a wrong length", "stalls and nonsense"],
)
def test_trouble_changes_no_row(people, healthy, tmp_path, fault):
    with FaultyProxy(people.url) as proxy:
        proxy.fault = fault
        ran = audited(people, tmp_path / "run", proxy.url)
    assert ran.code == 0, ran.err
    assert (tables(tmp_path / "run"), lasting(ran.json)) == healthy
    assert proxy.faults


def test_one_of_two_endpoints_dies_halfway_and_the_other_goes_on(people, healthy, tmp_path):
    with FaultyProxy(people.url) as dying, FaultyProxy(people.url) as sound:
        dying.fault = after(3, Drop())
        ran = audited(people, tmp_path / "run", dying.url, sound.url)
    assert ran.code == 0, ran.err
    assert (tables(tmp_path / "run"), lasting(ran.json)) == healthy
    assert {one["host"] for one in ran.json["run"]["endpoints"]} == {dying.host, sound.host}


def test_the_only_endpoint_dies_halfway(people, healthy, tmp_path):
    """No wallet is missing, what was read is right, and --resume gets the rest at the same block."""
    folder = tmp_path / "run"
    with FaultyProxy(people.url) as proxy:
        proxy.fault = after(4, Drop())
        ran = audited(people, folder, proxy.url)
    assert ran.code == 3, ran.err
    assert "error[endpoint-unreachable]" in ran.err
    assert "--resume" in ran.err
    rows = list(csv.DictReader((folder / "p.csv").read_text().splitlines()))
    assert [row["address"] for row in rows] == people.wallets
    right = {row["address"]: row for row in csv.DictReader(healthy[0][0].decode().splitlines())}
    failed = [row["address"] for row in rows if row["status"] == "failed"]
    assert all(row == right[row["address"]] for row in rows if row["address"] not in failed)
    assert 0 < len(failed) == ran.json["failures"] <= WALLETS
    again = audited(people, folder, people.url, more=("--resume",))
    assert again.code == 0, again.err
    assert (tables(folder), lasting(again.json)) == healthy
