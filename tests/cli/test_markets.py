"""`defirisk markets`."""

import csv
import io

from defirisk.chain.addresses import parse_address
from defirisk.protocols.registry import deployments

from .conftest import Run


def test_all_known_deployments(run: Run) -> None:
    listed = run("markets", "--format", "json").json
    assert listed["schema"] == "defirisk/markets/1"
    assert [row["name"] for row in listed["markets"]] == [one.name for one in deployments()]
    for row in listed["markets"]:
        assert parse_address(row["entry"]) == row["entry"]
        assert row["protocol"] != "aave-v3" or {"3.0", "3.6", "3.7"} <= set(row["rules"])


def test_the_table_fits_and_names_every_one(run: Run) -> None:
    ran = run("markets")
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 80
    assert all(one.name in ran.out and one.entry in ran.out for one in deployments())


def test_one_chain(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("markets", "--chain", "base", "--format", "csv").out)))
    assert {row["chain_id"] for row in rows} == {"8453"}
    assert run("markets", "--chain", "nowhere").code == 2
