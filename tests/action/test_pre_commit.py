"""The pre-commit hook: its manifest by pre-commit itself, and the hook as pre-commit installs and runs it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT, git, readme_yaml, write_policy

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOK: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())[0]


def test_pre_commit_takes_the_manifest() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_pre_commit_takes_the_readmes_example(tmp_path: Path) -> None:
    example = readme_yaml("hooks:")
    assert [hook["id"] for repo in example["repos"] for hook in repo["hooks"]] == [HOOK["id"]]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(example))
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("defirisk.toml", True), ("ci/defirisk.toml", True), ("pyproject.toml", True), ("ci/wallets.json.gz", True),
        ("ci/eth-crash.toml", True),  # a scenario file, as policies name them
        ("README.md", False), ("package.json", False), ("src/a.py", False), ("defirisk.toml.bak", False),
    ],
)  # fmt: skip
def test_which_files_make_it_run(path: str, runs: bool) -> None:
    assert bool(re.search(HOOK["files"], path)) is runs


def test_its_entry_is_the_gate(workspace: Path) -> None:
    """As it is written, in a repository's root, without any file's name."""
    assert HOOK["pass_filenames"] is False
    command = [sys.executable, "-m", *shlex.split(HOOK["entry"])]
    assert command[2] == "defirisk"
    for least, code in (("1.0", 0), ("1.5", 1)):
        write_policy(workspace, least)
        done = subprocess.run(command, cwd=workspace, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert ("BREACH" in done.stdout) is bool(code)
    (workspace / "defirisk.toml").unlink()
    done = subprocess.run([*command, "--fixture", "ci/wallets.json.gz"], cwd=workspace, capture_output=True, text=True)
    assert (done.returncode, "there is none" in done.stderr) == (2, True)


def test_pre_commit_installs_and_runs_it(
    checkout: Path, environment: dict[str, str], workspace: Path, tmp_path: Path
) -> None:
    """By `pre-commit try-repo`, in an environment that it makes itself, on what is staged."""
    write_policy(workspace, "1.5")
    git(workspace, "init", "-q")
    git(workspace, "add", "-A")
    own = {**environment, "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"), "GIT_CONFIG_GLOBAL": os.devnull}
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(checkout), HOOK["id"]]
    done = subprocess.run(command, cwd=workspace, env=own, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"defirisk\.+Failed", done.stdout)
    assert "- exit code: 1" in done.stdout
    assert "treasury" in done.stdout
    assert "BREACH" in done.stdout
