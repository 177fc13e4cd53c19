"""A checkout of this tree, an environment that holds what it depends on, and a workspace with a policy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "fixtures" / "aave-v3-demo.json.gz"
CLOSE = "0x2222222222222222222222222222222222222222"
TAKEN = (
    "defirisk", "abis", "fixtures", "pyproject.toml", "requirements.lock", "README.md", "action.yml",
    ".pre-commit-hooks.yaml",
)  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a runner checks out, as a repository of its own."""
    folder = tmp_path_factory.mktemp("checkout") / "defirisk"
    folder.mkdir()
    for name in TAKEN:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as it is")
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Clean but for what defirisk depends on, which is found and not downloaded; defirisk itself is not in it."""
    folder = tmp_path_factory.mktemp("dependencies")
    for place in map(Path, sys.path):
        for entry in place.iterdir() if place.name == "site-packages" else ():
            ours = "defirisk" in entry.name.lower() or entry.suffix == ".pth" or entry.name == "__pycache__"
            if not ours and not (folder / entry.name).exists():
                (folder / entry.name).symlink_to(entry)
    home = tmp_path_factory.mktemp("home")
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(folder),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it the other way round: no isolation
        "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org",
    }  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A repository that holds a wallet to a policy, with a recording."""
    folder = tmp_path / "workspace"
    (folder / "ci").mkdir(parents=True)
    shutil.copy(DEMO, folder / "ci" / "wallets.json.gz")
    write_policy(folder, "1.0")
    return folder


def readme_yaml(what: str) -> Any:
    """The README's one YAML block that holds a word, as its reader would paste it."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (found,) = [block for block in blocks if what in block]
    return yaml.safe_load(found)


def write_policy(folder: Path, least: str) -> None:
    (folder / "defirisk.toml").write_text(
        'fixture = "ci/wallets.json.gz"\nscenarios = ["-1%", "-10%"]\n'
        f'[[wallet]]\naddress = "{CLOSE}"\nlabel = "treasury"\n'
        f'[policy]\nmin_health_factor = {least}\nsurvives = ["-1%"]\n'
    )


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    quiet = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, env=quiet)
