"""Bad input: one clear line, a hint, the right code, no traceback and no secret."""

import gzip
import shutil
from pathlib import Path

import pytest

from defirisk.cli.output import HINT_LENGTH

from .conftest import CLOSE, RECORDING, STRANGER, Run

WRONG_CHECKSUM = STRANGER[:-1] + "D"
HOSTILE = "\x1b[31m" + "x" * 2000


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "no wallet was given"),
        (("0x12",), 2, "error[invalid-address]: '0x12' is not an address"),
        ((HOSTILE,), 2, "error[invalid-address]"),
        ((WRONG_CHECKSUM,), 2, "wrong checksum"),
        ((CLOSE, "--chain", "nowhere"), 2, "error[unknown-chain]"),
        ((CLOSE, "--rpc", "ftp://host/"), 2, "error["),
        ((CLOSE, "--rpc", "http://127.0.0.1:1/", "--chain", "base", "--chain", "ethereum"), 2, "several chains"),
        ((CLOSE, "--rpc", "http://127.0.0.1:1/", "--fixture", str(RECORDING)), 2, "both an endpoint and a recording"),
        ((CLOSE, "--rpc", "http://127.0.0.1:1/"), 3, "error[endpoint-unreachable]"),
        ((CLOSE, "--rpc", "http://127.0.0.1:1/", "--market", "aave-v3@0x12"), 2, "error[invalid-address]"),
        ((CLOSE, "--rpc", "http://127.0.0.1:1/", "--market", "mystery@" + STRANGER), 2, "error[unknown-market]"),
        ((CLOSE, "--drop", "120"), 2, "error[bad-move]"),
        ((CLOSE, "--drop", "abc"), 2, "error[bad-move]"),
        ((CLOSE, "--shock", "WETH"), 2, "error[bad-move]"),
        ((CLOSE, "--shock", "WETH=-100%"), 2, "error[bad-move]"),
        ((CLOSE, "--scenario", "no-such"), 2, "error[unknown-scenario]"),
        ((CLOSE, "--family", "WETH"), 2, "is not ASSET=FAMILY"),
        ((CLOSE, "--liquidator", "nobody"), 2, "Invalid value for '--liquidator'"),
        ((CLOSE, "--block", "-1"), 2, "Invalid value for '--block'"),
        ((CLOSE, "--no-such-option"), 2, "No such option"),
        ((CLOSE, "--fixture", "no/such/file"), 3, "error[bad-fixture]"),
        ((CLOSE, "--fixture", str(RECORDING), "--market", "no-such"), 2, "error[unknown-market]"),
        ((CLOSE, "--fixture", str(RECORDING), "--market", "aave-v3@0x12"), 2, "error[invalid-address]"),
        ((CLOSE, "--fixture", str(RECORDING), "--market", "mystery@" + STRANGER), 2, "error[unknown-market]"),
        ((CLOSE, "--fixture", str(RECORDING), "--shock", "NOPE=-10%"), 2, "error[unknown-asset]"),
        ((CLOSE, "--fixture", str(RECORDING), "--family", "NOPE=USD"), 2, "error[unknown-asset]"),
        (("vitalik.eth", "--fixture", str(RECORDING)), 2, "error[name-not-found]"),
        ((CLOSE, "--fixture", str(RECORDING), "-o", "no/such/folder/file"), 2, "error[unwritable-output]"),
        ((CLOSE, "--fixture", str(RECORDING), "-o", "x" * 5000), 2, "error[unwritable-output]"),
        (
            (CLOSE, "--fixture", str(RECORDING), "-o", "/dev/null", "--report", "csv=" + "x" * 5000),
            2,
            "error[unwritable-output]",
        ),
        ((CLOSE, "--fixture", str(RECORDING), "--scenario", "x" * 5000, "-o", "x"), 2, "error[unknown-scenario]"),
        ((CLOSE, "--fixture", str(RECORDING), "-o", "-"), 2, "- names no file"),
    ],
)
def test_one_line_and_the_right_code(run: Run, args: tuple[str, ...], code: int, said: str) -> None:
    ran = run("check", *args)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not {c for c in ran.err if c < " "} - {"\n"}
    for line in ran.err.splitlines():
        assert len(line) < (len("hint: ") + HINT_LENGTH if line.startswith("hint: ") else 700)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "bad-fixture"),
        (b"not json", "bad-fixture"),
        (b"[]", "bad-fixture"),
        (RECORDING.read_bytes()[:4000], "bad-fixture"),
        (gzip.compress(RECORDING.read_bytes()), "gzipped twice"),
        (gzip.decompress(RECORDING.read_bytes())[:9000], "bad-fixture"),
        (b"[" * 100_000, "bad-fixture"),
    ],
)
def test_a_recording_that_is_none(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "broken.json.gz"
    file.write_bytes(content)
    ran = run("check", CLOSE, "--fixture", str(file))
    assert (ran.code, ran.out) == (3, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"not toml [", "bad-file"), (b"\xff\xfe", "bad-file"), (b"", "bad-file"), (b'[[scenario]]\nname="x"\n[scenario.oracle]\nWETH="-140%"', "bad-move")],
)  # fmt: skip
def test_a_scenario_file_that_is_none(check: Run, tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "scenario.toml"
    file.write_bytes(content)
    ran = check(CLOSE, "--scenario", str(file))
    assert (ran.code, ran.out) == (2, "")
    assert f"error[{code}]" in ran.err


def test_no_more_of_an_endpoint_than_its_host(run: Run) -> None:
    ran = run("check", CLOSE, "--rpc", "http://user:sesame@127.0.0.1:1/key/s3cret?token=hidden")
    assert ran.code == 3
    assert "127.0.0.1" in ran.err
    assert not [secret for secret in ("sesame", "s3cret", "hidden", "user") if secret in ran.err]


def test_a_traceback_only_when_asked_for(run: Run) -> None:
    assert "Traceback" not in run("check", "0x12").err
    for args in (("-v", "check", "0x12"), ("check", "0x12", "-v"), ("check", "--verbose", "0x12")):
        ran = run(*args)
        assert ran.code == 2
        assert "Traceback" in ran.err
        assert "error[invalid-address]" in ran.err


@pytest.mark.parametrize("option", ["-o", "--report"])
def test_nothing_that_a_run_reads_is_written_over(run: Run, tmp_path: Path, option: str) -> None:
    """A recording, by itself or by a link; a file of scenarios."""
    recording, link, scenarios = tmp_path / "w.json.gz", tmp_path / "link", tmp_path / "s.toml"
    shutil.copyfile(RECORDING, recording)
    link.symlink_to(recording)
    scenarios.write_text('[[scenario]]\nname = "a"\n[scenario.oracle]\nWETH = "-10%"\n')
    before = recording.read_bytes(), scenarios.read_bytes()
    for path in (recording, link, scenarios):
        out = str(path) if option == "-o" else f"json={path}"
        ran = run("check", "--fixture", str(recording), "--scenario", str(scenarios), option, out)
        assert (ran.code, ran.out) == (2, "")
        assert "is read by this run, and would be written over" in ran.err
    assert (recording.read_bytes(), scenarios.read_bytes()) == before


def test_a_folder_is_no_output_file(check: Run, tmp_path: Path) -> None:
    ran = check(CLOSE, "-o", str(tmp_path))
    assert ran.code == 2
    assert "is a folder" in ran.err


def test_a_defect_is_said_to_be_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The boundary itself: whatever escapes becomes one line and a code."""
    from defirisk.cli import flow

    def broken(*_args: object, **_named: object) -> int:
        raise RuntimeError("boom \x1b[31m")

    monkeypatch.setattr(flow, "check_and_deliver", broken)
    ran = run("check", CLOSE)
    assert ran.code == 3
    assert "error[unexpected]: RuntimeError: boom" in ran.err
    assert "\x1b" not in ran.err
    assert "Traceback" in run("check", CLOSE, "-v").err


def test_interrupted_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from defirisk.cli import flow

    def interrupted(*_args: object, **_named: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(flow, "check_and_deliver", interrupted)
    assert run("check", CLOSE).code == 130
