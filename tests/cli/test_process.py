"""The program as a process: what it imports, pipes, terminals, interrupts, help."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from defirisk.cli.app import COMMANDS, app
from defirisk.risk.scenario_files import presets

from .conftest import CLOSE, RECORDING, Run

CHECK = [sys.executable, "-m", "defirisk", "check", CLOSE, "--fixture", str(RECORDING), "--no-thresholds"]
HEAVY = {"web3", "pandas", "numpy", "eth_abi", "aiohttp", "eth_utils", "pydantic"}


def imported_by(*args: str) -> set[str]:
    program = "import sys; from defirisk.cli.app import app\ntry: app(sys.argv[1:])\nfinally: print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("args", [("--help",), ("check", "--help"), ("markets",), ("demo", "--no-thresholds")])
def test_nothing_heavy_is_imported(args: tuple[str, ...]) -> None:
    assert not imported_by(*args) & HEAVY


def test_help_does_not_even_import_the_commands() -> None:
    loaded = imported_by("--help")
    assert "rich" not in loaded
    assert "asyncio" not in loaded


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen([*CHECK, "--format", "csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(300) == 0


def test_a_pipe_gets_no_colour_and_80_columns() -> None:
    done = subprocess.run(CHECK, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_80_columns_examples_too(name: str) -> None:
    told = CliRunner().invoke(app, [*([name] if name else []), "--help"], prog_name="defirisk").output
    assert max(map(len, told.splitlines())) <= 80


def test_a_terminal_that_knows_no_unicode_is_written_to_all_the_same() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(CHECK, capture_output=True, env=environment, check=True)
    assert done.stdout.isascii()


def on_terminal(columns: int, **environment: str) -> str:
    """What a terminal of that width is sent."""
    ours, theirs = pty.openpty()
    settings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), **environment}
    process = subprocess.Popen(CHECK, stdout=theirs, stderr=theirs, stdin=theirs, env=settings)
    os.close(theirs)
    sent = b""
    while select.select([ours], [], [], 300)[0]:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        if not more:
            break
        sent += more
    os.close(ours)
    assert process.wait(300) == 0
    return sent.decode()


def test_a_terminal_gets_colour_unless_it_asks_not_to() -> None:
    assert re.search(r"\x1b\[[0-9;]*3[0-9]m", on_terminal(80))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", on_terminal(80, NO_COLOR="1"))


def test_an_interrupt_is_130() -> None:
    """A listener that never answers, so that the program waits."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        program = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # background jobs ignore it
            "from defirisk.cli.app import app; app(sys.argv[1:])"
        )
        command = [sys.executable, "-c", program, "check", CLOSE, "--rpc", url]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(300)
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)  # it has asked
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "interrupted: nothing was written, nothing is kept"


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "out.json", tmp_path / "link.json"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    subprocess.run([*CHECK, "--format", "json", "-o", str(link)], check=True)
    assert json.loads(file.read_text())["schema"] == "defirisk/check/1"
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()


def test_a_device_is_written_to_and_not_replaced() -> None:
    before = Path(os.devnull).stat()
    subprocess.run([*CHECK, "-o", os.devnull], check=True)
    assert Path(os.devnull).stat().st_ino == before.st_ino


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_worked_example_and_the_help_that_is_listed(name: str) -> None:
    text = " ".join(CliRunner().invoke(app, [name, "--help"]).output.split())
    assert f" defirisk {name}" in text.partition("Example")[2]
    command = app.get_command(None, name)  # type: ignore[arg-type]
    assert command
    assert command.get_short_help_str(200) == COMMANDS[name]


def test_the_options_of_check_are_listed_by_what_they_are_about() -> None:
    lines = CliRunner().invoke(app, ["check", "--help"]).output.splitlines()
    titles = [line for line in lines if line[:1].isalpha() and line.endswith(":")]
    assert titles == [
        "What to read:", "Prices and liquidations:", "What if:", "Policy:", "Output:", "Other options:",
    ]  # fmt: skip
    command = app.get_command(None, "check")  # type: ignore[arg-type]
    for option in (one for one in command.params if isinstance(one, click.Option)):
        assert sum(line.split()[:1] in ([option.opts[0]], [f"{option.opts[0]},"]) for line in lines) == 1, option.name


def test_a_mistyped_command_is_answered_with_what_is_near(run: Run) -> None:
    for typed, answer in (("chek", "'chek'. Did you mean check?"), ("nothing", "'nothing'.")):
        ran = run(typed)
        assert (ran.code, ran.out, ran.err.splitlines()[-1]) == (2, "", f"Error: No such command {answer}")


def test_only_check_takes_several_chains_and_says_so(run: Run) -> None:
    for name in ("check", "audit", "snapshot", "record"):
        text = " ".join(CliRunner().invoke(app, [name, "--help"]).output.split())
        assert ("Chain, repeatable, or `all`." in text) is (name == "check")
    ran = run("record", "0x" + "11" * 20, "--chain", "all", "-o", "never.json")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error[input]: one chain at a time, not all")


def test_an_unknown_preset_is_answered_with_all_of_them(run: Run) -> None:
    ran = run("demo", "--scenario", "?")
    assert (ran.code, ran.err.splitlines()[-1]) == (2, f"hint: presets: {', '.join(sorted(presets()))}")


def test_version(run: Run) -> None:
    assert re.fullmatch(r"defirisk \d+\.\d+\.\d+\n", run("--version").out)


def test_the_script_is_the_module(spawn: Run) -> None:
    assert spawn("--version").out == CliRunner().invoke(app, ["--version"]).output


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    ran = run("chekc")
    assert ran.code == 2
    assert "No such command" in ran.err


def test_a_closed_or_full_stdout_is_said() -> None:
    for shell in ('"$@" >&-', '"$@" >/dev/full'):
        done = subprocess.run(["sh", "-c", shell, "sh", *CHECK], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "error[unwritable-output]: standard output" in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr


def test_a_closed_stderr_hides_the_message_and_not_the_code() -> None:
    done = subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", *CHECK, "--drop", "x"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
