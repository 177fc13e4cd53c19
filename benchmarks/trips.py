"""Round trips and requests of ``defirisk check``, counted by an endpoint on this machine that it really asks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from benchmarks.market import BLOCK, Site, answers, wallet_of
from benchmarks.positions import LISTINGS
from benchmarks.table import Note, Row, count
from defirisk.chain.calls import Answer, Call
from defirisk.protocols import registry
from tests.support.rpc_server import RpcServer

PROGRAM: Final = (sys.executable, "-m", "defirisk", "check")
REGISTERED: Final = "aave-v3-ethereum"
MARKETS: Final = 20
MOST_TRIPS: Final = 4
MOST_REQUESTS: Final = 8
MOST_TRIPS_ALL_MARKETS: Final = 5


class Counted(NamedTuple):
    """What one ``check`` cost the endpoint."""

    trips: int
    requests: int
    calls: int


def wallets_of_one_market(sizes: tuple[int, ...] = (1, 10, 50)) -> Iterator[Row | Note]:
    """Issue 2: one market of 20 reserves, known to the registry or not."""
    known = registry.find_deployment(REGISTERED, 1)
    hinted, unknown = Site(1, dict(known.hints), known.entry), Site(2)
    told = answers((hinted, unknown), max(sizes))
    for size in sizes:
        for name, market in (("registry", REGISTERED), ("aave-v3@", f"aave-v3@{unknown.entry}")):
            yield from _one_market(told, f"{size} wallet{'s' * (size > 1)}, {name}", [market], size)
        yield from _usual_way(size)
    yield Note(
        "Calls are those of contracts. Trips and requests are of the whole command: chain id, block and the search for Multicall3 ride with the "
        "first calls, and a check that the block still stands ends it. The usual ways, without those: an eth_call for "
        "each reserve's data and price and each wallet's account and balances; or one lens call a wallet."
    )


def _one_market(told: Mapping[Call, Answer], name: str, markets: list[str], size: int) -> Iterator[Row | Note]:
    counted = _check(told, markets, size)
    yield Row(f"{name}: trips", [counted.trips], count, f"<= {MOST_TRIPS}", counted.trips <= MOST_TRIPS)
    yield Row(f"{name}: requests", [counted.requests], count, f"<= {MOST_REQUESTS}", counted.requests <= MOST_REQUESTS)
    yield Row(f"{name}: calls", [counted.calls], count)


def _usual_way(size: int) -> Iterator[Row]:
    reserves = len(LISTINGS)
    # list, then per reserve its data and price; per wallet its account, and per reserve its balances
    single = 1 + 2 * reserves + size * (1 + reserves)
    yield Row("one eth_call each", [single], count, beside=True)
    # addresses, UiPoolDataProvider.getReservesData, then .getUserReservesData and .getUserAccountData a wallet
    yield Row("UiPoolDataProvider", [2 + 2 * size], count, beside=True)


def one_wallet_of_many_markets(markets: int = MARKETS) -> Iterator[Row | Note]:
    """Issue 3: one wallet that holds something in each of 20 markets."""
    sites = [Site(10 + number) for number in range(markets)]
    told = answers(sites, 1)
    named = [f"aave-v3@{site.entry}" for site in sites]
    counted = _check(told, named, 1)
    limit = MOST_TRIPS_ALL_MARKETS
    yield Row(f"1 wallet, {markets} markets: trips", [counted.trips], count, f"<= {limit}", counted.trips <= limit)
    yield Row(f"1 wallet, {markets} markets: requests", [counted.requests], count)
    yield Row(f"1 wallet, {markets} markets: calls", [counted.calls], count)
    alone = _check(told, named[:1], 1)
    yield Row("market after market: trips", [alone.trips * markets], count, beside=True)


def _check(told: Mapping[Call, Answer], markets: list[str], size: int) -> Counted:
    """Run the command against the endpoint and make sure that it answered in full."""
    with RpcServer(told, chain_id=1, block=BLOCK) as server:
        wallets = [wallet_of(number) for number in range(size)]
        named = [part for market in markets for part in ("--market", market)]
        options = ["--rpc", server.url, "--no-thresholds", "--drop", "40", "--format", "json", "--quiet"]
        said = subprocess.run([*PROGRAM, *wallets, *named, *options], capture_output=True, text=True, check=True)
        _make_sure(json.loads(said.stdout), size, len(markets))
        return Counted(server.round_trips, server.requests, sum(server.batch_sizes))


def _make_sure(told: dict[str, Any], wallets: int, markets: int) -> None:
    """A short count of a wrong answer would be no figure."""
    positions = [one for account in told["accounts"] for one in account["positions"]]
    right = [one for one in positions if one["health_factor_raw"] == one["contract_health_factor_raw"] is not None]
    if (len(told["accounts"]), len(right)) != (wallets, wallets * markets):
        raise RuntimeError(f"{len(right)} of {wallets * markets} positions were read and agree with the contract")
