"""Cut lab recordings of Aave V3 down to fixtures, and keep what they and their vectors say as expectations.

    python -m tests.recorded.make_fixtures FOLDER

FOLDER holds `recorded-calls-<rev>-seed1.json.gz` (every view of every contract) and `vectors-<rev>-seed1.json.gz`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from pathlib import Path
from typing import Any

from defirisk.chain.abi import keccak
from defirisk.chain.calls import Call, Returned
from defirisk.chain.recording import FixtureMarket, Recorder, ReplayChain, load_fixture, pack_fixture, write_fixture
from defirisk.protocols.aave_v3.family import PROTOCOL
from defirisk.protocols.registry import deployment_at

DATA = Path(__file__).parent / "data"
REVISIONS = ("3.1", "3.2", "3.3", "3.4", "3.5", "3.7")
CONFIGURATION = (
    "id", "asset", "decimals", "ltv", "liquidation_threshold", "liquidation_bonus", "liquidation_protocol_fee",
    "active", "frozen", "paused", "borrowing", "debt_ceiling", "emode_category", "isolation_total_debt",
    "liquidity_index", "variable_borrow_index",
)  # fmt: skip


def main(folder: Path) -> None:
    for revision in REVISIONS:
        lab = load_fixture(str(folder / f"recorded-calls-v{revision}-seed1.json.gz"))
        vectors = json.loads(gzip.decompress((folder / f"vectors-v{revision}-seed1.json.gz").read_bytes()))
        asyncio.run(cut(lab, revision))
        told = json.dumps(expected(lab, vectors), separators=(",", ":"), sort_keys=True) + "\n"
        (DATA / f"aave-v3-{revision}-expected.json.gz").write_bytes(pack_fixture(told.encode()))


async def cut(lab: ReplayChain, revision: str) -> None:
    """Keep what our reader asks for."""
    recorder = Recorder(lab)
    (market,) = lab.fixture.markets
    await PROTOCOL.reader.read(recorder, deployment_at("aave-v3", market.entry, lab.chain_id), lab.fixture.wallets)
    kept = recorder.fixture(
        markets=[FixtureMarket("aave-v3", market.entry, f"aave-v3-lab-{revision}")],
        wallets=lab.fixture.wallets,
        recorded_by=lab.fixture.recorded_by,
    )
    write_fixture(DATA / f"aave-v3-{revision}.json.gz", kept)


def expected(lab: ReplayChain, vectors: dict[str, Any]) -> dict[str, Any]:
    """What the contracts say in views that the reader does not ask, and what the lab decoded from them."""
    shock = next(one for one in vectors["shocks"] if set(one["multipliers"].values()) <= {"1"} and not one["paused"])
    return {
        "reserves": {
            symbol: {key: reserve[key] for key in CONFIGURATION if key in reserve}
            for symbol, reserve in vectors["reserves"].items()
        },
        "prices": shock["oracle_prices"],
        "wallets": {wallet: told(lab, vectors, shock, wallet) for wallet in vectors["positions"]},
    }


def told(lab: ReplayChain, vectors: dict[str, Any], shock: dict[str, Any], wallet: str) -> dict[str, Any]:
    position = vectors["positions"][wallet]
    return {
        "kind": position["kind"],
        "emode": position["emode"],
        "flags": position["flags"],
        "account": shock["wallets"][wallet]["account"],
        "balances": {symbol: balances(lab, reserve, wallet) for symbol, reserve in vectors["reserves"].items()},
    }


def balances(lab: ReplayChain, reserve: dict[str, Any], wallet: str) -> list[str]:
    """`balanceOf` of the aToken, the variable and (up to 3.1) the stable debt token."""
    data = _answer(lab, _pool(lab), "getReserveData(address)", reserve["asset"])
    tokens = [f"0x{data[32 * word + 12 : 32 * word + 32].hex()}" for word in (8, 10, 9)]
    held = [token for token in tokens if int(token, 16)]
    return [str(int.from_bytes(_answer(lab, token, "balanceOf(address)", wallet))) for token in held]


def _pool(lab: ReplayChain) -> str:
    return "0x" + _answer(lab, lab.fixture.markets[0].entry, "getPool()")[12:].hex()


def _answer(lab: ReplayChain, to: str, signature: str, *addresses: str) -> bytes:
    arguments = b"".join(bytes(12) + bytes.fromhex(address[2:]) for address in addresses)
    answer = lab.fixture.answers[Call(to.lower(), keccak(signature.encode())[:4] + arguments)]
    assert isinstance(answer, Returned), (to, signature)
    return answer.data


if __name__ == "__main__":
    main(Path(sys.argv[1]))
