"""The figures to reach, printed by one command: ``python -m benchmarks [NAME...]``."""
