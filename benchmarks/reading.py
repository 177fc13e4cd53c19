"""Reading a thousand wallets in waves, beside one lens call a wallet, from the same local chain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from time import perf_counter
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from eth_abi.abi import decode

from benchmarks.table import Note, Row, count, seconds
from defirisk.chain.client import open_chain
from defirisk.model import Snapshot
from defirisk.protocols import registry
from defirisk.reading import WaveReader, early_calls
from tests.onchain.crowd import RESERVES_20, Crowd, crowd

WALLETS: Final = 1_000
MOST_REQUESTS: Final = 15
CHAIN_ID: Final = 31337


class Read(NamedTuple):
    """What a way of reading cost. ``positions`` by wallet: the scaled balances of what is used, by asset."""

    taken: float
    requests: int
    positions: dict[str, dict[str, tuple[int, int]]]


def figures(wallets: int = WALLETS, runs: int = 3) -> Iterator[Row | Note]:
    """Requests and time of both ways, after making sure that they say the same."""
    with crowd(wallets) as people:
        waves = [asyncio.run(_in_waves(people)) for _ in range(runs)]
        lens = [_by_lens(people) for _ in range(runs)]
        yield from _rows(people, waves, lens)


def _rows(people: Crowd, waves: Sequence[Read], lens: Sequence[Read]) -> Iterator[Row | Note]:
    for ours, theirs in zip(waves, lens, strict=True):
        _make_sure(ours, theirs)
    size = len(people.wallets)
    requests = [float(one.requests) for one in waves]
    most = max(requests)
    yield Row(f"{size:,} wallets in waves: requests", requests, count, f"<= {MOST_REQUESTS}", most <= MOST_REQUESTS)
    yield Row("getUserReservesData a wallet", [one.requests for one in lens], count, beside=True)
    yield Row(
        "times fewer", [theirs.requests / ours.requests for ours, theirs in zip(waves, lens, strict=True)], _times
    )
    yield Row(f"{size:,} wallets in waves: time", [one.taken for one in waves], seconds)
    yield Row("getUserReservesData a wallet", [one.taken for one in lens], seconds, beside=True)
    yield Row("times faster", [theirs.taken / ours.taken for ours, theirs in zip(waves, lens, strict=True)], _times)
    used = sum(plan.used for plan in people.plans.values()) / size
    yield Note(
        f"Aave V3.6 with {len(RESERVES_20)} reserves on anvil, {used:.2f} reserves used by a wallet on average. Requests "
        "are of the whole reading, opening and the final check of the block too; every position is decoded and equal to "
        "the contract's own health factor. Beside it: UiPoolDataProviderV3, one eth_call after another on a kept-alive "
        "connection, which reads balances only; both agree on every one."
    )


# --- in waves ---------------------------------------------------------------------------------------------------------


async def _in_waves(people: Crowd) -> Read:
    deployment = registry.deployment_at("aave-v3", people.world.entry, CHAIN_ID)
    start = perf_counter()
    async with open_chain([people.url], early=early_calls([deployment])) as chain:
        snapshot = await WaveReader(chain, [deployment]).read(people.wallets)
        await chain.verify()
        return Read(perf_counter() - start, chain.requests, _positions(snapshot))


def _positions(snapshot: Snapshot) -> dict[str, dict[str, tuple[int, int]]]:
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for account in snapshot.accounts:
        if account.failures:
            raise RuntimeError(f"{account.address}: {account.failures[0].message}")
        for position in account.positions:
            if position.contract != position.reproduced:
                raise RuntimeError(f"{account.address} is not as the contract says")
            found[account.address] = {
                one.reserve.token.address.lower(): (one.scaled_supply, one.scaled_variable_debt)
                for one in position.state.holdings
            }
    return found


# --- one lens call a wallet -------------------------------------------------------------------------------------------


def _by_lens(people: Crowd) -> Read:
    """As a script does it: one request, its answer, the next; decoded too."""
    node = urlsplit(people.url)
    connection = HTTPConnection(node.hostname or "", node.port)
    start, found = perf_counter(), {}
    for number, wallet in enumerate(people.wallets):
        data, outputs = people.lens.coder.encode("getUserReservesData", (people.world.entry, wallet))
        answer = _post(connection, number, {"to": people.lens.address, "data": data})
        rows, _ = decode(outputs, bytes.fromhex(answer[2:]))
        held = {row[0].lower(): (row[1], row[3]) for row in rows if (row[1] and row[2]) or row[3]}
        if held:
            found[wallet] = held
    taken = perf_counter() - start
    connection.close()
    return Read(taken, len(people.wallets), found)


def _post(connection: HTTPConnection, number: int, call: dict[str, str]) -> str:
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": "eth_call", "params": [call, "latest"]}
    connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
    answer: str = json.loads(connection.getresponse().read())["result"]
    return answer


def _make_sure(ours: Read, theirs: Read) -> None:
    """A short time of a wrong answer would be no figure."""
    if ours.positions != theirs.positions:
        raise RuntimeError("the two ways do not read the same")


def _times(value: float) -> str:
    return f"{value:,.1f} x"
