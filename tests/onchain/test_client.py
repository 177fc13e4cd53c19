"""The client, the recorder and the recording against a real node: the same reading whichever way it came."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from defirisk.chain.client import open_chain
from defirisk.chain.fixture import FixtureMarket
from defirisk.chain.recording import Recorder, load_fixture, write_fixture
from defirisk.errors import MissingCall

from .deploy import MULTICALL3
from .reading import Reading, read, read_by
from .world import World


def read_live(world: World, **settings: int) -> tuple[Reading, int, list[str]]:
    """Our client's reading, how many requests it took, and the codes of what it warned of."""

    async def run() -> tuple[Reading, int, list[str]]:
        async with open_chain([world.rpc.url], rate_limit=None, **settings) as chain:
            reading = await read_by(chain, world)
            return reading, chain.requests, [warning.code for warning in chain.warnings]

    return asyncio.run(run())


def same(ours: Reading, truth: Reading) -> bool:
    return ours.market.rules == truth.market.rules and ours.positions == truth.positions


@pytest.mark.parametrize("batch_size", [1500, 97, 8])
def test_batches_of_any_size_read_the_same(chain: World, reading: Reading, batch_size: int) -> None:
    ours, requests, warnings = read_live(chain, batch_size=batch_size)
    assert same(ours, reading)
    assert warnings == []
    assert requests >= len(chain.addresses) // batch_size


def test_without_multicall3_the_reading_is_the_same_and_says_so(chain: World, reading: Reading) -> None:
    with chain.reverting():
        chain.rpc("anvil_setCode", MULTICALL3, "0x")
        ours, _, warnings = read_live(chain)
    assert same(ours, reading)
    assert warnings


def record(world: World, path: Path, batch_size: int) -> None:
    async def run() -> None:
        async with open_chain([world.rpc.url], rate_limit=None, batch_size=batch_size) as live:
            recorder = Recorder(live)
            await read_by(recorder, world)
            market = FixtureMarket("aave-v3", world.entry, "local")
            write_fixture(path, recorder.fixture(markets=[market], wallets=world.addresses, recorded_by="tests"))

    asyncio.run(run())


def test_a_recording_does_not_know_its_batch_size(chain: World, reading: Reading, tmp_path: Path) -> None:
    small, large = tmp_path / "small.json.gz", tmp_path / "large.json.gz"
    record(chain, small, 13)
    record(chain, large, 2000)
    assert small.read_bytes() == large.read_bytes()
    replayed = asyncio.run(read_by(load_fixture(str(small)), chain))
    assert same(replayed, reading)


def test_a_recording_answers_nothing_that_it_did_not_hear(chain: World, tmp_path: Path) -> None:
    record(chain, tmp_path / "all.json", 500)
    stranger = "0x000000000000000000000000000000000000dEaD"
    with pytest.raises(MissingCall):
        asyncio.run(read_by(load_fixture(str(tmp_path / "all.json")), chain, [stranger]))


def test_a_stranger_has_no_position(chain: World) -> None:
    assert read(chain, ["0x000000000000000000000000000000000000dEaD"]).positions == {}
