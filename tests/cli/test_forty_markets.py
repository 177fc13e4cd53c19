"""A wallet in forty markets of one chain: read in one pass over a real endpoint, all of them answered, readable at 80 columns."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.market import BLOCK, Site, answers, wallet_of
from tests.support.rpc_server import RpcServer

MARKETS = 40


def check(server: RpcServer, sites: list[Site], *options: str) -> str:
    named = [part for site in sites for part in ("--market", f"aave-v3@{site.entry}")]
    command = [sys.executable, "-m", "defirisk", "check", wallet_of(0), *named, "--rpc", server.url, "--quiet"]
    done = subprocess.run([*command, "--no-thresholds", "--drop", "40", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wallet_in_forty_markets():
    sites = [Site(100 + number) for number in range(MARKETS)]
    with RpcServer(answers(sites, 1), chain_id=1, block=BLOCK) as server:
        (account,) = json.loads(check(server, sites, "--format", "json"))["accounts"]
        assert server.round_trips <= 5
        table = check(server, sites)
    assert account["status"] == "ok"
    assert [p["market"].lower() for p in account["positions"]] == [f"aave-v3@{site.entry}".lower() for site in sites]
    assert all(p["health_factor_raw"] == p["contract_health_factor_raw"] for p in account["positions"])
    (total,) = account["totals"]
    assert total["markets"] == MARKETS
    assert total["debt_raw"] == str(sum(int(p["totals"]["debt_value_raw"]) for p in account["positions"]) * 10**10)
    assert "Over 40 markets:" in table
    assert max(map(len, table.splitlines())) <= 80
