"""Scenarios as people write them: exact numbers, stable names, and refusals that say where and what."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.errors import BadFile, BadMove, InputError, UnknownScenario
from defirisk.files import LARGEST_TEXT
from defirisk.fixedpoint import WAD, fixed_string
from defirisk.model import Move, Scenario
from defirisk.risk.scenario_files import (
    gather,
    load_scenarios,
    parse_change,
    parse_drops,
    parse_scenarios,
    parse_shocks,
    presets,
)

GOOD = """
[[scenario]]
name = "eth-crash"
source = "a book"
[scenario.oracle]
WETH = "-55%"
"0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599" = { raw = "2500000000000", market = "aave-v3-ethereum" }
WBTC = { price = "25000.5" }
"family:BTC" = "+2.5%"
USDC = "0%"
[scenario.market]
rsETH = "-18%"

[[scenario]]
name = "second"
oracle = { DAI = "+11%" }
"""


def test_drops_are_falls_of_what_is_volatile():
    assert parse_drops("10, 20,30") == (
        Scenario("-10%", volatile=-WAD // 10),
        Scenario("-20%", volatile=-WAD // 5),
        Scenario("-30%", volatile=-3 * WAD // 10),
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [("12.5", "-12.5%"), ("12.50", "-12.5%"), ("010", "-10%"), ("10.0", "-10%"), ("0.5", "-0.5%"), ("40%", "-40%"),
     ("0", "-0%"), ("99.9999999999999999", "-99.9999999999999999%")],
)  # fmt: skip
def test_a_drop_has_one_name_however_it_is_written(text, name):
    (drop,) = parse_drops(text)
    assert drop.name == name
    assert Fraction(drop.volatile, WAD) == Fraction(name[:-1]) / 100


def test_the_same_drop_twice_counts_once():
    assert [drop.name for drop in parse_drops("10,10.0,20")] == ["-10%", "-20%"]


@pytest.mark.parametrize(
    "text",
    ["100", "100.0", "101", "1000", "-10", "+10", "abc", "", ",", "10,", "1e1", "10..5", ".5", "5.", "nan", "inf", "0x10",
     "1_0", "\u0661\u0660", "10 20", "9.12345678901234567", "9" * 5000, "10%%", "--10"],
)  # fmt: skip
def test_what_is_no_drop_is_refused(text):
    with pytest.raises(BadMove):
        parse_drops(text)


def test_shocks_together_are_one_scenario_in_the_order_given():
    assert parse_shocks(["WETH=-40%", "USDC=+2%"]) == Scenario(
        "WETH=-40%,USDC=+2%", oracle={"WETH": Move(change=-4 * WAD // 10), "USDC": Move(change=WAD // 50)}
    )
    assert parse_shocks(["USDC=+2%", "WETH=-40%"]).name == "USDC=+2%,WETH=-40%"
    assert parse_shocks(["family:ETH=-40%"]).oracle == {"family:ETH": Move(change=-4 * WAD // 10)}


@pytest.mark.parametrize(
    "texts",
    [["WETH"], ["WETH="], ["=-40%"], ["WETH=40%"], ["WETH=-0.4"], ["WETH=-100%"], ["WETH=-150%"], ["WETH=-40%", "WETH=-30%"],
     ["WETH=-nan%"], ["WETH=- %"], ["WETH=\u221240%"], ["WE\x1bTH=-40%"], ["WETH=-1e1%"]],
)  # fmt: skip
def test_what_is_no_shock_is_refused(texts):
    with pytest.raises(BadMove):
        parse_shocks(texts)


def test_a_refused_direction_says_how_to_give_one():
    with pytest.raises(BadMove) as caught:
        parse_change("40%")
    assert caught.value.hint == "write +40% or -40%"


@given(st.integers(-WAD + 1, 10**30))
def test_every_wad_move_is_read_exactly(change):
    assert parse_change(f"{'+' if change > 0 else ''}{fixed_string(change, 16)}%") == change


@pytest.mark.parametrize("text", ["-0.00000000000000001%", "+1.00000000000000001%"])
def test_finer_than_a_wad_is_refused_not_rounded(text):
    with pytest.raises(BadMove):
        parse_change(text)


def test_trailing_zeros_are_not_finer():
    assert parse_change("-40.00000000000000000000%") == -4 * WAD // 10


def test_a_file_is_read_as_written():
    first, second = parse_scenarios(GOOD, "f.toml")
    assert first == Scenario(
        name="eth-crash",
        source="a book",
        oracle={
            "WETH": Move(change=-55 * WAD // 100),
            "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599": Move(raw=2500000000000, market="aave-v3-ethereum"),
            "WBTC": Move(usd=250005 * 10**17),
            "family:BTC": Move(change=25 * WAD // 1000),
            "USDC": Move(change=0),
        },
        market={"rsETH": Move(change=-18 * WAD // 100)},
    )
    assert (second.name, second.market, second.preset) == ("second", {}, False)


def scenario(body, head='name = "a"'):
    return f"# one\n[[scenario]]\n{head}\n[scenario.oracle]\n{body}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (scenario('WETH = "-55%"\nWETH = "-44%"'), "line 6"),
        (scenario("WETH = -0.55"), "line 5"),
        (scenario("WETH = -55"), "line 5"),
        (scenario("WETH = true"), "line 5"),
        (scenario('WETH = ["-55%"]'), "line 5"),
        (scenario("WETH = 2020-01-01"), "line 5"),
        (scenario('WETH = { raw = "1", price = "1" }'), "line 5"),
        (scenario("WETH = {}"), "line 5"),
        (scenario("WETH = { raw = 1.5 }"), "line 5"),
        (scenario("WETH = { raw = true }"), "line 5"),
        (scenario('WETH = { price = "1", market = "m" }'), "line 5"),
        (scenario('WETH = { raw = "1", market = 3 }'), "line 5"),
        (scenario('WETH = { raw = "1", markt = "m" }'), "line 5"),
        (scenario('USDC = "+1%"\n"WE TH\\u0007" = "-5%"'), "line 2"),
        (scenario('WETH = "-55%"', 'nam = "a"'), "line 3"),
        (scenario('WETH = "-55%"', 'name = ""'), "line 3"),
        (scenario('WETH = "-55%"', "name = 3"), "line 3"),
        (scenario('WETH = "-55%"', 'name = "a\\u001b[31m"'), "line 3"),
        (scenario('WETH = "-55%"', f'name = "{"a" * 81}"'), "line 3"),
        (scenario('WETH = "-55%"', 'name = "a"\nsource = 5'), "line 4"),
        (scenario('WETH = "-55%"', 'name = "a"\ndrop = "5"'), "line 4"),
        (scenario('WETH = "-55%"', "# nameless"), "line 2"),
        (scenario(""), "line 2"),
        ('[[scenario]]\nname = "a"\noracle = "WETH"\n', "line 3"),
        (scenario('A = "-5%"') + scenario('A = "-6%"'), "line 8"),
        ('[scenario]\nname = "a"\n', "f.toml"),
        ("scenario = [1, 2]\n", "f.toml"),
        ('[[scenari]]\nname = "a"\n', "f.toml"),
        ("", "f.toml"),
        ("a = [[[" + "[" * 5000, "f.toml"),
        ("a = " + "9" * 5000, "f.toml"),
        ("\x00\x01", "line 1"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_its_line(text, line):
    with pytest.raises(BadFile) as caught:
        parse_scenarios(text, "f.toml")
    assert "f.toml" in caught.value.message
    assert line in caught.value.message


@pytest.mark.parametrize(
    "value", ['"-100%"', '"55%"', '"-55"', '"lots"', '{ raw = "0" }', '{ raw = "-1" }', '{ raw = "1.5" }', "{ raw = 0 }",
              '{ price = "0" }', '{ price = "1e3" }', '{ price = "0.0000000000000000001" }', f'{{ raw = "{2**256}" }}']
)  # fmt: skip
def test_a_move_that_cannot_be_is_refused_with_its_line(value):
    with pytest.raises(BadMove) as caught:
        parse_scenarios(scenario(f'USDC = "+1%"\nWETH = {value}'), "f.toml")
    assert "f.toml, line 6: WETH:" in caught.value.message


def test_an_unknown_key_is_answered_with_the_near_one():
    with pytest.raises(BadFile) as caught:
        parse_scenarios(scenario('WETH = "-55%"', 'name = "a"\nsorce = "b"'), "f.toml")
    assert caught.value.hint == "did you mean source?"


def test_a_file_on_disk(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert [each.name for each in load_scenarios(str(path))] == ["eth-crash", "second"]


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"# ok\n# \xc3\x28\n", b"\x1f\x8b\x08\x00" * 30])
def test_a_binary_file_is_refused(tmp_path, data):
    path = tmp_path / "binary.toml"
    path.write_bytes(data)
    with pytest.raises(BadFile) as caught:
        load_scenarios(str(path))
    assert (
        f"line {data[: data.find(bytes([0xC3]))].count(10) + 1 if bytes([0xC3]) in data else 1}" in caught.value.message
    )


def test_a_huge_file_and_a_directory_are_refused(tmp_path):
    path = tmp_path / "huge.toml"
    path.write_bytes(GOOD.encode() + b"#" * (LARGEST_TEXT - len(GOOD) + 1))
    for bad in (path, tmp_path):
        with pytest.raises(BadFile):
            load_scenarios(str(bad))
    path.write_bytes(GOOD.encode() + b"#" * (LARGEST_TEXT - len(GOOD)))
    assert len(load_scenarios(str(path))) == 2


def test_presets_are_there_by_name_and_may_name_what_nobody_holds():
    (found,) = load_scenarios("black-thursday-2020")
    assert found.preset
    assert found.oracle["family:ETH"] == Move(change=-56 * WAD // 100)


def test_every_preset_parses_and_says_its_source():
    assert len(presets()) > 20
    assert all(preset.source for preset in presets().values())


def test_a_drop_can_be_asked_for_by_its_name():
    assert load_scenarios("-40%") == parse_drops("40")


@pytest.mark.parametrize(
    "name", ["black-thursdy-2020", "no/such/file.toml", "", "a" * 10_000, "nul\x00byte", "\x1b[31m"]
)
def test_what_is_neither_preset_nor_file_is_refused(name):
    with pytest.raises(UnknownScenario) as caught:
        load_scenarios(name)
    assert caught.value.message.isprintable()
    assert caught.value.hint


def test_a_slip_of_the_pen_is_answered_with_the_near_preset():
    with pytest.raises(UnknownScenario) as caught:
        load_scenarios("black-thursdy-2020")
    assert "black-thursday-2020" in caught.value.hint


def test_gather_keeps_the_order_and_refuses_two_meanings_of_one_name(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(scenario('WETH = "-5%"', 'name = "-10%"'))
    asked = gather("10,20", ["WETH=-40%"], ["may-2021", "-20%"])
    assert [each.name for each in asked] == ["-10%", "-20%", "WETH=-40%", "may-2021"]
    assert gather(None, [], []) == ()
    with pytest.raises(BadMove):
        gather("10", [], [str(path)])


LIKE_MOVES = st.one_of(
    st.text(max_size=200), st.from_regex(r"(W=)?[+-]?[0-9]{1,3}(\.[0-9]{1,3})?%?(,[0-9]{1,2})?", fullmatch=True)
)


@given(LIKE_MOVES)
def test_a_text_is_a_move_above_minus_100_percent_or_a_clear_refusal(text):
    with suppress(InputError):
        assert all(-WAD < one.volatile <= 0 for one in parse_drops(text))
    with suppress(InputError):
        assert parse_change(text) > -WAD
    with suppress(InputError):
        assert all(move.change > -WAD for move in parse_shocks([text]).oracle.values())
    with suppress(InputError):
        assert parse_scenarios(text, "f.toml")
