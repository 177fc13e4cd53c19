import json
from pathlib import Path
from typing import Any

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.chain import Block, Call, Returned, Reverted
from defirisk.chain import abi as abi_module
from defirisk.chain.abi import Abi, Function, decode_symbol, revert_reason, signature_of
from defirisk.chain.words import parse_type
from defirisk.errors import CallReverted, MalformedAnswer

from .fakes import word

TOKEN = "0x" + "ab" * 20


def function(outputs: list[Any], inputs: list[Any] = (), name: str = "f") -> Function:
    def member(kind: Any) -> dict[str, Any]:
        return kind if isinstance(kind, dict) else {"type": kind, "name": ""}

    return Function(
        "thing", {"name": name, "inputs": [member(i) for i in inputs], "outputs": [member(o) for o in outputs]}
    )


def struct(*members: tuple[str, str], array: str = "") -> dict[str, Any]:
    return {"type": "tuple" + array, "name": "s", "components": [{"name": n, "type": t} for n, t in members]}


# --- selectors and encoding ---


def test_known_selectors() -> None:
    erc20 = Abi.load("erc20")
    assert erc20["balanceOf"].selector.hex() == "70a08231"
    assert erc20["decimals"].selector.hex() == "313ce567"
    assert Abi.load("multicall3")["aggregate3"].selector.hex() == "82ad56cb"
    assert Abi.load("multicall3")["aggregate3"].signature == "aggregate3((address,bool,bytes)[])"


def test_a_call_is_lower_case_and_encoded() -> None:
    call = Abi.load("erc20")["balanceOf"](TOKEN.upper().replace("0X", "0x"), "0x" + "Cd" * 20)
    assert call == Call(TOKEN, bytes.fromhex("70a08231") + bytes(12) + b"\xcd" * 20)


ENCODED = [
    (["address", "uint256", "bool"], [TOKEN, 2**256 - 1, True]),
    (["int24", "uint8", "bytes32", "bytes4"], [-8388608, 255, b"\x01" * 32, b"abcd"]),
    (["address[]"], [[TOKEN, TOKEN]]),
    (["uint256[]"], [[]]),
    (["string", "uint8"], ["héllo", 3]),
    (["uint256[3]"], [[1, 2, 3]]),
    ([], []),
]


@pytest.mark.parametrize(("types", "values"), ENCODED)
def test_encoding_is_eth_abis(types: list[str], values: list[Any]) -> None:
    assert function([], types)(TOKEN, *values).data[4:] == eth_abi.encode(types, values)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint256", -1),
        ("int8", 128),
        ("address", "0x12"),
        ("address", TOKEN + "00"),
        ("bytes4", b"abc"),
    ],
)
def test_what_does_not_fit_is_not_encoded(kind: str, value: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        function([], [kind])(TOKEN, value)


def test_too_few_arguments() -> None:
    with pytest.raises(ValueError, match="argument"):
        Abi.load("erc20")["balanceOf"](TOKEN)


# --- decoding ---

VALUES = {
    "uint256": st.integers(0, 2**256 - 1),
    "uint8": st.integers(0, 255),
    "uint40": st.integers(0, 2**40 - 1),
    "int256": st.integers(-(2**255), 2**255 - 1),
    "int24": st.integers(-(2**23), 2**23 - 1),
    "bool": st.booleans(),
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    "bytes32": st.binary(min_size=32, max_size=32),
    "bytes4": st.binary(min_size=4, max_size=4),
    "string": st.text(st.characters(codec="utf-8"), max_size=50),
    "bytes": st.binary(max_size=70),
    "uint128[2]": st.tuples(st.integers(0, 9), st.integers(0, 9)),
    "address[]": st.lists(st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()), max_size=5).map(tuple),
    "uint256[2][]": st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=3).map(tuple),
}


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[list[str], tuple[Any, ...]]:
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=6))
    return kinds, tuple(draw(VALUES[kind]) for kind in kinds)


@given(typed_values())
def test_decoding_undoes_eth_abi(case: tuple[list[str], tuple[Any, ...]]) -> None:
    kinds, values = case
    assert function(kinds).decode(eth_abi.encode(kinds, values)) == values


@given(typed_values())
def test_structs_decode_flat_or_in_lists(case: tuple[list[str], tuple[Any, ...]]) -> None:
    kinds, values = case
    members = [(f"m{i}", kind) for i, kind in enumerate(kinds)]
    spelled = "(" + ",".join(kinds) + ")"
    (one,) = function([struct(*members)]).decode(eth_abi.encode([spelled], [values]))
    assert one == values
    assert one.m0 == values[0]
    (two,) = function([struct(*members, array="[]")]).decode(eth_abi.encode([spelled + "[]"], [[values, values]]))
    assert two == (values, values)
    assert two[1].m0 == values[0]


@given(typed_values(), st.data())
def test_a_cut_answer_is_never_decoded(case: tuple[list[str], tuple[Any, ...]], data: st.DataObject) -> None:
    kinds, values = case
    whole = eth_abi.encode(kinds, values)
    static = all(parse_type({"type": kind}).words for kind in kinds)
    cut = data.draw(st.integers(0, (len(whole) if static else 32) - 1))
    with pytest.raises(MalformedAnswer):
        function(kinds).decode(whole[:cut])


DIRTY = [
    ("address", "01" + "00" * 31),
    ("address", "00" * 11 + "01" + "00" * 20),
    ("bool", "00" * 31 + "02"),
    ("bool", "01" + "00" * 31),
    ("uint8", "00" * 30 + "0100"),
    ("uint40", "00" * 26 + "010000000000"),
    ("int24", "00" * 29 + "800000"),
    ("bytes4", "61626364" + "00" * 27 + "01"),
]


@pytest.mark.parametrize(("kind", "hexed"), DIRTY)
def test_dirty_words_are_refused_alone_in_lists_and_in_dynamic_answers(kind: str, hexed: str) -> None:
    dirty = bytes.fromhex(hexed)
    with pytest.raises(MalformedAnswer):
        function([kind]).decode(dirty)
    with pytest.raises(MalformedAnswer):
        function([kind + "[]"]).decode(word(32) + word(1) + dirty)
    with pytest.raises(MalformedAnswer):
        function([kind, "string"]).decode(dirty + word(64) + word(0))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        word(32),
        word(0) + word(0),
        word(32) + word(1),
        word(32) + word(2**255),
        word(32) + word(1) + word(1) + word(1),
        word(64) + word(0),
    ],
)
def test_lists_that_are_none(data: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        function(["uint256[]"]).decode(data)


@pytest.mark.parametrize("data", [b"\x01" * 31, b"\x01" * 33, b"\x01" * 64])
def test_a_word_more_or_less_is_another_answer(data: bytes) -> None:
    with pytest.raises(MalformedAnswer, match=f"{len(data)} bytes instead of 32"):
        function(["uint256"]).decode(data)


def test_an_error_names_contract_function_and_block() -> None:
    balance = Abi.load("erc20")["balanceOf"]
    with pytest.raises(MalformedAnswer) as caught:
        balance.decode(b"\x01" * 31, TOKEN, Block(77, 1, None))
    text = str(caught.value)
    assert "erc20.balanceOf(address)" in text
    assert "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB" in text
    assert "block 77" in text
    with pytest.raises(MalformedAnswer, match="no such contract"):
        balance.decode(b"", TOKEN)


def test_reading_a_revert_tells_its_reason() -> None:
    balance = Abi.load("erc20")["balanceOf"]
    reason = bytes.fromhex("08c379a0") + eth_abi.encode(["string"], ["paused \x1b[2J"])
    with pytest.raises(CallReverted, match="reverted: 'paused ") as caught:
        balance.read(balance(TOKEN, TOKEN), Reverted(reason))
    assert "\x1b" not in str(caught.value)
    assert balance.read(balance(TOKEN, TOKEN), Returned(word(5))) == (5,)
    assert revert_reason(bytes.fromhex("4e487b71") + word(0x11)) == ": panic 11"
    assert revert_reason(b"") == ""
    assert revert_reason(b"\xde\xad\xbe\xef") == ": deadbeef"


# --- fragments ---


def fragment(folder: Path, file: str, *functions: dict[str, Any]) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(functions))


def entry(name: str, outputs: list[str], inputs: list[str] = ()) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "inputs": [{"type": i} for i in inputs],
        "outputs": [{"type": o} for o in outputs],
    }


def test_a_plugins_own_folder_and_names_that_clash(tmp_path: Path) -> None:
    fragment(
        tmp_path, "theirs/pool.json", entry("get", ["uint256"]), entry("same", ["bool"]), {"type": "error", "name": "E"}
    )
    fragment(
        tmp_path,
        "theirs/oracle.json",
        entry("get", ["address"]),
        entry("same", ["bool"]),
        entry("get", ["bool"], ["uint8"]),
    )
    abi = Abi.load("theirs", tmp_path)
    assert abi["same"].outputs == "(bool)"
    with pytest.raises(KeyError, match="ambiguous"):
        abi["get"]
    assert abi["pool.get"].outputs == "(uint256)"
    assert abi["oracle.get()"].outputs == "(address)"
    assert abi["get(uint8)"].outputs == "(bool)"
    assert "nothing" not in abi
    assert Abi.load("theirs/pool", tmp_path)["get"].outputs == "(uint256)"
    assert len(list(abi)) == 5


def test_unknown_fragments_and_types(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Abi.load("no_such_thing")
    fragment(tmp_path, "bad.json", entry("f", ["float256"]))
    with pytest.raises(ValueError, match="float256"):
        Abi.load("bad", tmp_path)


def test_every_shipped_fragment_loads_and_has_one_meaning() -> None:
    folder = Path(__file__).parents[3] / "abis"
    names = sorted(path.relative_to(folder).as_posix().removesuffix(".json") for path in folder.rglob("*.json"))
    assert {"erc20", "ens", "multicall3", "proxies"} <= set(names)
    for name in names:
        assert list(Abi.load(name)), name


def test_loaded_functions_have_names_for_messages() -> None:
    call = Abi.load("proxies")["userLink"](TOKEN, TOKEN)
    assert signature_of(call.data) == "userLink(address)"
    assert signature_of(b"\x00\x00\x00\x01") is None


# --- symbols ---

LONG = "X" * 10_240


@pytest.mark.parametrize(
    ("answer", "symbol"),
    [
        (Returned(eth_abi.encode(["string"], ["WETH"])), "WETH"),
        (Returned(b"MKR".ljust(32, b"\0")), "MKR"),
        (Returned(eth_abi.encode(["string"], [""])), ""),
        (Returned(bytes(32)), ""),
        (Returned(b""), ""),
        (Reverted(b""), ""),
        (Returned(eth_abi.encode(["string"], [LONG])), "X" * 64),
        (Returned(eth_abi.encode(["string"], ["é" * 100])), "é" * 64),
        (Returned(eth_abi.encode(["bytes"], [b"A\xffB"])), "A�B"),
        (Returned(b"A\xffB".ljust(32, b"\0")), "A�B"),
        (Returned(eth_abi.encode(["string"], ["\x1b[31mred"])), "\x1b[31mred"),
        (Returned(word(2**256 - 1) + word(3)), ""),
        (Returned(word(32) + word(2**256 - 1)), ""),
        (Returned(word(32) + word(33) + b"a" * 32), ""),
        (Returned(b"\x01" * 31), ""),
        (Returned(b"\x01" * 70), ""),
    ],
)
def test_symbols_of_every_kind(answer: Returned | Reverted, symbol: str) -> None:
    assert decode_symbol(answer) == symbol


@given(st.binary(max_size=200))
def test_no_symbol_breaks_or_grows(data: bytes) -> None:
    assert len(decode_symbol(Returned(data))) <= 64
    assert revert_reason(data).isascii()


def test_fragments_are_found_in_the_package_first_then_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    assert abi_module._shipped_folder() == Path(abi_module.__file__).parents[2] / "abis"
    fragment(tmp_path / "abis", "theirs.json", entry("get", ["uint256"]))
    assert abi_module._shipped_folder() == tmp_path / "abis"
