"""The gate against a real node: its verdicts are the contracts' own, before a fall of prices and after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .test_cli import KINDS, defirisk, health_text
from .world import World

WAD = 10**18


def policy_for(chain: World, folder: Path) -> dict[str, str]:
    """A policy that asks only for what the contract says by itself: not liquidatable now, nor at today's prices."""
    wallets = {kind: next(w.address for w in chain.wallets if w.kind == kind) for kind in KINDS}
    listed = "\n".join(f'[[wallet]]\naddress = "{address}"\nlabel = "{kind}"' for kind, address in wallets.items())
    head = f'markets = ["aave-v3@{chain.entry}"]\nscenarios = ["WETH=+0%"]'
    rules = 'min_health_factor = 1.0\nsurvives = ["WETH=+0%"]'
    (folder / "defirisk.toml").write_text(f"{head}\n{listed}\n[policy]\n{rules}\n")
    return wallets


def judged(chain: World, folder: Path, *args: str) -> tuple[int, dict[str, Any]]:
    file = str(folder / "defirisk.toml")
    ran = defirisk("check", "--policy", file, "--rpc", chain.rpc.url, "--format", "json", *args)
    assert "Traceback" not in ran.err
    return ran.code, json.loads(ran.out)


def agrees(chain: World, wallets: dict[str, str], document: dict[str, Any]) -> set[str]:
    """Every finding is what the contract says of that wallet now; the kinds that breach."""
    truth = {kind: chain.health_factor(address) for kind, address in wallets.items()}
    for finding in document["policy"]["findings"]:
        own = truth[finding["label"]]
        if finding["market"] is not None:
            assert finding["measured_raw"] == health_text(own)
        assert finding["status"] == ("breach" if own < WAD else "ok"), finding
    return {kind for kind, own in truth.items() if own < WAD}


def test_a_fall_on_the_chain_breaches_what_held_and_is_worse(v36: World, tmp_path: Path) -> None:
    wallets = policy_for(v36, tmp_path)
    code, before = judged(v36, tmp_path)
    already = agrees(v36, wallets, before)
    assert code == (1 if already else 0)
    (tmp_path / "before.json").write_text(json.dumps(before))
    truth = {address: v36.health_factor(address) for address in wallets.values()}

    prices = v36.prices()
    with v36.shock(
        {
            symbol: prices[symbol] * 55 // 100
            for symbol in ("WETH", "WBTC", "LINK", "wstETH", "weETH")
            if symbol in prices
        }
    ):
        code, after = judged(v36, tmp_path, "--baseline", str(tmp_path / "before.json"), "--fail-on", "worse")
        breached = agrees(v36, wallets, after)
        fallen = {a for a, own in truth.items() if v36.health_factor(a) * 1000 < own * 995}
    assert code == 1
    assert breached - already
    worse = after["policy"]["changes"]["worse"]
    assert {one["wallet"] for one in worse if one["kind"] == "health-factor"} == fallen
    assert {
        one["label"] for one in worse if one["kind"] == "liquidatable" and one["scenario"] is None
    } == breached - already
    assert {(one["label"], one["rule"]) for one in worse if one["kind"] == "breach"} == {
        (kind, rule) for kind in breached - already for rule in ("min_health_factor", "survives")
    }

    code, again = judged(v36, tmp_path, "--baseline", str(tmp_path / "before.json"), "--fail-on", "worse")
    assert (code, again["policy"]["changes"]["worse"]) == (0, [])
