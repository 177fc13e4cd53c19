"""The README is run: its console blocks print what they show, its Python runs, its TOML is a scenario file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def shown(block: str) -> list[tuple[str, str]]:
    """Each command of a console block with the output that is shown for it."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


@pytest.mark.parametrize(("command", "output"), [pair for block in blocks("console") for pair in shown(block)])
def test_console_blocks_show_what_is_printed(command, output, monkeypatch):
    from defirisk.cli.app import app as cli

    monkeypatch.chdir(ROOT)
    words = shlex.split(command)
    assert words[0] == "defirisk"
    printed = CliRunner().invoke(cli, words[1:]).stdout
    pattern = ".*".join(re.escape(piece.strip("\n")) for piece in re.split(r"^\.\.\.$", output, flags=re.MULTILINE))
    assert re.fullmatch(pattern + r"\s*", printed, re.DOTALL), printed


def test_python_blocks_run(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    code = blocks("python")
    assert code
    for block in code:
        exec(compile(block, "README.md", "exec"), {})
    assert "0x2222222222222222222222222222222222222222 close" in capsys.readouterr().out


def test_toml_blocks_are_scenario_files_or_policies(tmp_path):
    from defirisk.policy.parse import parse_policy
    from defirisk.risk.scenario_files import parse_scenarios

    shown = blocks("toml")
    policies = [block for block in shown if "[[wallet]]" in block]
    found = [scenario for block in shown if block not in policies for scenario in parse_scenarios(block, "README.md")]
    assert [scenario.name for scenario in found] == ["eth-crash"]
    for block in policies:
        assert parse_policy(block, "README.md", ROOT).wallets


def test_shell_blocks_name_commands_and_options_that_exist():
    from defirisk.cli.app import app as cli

    lines = [line.split("#")[0] for block in blocks("sh") for line in block.splitlines() if line.startswith("defirisk")]
    assert lines
    for line in lines:
        name, *words = shlex.split(line)[1:]
        with click.Context(cli) as context:
            command = cli.get_command(context, name)
            assert command is not None, line
            known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, line


def test_the_two_commands_stand_in_the_readme():
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert "pip install . && defirisk demo" in commands
    assert "pip install '.[test]' && pytest" in commands


def test_every_exit_code_and_format_is_documented():
    for words in ("0 done", "1 a policy", "2 wrong usage", "3 the chain", "`table`", "`json`", "`csv`", "`markdown`"):
        assert words in README
