"""A terminal that a process writes to."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable

BAR_AFTER = "import sys; from defirisk.cli import main, progress; progress.PATIENCE = float(sys.argv.pop(1)); main()"


def with_bar_after(seconds: float, *args: str) -> list[str]:
    """The command line of a program that shows its bar after so many seconds, however long the work takes."""
    return [sys.executable, "-c", BAR_AFTER, str(seconds), *args]


def on_terminal(
    command: list[str], seen: Callable[[str], object] = len, *, both: bool = False, **environment: str
) -> tuple[int, str, str]:
    """Run with stderr on a terminal, or ``both``: exit code, stdout, what the terminal was sent.

    ``seen`` is told the last meanwhile.
    """
    ours, theirs = pty.openpty()
    settings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    stdout = theirs if both else subprocess.PIPE
    with subprocess.Popen(
        command, stdout=stdout, stderr=theirs, stdin=subprocess.DEVNULL, env=settings, text=True
    ) as process:
        os.close(theirs)
        sent = b""
        try:
            while select.select([ours], [], [], 300)[0] and (more := os.read(ours, 65536)):
                sent += more
                seen(sent.decode(errors="replace"))
        except OSError:  # nobody has it open any more
            pass
        finally:
            os.close(ours)
        out, _ = process.communicate(timeout=300)
    return process.returncode, out or "", sent.decode()
