"""Record the tests' own market of Aave V2: what our reader asks, and beside it what the contracts say in other views.

python -m tests.recorded.aave_v2.make_fixture
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from defirisk.chain.recording import FixtureMarket, Recorder, pack_fixture, write_fixture
from defirisk.protocols.aave_v2.family import PROTOCOL
from defirisk.protocols.interface import Deployment
from tests.onchain.local_chain import LocalChain
from tests.onchain.world import World
from tests.onchain.world_v20 import world_v20

DATA = Path(__file__).parent / "data"


def main() -> None:
    with world_v20() as world:
        wallets = one_of_each_kind(world)
        asyncio.run(record(world, wallets))
        told = json.dumps(expected(world, wallets), separators=(",", ":"), sort_keys=True) + "\n"
    (DATA / "aave-v2-expected.json.gz").write_bytes(pack_fixture(told.encode()))


def one_of_each_kind(world: World) -> list[str]:
    return list({wallet.kind: wallet.address for wallet in world.wallets}.values())


async def record(world: World, wallets: list[str]) -> None:
    recorder = Recorder(LocalChain(world.rpc))
    deployment = Deployment("aave-v2-lab", "aave-v2", "lab", 31337, world.entry)
    await PROTOCOL.reader.read(recorder, deployment, wallets)
    kept = recorder.fixture(
        markets=[FixtureMarket("aave-v2", world.entry, "aave-v2-lab")], wallets=wallets, recorded_by="defirisk tests"
    )
    write_fixture(DATA / "aave-v2.json.gz", kept)


def expected(world: World, wallets: list[str]) -> dict[str, Any]:
    kinds = {wallet.address: wallet.kind for wallet in world.wallets}
    held = world.holdings(wallets)
    return {
        wallet: {
            "kind": kinds[wallet],
            "account": {key: str(value) for key, value in asdict(account).items()},
            "held": {
                symbol: {key: str(value) for key, value in asdict(row).items()}
                for symbol, row in held[wallet].items()
                if row.supply or row.debt
            },
        }
        for wallet, account in zip(wallets, world.accounts(wallets), strict=True)
    }


if __name__ == "__main__":
    main()
