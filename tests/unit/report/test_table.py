"""The table by its meaning: what it says first, that it fits 80 columns, that it works without colour."""

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from defirisk.model import Borne, ContractView, Direction, Ended, Failure, Threshold, Token, Verdict, Warning
from defirisk.report import table
from defirisk.report.check import Account, ChainFailure, Check, CheckSet
from defirisk.report.table import style

from . import worlds

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def shown(check: Check | CheckSet, width: int = 80) -> str:
    return table.text(check, width=width)


def words(check: Check | CheckSet) -> str:
    """The table as one line, so that no assertion depends on where lines break."""
    return " ".join(shown(check).split())


def line_with(text: str, *parts: str) -> str:
    return next(line for line in text.splitlines() if all(part in line for part in parts))


def coloured(check: Check) -> str:
    stream = io.StringIO()
    table.render(check, table.console_for(stream, width=80, colour=True))
    return stream.getvalue()


def test_age_comes_first_then_the_verdict_then_the_rest() -> None:
    text = words(worlds.check())
    order = [
        "12 s old", "oldest price 1 h 0 min old", worlds.OWNER, "Liquidated if WETH falls", "Health factor 1.0345",
        "Supplied", "Owed", "If only this moves", "Scenario", "Families assumed",
    ]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_figures_of_the_position() -> None:
    text = shown(worlds.check())
    assert line_with(text, "WETH", "83 %").split() == [
        "WETH",
        "1.5",
        "$2,345.67",
        "42",
        "s",
        "$3,518.51",
        "83",
        "%",
        "5",
        "%",
    ]
    assert "unknown" in line_with(text, "WBTC", "0.00000001")
    assert line_with(text, "USDC", "$1.00012").split()[-1] == "$2,800.35"
    assert "The oracle does not say when these prices were updated: WBTC." in words(worlds.check())
    assert "Not counted as collateral and not seizable: WBTC." in words(worlds.check())


def test_thresholds_as_prices_and_percentages_rounded_towards_today() -> None:
    text = shown(worlds.check())
    assert "$2,267.30 (-3.34 %)" in line_with(text, "WETH falls  ")
    assert "$1,853.08 (-21.00 %)" in line_with(text, "WETH falls  ")
    assert "NOW" in line_with(text, "USDC rises")
    assert "No fall of USDC by itself liquidates this position." in words(worlds.check())
    assert "No rise of all volatile assets or WETH by itself liquidates" in words(worlds.check())


def test_a_threshold_of_liquidation_without_bad_debt_says_never() -> None:
    fall = Threshold(
        "asset", "WETH", Direction.DOWN, -(10**17), None, worlds.WETH.address, 2 * 10**11, None, -(10**18) + 1
    )
    text = shown(worlds.check(worlds.analysis(thresholds=(fall,))))
    assert line_with(text, "WETH falls  ").split()[-1] == "never"


def test_scenarios_say_who_loses_what() -> None:
    text = shown(worlds.check())
    calm, crash = (line_with(text, name, "none" if name == "-10%" else "YES") for name in ("-10%", "-40%"))
    assert calm.split() == ["-10%", "1.0000", "no", "-", "$351.85", "none"]
    assert crash.split() == ["-40%", "0.6207", "YES,", "2", "calls", "2,010", "USDC", "$718.16", "$790.10"]
    split = line_with(text, "all seized")
    assert split.split() == ["-40%", "all", "seized", "$1,407.40", "$90.00", "$10.85", "-", "$790.10"]
    assert "Never repaid: -40%: 790 USDC. Borne by the protocol and its lenders, as a deficit." in words(worlds.check())


def test_a_gain_is_said_as_a_gain() -> None:
    loss = replace(worlds.SAFE.owner_loss, total=-35_185_050_000, move=-35_185_050_000)
    text = shown(worlds.check(worlds.analysis(outcomes=(replace(worlds.SAFE, owner_loss=loss),))))
    assert "gain $351.85" in line_with(text, "-10%")


def test_what_the_rules_leave_uncovered_is_no_silence() -> None:
    stuck = worlds.outcome(
        ended=Ended.RULES, liquidations=(), bad_debt=(), bad_debt_value=0, uncovered_value=5 * 10**10, borne_by=()
    )
    check = worlds.check(worlds.analysis(outcomes=(stuck,)))
    text = words(check)
    assert line_with(shown(check), "-40%", "could be").split()[-1] == "$500.00"
    assert "could be: rules stop" in text
    assert "$500.00 of the debt is more than what is left can repay" in text


def test_a_difference_from_the_contract_is_loud() -> None:
    held = worlds.position(contract=ContractView(has_health_factor=True, health_factor=worlds.HF + 1))
    text = words(worlds.check(worlds.analysis(position=held)))
    assert "!! WARNING the contract's own figures differ from ours" in text
    assert f"health factor {worlds.HF + 1} there, {worlds.HF} here" in text
    assert "THE CONTRACT SAYS OTHERWISE" in text
    assert "equal to the last digit" not in text


def test_an_unpriced_position_says_that_nothing_is_known() -> None:
    text = words(worlds.check(worlds.unpriced()))
    assert "Cause: no usable price for WETH: the oracle says 0." in text
    assert "!! NOT JUDGED. No usable price" in text
    assert "NO PRICE" in text
    assert "UNKNOWN" in text
    assert "Health factor" not in text


def test_a_failed_market_is_named_with_its_cause() -> None:
    text = words(worlds.failing())
    assert "!! aave-v3-ethereum COULD NOT BE READ: rpc.example.org answered 503 [endpoint-refused]" in text
    assert "! WARNING this address is a Safe" in text


def test_no_position_names_where_it_was_looked_for() -> None:
    assert "No position in aave-v3-ethereum." in words(worlds.check())


def test_several_positions_begin_with_a_line_each() -> None:
    text = shown(worlds.check(worlds.analysis(), worlds.unpriced()))
    head = text[: text.index(worlds.OWNER)]
    assert "2 positions" in line_with(head, "0x5aAe...eAed")
    assert [line.split()[0] for line in head.splitlines() if " aave-v3-ethereum " in line] == ["!", "!!"]
    assert "no position" in line_with(head, "0xfB69...d359")


def test_an_old_block_is_warned_of_and_a_recording_is_called_one() -> None:
    assert "WARNING the block is 1 h 0 min old" in words(worlds.check(read_at=worlds.TIME + 3600))
    recorded = words(worlds.check(read_at=None))
    assert "recorded block 23,456,789 of 2026-11-22 00:00:00 UTC" in recorded
    assert "WARNING the block" not in recorded


def test_chains_that_failed_stand_last() -> None:
    checks = CheckSet((worlds.check(),), (ChainFailure("base", "endpoint-unreachable", "no answer"),))
    assert words(checks).endswith("!! base COULD NOT BE READ: no answer")


def test_an_imitation_is_marked_and_its_address_named() -> None:
    fake = Token(worlds.USDC.address, "USD\u0421", 6)
    tokens = (worlds.WETH, fake, worlds.WBTC)
    check = worlds.check(worlds.analysis(position=worlds.position(tokens), standing=worlds.standing(tokens)))
    assert f"is not plain ASCII and may imitate another token: go by its address {fake.address}" in words(check)


def test_two_tokens_of_one_symbol_are_told_apart() -> None:
    twin = Token(worlds.USDC.address, "WETH", 6)
    tokens = (worlds.WETH, twin, worlds.WBTC)
    check = worlds.check(worlds.analysis(position=worlds.position(tokens), standing=worlds.standing(tokens)))
    assert "WETH (0xC02a...6Cc2)" in words(check)
    assert "WETH (0xA0b8...eB48)" in words(check)


HUGE = Token(worlds.USDC.address, "L" * 10_000, 0)
WIDE = Token(worlds.WETH.address, "\u6f22" * 40, 18)
MARKUP = Token(worlds.WBTC.address, "[bold red]X[/]\x1b[31m", 8)


def crowded() -> Check:
    tokens = (WIDE, HUGE, MARKUP)
    standing = worlds.standing(tokens, collateral_value=2**200, debt_value=2**220)
    owed = replace(standing.debt[0], amount=2**255, value=2**220, price=2**250)
    huge = replace(standing, debt=(owed,))
    loss = replace(worlds.outcome().owner_loss, total=2**200, move=-(2**200))
    outcomes = (worlds.outcome(scenario="n" * 80, owner_loss=loss, bad_debt_value=2**210),)
    held = worlds.position(tokens, warnings=(Warning("odd", "w" * 400),), market=worlds.market(name="m" * 200))
    verdict = Verdict("close", "v" * 300)
    one = worlds.analysis(position=held, standing=huge, outcomes=outcomes, verdict=verdict)
    account = Account(worlds.OWNER, (one,), (Failure("f" * 100, "aave-v3", "read", "x" * 300),), (), "e" * 90, "l" * 90)
    return worlds.check(accounts=(account,), source="s" * 300, chain="c" * 100, markets=("m" * 300,))


@pytest.mark.parametrize("width", [80, 60, 100])
@pytest.mark.parametrize("check", [worlds.check(), worlds.failing(), worlds.check(worlds.unpriced()), crowded()])
def test_no_line_is_wider_than_asked(check: Check, width: int) -> None:
    assert max(cell_len(line) for line in shown(check, width).splitlines()) <= width


def test_markup_and_escapes_from_a_chain_style_nothing() -> None:
    plain = coloured(crowded())
    assert "[bold red]X[/]" in ESCAPE.sub("", plain)
    assert "\x1b[31m\n" not in plain
    assert set(ESCAPE.findall(plain)) <= set(
        ESCAPE.findall(coloured(worlds.check(worlds.unpriced(), worlds.analysis())))
    )


def test_the_same_words_with_and_without_colour() -> None:
    stripped = [line.rstrip() for line in ESCAPE.sub("", coloured(worlds.check())).splitlines()]
    assert stripped == shown(worlds.check()).splitlines()
    assert ESCAPE.search(coloured(worlds.check()))
    assert not ESCAPE.search(shown(worlds.check()))


def test_no_colour_that_a_light_or_a_dark_terminal_hides() -> None:
    """Yellow, white, black and dim vanish on one of them (SGR 33, 37, 30, 2 and their bright kin)."""
    codes = {code for escape in ESCAPE.findall(coloured(crowded())) for code in escape[2:-1].split(";")}
    assert not codes & {"2", "30", "33", "37", "90", "93", "97", "40", "43", "47"}


def test_own_text_is_plain_ascii() -> None:
    assert shown(worlds.check(worlds.analysis(), worlds.unpriced())).isascii()


def test_no_colour_when_asked_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    table.render(worlds.check(), table.console_for(stream))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", stream.getvalue())


@pytest.mark.parametrize(
    ("asked", "width"), [("", 80), ("100", 100), ("20", 40), ("99999", 80), ("wide", 80), ("300", 110)]
)
def test_the_width_of_a_pipe(monkeypatch: pytest.MonkeyPatch, asked: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", asked)
    assert table.piped_width() == width


@pytest.mark.parametrize(
    ("first", "rest", "said"),
    [
        (
            "reserves",
            "suppliers",
            "Absorbed by the protocol's reserves (500 USDC); left to the other suppliers (290 USDC).",
        ),
        (
            "umbrella",
            "deficit",
            (
                "Absorbed by those who staked in Umbrella (500 USDC); "
                "left to the protocol and its lenders, as a deficit (290 USDC)."
            ),
        ),
    ],
)
def test_what_a_first_loss_absorbs_is_told_from_what_is_left(first: str, rest: str, said: str) -> None:
    shares = (Borne(first, worlds.USDC, 500_000_000), Borne(rest, worlds.USDC, 289_999_999))
    for told in (shares, shares[::-1]):
        text = words(worlds.check(worlds.analysis(outcomes=(worlds.outcome(borne_by=told),))))
        assert said in text


@pytest.mark.parametrize("who", ["those who staked in Umbrella", "the other suppliers"])
def test_a_lone_bearer_needs_no_amount(who: str) -> None:
    code = {"the other suppliers": "suppliers"}.get(who, "umbrella")
    shares = (Borne(code, worlds.USDC, 789_999_999),)
    assert f"Borne by {who}." in words(worlds.check(worlds.analysis(outcomes=(worlds.outcome(borne_by=shares),))))


def test_what_is_liquidatable_already_lists_only_what_adds_bad_debt() -> None:
    def now(direction: Direction, bad_debt: int | None) -> Threshold:
        return Threshold("asset", "WETH", direction, 0, bad_debt, worlds.WETH.address, 1, bad_debt and 2 * 10**11)

    some = words(worlds.check(worlds.analysis(thresholds=(now(Direction.DOWN, -(10**17)), now(Direction.UP, None)))))
    assert "It is liquidatable today. These moves would make it leave bad debt as well:" in some
    assert "WETH falls NOW $2,000.00 (-10.00 %)" in some
    assert "WETH rises" not in some
    both = words(worlds.check(worlds.analysis(thresholds=(now(Direction.DOWN, 0), now(Direction.UP, 0)))))
    assert "liquidatable and leaves bad debt today" in both
    assert "If only this moves" not in both


def test_without_any_harmful_move_one_sentence_says_so() -> None:
    harmless = tuple(t for t in worlds.THRESHOLDS if t.liquidation is None)
    text = words(worlds.check(worlds.analysis(thresholds=harmless)))
    assert "No move of any one asset or group liquidates this position." in text


def test_a_mere_note_does_not_shout() -> None:
    held = worlds.position(warnings=(Warning("emode", "the account is in eMode 1"), Warning("paused-reserve", "X")))
    text = words(worlds.check(worlds.analysis(position=held)))
    assert "Note: the account is in eMode 1." in text
    assert "! WARNING X" in text


@pytest.mark.parametrize("left", [1, 2])
@pytest.mark.parametrize("cells", [("WETH", "1.5", "$2,000"), ("長い名前", "", "-"), ("a", "never", "é")])
def test_rows_that_fit_are_written_as_a_table_would_write_them(cells: tuple[str, ...], left: int) -> None:
    rows = [[Text(cell) for cell in cells], [Text("DAI"), Text("12.25"), Text("x", style="bold red")]]
    block = style._Columns([Text(heading) for heading in ("Supplied", "Amount", "Value")], rows, left)
    assert printed(block) == printed(block._folded())


def printed(block: RenderableType) -> str:
    stream = io.StringIO()
    style.console_for(stream, width=80, colour=False).print(block)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
