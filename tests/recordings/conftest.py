"""The command line of the CLI tests, over recordings."""

from tests.cli.conftest import RECORDING, Ran, Run, _quiet_environment, endpoint, market, run, spawn  # noqa: F401
