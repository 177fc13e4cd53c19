"""``python -m defirisk``."""

from defirisk.cli import main

main()
