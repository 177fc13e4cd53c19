"""The command line over the recordings, as tests/cli has it."""

from tests.cli.conftest import check, run

__all__ = ["check", "run"]
