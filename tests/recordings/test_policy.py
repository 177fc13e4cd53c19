"""`record` of a policy file: its wallets and markets, into the recording that it names; then the gate, offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from defirisk.chain.recording import load_fixture
from tests.support.rpc_server import RpcServer

from .conftest import RECORDING, Run

FIRST = "0x0000000000000000000000000000000000001002"
SECOND = "0x0000000000000000000000000000000000001003"


@pytest.fixture
def folder(tmp_path: Path, market: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a policy and no recording yet."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "ci").mkdir()
    (tmp_path / "defirisk.toml").write_text(
        f'markets = ["{market}"]\nscenarios = ["-1%"]\nfixture = "ci/wallets.json.gz"\n'
        f'[[wallet]]\naddress = "{FIRST}"\nlabel = "desk"\n[[wallet]]\naddress = "{SECOND}"\n'
        "[policy]\nmin_health_factor = 0.9\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_record_then_check_needs_no_argument(run: Run, endpoint: RpcServer, folder: Path) -> None:
    recorded = run("record", "--rpc", endpoint.url)
    assert recorded.code == 0, recorded.err
    assert "policy: defirisk.toml" in recorded.err
    assert load_fixture(folder / "ci" / "wallets.json.gz").fixture.wallets == (FIRST, SECOND)
    checked = run("check", "--format", "json")
    assert checked.code == 0, checked.err
    assert [one["address"] for one in checked.json["accounts"]] == [FIRST, SECOND]


def test_named_and_written_elsewhere(run: Run, endpoint: RpcServer, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    ran = run("record", "--policy", str(folder / "defirisk.toml"), "-o", str(file), "--rpc", endpoint.url, "-q")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert len(load_fixture(file).fixture.wallets) == 2
    assert not (folder / "ci" / "wallets.json.gz").exists()


def test_it_is_not_recorded_from_itself(
    run: Run, endpoint: RpcServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recording that the policy names is what is to be made: it is replaced, never the source."""
    (folder / "ci" / "wallets.json.gz").write_bytes(b"old")
    assert run("record", "--rpc", endpoint.url).code == 0
    assert len(load_fixture(folder / "ci" / "wallets.json.gz").fixture.wallets) == 2
    monkeypatch.setenv("DEFIRISK_RPC_ETHEREUM", "http://127.0.0.1:1")
    refused = run("record")
    assert (refused.code, "endpoint-unreachable" in refused.err) == (3, True)
    assert len(load_fixture(folder / "ci" / "wallets.json.gz").fixture.wallets) == 2


def test_the_endpoint_that_the_policy_names(
    run: Run, endpoint: RpcServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "defirisk.toml").read_text().replace('fixture = "ci/wallets.json.gz"', 'rpc_env = "MY_RPC"')
    (folder / "defirisk.toml").write_text(text)
    monkeypatch.setenv("MY_RPC", endpoint.url)
    nowhere = run("record")
    assert nowhere.code == 2
    assert "where to write the recording was not given" in nowhere.err
    assert run("record", "-o", "made.json").code == 0
    assert len(load_fixture(folder / "made.json").fixture.wallets) == 2


def test_wrong_usage(run: Run, folder: Path) -> None:
    both = run("record", FIRST, "--policy", "defirisk.toml", "-o", "x.json")
    assert (both.code, "either ADDRESS... or --policy FILE" in both.err) == (2, True)
    broken = folder / "broken.toml"
    broken.write_text("wallets = 5\n")
    ran = run("record", "--policy", str(broken), "-o", "x.json")
    assert ran.code == 2
    assert "broken.toml" in ran.err
    (folder / "defirisk.toml").unlink()
    none = run("record", "-o", "x.json")
    assert (none.code, "no wallet was given" in none.err) == (2, True)
    assert not (folder / "x.json").exists()


def test_a_market_by_the_name_that_the_recording_gives_it(run: Run) -> None:
    """A local deployment is in no registry; its recording knows it."""
    demo = str(RECORDING.parents[3] / "fixtures" / "demo.json.gz")
    ran = run(
        "check", "--fixture", demo, "--market", "venus-local", "--format", "json", "--no-thresholds", "--no-policy"
    )
    assert ran.code == 0, ran.err
    held = [one["market"] for account in ran.json["accounts"] for one in account["positions"]]
    assert held == ["venus-local"]
    unknown = run("check", "--fixture", demo, "--market", "nowhere-local", "--no-policy")
    assert (unknown.code, "no market is known as 'nowhere-local'" in unknown.err) == (2, True)
