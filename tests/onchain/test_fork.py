"""The whole way of a CI fixture: fork a chain, move a price on the fork, record the fork, replay it offline.

Two real nodes: the market lives on the first, the second is `anvil --fork-url` of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from defirisk.chain.recording import load_fixture

from . import artifacts
from .anvil import forked
from .deploy import MULTICALL3, OWNER
from .evm import Contract, Evm
from .rpc import Rpc
from .test_cli import Ran, defirisk, health_text, without
from .world import World

KINDS = ("one-one", "many-many", "emode-eth", "supply-only", "empty")
SCENARIOS = ("--drop", "10,40", "--shock", "WETH=-25%")


class Fork(NamedTuple):
    origin: World
    rpc: Rpc
    evm: Evm

    @property
    def source(self) -> list[str]:
        return ["--rpc", self.rpc.url, "--market", f"aave-v3@{self.origin.entry}"]

    def there(self, name: str) -> Contract:
        """A contract of the market, on the fork."""
        of_origin: Contract = getattr(self.origin.market, name)
        return replace(of_origin, evm=self.evm)

    def health_factor(self, wallet: str) -> int:
        return self.there("pool").call("getUserAccountData", wallet)[5]

    def block(self) -> dict[str, Any]:
        found: dict[str, Any] = self.rpc("eth_getBlockByNumber", "latest", False)
        return found

    def halve(self, symbol: str) -> None:
        """What one does on a fork: act as the market's owner, and let its oracle ask a feed of one's own."""
        feed = self.evm.deploy(artifacts.ours()["Feed"], self.origin.prices()[symbol] // 2)
        sources = [self.origin.asset(symbol)], [feed.address]
        self.there("oracle").send("setAssetSources", *sources, sender=OWNER)
        self.rpc("evm_setNextBlockTimestamp", int(self.block()["timestamp"], 16) + 3600)
        self.rpc("evm_mine")


@pytest.fixture
def fork(v36: World) -> Iterator[Fork]:
    with forked(v36.rpc) as rpc:
        yield Fork(v36, rpc, Evm(rpc, OWNER))


@pytest.fixture
def wallets(v36: World) -> list[str]:
    return [next(w.address for w in v36.wallets if w.kind == kind) for kind in KINDS]


def checked(*args: str) -> dict[str, Any]:
    ran = defirisk("check", *args, *SCENARIOS, "--format", "json")
    assert ran.code == 0, ran.err
    document: dict[str, Any] = json.loads(ran.out)
    return document


def recorded(wallets: list[str], source: list[str], file: Path, *more: str) -> Ran:
    ran = defirisk("record", *wallets, *source, "-o", str(file), *more)
    assert ran.code == 0, ran.err
    return ran


def positions(document: dict[str, Any]) -> dict[str, Any]:
    return {one["address"]: one["positions"] for one in document["accounts"]}


def test_fork_move_record_replay(fork: Fork, wallets: list[str], tmp_path: Path) -> None:
    file = tmp_path / "fork.json.gz"
    fork.halve("WETH")
    recorded(wallets, fork.source, file)
    live, replayed = checked(*wallets, *fork.source), checked("--fixture", str(file))
    assert without(replayed, "source", "warnings") == without(live, "source", "warnings")
    assert replayed["source"] == "fork.json.gz"
    for wallet, found in positions(replayed).items():
        assert [one["health_factor_raw"] for one in found] == [health_text(fork.health_factor(wallet))] * len(found)
        assert all(one["contract_health_factor_raw"] == one["health_factor_raw"] for one in found)
    origin = checked(*wallets, "--rpc", fork.origin.rpc.url, "--market", f"aave-v3@{fork.origin.entry}")
    changed = [wallet for wallet in wallets if positions(origin)[wallet] != positions(replayed)[wallet]]
    assert changed == [w for w in wallets if positions(origin)[w]], "interest alone changes every figure"
    borrower = wallets[0]
    assert fork.health_factor(borrower) != fork.origin.health_factor(borrower)
    assert positions(origin)[borrower][0]["health_factor_raw"] == health_text(fork.origin.health_factor(borrower))


def test_the_block_is_the_forks_own(fork: Fork, wallets: list[str], tmp_path: Path) -> None:
    file = tmp_path / "fork.json.gz"
    fork.halve("WETH")
    # The fork has all that it needs of the origin after a first reading: how long the origin keeps old states, no test
    # should depend on (a state is found by its block's hash, which blocks that were reverted may have had before).
    recorded(wallets, fork.source, file)
    with fork.origin.reverting():
        for _ in range(40):
            fork.origin.rpc("evm_mine")  # the origin has another block of that number
        recorded(wallets, fork.source, file)
        mined = fork.block()
        held = load_fixture(file).fixture
        theirs = fork.origin.rpc("eth_getBlockByNumber", mined["number"], False)
    assert held.block.hash == mined["hash"] != theirs["hash"]
    assert (held.block.number, held.block.timestamp) == (int(mined["number"], 16), int(mined["timestamp"], 16))
    assert held.chain_id == 31337


def test_an_untouched_fork_gives_the_origins_bytes(fork: Fork, wallets: list[str], tmp_path: Path) -> None:
    """Same chain state, same file: at the block of the fork, also once the fork has gone on from there."""
    origin, same, past = (tmp_path / name for name in ("origin.json.gz", "same.json.gz", "past.json.gz"))
    market = ["--market", f"aave-v3@{fork.origin.entry}"]
    recorded(wallets, ["--rpc", fork.origin.rpc.url, *market], origin)
    recorded(wallets, fork.source, same)
    number = load_fixture(origin).block.number
    fork.halve("WETH")
    recorded(wallets, fork.source, past, "--block", str(number))
    assert same.read_bytes() == origin.read_bytes()
    assert past.read_bytes() == origin.read_bytes()


def test_refreshing_from_the_fork_tells_what_was_done_there(fork: Fork, wallets: list[str], tmp_path: Path) -> None:
    file = tmp_path / "wallets.json.gz"
    recorded(wallets, ["--rpc", fork.origin.rpc.url, "--market", f"aave-v3@{fork.origin.entry}"], file)
    before = load_fixture(file).block
    fork.halve("WETH")
    configurator, asset = fork.there("configurator"), fork.origin.asset("WETH")
    configurator.send("configureReserveAsCollateral", asset, 7000, 7500, 10600, sender=OWNER)
    ran = defirisk("record", "--refresh", str(file), "--rpc", fork.rpc.url)
    assert ran.code == 0, ran.err
    told = " ".join(ran.out.split())
    assert f"block {before.number} -> {int(fork.block()['number'], 16)} of" in told
    assert "-50.00 %" in told
    assert "WETH: liquidation threshold 83 % -> 75 %" in told
    fresh = tmp_path / "fresh.json.gz"
    recorded(wallets, fork.source, fresh)
    assert file.read_bytes() == fresh.read_bytes()


def test_a_fork_without_multicall3(fork: Fork, wallets: list[str], tmp_path: Path) -> None:
    """Slower, and the recording is the same: it holds single calls."""
    with_it, without_it = tmp_path / "with.json.gz", tmp_path / "without.json.gz"
    recorded(wallets[:2], fork.source, with_it)
    fork.rpc("anvil_setCode", MULTICALL3, "0x")
    fork.rpc("evm_setNextBlockTimestamp", int(fork.block()["timestamp"], 16))
    recorded(wallets[:2], fork.source, without_it)
    assert load_fixture(without_it).fixture.answers == load_fixture(with_it).fixture.answers
