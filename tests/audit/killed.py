"""Runs of the command, each killed at a moment that is known: before or after a file gets its final name, or a folder its own.

    python -m tests.audit.killed JOBS

JOBS is JSON: for each run the moment ("before" or "after"), the file's name, the signal and the arguments. What there
is to import is imported once, then a process is forked for each run. Prints how each ended.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from defirisk.cli.app import app


def run_killed(jobs: Sequence[tuple[str, str, int, Sequence[str]]]) -> list[int]:
    """How each run ended: an exit code, or minus the signal."""
    command = [sys.executable, "-m", "tests.audit.killed", json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    ended: list[int] = json.loads(done.stdout)
    return ended


def _child(when: str, name: str, signal: int, arguments: list[str]) -> NoReturn:
    def hooked(real: Callable[..., Any], named: Callable[..., Path]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            here = Path(named(*given)).name == name
            if here and when == "before":
                os.kill(os.getpid(), signal)
            done = real(*given, **more)
            if here and when == "after":
                os.kill(os.getpid(), signal)
            return done

        return call

    Path.replace = hooked(Path.replace, lambda _, target: target)  # type: ignore[method-assign]
    Path.mkdir = hooked(Path.mkdir, lambda path: path)  # type: ignore[method-assign]
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code: object = 1
    try:
        app(arguments, prog_name="defirisk")
    except SystemExit as ended:
        code = ended.code
    finally:
        os._exit(code if isinstance(code, int) else 1)


def main(jobs: list[tuple[str, str, int, list[str]]]) -> list[int]:
    for name in ("aiohttp", "pyarrow.parquet", "defirisk.auditing.pipeline", "defirisk.cli.auditing"):
        importlib.import_module(name)  # once, for all of them
    ended = []
    for job in jobs:
        pid = os.fork()
        if not pid:
            _child(*job)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return ended


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
