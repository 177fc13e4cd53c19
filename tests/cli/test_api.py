"""The Python API: the same answers as the command line, typed, sync and async, in frames."""

from __future__ import annotations

import asyncio
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import defirisk
from defirisk.chain.logs import TooManyLogs
from defirisk.errors import (
    BadMove,
    BadPolicy,
    CallRefused,
    DefiriskError,
    InvalidAddress,
    MissingCall,
    UnknownLiquidator,
    UnknownScenario,
    WrongChain,
)
from defirisk.model import Move, Scenario
from tests.support.rpc_server import RpcServer

from .conftest import CLOSE, LIQUIDATABLE, RECORDING, STRANGER, Run

CALLS = (
    "audit", "check", "check_chains", "check_policy", "demo", "find_borrowers", "load_fixture", "markets", "record", "refresh", "snapshot",
)  # fmt: skip


@pytest.fixture(scope="module")
def result() -> defirisk.CheckResult:
    asked = [CLOSE, LIQUIDATABLE, STRANGER]
    return defirisk.check(asked, fixture=RECORDING, scenarios=["-10%", "WETH=-40%"])


def test_the_public_surface() -> None:
    assert set(dir(defirisk)) == {*defirisk.__all__, "__version__"}
    assert sorted(defirisk.__all__) == [
        "AuditResult", "BorrowersResult", "CheckResult", "CheckSetResult", "DefiriskError", "InputError", "Move", "ReadError", "RefreshResult", "Scenario", "SnapshotResult", "WhatIf", "audit", "audit_async", "check",
        "check_async", "check_chains", "check_chains_async", "check_policy", "check_policy_async", "demo", "find_borrowers", "find_borrowers_async", "load_fixture", "markets", "record",
        "record_async", "refresh", "refresh_async", "snapshot", "snapshot_async",
    ]  # fmt: skip
    for name in defirisk.__all__:
        assert getattr(defirisk, name).__doc__, name
    with pytest.raises(AttributeError):
        defirisk.no_such_name  # noqa: B018


def test_import_costs_nothing() -> None:
    program = "import sys, defirisk; print(sorted(m for m in sys.modules if m.startswith('defirisk')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['defirisk']"


def test_it_is_typed() -> None:
    assert (Path(defirisk.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("name", CALLS)
def test_every_call_says_its_arguments_and_errors(name: str) -> None:
    call = getattr(defirisk, name)
    text = inspect.getdoc(call) or ""
    if name != "demo":
        for argument in inspect.signature(call).parameters:
            assert f"{argument}:" in text, argument
        assert "Raises:" in text
    assert all(p.annotation is not inspect.Parameter.empty for p in inspect.signature(call).parameters.values())


@pytest.mark.parametrize(
    "name", ["audit", "check", "check_chains", "check_policy", "find_borrowers", "record", "refresh", "snapshot"]
)
def test_both_faces_take_and_say_the_same(name: str) -> None:
    sync, awaited = getattr(defirisk, name), getattr(defirisk, f"{name}_async")
    assert (sync.__name__, sync.__qualname__, awaited.__name__) == (name, name, f"{name}_async")
    assert inspect.signature(sync) == inspect.signature(awaited)
    assert inspect.getdoc(sync) == inspect.getdoc(awaited)
    assert (inspect.iscoroutinefunction(sync), inspect.iscoroutinefunction(awaited)) == (False, True)


def test_the_api_and_the_command_line_say_the_same(run: Run) -> None:
    ran = run("check", CLOSE, "--fixture", str(RECORDING), "--format", "json", "--drop", "10")
    result = defirisk.check(CLOSE, fixture=str(RECORDING), scenarios="-10%")
    assert result.to_dict() == ran.json


def test_inside_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> tuple[object, object]:
        sync = defirisk.check(CLOSE, fixture=RECORDING, scenarios=[], thresholds=False)
        return sync.to_dict(), (
            await defirisk.check_async(CLOSE, fixture=RECORDING, scenarios=[], thresholds=False)
        ).to_dict()

    sync, awaited = asyncio.run(cell())
    assert sync == awaited


def test_a_recording_is_loaded_once_and_used_again() -> None:
    chain = defirisk.load_fixture(RECORDING)
    first, second = (defirisk.check(w, fixture=chain, scenarios=[], thresholds=False) for w in (CLOSE, LIQUIDATABLE))
    assert (first.accounts[0].address, second.accounts[0].address) == (CLOSE, LIQUIDATABLE)


def test_scenarios_in_every_way(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[scenario]]\nname = "mine"\n[scenario.oracle]\nWETH = "-33%"\n')
    own = Scenario("own", oracle={"WETH": Move(change=-(10**17))})
    asked = [own, "-10%", "WETH=-40%", "may-2021", str(file)]
    result = defirisk.check(CLOSE, fixture=RECORDING, scenarios=asked, thresholds=False)
    outcomes = result.accounts[0].positions[0].outcomes
    assert [outcome.scenario for outcome in outcomes] == ["own", "-10%", "WETH=-40%", "may-2021", "mine"]
    assert outcomes[0].health_factor != outcomes[2].health_factor


@pytest.mark.parametrize(
    ("named", "error"),
    [
        ({"addresses": "0x12"}, InvalidAddress),
        ({"addresses": [CLOSE, 5]}, InvalidAddress),
        ({"scenarios": "nope"}, UnknownScenario),
        ({"scenarios": "WETH=-100%"}, BadMove),
        ({"liquidator": "nope"}, UnknownLiquidator),
        ({"chain": "all"}, defirisk.InputError),
        ({"rpc": "http://127.0.0.1:1/"}, defirisk.InputError),
    ],
)
def test_errors_are_typed(named: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        defirisk.check(**{"addresses": CLOSE, "fixture": RECORDING, "thresholds": False, **named})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        BadMove("said", hint="do"),
        BadPolicy("said", file="defirisk.toml", line=3, hint="do"),
        WrongChain(1, 8453, hint="do"),
        CallRefused("said", missing=(("0x1", "0x2"),)),
        MissingCall("said", missing=(("0x1", "0x2"),), hint="do"),
        TooManyLogs("said", 7),
    ],
    ids=lambda error: error.code,
)
def test_an_error_reaches_another_process_as_it_is(error: DefiriskError) -> None:
    """A pool of processes ends at an error that it cannot unpickle."""
    there = pickle.loads(pickle.dumps(error))
    assert (type(there), str(there), vars(there)) == (type(error), str(error), vars(error))
    assert (there.args, there.hint) == (error.args, error.hint)


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    defirisk.check([CLOSE, LIQUIDATABLE], fixture=RECORDING, thresholds=False, progress=lambda *now: told.append(now))
    assert told[-1] == ("judging positions", 2, 2)
    assert len({stage for stage, _, _ in told}) >= 3


def test_a_live_endpoint_and_a_recording_of_it(endpoint: RpcServer, market: str, tmp_path: Path) -> None:
    file = defirisk.record(CLOSE, tmp_path / "own.json.gz", rpc=endpoint.url, markets=market)
    live = defirisk.check(CLOSE, rpc=endpoint.url, markets=market, scenarios=[], thresholds=False)
    recorded = defirisk.check(fixture=file, scenarios=[], thresholds=False)
    assert live.to_dict()["accounts"] == recorded.to_dict()["accounts"]
    assert live.block_age is not None
    assert recorded.block_age is None


def test_markets_by_chain() -> None:
    assert {one.chain for one in defirisk.markets("base")} == {"base"}
    assert len(defirisk.markets()) > len(defirisk.markets(["base", "ethereum"])) > len(defirisk.markets("base"))


# --- frames -----------------------------------------------------------------------------------------------------------


def test_positions_frame(result: defirisk.CheckResult) -> None:
    frame = result.to_frame()
    assert list(frame["address"]) == [CLOSE, LIQUIDATABLE, STRANGER]
    assert list(frame["status"]) == ["ok", "ok", "failed"]
    assert frame["health_factor"].dtype == "float64"
    assert (frame["health_factor"][0] > 1, frame["health_factor"][1] < 1, pd.isna(frame["health_factor"][2])) == (
        True, True, True,
    )  # fmt: skip
    exact = result.to_dict()["accounts"][0]["positions"][0]
    assert frame["health_factor_raw"][0] == exact["health_factor_raw"]
    assert frame["debt_value_raw"][0] == exact["totals"]["debt_value_raw"]
    assert frame["health_factor_raw"][2] is None


def test_outcomes_frame(result: defirisk.CheckResult) -> None:
    frame = result.outcomes_frame()
    assert list(zip(frame["address"], frame["scenario"], strict=True)) == [
        (wallet, name) for wallet in (CLOSE, LIQUIDATABLE) for name in ("-10%", "WETH=-40%")
    ]
    exact = result.to_dict()["accounts"][0]["positions"][0]["scenarios"][1]
    assert frame["bad_debt_value_raw"][1] == exact["bad_debt_value_raw"]
    assert frame["bad_debt_value"][1] == pytest.approx(int(exact["bad_debt_value_raw"]) / 1e8)


def test_thresholds_and_legs_frames(result: defirisk.CheckResult) -> None:
    thresholds, legs = result.thresholds_frame(), result.legs_frame()
    exact = result.to_dict()["accounts"][0]["positions"][0]
    ours = thresholds[thresholds["address"] == CLOSE]
    assert list(ours["move"]) == [threshold["move"] for threshold in exact["thresholds"]]
    assert ours["liquidation"].dtype == "float64"
    held = legs[(legs["address"] == CLOSE) & (legs["side"] == "collateral")]
    assert list(held["amount_raw"]) == [leg["amount_raw"] for leg in exact["collateral"]]


def test_frames_of_nothing_have_their_columns(result: defirisk.CheckResult) -> None:
    empty = defirisk.check(STRANGER, fixture=RECORDING, thresholds=False)
    for name in ("to_frame", "outcomes_frame", "thresholds_frame", "legs_frame"):
        full = getattr(result, name)()
        none = getattr(empty, name)()
        assert list(none.columns) == list(full.columns)
        assert list(none.dtypes) == list(full.dtypes)
    assert len(empty.outcomes_frame()) == 0


def test_frames_go_into_a_file(result: defirisk.CheckResult, tmp_path: Path) -> None:
    for name in ("to_frame", "outcomes_frame", "thresholds_frame", "legs_frame"):
        frame = getattr(result, name)()
        frame.to_json(tmp_path / name, orient="records")
        assert len(json.loads((tmp_path / name).read_text())) == len(frame)


def test_the_notebook_shows_text_that_nothing_can_style(result: defirisk.CheckResult) -> None:
    shown = result._repr_html_()
    assert shown.startswith("<pre>")
    assert "<" not in shown.removeprefix("<pre>").removesuffix("</pre>")
    assert str(result).splitlines()[0] in shown
    assert repr(result) == "<CheckResult chain 31337, block 712, 3 account(s)>"
