"""Record what ships: `python -m tests.onchain.make_demo` writes both recordings of fixtures/.

``demo.json.gz`` is the chain with all families, ``aave-v3-demo.json.gz`` the story in Aave V3 alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from defirisk.chain.recording import write_fixture

from .story import story
from .story_all import record_all, story_all

FIXTURES = Path(__file__).parents[2] / "fixtures"
DEMO = FIXTURES / "demo.json.gz"
AAVE = FIXTURES / "aave-v3-demo.json.gz"


def main() -> None:
    """Start both chains, one after the other."""
    with story_all() as chain:
        write_fixture(DEMO, record_all(chain))
    record_story(AAVE)


def record_story(target: Path) -> None:
    """Start the chain of the story and let `defirisk record` write the fixture, as a user would."""
    with story() as chain:
        command = [
            sys.executable, "-m", "defirisk", "record", *chain.addresses,
            "--rpc", chain.rpc.url, "--market", f"aave-v3@{chain.entry}", "--output", str(target),
        ]  # fmt: skip
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
