"""What a chain says must reach no screen, spreadsheet or page in its own shape."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.model import Token
from defirisk.report.sanitize import SYMBOL_LENGTH, clean, csv_cell, imitates, markdown, symbol

ADDRESS = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"


def named(text: str) -> Token:
    return Token(ADDRESS, text, 18)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b[31mUSDC\x1b[0m", "USDC"),
        ("\x1b]0;owned\x07WETH", "WETH"),
        ("\x1b]8;;https://evil.example\x1b\\USDC\x1b]8;;\x1b\\", "USDC"),
        ("\x9b31mDAI", "DAI"),
        ("US\u202eDC", "USDC"),
        ("\u2066USDC\u2069", "USDC"),
        ("US\u200bDC\u200d\ufeff", "USDC"),
        ("USDC\n\r\tUSDT", "USDC USDT"),
        ("  WETH \x00\x00", "WETH"),
        ("a\u0301\u0302\u0303\u0304\u0305", "a\u0301\u0302"),
        ("[bold red]X[/]", "[bold red]X[/]"),
        ("::add-mask::0", ": :add-mask: :0"),
        (":\u200b:stop", ": :stop"),
        (":::x", ": : :x"),
        ("##[set-output name=a]b", "# #[set-output name=a]b"),
    ],
)
def test_a_symbol_is_shown_without_its_tricks(hostile: str, shown: str) -> None:
    assert symbol(named(hostile)) == shown


@pytest.mark.parametrize("nothing", ["", "\x00\x00\x00", " \t\n", "\u200b\u2060", "\u3164", "\ud800"])
def test_a_symbol_of_nothing_is_its_short_address(nothing: str) -> None:
    assert symbol(named(nothing)) == "0xC02a...6Cc2"


def test_ten_kilobytes_are_cut_with_an_ellipsis() -> None:
    shown = symbol(named("L" * 10_000))
    assert len(shown) == SYMBOL_LENGTH
    assert shown.endswith("L...")


def test_what_is_not_ascii_is_kept_and_marked() -> None:
    assert symbol(named("USD\u20ae0")) == "USD\u20ae0"
    assert imitates(named("USD\u0421"))
    assert not imitates(named("USDC"))


@given(st.text(alphabet=st.characters(), max_size=300))
def test_no_text_keeps_a_control_format_or_line_character(text: str) -> None:
    cleaned = clean(text)
    assert not {unicodedata.category(c) for c in cleaned} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert cleaned == " ".join(cleaned.split())
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize("formula", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "=HYPERLINK()"])
def test_a_formula_is_no_formula_in_a_spreadsheet(formula: str) -> None:
    assert csv_cell(formula)[0] == "'"


@pytest.mark.parametrize("figure", ["-40%", "+2.5%", "-0.25", "12", "-12,345.67"])
def test_a_signed_figure_stays_a_figure(figure: str) -> None:
    assert csv_cell(figure) == figure


def test_markdown_shows_and_does_nothing() -> None:
    hostile = "a|b`c`<img src=x onerror=y>[d](http://e) ![f](g) **h** @octocat #12 $x$ www.evil.example \\"
    shown = markdown(hostile)
    assert "<img" not in shown
    assert "&lt;img" in shown
    for live in ("|b", "`c`", "[d]", "![", "**h**", "@octocat", "#12", "$x$", "http://", "www.evil"):
        assert live not in shown.replace(f"\\{live[0]}", "").replace("\\", "\x00"), live
