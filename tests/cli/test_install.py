"""What is installed is whole: ABI fragments, data files and the demo recording are in the wheel, and found beside the source."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--quiet", "--wheel-dir", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    (built,) = folder.glob("defirisk-*.whl")
    return built


def run_demo(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "defirisk", "demo", "--format", "json"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_the_wheel_holds_every_data_file_of_the_tree(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, kinds in (("abis", "*.json"), ("fixtures", "*.json.gz")):
        here = {f"defirisk/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob(kinds)}
        assert here
        assert here <= names
    data = {
        str(path.relative_to(ROOT))
        for ending in ("*.toml", "*.json", "py.typed")
        for path in (ROOT / "defirisk").rglob(ending)
    }
    assert data <= names
    assert not [name for name in names if name.startswith("tests")]


def test_the_demo_runs_from_the_wheel_in_any_folder(wheel, tmp_path):
    target = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(target)
    ran = run_demo(target, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert '"schema": "defirisk/check/1"' in ran.stdout


def test_the_demo_runs_from_the_source_tree_as_an_editable_install_does(tmp_path):
    ran = run_demo(ROOT, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert '"schema": "defirisk/check/1"' in ran.stdout
