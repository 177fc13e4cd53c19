"""The composite action: its steps run as the runner runs them, inputs through the environment, outputs from its file."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from .conftest import ROOT, readme_yaml, write_policy

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = [step for step in ACTION["runs"]["steps"] if "run" in step]
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]  # what the runner makes of `shell: bash`
INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


class Ran(NamedTuple):
    code: int
    out: str
    err: str
    outputs: Mapping[str, str]
    summary: str


def resolved(value: str, inputs: Mapping[str, str]) -> str:
    """An expression of the action, as the runner fills it in."""
    assert set(inputs) <= set(ACTION["inputs"])
    return INPUT.sub(lambda found: inputs.get(found[1], ACTION["inputs"][found[1]]["default"]), value)


def outputs_of(text: str) -> dict[str, str]:
    """`GITHUB_OUTPUT` as the runner reads it: name=value, or name<<mark up to the mark."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if (heredoc := re.fullmatch(r"([^=<]+)<<(.+)", line)) is not None:
            body = []
            while (inner := next(lines)) != heredoc[2]:
                body.append(inner)
            found[heredoc[1]] = "\n".join(body)
        else:
            name, equals, value = line.partition("=")
            assert equals, line
            found[name] = value
    return found


def run_step(
    step: Mapping[str, Any], inputs: Mapping[str, str], folder: Path, temp: Path, base: Mapping[str, str]
) -> Ran:
    script, output, summary = (temp / name for name in ("step.sh", "output", "summary.md"))
    script.write_text(step["run"])
    output.write_text("")
    summary.write_text("")
    own = {name: resolved(str(value), inputs) for name, value in step.get("env", {}).items()}
    assert not any("${{" in value for value in own.values() if value not in inputs.values())
    environment = {
        **base, **own, "RUNNER_TEMP": str(temp), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_WORKSPACE": str(folder), "GITHUB_ACTIONS": "true", "CI": "true",
    }  # fmt: skip
    done = subprocess.run([*SHELL, script], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return Ran(done.returncode, done.stdout, done.stderr, outputs_of(output.read_text()), summary.read_text())


@pytest.fixture(scope="module")
def installed(checkout: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory):
    """The action's environment after its first script, and its folder for temporary files."""
    temp = tmp_path_factory.mktemp("runner")
    base = {**environment, "GITHUB_ACTION_PATH": str(checkout)}
    ran = run_step(STEPS[0], {}, checkout, temp, base)
    assert ran.code == 0, ran.err
    return temp, base


@pytest.fixture
def check(installed, workspace: Path) -> Callable[..., Ran]:
    temp, base = installed

    def run(**inputs: str) -> Ran:
        return run_step(STEPS[1], inputs, workspace, temp, base)

    return run


# --- the file -----------------------------------------------------------------------------------------------------


def test_it_is_a_composite_action_whose_every_input_and_output_is_said() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert all(one["description"] and one["default"] is not None for one in ACTION["inputs"].values())
    assert list(ACTION["outputs"]) == ["exit-code", "breaches", "reports"]
    assert all(one["value"] == f"${{{{ steps.check.outputs.{name} }}}}" for name, one in ACTION["outputs"].items())
    assert [step["name"] for step in STEPS] == ["Install defirisk", "Check"]
    assert STEPS[1]["id"] == "check"
    assert all(step["shell"] == "bash" for step in STEPS)


def test_no_expression_is_in_a_script() -> None:
    """What stands there is run, whoever wrote it."""
    for step in STEPS:
        assert "${{" not in step["run"]
        assert "eval" not in step["run"]
    used = {
        name
        for step in ACTION["runs"]["steps"]
        for name in INPUT.findall(str(step.get("env", "")) + str(step.get("with", "")))
    }
    assert used == set(ACTION["inputs"])


def test_the_only_other_step_sets_up_python() -> None:
    (setup,) = [step for step in ACTION["runs"]["steps"] if "run" not in step]
    assert setup["uses"].startswith("actions/setup-python@v")
    assert setup["if"] == "inputs.python-version != ''"


# --- what it does -------------------------------------------------------------------------------------------------


def test_a_policy_that_holds(check: Callable[..., Ran]) -> None:
    ran = check()
    assert ran.code == 0, ran.err
    assert ran.outputs == {"exit-code": "0", "breaches": "0", "reports": ""}
    assert "treasury" in ran.out
    assert "treasury" in ran.summary


def test_the_readmes_example(check: Callable[..., Ran], workspace: Path) -> None:
    """Its inputs are the action's, and give what it says."""
    [ours] = [step for step in readme_yaml("OWNER/defirisk@") if "/defirisk@" in step["uses"]]
    ran = check(**ours["with"])
    assert ran.code == 0, ran.err
    asked = [line.partition("=")[2] for line in ours["with"]["reports"].split()]
    assert ran.outputs["reports"].splitlines() == asked
    assert all((workspace / name).stat().st_size for name in asked)


def test_a_breach(check: Callable[..., Ran], workspace: Path) -> None:
    write_policy(workspace, "1.5")
    ran = check(reports="junit=out.xml\nsarif=out.sarif\n\nmarkdown=out.md\n")
    assert ran.code == 1, ran.err
    assert ran.outputs == {"exit-code": "1", "breaches": "1", "reports": "out.xml\nout.sarif\nout.md"}
    assert "<failure" in (workspace / "out.xml").read_text()
    assert "::error file=defirisk.toml,line=7" in ran.err
    assert "1 of 2 checks breached" in ran.summary


def test_another_policy_recording_and_arguments(check: Callable[..., Ran], workspace: Path) -> None:
    elsewhere = workspace / "other place"
    elsewhere.mkdir()
    (workspace / "defirisk.toml").rename(elsewhere / "strict.toml")
    (workspace / "ci" / "wallets.json.gz").rename(elsewhere / "a recording.json.gz")
    ran = check(
        policy="other place/strict.toml", fixture="other place/a recording.json.gz", args="--format\njson\n--thresholds"
    )
    assert ran.code == 0, ran.err
    assert ran.out.startswith('{\n  "schema": "defirisk/check/1"')
    assert '"source": "a recording.json.gz"' in ran.out


def test_what_cannot_be_read(check: Callable[..., Ran], workspace: Path) -> None:
    (workspace / "ci" / "wallets.json.gz").write_bytes(b"\x1f\x8b nothing")
    ran = check(reports="junit=out.xml")
    assert ran.code == 3
    assert ran.outputs == {"exit-code": "3", "breaches": "0", "reports": "out.xml"}
    assert "<error" in (workspace / "out.xml").read_text()
    assert "error[bad-fixture]" in ran.err


def test_wrong_input(check: Callable[..., Ran], workspace: Path) -> None:
    (workspace / "defirisk.toml").write_text("wallets = 5\n")
    ran = check()
    assert ran.code == 2
    assert ran.outputs == {"exit-code": "2", "breaches": "", "reports": ""}


def test_a_recording_without_a_policy_is_no_gate(check: Callable[..., Ran], workspace: Path) -> None:
    """A file that was moved or misnamed must not leave the gate open."""
    (workspace / "defirisk.toml").rename(workspace / "defirsk.toml")
    ran = check(fixture="ci/wallets.json.gz")
    assert (ran.code, ran.outputs["exit-code"], ran.outputs["breaches"]) == (2, "2", "")
    assert "there is none" in ran.err


def test_what_is_installed_has_the_pytest_plugin(installed, workspace: Path) -> None:
    """From a wheel, where pytest rewrites a plugin's every module: no warning comes of that."""
    temp, base = installed
    (workspace / "test_it.py").write_text(
        "from defirisk.testing import assert_survives\n\n"
        "def test_it(defirisk_chain):\n"
        "    assert_survives(defirisk_chain.check(scenarios=['-1%']), '-1%')\n"
    )
    words = ["-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio", "--defirisk-fixture=ci/wallets.json.gz"]
    python = temp / "defirisk" / "bin" / "python"
    done = subprocess.run([python, *words], cwd=workspace, env=base, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "does not survive -1%" in done.stdout
    assert "The replay (liquidator: largest):" in done.stdout
    assert "warning" not in done.stdout.lower()


# --- what it does not ---------------------------------------------------------------------------------------------

HOSTILE = (
    "; touch pwned", "$(touch pwned)", "`touch pwned`", "' ; touch pwned; '\" ; touch pwned; \"", "\ntouch pwned",
    "x\nexit-code=0", "--help", "${{ github.token }} *",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_input_is_run(check: Callable[..., Ran], workspace: Path, text: str) -> None:
    """The scripts expand all inputs before anything is started."""
    before = sorted(workspace.rglob("*"))
    ran = check(policy=text, fixture=text, reports=text, args=text)
    assert ran.code == int(ran.outputs["exit-code"])
    assert set(ran.outputs) == {"exit-code", "breaches", "reports"}
    assert ran.code == (0 if text == "--help" else 2), "it was asked for help, and that is all"
    assert sorted(workspace.rglob("*")) == before, "nothing was made"


def test_a_policy_of_any_name_is_only_looked_for(check: Callable[..., Ran], workspace: Path) -> None:
    ran = check(policy="--help\n$(touch pwned)")
    assert ran.code == 2
    assert "error[" in ran.err
    assert not (workspace / "pwned").exists()


def test_a_report_may_be_called_anything(check: Callable[..., Ran], workspace: Path) -> None:
    names = ["$(touch pwned).xml", "exit-code=0", "a b.xml", "-rf"]
    ran = check(reports="\n".join(f"junit={name}" for name in names))
    assert ran.code == 0, ran.err
    assert ran.outputs == {"exit-code": "0", "breaches": "0", "reports": "\n".join(names)}
    assert all("<testsuite" in (workspace / name).read_text() for name in names)
    assert not (workspace / "pwned").exists()


@pytest.mark.parametrize(
    "text", ["1.0; touch pwned", "$(touch pwned)", "-r evil", "--index-url=http://x", "1\ntouch pwned"]
)
def test_no_version_is_run(installed, workspace: Path, tmp_path: Path, text: str) -> None:
    _, base = installed
    ran = run_step(STEPS[0], {"version": text}, workspace, tmp_path, base)
    assert ran.code == 2
    assert "neither a release nor a path" in ran.err
    assert not (workspace / "pwned").exists()
    assert not (tmp_path / "defirisk").exists()


LOGGING = """#!/bin/sh
printf '%s\\n' "$@" >> "$LOG"
[ "$2" != venv ] || { mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; }
"""


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("", ["--constraint", "/action/requirements.lock", "--", "/action"]),
        ("0.2.0rc1", ["--", "defirisk==0.2.0rc1"]),
        ("ci", ["--", "{workspace}/ci"]),
    ],
)
def test_what_pip_is_asked_for(workspace: Path, tmp_path: Path, version: str, asked: list[str]) -> None:
    """Through a Python that only writes down how it was called."""
    log, python = tmp_path / "log", tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(LOGGING)
    python.chmod(0o755)
    base = {"PATH": f"{python.parent}:/usr/bin:/bin", "LOG": str(log), "GITHUB_ACTION_PATH": "/action"}
    ran = run_step(STEPS[0], {"version": version}, workspace, tmp_path, base)
    assert ran.code == 0, ran.err
    expected = [one.format(workspace=workspace) for one in asked]
    home = f"{tmp_path}/defirisk"
    assert log.read_text().splitlines() == ["-m", "venv", home, "-m", "pip", "install", "--quiet", *expected]


def test_a_secret_reaches_it_by_the_environment_and_nothing_shows_it(installed, workspace: Path) -> None:
    temp, base = installed
    (workspace / "defirisk.toml").write_text(
        (workspace / "defirisk.toml").read_text().replace('fixture = "ci/wallets.json.gz"', 'rpc_env = "MY_RPC"')
    )
    ran = run_step(STEPS[1], {}, workspace, temp, {**base, "MY_RPC": "http://127.0.0.1:1/s3cr3tK3yValue99"})
    assert ran.code == 3
    assert "127.0.0.1:1" in ran.err
    assert "s3cr3tK3yValue99" not in ran.out + ran.err + ran.summary + str(ran.outputs)
