"""Record the chain of the story: `python -m tests.onchain.make_demo [FILE]` (default fixtures/aave-v3-demo.json.gz)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .story import story

DEMO = Path(__file__).parents[2] / "fixtures" / "aave-v3-demo.json.gz"


def main(target: Path = DEMO) -> None:
    """Start the chain and let `defirisk record` write the fixture, as a user would."""
    with story() as chain:
        command = [
            sys.executable, "-m", "defirisk", "record", *chain.addresses,
            "--rpc", chain.rpc.url, "--market", f"aave-v3@{chain.entry}", "--output", str(target),
        ]  # fmt: skip
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
