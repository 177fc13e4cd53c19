"""The harness itself: what it promises about versions, variety, clock and undoing."""

from __future__ import annotations

import json

import pytest

from . import artifacts, toolchain
from .anvil import GENESIS, leap, running
from .deploy import OWNER
from .evm import MAX, Evm
from .shocks import shocks
from .toolchain import CONTRACTS, ToolchainError
from .world import LIQUIDATOR, Refusal, World


def test_versions_are_pinned_and_the_lock_names_no_registry() -> None:
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())["packages"]
    wanted = lock[""]["dependencies"]
    assert wanted == json.loads((CONTRACTS / "package.json").read_text())["dependencies"]
    for name, version in wanted.items():
        assert lock[f"node_modules/{name}"]["version"] == version
    text = (CONTRACTS / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "://" not in text


def test_what_is_installed_or_compiled_is_ignored_by_git() -> None:
    ignored = (CONTRACTS / ".gitignore").read_text().split()
    assert {"node_modules/", ".compiled/"} <= set(ignored)


def test_a_missing_tool_is_an_error_that_names_it() -> None:
    with pytest.raises(ToolchainError, match=r"'no-such-npm' is not installed.*Node\.js"):
        toolchain.run(["no-such-npm", "ci"])


def test_a_failing_tool_is_an_error_with_its_own_words() -> None:
    with pytest.raises(ToolchainError, match="on purpose"):
        toolchain.run(["node", "-e", "console.error('on purpose'); process.exit(3)"])


def test_the_market_is_as_varied_as_the_comparisons_need(chain: World) -> None:
    reserves = chain.market.tokens
    decimals = {token.call("decimals") for token in reserves.values()}
    assert len(reserves) >= 8
    assert {6, 8, 18} <= decimals
    assert len(chain.wallets) >= 36
    kinds = {wallet.kind for wallet in chain.wallets}
    assert {"empty", "supply-only", "isolation", "collateral-off", "dust", "edge", "huge", "emode-eth"} <= kinds
    assert ("stable-debt" in kinds) is (chain.market.rules == "3.0")


def test_positions_hold_what_their_kinds_say(chain: World) -> None:
    held = chain.holdings(chain.addresses)
    accounts = dict(zip(chain.addresses, chain.accounts(chain.addresses), strict=True))
    for wallet in chain.wallets:
        rows, account = held[wallet.address].values(), accounts[wallet.address]
        if wallet.kind == "empty":
            assert all(row.supply == row.debt == 0 for row in rows)
        if wallet.kind == "stable-debt":
            assert any(row.stable_debt for row in rows)
        if wallet.kind == "collateral-off":
            assert any(row.supply and not row.counts for row in rows)
        if wallet.kind == "edge":
            assert 0.999 < account.health_factor / 1e18 < 1.001
        if wallet.kind == "toxic":
            assert account.health_factor < 10**18


def test_interest_has_made_every_used_index_ugly(chain: World) -> None:
    pool = chain.market.pool
    for symbol, token in chain.market.tokens.items():
        index = pool.call("getReserveNormalizedVariableDebt", token.address)
        if chain.market.debts[symbol].call("totalSupply"):
            assert index > 10**27
            assert index % 10**9


def test_the_clock_stands_still(chain: World) -> None:
    before = chain.accounts(chain.addresses)
    with chain.reverting():
        for _ in range(3):
            chain.rpc("evm_mine")
        assert chain.accounts(chain.addresses) == before


def test_a_transaction_waits_for_its_block_and_leaves_nothing_behind(chain: World) -> None:
    """What is in the pool still when a snapshot is gone back to is taken up again: then "pending" shows what is undone."""
    number, token = chain.rpc("eth_blockNumber"), chain.market.tokens["WETH"]
    mint = {"from": chain.evm.owner, "to": token.address, "data": token.data("mint", LIQUIDATOR, 7), "gasPrice": "0x0"}
    with chain.reverting():
        chain.rpc("eth_sendTransaction", mint)
        assert chain.rpc("eth_blockNumber") == number
        chain.rpc("evm_mine")
        assert chain.rpc("txpool_status") == {"pending": "0x0", "queued": "0x0"}
    asked = {"to": token.address, "data": token.data("balanceOf", LIQUIDATOR)}
    assert chain.rpc("eth_call", asked, "pending") == chain.rpc("eth_call", asked, "latest")


def test_a_leap_is_as_if_so_many_blocks_had_been_mined() -> None:
    """Same second, same accounts, a number further on; and the chain goes on from there."""
    with running() as rpc:
        evm = Evm(rpc, OWNER)
        feed = evm.deploy(artifacts.ours()["Feed"], 77)
        leap(rpc, 10_000)
        newest = rpc("eth_getBlockByNumber", "latest", False)
        assert (int(newest["number"], 16), int(newest["timestamp"], 16)) == (10_001, GENESIS)
        assert feed.call("latestAnswer") == 77
        receipt = feed.send("set", 78)
        assert (int(receipt["blockNumber"], 16), feed.call("latestAnswer")) == (10_002, 78)


def test_there_are_enough_shocks_and_they_are_undone(chain: World) -> None:
    base = chain.prices()
    scenarios = shocks(base)
    assert len(scenarios) >= 12
    with chain.shock({"WETH": base["WETH"] // 2}):
        assert chain.prices()["WETH"] == base["WETH"] // 2
    assert chain.prices() == base


def test_a_healthy_wallet_is_refused(chain: World) -> None:
    wallet = next(w.address for w in chain.wallets if w.kind == "huge")
    expected = {"3.0": "45", "3.6": "HealthFactorNotBelowThreshold()"}
    with chain.reverting():
        refusal = chain.liquidate(wallet, "DAI", "WETH", MAX)
    assert refusal == Refusal(expected[chain.market.rules])
