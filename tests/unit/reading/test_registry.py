"""Names of markets become deployments."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from defirisk.errors import InputError, InvalidAddress, UnknownMarket
from defirisk.protocols import registry
from defirisk.protocols.interface import RuleFamily

CORE = "0x2f39d218133AFaB8F2B819B1066c7E434Ad94E9e"


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Other plugins than those installed, for one test."""
    registry.families.cache_clear()
    registry.deployments.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    registry.families.cache_clear()
    registry.deployments.cache_clear()


def test_the_shipped_families_are_found_by_entry_point() -> None:
    assert "aave-v3" in registry.families()
    assert all(name == one.name for name, one in registry.families().items())


@pytest.mark.parametrize("text", ["aave-v3-ethereum", " AAVE-V3-Ethereum ", "aave-v3-ethereum-core", f"aave-v3@{CORE}"])
def test_a_market_is_found_by_name_alias_or_entry(text: str) -> None:
    found = registry.find_deployment(text, 1)
    assert (found.name, found.entry, found.chain) == ("aave-v3-ethereum", CORE, "ethereum")
    assert dict(found.hints).keys() >= {"pool", "oracle"}
    assert registry.is_registered(found)


def test_an_entry_that_is_not_known_is_taken_at_its_word() -> None:
    found = registry.find_deployment(f"aave-v3@{CORE.lower()}", 31337)
    assert (found.name, found.entry, found.chain_id, found.hints) == (f"aave-v3@{CORE}", CORE, 31337, ())
    assert not registry.is_registered(found)


def test_a_recordings_own_name_stands_for_what_the_registry_does_not_know() -> None:
    assert registry.deployment_at("aave-v3", CORE, 31337, "my-lab").name == "my-lab"
    assert registry.deployment_at("aave-v3", CORE, 1, "my-lab").name == "aave-v3-ethereum"


def test_a_market_of_another_chain_is_said_to_be_there() -> None:
    with pytest.raises(UnknownMarket, match="is on base") as caught:
        registry.find_deployment("aave-v3-base", 1)
    assert caught.value.hint == "ask that chain: --chain base"


def test_a_mistyped_market_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownMarket) as caught:
        registry.find_deployment("aave-v3-etherum", 1)
    assert "aave-v3-ethereum" in (caught.value.hint or "")
    with pytest.raises(UnknownMarket) as caught:
        registry.find_deployment("\x1b[31mzzz", 1)
    assert "\x1b" not in caught.value.message
    assert "PROTOCOL@0xENTRY" in (caught.value.hint or "")


def test_an_unknown_protocol_and_a_bad_entry_are_input_errors() -> None:
    with pytest.raises(UnknownMarket, match="no protocol"):
        registry.find_deployment(f"makerdao@{CORE}", 1)
    for entry in ("0x12", "", "vitalik.eth", CORE[:-1] + "E"):
        with pytest.raises(InvalidAddress):
            registry.find_deployment(f"aave-v3@{entry}", 1)


def test_deployments_of_a_chain_are_only_its_own() -> None:
    here = registry.deployments_on(1)
    assert len(here) > 5
    assert {one.chain_id for one in here} == {1}
    assert registry.deployments_on(31337) == ()


def plug(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = EntryPoint(name, value, registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])


@pytest.mark.parametrize("value", ["no.such.module:PROTOCOL", "defirisk.errors:NOTHING", "defirisk.errors:ReadError"])
def test_a_broken_plugin_is_named(fresh: pytest.MonkeyPatch, value: str) -> None:
    plug(fresh, "broken-one", value)
    with pytest.raises(InputError, match="broken-one"):
        registry.families()


def test_a_third_partys_family_brings_its_deployments(fresh: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = f'[[deployment]]\nname = "toy-main"\nprotocol = "toy"\nchain = "base"\nchain_id = 8453\nentry = "{CORE}"\n'
    (tmp_path / "deployments.toml").write_text(rows)
    toy = RuleFamily("toy", reader=None, deployments=tmp_path / "deployments.toml")  # type: ignore[arg-type]
    fresh.setattr("defirisk.errors.TOY", toy, raising=False)
    plug(fresh, "toy", "defirisk.errors:TOY")
    assert registry.find_deployment("toy-main", 8453).protocol == "toy"
    assert registry.deployments() == registry.deployments_on(8453)
