"""Tables and summary: every wallet in every market, the figures of `check` to the last digit, sums that add up."""

import csv
import gzip
import json
import random
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import defirisk
from defirisk import frames
from defirisk.auditing.adding import add_outcome, scale_of
from defirisk.auditing.columns import OUTCOMES, POSITIONS
from defirisk.auditing.fast import Block, exact_sum
from defirisk.auditing.partition import AskedMarket, Plan, judge_partition
from defirisk.auditing.rows import health_figure
from defirisk.auditing.summary import BANDS, ScenarioSums, Summary, band_of, merged
from defirisk.cli.app import app
from defirisk.errors import UnsupportedRules
from defirisk.fixedpoint import WAD, decimal_string
from defirisk.model import AccountReading, Unit
from defirisk.report import audit as report
from defirisk.risk.binding import known_assets, validate
from defirisk.risk.families import FamilyBook
from defirisk.risk.scenario_files import parse_drops
from tests.support.faulty_server import held
from tests.support.terminal import on_terminal, with_bar_after

from .conftest import DEMO, LIQUIDATABLE, RECORDING, STRANGER, WALLETS, lasting, live

NEAREST = "nearest_liquidation_"
DEMO_WALLETS = defirisk.load_fixture(DEMO).fixture.wallets


def read(path):
    return pq.read_table(path).to_pylist()


@pytest.fixture(scope="module")
def checked():
    """What `check` says of the same wallets."""
    return defirisk.check(fixture=RECORDING, scenarios=["-10%", "-40%"])


@pytest.fixture
def both(audit, wallets, tmp_path):
    """The two tables and the summary, with doubles and what is no wallet in the list."""
    wallets.write_text(wallets.read_text() + f"{WALLETS[0].lower()}\nnonsense\n")
    ran = audit(
        wallets, "-o", tmp_path / "p.parquet", "--outcomes", tmp_path / "o.parquet", "--drop", "10,40", "--format", "json"
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return read(tmp_path / "p.parquet"), read(tmp_path / "o.parquet"), ran.json


def test_a_row_for_every_wallet_in_the_order_given(both):
    positions, outcomes, summary = both
    assert [row["address"] for row in positions] == list(WALLETS)
    assert [row["status"] for row in positions].count("no-position") == 1
    ok = [row["address"] for row in positions if row["status"] == "ok"]
    assert [(row["address"], row["scenario"]) for row in outcomes] == [(a, s) for a in ok for s in ("-10%", "-40%")]
    assert summary["list"] == {"given": len(WALLETS) + 2, "distinct": len(WALLETS), "duplicates": 1, "rejected": 1}
    assert summary["wallets"] == {"ok": len(ok), "no_position": 1, "failed": 0}


def test_every_figure_is_that_of_check(both, checked):
    positions = {row["address"]: row for row in both[0]}
    outcomes = {(row["address"], row["scenario"]): row for row in both[1]}
    seen = 0
    for account in checked.accounts:
        for analysis in account.positions:
            if not analysis.standing.at_stake:
                assert positions[account.address]["status"] == "no-position"
                continue
            seen += 1
            row, standing = positions[account.address], analysis.standing
            assert row["health_factor_raw"] == (None if standing.health_factor is None else str(standing.health_factor))
            assert row["collateral_value_raw"] == str(standing.collateral_value)
            assert row["debt_value_raw"] == str(standing.debt_value)
            assert row["liquidatable"] is standing.liquidatable
            compare_nearest(row, analysis)
            for outcome in analysis.outcomes:
                compare_outcome(outcomes[account.address, outcome.scenario], outcome, analysis.position)
    assert seen == sum(row["status"] == "ok" for row in both[0]) > 60


def compare_nearest(row, analysis):
    """The nearest of all asset thresholds, which `check` looks for one by one."""
    found = [t for t in analysis.thresholds if t.kind == "asset" and t.liquidation is not None]
    nearest = min(found, key=lambda t: abs(t.liquidation), default=None)
    if nearest is None:
        assert row[f"{NEAREST}move_raw"] is None
        return
    assert row[f"{NEAREST}move_raw"] == str(nearest.liquidation)
    if nearest.liquidation:
        assert row[f"{NEAREST}asset"] == nearest.asset
        assert row[f"{NEAREST}price_raw"] == str(nearest.liquidation_price)


def compare_outcome(row, outcome, position):
    assert row["health_factor_raw"] == (None if outcome.health_factor is None else str(outcome.health_factor))
    assert (row["liquidatable"], row["liquidations"], row["ended"]) == (
        outcome.liquidatable,
        len(outcome.liquidations),
        outcome.ended.value,
    )
    assert row["bad_debt_value_raw"] == str(outcome.bad_debt_value)
    assert row["uncovered_value_raw"] == str(outcome.uncovered_value)
    assert (row["engine"], row["error"]) == ("exact", None)
    assert (row["repaid_value"] > 0) is bool(outcome.liquidations)


def test_floats_are_the_exact_figures_rounded_once(both):
    for row in both[0] + both[1]:
        for name in (key for key in row if f"{key}_raw" in row and not key.endswith("price")):
            decimals = 18 if name.startswith(("health", NEAREST)) else 8
            exact = row[f"{name}_raw"]
            assert row[name] == (None if exact is None else float(Decimal(exact).scaleb(-decimals)))


def test_the_summary_adds_up_from_the_tables(both):
    positions, outcomes, summary = both
    (unit,) = summary["units"]
    ok = [row for row in positions if row["status"] == "ok"]
    scale = 10**10
    for name in ("collateral", "debt"):
        assert int(unit[f"{name}_raw"]) == sum(int(row[f"{name}_value_raw"]) for row in ok) * scale
    bands = Counter(band_of(None if (h := row["health_factor_raw"]) is None else int(h)) for row in ok)
    assert {band["health_factor"]: band["positions"] for band in unit["bands"]} == {band: bands[band] for band in BANDS}
    today = {row["address"]: row for row in ok}
    for one in unit["scenarios"]:
        rows = [row for row in outcomes if row["scenario"] == one["scenario"]]
        liquidatable = [today[row["address"]] for row in rows if row["liquidatable"]]
        assert one["liquidatable"]["positions"] == len(liquidatable)
        assert int(one["liquidatable"]["debt_raw"]) == sum(int(row["debt_value_raw"]) for row in liquidatable) * scale
        for name in ("repaid", "bad_debt", "uncovered"):
            assert int(one[f"{name}_raw"]) == sum(int(row[f"{name}_value_raw"]) for row in rows) * scale
        assert one["bad_debt_raw"] == str(sum(int(asset["bad_debt_raw"]) for asset in one["assets"]))
        loss = sum(max(int(row["bad_debt_value_raw"]), int(row["uncovered_value_raw"])) for row in rows)
        assert int(one["loss_raw"]) == loss * scale
    assert any(int(one["bad_debt_raw"]) for one in unit["scenarios"])


def test_concentration_is_of_the_wallets_debts(both):
    (unit,) = both[2]["units"]
    debts = sorted((int(row["debt_value_raw"]) for row in both[0] if row["debt_value_raw"]), reverse=True)
    total = sum(debts)
    told = unit["concentration"]
    assert told["debtors"] == sum(debt > 0 for debt in debts)
    for one in told["largest"]:
        share = Fraction(sum(debts[: one["debtors"]]), total)
        assert 0 <= share - Fraction(one["share"]) < Fraction(1, WAD)
    assert abs(sum(Fraction(debt, total) ** 2 for debt in debts) - Fraction(told["hhi"])) < Fraction(1, WAD)


def test_the_worst_lose_most_then_risk_most(both):
    (unit,) = both[2]["units"]
    losses = Counter()
    for row in both[1]:
        loss = max(int(row["bad_debt_value_raw"]), int(row["uncovered_value_raw"]))
        losses[row["address"]] = max(losses[row["address"]], loss)
    worst = [address for address, loss in sorted(losses.items(), key=lambda item: (-item[1], item[0])) if loss][:10]
    assert [one["address"] for one in unit["worst"] if int(one["loss_raw"])] == worst
    assert len(unit["worst"]) == 10


def test_the_document_is_of_its_schema(both, audit, wallets):
    jsonschema.Draft202012Validator.check_schema(report.schema())
    jsonschema.validate(both[2], report.schema())
    wallets.write_text(STRANGER)
    for ran in (audit(wallets, "--format", "json"), audit(wallets, "--format", "json", fixture=DEMO)):
        jsonschema.validate(ran.json, report.schema())


def test_all_formats_hold_the_same_rows(audit, wallets, tmp_path, both):
    for ending in ("csv", "csv.gz", "jsonl", "jsonl.gz"):
        paths = tmp_path / f"p.{ending}", tmp_path / f"o.{ending}"
        assert audit(wallets, "-o", paths[0], "--outcomes", paths[1], "--drop", "10,40").code == 0
        for path, rows in zip(paths, both[:2], strict=True):
            content = gzip.decompress(path.read_bytes()) if ending.endswith("gz") else path.read_bytes()
            assert loaded(content.decode(), ending) == [as_text(row) if "csv" in ending else row for row in rows]


def loaded(text, ending):
    if "csv" in ending:
        return [dict(row) for row in csv.DictReader(text.splitlines())]
    return [json.loads(line) for line in text.splitlines()]


def as_text(row):
    """A row as CSV holds it; floats compare as numbers below."""
    return {key: Cell(value) for key, value in row.items()}


class Cell:
    def __init__(self, value):
        self.value = value

    def __eq__(self, text):
        if self.value is None:
            return text == ""
        if isinstance(self.value, bool):
            return text == str(self.value).lower()
        return float(text) == self.value if isinstance(self.value, float) else text == str(self.value)

    __hash__ = None


def test_the_same_list_gives_the_same_bytes(audit, wallets, tmp_path):
    for ending in ("parquet", "csv", "jsonl.gz"):
        first, second = tmp_path / f"1.{ending}", tmp_path / f"2.{ending}"
        assert audit(wallets, "-o", first, "--drop", "10", "--chunk", "2000").code == 0
        assert audit(wallets, "-o", second, "--drop", "10", "--chunk", "7").code == 0
        assert first.read_bytes() == second.read_bytes()


def test_labels_are_columns_of_text_and_clashes_are_renamed(audit, tmp_path):
    path, out = tmp_path / "list.csv", tmp_path / "p.parquet"
    path.write_text(f"address,status,label_status,=x\n{LIQUIDATABLE},mine,2,=1+1\n{WALLETS[3]},,,\n")
    assert audit(path, "-o", out).code == 0
    first, second = read(out)
    assert (first["status"], first["label_label_status"], first["label_status"], first["=x"]) == (
        "ok",
        "mine",
        "2",
        "=1+1",
    )
    assert (second["label_status"], second["=x"]) == (None, None)
    assert audit(path, "-o", tmp_path / "p.csv").code == 0
    (row, _) = csv.DictReader((tmp_path / "p.csv").read_text().splitlines())
    assert row["'=x"] == "'=1+1"
    assert row["nearest_liquidation_move"] == "0"


def test_several_markets_have_a_row_each_and_units_stand_apart(audit, tmp_path):
    path, out, outcomes = tmp_path / "list.txt", tmp_path / "p.parquet", tmp_path / "o.parquet"
    path.write_text("\n".join(DEMO_WALLETS))
    ran = audit(path, "-o", out, "--outcomes", outcomes, "--format", "json", fixture=DEMO)
    rows = read(out)
    markets = [market["market"] for market in ran.json["markets"]]
    assert len(markets) == 4
    assert [(row["address"], row["market"]) for row in rows] == [(a, m) for a in DEMO_WALLETS for m in markets]
    checked = defirisk.check(fixture=DEMO)
    at_stake = sum(p.standing.at_stake for account in checked.accounts for p in account.positions)
    assert len(read(outcomes)) == 5 * at_stake
    assert sum(unit["positions"] for unit in ran.json["units"]) == at_stake
    assert sum(market["positions"] for market in ran.json["markets"]) == at_stake
    assert len({row["unit"] for row in rows if row["unit"]}) == len(ran.json["units"])


def test_top_keeps_full_replays_as_check_writes_them(audit, wallets, tmp_path):
    out = tmp_path / "p.parquet"
    ran = audit(wallets, "-o", out, "--top", "3", "--drop", "40", "--format", "json")
    document = json.loads((tmp_path / "p.parquet.top.json").read_text())
    from defirisk.report.json import schema

    jsonschema.validate(document, schema())
    worst = [one["address"] for one in ran.json["units"][0]["worst"][:3]]
    assert [account["address"] for account in document["accounts"]] == worst
    assert all(account["positions"][0]["scenarios"][0]["liquidations"] for account in document["accounts"])
    (shared,) = document["shared_losses"]
    here = [p for a in document["accounts"] for p in a["positions"] if p["market"] == shared["market"]]
    lost = [one for position in here for one in position["scenarios"][0]["bad_debt"]]
    losses = [one["amount_raw"] for one in lost if one["asset"] == shared["asset"]]
    assert (shared["positions"], shared["amount_raw"]) == (len(losses), str(sum(map(int, losses))))
    assert audit(wallets, "--top", "3").code == 2
    assert audit(wallets, "--top", "1", "--top-output", tmp_path / "t.json").code == 0
    assert (tmp_path / "t.json").exists()


def test_without_outputs_there_is_a_summary_and_nothing_on_disk(audit, wallets, tmp_path):
    ran = audit(wallets, "--drop", "40")
    assert (ran.code, ran.err) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wallets.txt"]
    assert "Complete" in ran.out


def test_the_list_from_stdin(audit, wallets):
    piped = audit("-", "--format", "json", stdin=wallets.read_text())
    assert lasting(piped.json) == lasting(audit(wallets, "--format", "json").json)


def test_the_summary_fits_80_columns_and_markdown_is_a_table(audit, wallets, tmp_path):
    path = tmp_path / "demo.txt"
    path.write_text("\n".join(DEMO_WALLETS))
    for ran in (audit(wallets), audit(path, fixture=DEMO)):
        assert max(map(len, ran.out.splitlines())) <= 80
        assert "\x1b" not in ran.out
        for words in ("Health factor", "Scenario", "Asset", "Worst", "Concentration"):
            assert words in ran.out
    markdown = audit(wallets, "--format", "markdown").out
    assert markdown.startswith("### defirisk audit: chain 31337")
    assert "| below 1 | 9 |" in markdown


def test_a_scenario_that_does_not_fit_is_wrong_input(audit, wallets, tmp_path):
    scenario = tmp_path / "s.toml"
    scenario.write_text('[[scenario]]\nname = "all gone"\n[scenario.oracle]\nDAI = { raw = "0" }\n')
    assert audit(wallets, "--scenario", scenario).code == 2
    ran = audit(wallets, "--shock", "NOSUCH=-10%", "-o", tmp_path / "p.csv")
    assert ran.code == 2
    assert "error[unknown-asset]" in ran.err
    assert audit(wallets, "--engine", "quantum", "-o", tmp_path / "p.csv").code == 2
    assert not list(tmp_path.glob("*.resume")), "a slip of the pen left a state that stands in the way"


def test_scenarios_may_name_what_only_some_chunk_holds(audit, wallets, tmp_path):
    whole, cut = tmp_path / "1.csv", tmp_path / "2.csv"
    for path, chunk in ((whole, 1000), (cut, 1)):
        options = ("--shock", "WETH=-40%", "--shock", "family:BTC=-20%", "--chunk", chunk)
        assert audit(wallets, "--outcomes", path, *options).code == 0
    assert whole.read_bytes() == cut.read_bytes()


def test_columns_are_documented_once_and_written_in_that_order(both, tmp_path):
    for rows, columns in ((both[0], POSITIONS), (both[1], OUTCOMES)):
        assert list(rows[0]) == [column.name for column in columns]
        assert all(column.meaning for column in columns)
    kinds = {"text": pa.string(), "float": pa.float64(), "bool": pa.bool_(), "int": pa.int64()}
    fields = pq.read_schema(tmp_path / "p.parquet")
    assert [field.type for field in fields] == [kinds[column.kind] for column in POSITIONS]
    assert json.loads(fields.metadata[b"defirisk"])["block"] == "712"


def test_the_columns_are_told_where_people_look(audit):
    told = audit("--columns", fixture=None)
    assert told.code == 0
    for column in (*POSITIONS, *OUTCOMES):
        assert f"`{column.name}`" in told.out
        assert column.meaning in told.out or column.name.endswith("_raw")
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert told.out.strip() in readme


def test_the_api_is_the_command(wallets, tmp_path, audit):
    result = defirisk.audit(WALLETS, tmp_path / "p.parquet", fixture=RECORDING, scenarios=["-40%"])
    ran = audit(wallets, "-o", tmp_path / "q.parquet", "--drop", "40", "--format", "json")
    told, other = lasting(result.to_dict()), lasting(ran.json)
    assert told.pop("files") != other.pop("files")
    assert told == other
    assert read(tmp_path / "p.parquet") == read(tmp_path / "q.parquet")
    assert "Complete" in str(result)


@pytest.fixture(scope="module")
def partition(checked):
    """All positions as readings, and a plan by engine."""
    positions = [p.position for account in checked.accounts for p in account.positions]
    readings = [AccountReading(one.owner, (one,)) for one in positions]
    market = AskedMarket(positions[0].market.name, "aave-v3")
    bound = validate(parse_drops("20,50"), known_assets(positions), FamilyBook.load({}))
    return readings, lambda engine: Plan(31337, 712, (market,), bound, nearest=False, engine=engine, keep=4)


@pytest.mark.parametrize("engine", ["exact", "fast"])
def test_parts_merge_in_any_order_and_grouping_to_the_same(partition, engine):
    """What local runs, workers and a cluster rely on."""
    readings, plan = partition[0], partition[1](engine)
    whole = judge_partition(readings, plan)
    dice = random.Random(7)
    for _ in range(4):
        cuts = sorted(dice.sample(range(1, len(readings)), 6))
        parts = [readings[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
        judged = [judge_partition(part, plan) for part in parts]
        assert pa.concat_tables([one.positions for one in judged]).equals(whole.positions)
        assert pa.concat_tables([one.outcomes for one in judged]).equals(whole.outcomes)
        summaries = [Summary.from_json(json.loads(json.dumps(one.summary.to_json()))) for one in judged]
        dice.shuffle(summaries)
        nested = merged([merged(summaries[:3], 4), merged(summaries[3:], 4)], 4)
        assert nested == merged([whole.summary], 4)


def test_the_fast_engine_agrees_and_says_where_it_is_exact(partition):
    exact, fast = (
        judge_partition(partition[0], partition[1](engine)).outcomes.to_pylist() for engine in ("exact", "fast")
    )
    for right, row in zip(exact, fast, strict=True):
        same = ("address", "market", "scenario", "liquidatable", "liquidations", "ended", "error")
        assert [row[name] for name in same] == [right[name] for name in same]
        for name in ("repaid_value", "bad_debt_value", "uncovered_value"):
            assert row[name] == pytest.approx(right[name], rel=1e-9, abs=1e-6)
            assert row[f"{name}_raw"] in (None, right[f"{name}_raw"])
        assert (row["repaid_value_raw"] is None) is (row["engine"] == "fast")


def test_sums_on_arrays_are_those_of_the_pairs_one_by_one(partition):
    readings, plan = partition[0], partition[1]("fast")
    held = [(p, p.rules.standing(p.state)) for one in readings for p in one.positions]
    held = [one for one in held if one[1].at_stake]
    block = Block(held, plan, FamilyBook.load({}))
    right = {scenario.name: ScenarioSums() for scenario in plan.scenarios}
    for row, (position, standing) in enumerate(held):
        for scenario, one in zip(plan.scenarios, block.figures(row), strict=True):
            add_outcome(right[scenario.name], standing, one, scale_of(position.market.unit))
    (market,) = judge_partition(readings, plan).summary.markets.values()
    assert market.book.scenarios == right
    assert sum(one.fast for one in right.values()) > len(held), "nothing was left to floats"


def test_whole_floats_are_added_exactly_in_any_order():
    dice = random.Random(3)
    values = [float(dice.getrandbits(dice.choice([1, 20, 53, 90]))) for _ in range(500)] + [0.0]
    assert exact_sum(np.array(values)) == sum(map(int, values)) == exact_sum(np.array(values[::-1]))
    assert exact_sum(np.array([])) == 0


def test_bands_begin_at_their_lower_edge():
    at = {
        0: BANDS[0],
        WAD - 1: BANDS[0],
        WAD: BANDS[1],
        WAD * 105 // 100: BANDS[2],
        2 * WAD - 1: BANDS[5],
        2 * WAD: BANDS[6],
    }
    assert {health: band_of(health) for health in at} == at
    assert band_of(None) == "no debt"


def test_the_bar_tells_how_fast_and_is_gone_before_the_summary(wallets, endpoint):
    command = with_bar_after(0, *live(endpoint, wallets, "--chunk", "3", "--drop", "20")[3:])
    with held(endpoint, lambda asked: WALLETS[-1][2:].lower() in json.dumps(asked).lower()) as go_on:

        def seen(shown):
            if re.search(r" of 69, [0-9]+/s", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)):
                go_on.set()

        code, _, shown = on_terminal(command, seen, both=True)
    assert (code, go_on.is_set()) == (0, True)
    assert re.search(r"\x1b\[2K(\x1b\[[0-9;]*m)*chain 31337, block 712", shown), "it stands beside the bar"


def test_help_stays_light(tmp_path):
    program = "import sys; from defirisk.cli.app import app\ntry: app(['audit', '--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not {"pyarrow", "numpy", "asyncio", "rich"} & set(done.stderr.split())
    assert Path(RECORDING).exists()


def test_what_the_api_is_given_is_one_entry_each_whatever_is_in_it():
    odd = [f"{STRANGER}\n{WALLETS[1]}", " ", "", f"# {WALLETS[2]}", "\ud800", WALLETS[0]]
    told = defirisk.audit(odd, fixture=RECORDING, scenarios=["-40%"], thresholds=False).to_dict()
    assert (told["list"]["given"], told["list"]["rejected"], told["wallets"]["ok"]) == (6, 5, 1)


def test_a_scenario_that_some_prices_cannot_take_is_marked_at_its_sums(audit, tmp_path):
    """A price that falls to nothing is no price there; a row of zeros would read as if nothing had happened."""
    scenario, path = tmp_path / "s.toml", tmp_path / "w.txt"
    scenario.write_text('[[scenario]]\nname = "dust"\n[scenario.oracle]\nWETH = "-99.9999999999999999%"\n')
    path.write_text("\n".join(DEMO_WALLETS))
    ran = audit(path, "--scenario", scenario, "--no-thresholds", fixture=DEMO)
    (refused,) = [
        s["refused"]
        for s in audit(path, "--scenario", scenario, "--format", "json", fixture=DEMO).json["units"][0]["scenarios"]
    ]
    said = " ".join(ran.out.split())
    assert (ran.code, refused > 0) == (2, True)
    assert f"dust: {refused} of " in said
    assert "could not take it, and are not in its sums" in said


def test_one_wallet_is_one_wallet(audit, tmp_path):
    path = tmp_path / "w.txt"
    path.write_text(LIQUIDATABLE)
    said = " ".join(audit(path, "--drop", "10", "--no-thresholds").out.split())
    assert "1 entry, 1 wallet: 1 holds a position, 0 hold none, 0 failed." in said
    assert "1 position: collateral" in said
    assert "owed by 1 wallet." in said
    assert "Concentration: the largest wallet owes 100 % of all debt." in said


@pytest.mark.parametrize("raw", [WAD - 1, WAD - 40, WAD, WAD + 1, 1, 0, 2 * WAD])
def test_a_health_factor_below_1_is_so_as_a_float_too(raw):
    """The nearest float of 0.999999999999999999 is 1.0, and people filter by `health_factor < 1`."""
    row = health_figure(raw)
    assert (row["health_factor"] < 1) == (raw < WAD)
    assert row["health_factor_raw"] == str(raw)
    (value,) = frames._frame([{"health_factor": decimal_string(raw, 18)}], ["health_factor"])["health_factor"]
    assert (value < 1) == (raw < WAD)


def test_a_unit_that_is_finer_than_a_summary_counts_is_refused():
    assert scale_of(Unit("ETH", 18)) == 1
    with pytest.raises(UnsupportedRules, match="to 27 digits"):
        scale_of(Unit("RAY", 27))


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_market_that_nobody_could_be_read_in_hides_no_asset_that_does_not_exist(audit, tmp_path, snapshot):
    """What no market knows moves nothing: under a slip of the pen everybody would seem to survive."""
    document = json.loads(gzip.decompress(DEMO.read_bytes()))
    del document["digest"]
    venus = next(one["entry"] for one in document["markets"] if one["protocol"] == "compound-v2")
    document["calls"] = [call for call in document["calls"] if call["to"] != venus]
    broken, path = tmp_path / "broken.json", tmp_path / "w.txt"
    broken.write_text(json.dumps(document))
    path.write_text("\n".join(DEMO_WALLETS[:3]))
    if snapshot:
        taken = tmp_path / "s.parquet"
        done = CliRunner().invoke(app, ["snapshot", str(path), "--fixture", str(broken), "-o", str(taken)])
        assert done.exit_code == 3
        path, broken = taken, None
    said = "TYPO=-40%: no market read knows the asset 'TYPO', so nothing was moved by it"
    for name, code in (("TYPO", 2), ("WETH", 3)):
        ran = audit(path, "--shock", f"{name}=-40%", "--no-thresholds", fixture=broken)
        assert ran.code == code
        assert (said in " ".join(ran.out.split()), said in ran.err) == (code == 2, code == 2)


@pytest.mark.parametrize("option", ["-o", "--outcomes"])
def test_a_list_is_not_written_over(option, tmp_path, audit):
    path = tmp_path / "list.csv"
    path.write_text(f"address,desk\n{WALLETS[0]},a\n")
    (tmp_path / "here").symlink_to(tmp_path)
    before = path.read_bytes()
    ran = audit(path, option, tmp_path / "here" / "list.csv", "--drop", "20", "--no-thresholds", "-q")
    assert (ran.code, ran.out) == (2, "")
    assert "is read by this run, and would be written over" in ran.err
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["here", "list.csv"]
