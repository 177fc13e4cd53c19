"""CSV and Markdown: one row a position and scenario; nothing of a chain is a formula, a cell or a tag there."""

import csv
import io
from dataclasses import replace

from defirisk.model import Token, Unit, Warning
from defirisk.protocols.interface import Deployment
from defirisk.report import columns, markdown, markets
from defirisk.report import csv as report_csv
from defirisk.report.check import Check, CheckSet
from defirisk.report.legs import price_text
from defirisk.report.rows import threshold_row

from . import worlds

EVIL = "=cmd|'/C calc'!A0|<b>\n@me"


def rows(check: Check | CheckSet) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report_csv.text(check))))


def hostile() -> Check:
    tokens = (Token(worlds.WETH.address, EVIL, 18), worlds.USDC, worlds.WBTC)
    held = worlds.position(
        tokens, market=worlds.market(name=EVIL), unpriced={0: EVIL}, warnings=(Warning("odd", EVIL),)
    )
    return worlds.check(worlds.analysis(position=held, standing=worlds.standing(tokens)), source=EVIL)


def test_one_row_a_position_and_scenario() -> None:
    calm, crash, empty = rows(worlds.check())
    assert [calm["scenario"], crash["scenario"], empty["scenario"]] == ["-10%", "-40%", ""]
    assert (empty["address"], empty["status"]) == (worlds.OTHER, "no-position")
    assert crash["bad_debt_value"] == "790.0975245"
    assert crash["bad_debt_value_raw"] == "79009752450"
    assert (calm["scenario_liquidatable"], crash["scenario_liquidatable"]) == ("false", "true")
    assert calm["health_factor_raw"] == crash["health_factor_raw"] == str(worlds.HF)
    assert crash["nearest_liquidation_asset"] == worlds.USDC.address


def test_the_nearest_liquidation_is_of_one_asset_though_a_group_is_nearer() -> None:
    group, _, fall, *_ = worlds.THRESHOLDS
    nearer = replace(group, liquidation=-1)
    row = rows(worlds.check(worlds.analysis(thresholds=(nearer, fall))))[0]
    assert row["nearest_liquidation_asset"] == worlds.WETH.address
    assert row["nearest_liquidation_move"] == "-0.033412567890123457"
    assert row["nearest_liquidation_price_raw"] == "226729514189"


def test_a_price_is_that_of_a_whole_token_whatever_the_oracle_counts_in() -> None:
    """Compound V2: amount * mantissa / 1e18 is a value with 18 decimals, so the mantissa of USDC has 30."""
    tokens = (worlds.WETH, worlds.USDC, worlds.WBTC)
    state = worlds.State(tokens, (2345 * 10**18, 10**30 + 10**26, 65_432 * 10**28), scale=10**18)
    market = worlds.market(unit=Unit("USD", 18))
    legs = worlds.standing()
    debt = replace(legs.debt[0], price=state.prices[1])
    analysis = worlds.analysis(
        position=worlds.position(state=state, market=market), standing=replace(legs, debt=(debt,))
    )
    rise = replace(worlds.THRESHOLDS[5], liquidation=10**16, liquidation_price=101 * 10**28)
    assert price_text(analysis.position, debt, debt.price) == "$1.0001"
    row = threshold_row(rise, replace(analysis, thresholds=(rise,)))
    assert (row["liquidation_price"], row["liquidation_price_raw"]) == ("1.01", str(101 * 10**28))


def test_what_failed_and_what_is_unpriced_has_a_row_too() -> None:
    [failed] = rows(worlds.failing())
    assert (failed["status"], failed["error"], failed["account_status"]) == ("failed", "endpoint-refused", "failed")
    [unpriced, _] = rows(worlds.check(worlds.unpriced()))
    assert (unpriced["status"], unpriced["error"], unpriced["health_factor"]) == ("unpriced", "unpriced", "")


def test_a_position_without_scenarios_has_one_row() -> None:
    assert len(rows(worlds.check(worlds.analysis(outcomes=())))) == 2


def test_chains_share_one_heading() -> None:
    assert len(rows(CheckSet((worlds.check(), worlds.check())))) == 6


def test_no_cell_is_a_formula_or_breaks_its_row() -> None:
    text = report_csv.text(hostile())
    cells = [cell for row in rows(hostile()) for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "@")) or "\n" in cell]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert len(text.splitlines()) == 1 + len(rows(hostile()))


def test_markdown_says_the_same() -> None:
    text = markdown.text(worlds.check())
    assert f"#### `{worlds.OWNER}`" in text
    assert "Health factor **1.0345**" in text
    assert "| WETH falls | \\$2,267.30 (-3.34 %) | \\$1,853.08 (-21.00 %) |" in text
    assert "| \\-40% | 0.6207 | yes, all seized | 2,010 USDC | \\$718.16 | \\$790.10 |" in text
    assert "No position in the markets asked for." in text


def test_markdown_tables_keep_their_columns() -> None:
    for check in (worlds.check(), hostile()):
        lines = markdown.text(check).splitlines()
        tables = [line.replace("\\|", "") for line in lines if line.startswith("|")]
        heads = [index for index, line in enumerate(tables) if "---" in line]
        assert heads
        for head in heads:
            assert tables[head].count("|") == tables[head - 1].count("|")
        assert {line.count("|") for line in tables} <= {tables[head].count("|") for head in heads}


def test_markdown_holds_no_tag_mention_or_link_of_a_chain() -> None:
    text = markdown.text(hostile())
    assert "<b>" not in text
    assert "@me" not in text
    assert "&lt;b&gt;" in text


def test_markdown_of_what_failed() -> None:
    assert "could not be read:** rpc.example.org answered 503" in markdown.text(worlds.failing())
    assert "**not judged**" in markdown.text(worlds.check(worlds.unpriced()))


DEPLOYMENTS = (
    Deployment("aave-v3-base", "aave-v3", "base", 8453, worlds.OWNER, aliases=("b",), note="a | note"),
    Deployment("aave-v3-ethereum", "aave-v3", "ethereum", 1, worlds.OTHER),
)
RULES = {"aave-v3": ("3.0", "3.6")}


def test_markets_in_every_format() -> None:
    table = markets.text(DEPLOYMENTS, RULES, "table")
    assert max(map(len, table.splitlines())) <= 80
    assert "base (chain 8453)" in table
    for format_ in ("table", "json", "csv", "markdown"):
        text = markets.text(DEPLOYMENTS, RULES, format_)
        for one in DEPLOYMENTS:
            assert one.name in text.replace("\\", "")
            assert one.entry in text
            assert "3.6" in text


def test_every_column_is_described_and_filled() -> None:
    described = {**columns.ACCOUNT, **columns.POSITION, **columns.OUTCOME}
    assert tuple(described) == report_csv.COLUMNS
    assert all(text.strip() for text in (*described.values(), *columns.THRESHOLD.values(), *columns.LEG.values()))
    filled = {name for check in (worlds.check(), worlds.failing()) for row in rows(check) for name in row if row[name]}
    assert set(described) - filled == {"search", "warnings", "what_if"}
