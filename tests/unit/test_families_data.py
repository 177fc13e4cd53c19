"""The family data: shape, checksums, no asset or symbol in two families, one wrapper of the chain's own coin."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

import defirisk

PACKAGE = Path(defirisk.__file__).parent
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"

# (chain id, address, family): spot checks that a change of the data must not undo.
CERTAIN = [
    (1, NATIVE, "ETH"),
    (1, "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "ETH"),
    (1, "0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0", "ETH"),
    (1, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD"),
    (1, "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599", "BTC"),
    (56, "0x2170Ed0880ac9A755fd29B2688956BD959F933F8", "ETH"),
    (100, NATIVE, "USD"),
    (137, NATIVE, "POL"),
    (8453, "0xd9aAEc86B65D86f6A7B5B1b0c42FFA531710b6CA", "USD"),
    (43114, "0xB31f66AA3C1e785363F0875A1B74E27b85FD66c7", "AVAX"),
]


def load() -> dict[str, Any]:
    """Return the file as it stands."""
    with (PACKAGE / "risk" / "families.toml").open("rb") as file:
        return tomllib.load(file)


def checksummed(address: str) -> str:
    """Return the EIP-55 form, computed here and not by the code under test."""
    plain = address.lower().removeprefix("0x")
    digest = keccak(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(digest[i], 16) > 7 else c for i, c in enumerate(plain))


def upper(symbol: str) -> str:
    """Return the symbol with ASCII letters in upper case, others as they are."""
    return "".join(c.upper() if c.isascii() else c for c in symbol)


DATA = load()
FAMILIES: dict[str, dict[str, Any]] = DATA["family"]
ASSETS: list[dict[str, Any]] = DATA["asset"]
CHAIN_IDS = sorted({asset["chain_id"] for asset in ASSETS})


def on_chain(chain_id: int) -> list[dict[str, Any]]:
    """Return the assets of one chain."""
    return [asset for asset in ASSETS if asset["chain_id"] == chain_id]


def test_the_file_holds_families_and_assets_only() -> None:
    """A misspelt table would be lost in silence."""
    assert DATA.keys() == {"family", "asset"}


def test_only_dollars_are_stable() -> None:
    """DESIGN: USD families are stable, the others volatile."""
    assert [name for name, family in FAMILIES.items() if family["stable"]] == ["USD"]


@pytest.mark.parametrize("name", FAMILIES)
def test_family_has_flag_and_hints(name: str) -> None:
    """Hints stand as they are matched: upper case, printable, not empty."""
    assert FAMILIES[name].keys() == {"stable", "symbols"}
    assert type(FAMILIES[name]["stable"]) is bool
    assert FAMILIES[name]["symbols"]
    for symbol in FAMILIES[name]["symbols"]:
        assert symbol == upper(symbol) == symbol.strip()
        assert symbol.isprintable()


def test_no_hint_points_to_two_families() -> None:
    """Else the order of the file would decide."""
    counted = Counter(symbol for family in FAMILIES.values() for symbol in family["symbols"])
    assert [symbol for symbol, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("chain_id", CHAIN_IDS)
def test_assets_have_the_known_fields(chain_id: int) -> None:
    """Fields, types, a family that exists, a symbol that can be printed."""
    needed = {"chain_id", "address", "family", "symbol"}
    for asset in on_chain(chain_id):
        assert needed <= asset.keys() <= needed | {"wraps"}
        assert type(asset["chain_id"]) is int
        assert asset["family"] in FAMILIES
        assert re.fullmatch(r"[A-Za-z0-9.\-]{1,24}", asset["symbol"])
        assert asset.get("wraps", "native") == "native"


@pytest.mark.parametrize("chain_id", CHAIN_IDS)
def test_addresses_carry_their_checksum(chain_id: int) -> None:
    """A mistyped address fails its checksum."""
    for asset in on_chain(chain_id):
        assert re.fullmatch(r"0x[0-9a-fA-F]{40}", asset["address"])
        assert asset["address"] == checksummed(asset["address"])


def test_no_asset_stands_twice() -> None:
    """One asset, one family."""
    counted = Counter((asset["chain_id"], asset["address"]) for asset in ASSETS)
    assert [key for key, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("chain_id", CHAIN_IDS)
def test_every_chain_has_its_coin_and_one_wrapper_of_the_same_family(chain_id: int) -> None:
    """A wrapper shares the coin's price, so it must share its family."""
    coin = [asset for asset in on_chain(chain_id) if asset["address"] == NATIVE]
    wrappers = [asset for asset in on_chain(chain_id) if "wraps" in asset]
    assert len(coin) == len(wrappers) == 1
    assert "wraps" not in coin[0]
    assert wrappers[0]["family"] == coin[0]["family"]


def test_the_coin_is_named_as_the_chain_room_names_it() -> None:
    """Both files say what a chain's own coin is called."""
    with (PACKAGE / "chain" / "endpoints.toml").open("rb") as file:
        coins = {chain["chain_id"]: chain["coin"] for chain in tomllib.load(file)["chain"]}
    listed = {asset["chain_id"]: asset["symbol"] for asset in ASSETS if asset["address"] == NATIVE}
    assert listed == {chain_id: coins.get(chain_id) for chain_id in listed}


def test_a_listed_symbol_never_contradicts_its_hint() -> None:
    """Where a listed token's symbol is also a hint, both say the same family."""
    hints = {symbol: name for name, family in FAMILIES.items() for symbol in family["symbols"]}
    wrong = [a for a in ASSETS if hints.get(upper(a["symbol"]), a["family"]) != a["family"]]
    assert wrong == []


@pytest.mark.parametrize(("chain_id", "address", "family"), CERTAIN)
def test_certain_assets_are_where_they_belong(chain_id: int, address: str, family: str) -> None:
    """The assets that carry most of the debt."""
    found = [asset["family"] for asset in on_chain(chain_id) if asset["address"] == address]
    assert found == [family]
