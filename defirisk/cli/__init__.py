"""The command line: one thin file a command, each a face of :mod:`defirisk.api`.

Results go to stdout, messages to stderr. Exit codes: 0 done; 1 a policy was breached; 2 wrong usage or input; 3 the
chain or recording could not be read in full; 130 interrupted.
"""

import sys


def main() -> None:
    """Run the ``defirisk`` command; the entry point of the script. Ctrl-C while it still loads is no traceback."""
    try:
        from defirisk.cli.app import app  # noqa: PLC0415 - click and the commands only when the command line runs
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: nothing was written, nothing is kept\n")
        sys.exit(130)

    app(prog_name="defirisk")
