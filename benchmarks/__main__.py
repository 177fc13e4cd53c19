"""``python -m benchmarks [NAME...]``: print the figures, each beside its target. Never fails for a slow machine."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from benchmarks import auditing, million, policy, population, processes, reading, recording, replaying, searching, trips
from benchmarks.table import Note, Row, heading


class Figure(NamedTuple):
    """A section of the table; ``quick`` is the same with sizes that only show that it runs."""

    title: str
    rows: Callable[[], Iterator[Row | Note]]
    quick: Callable[[], Iterator[Row | Note]]


FIGURES: Final = {
    "start": Figure("Cold start (issue 2)", processes.figures, lambda: processes.figures(runs=1)),
    "trips": Figure(
        "Round trips and requests of check, a market of 20 reserves (issue 2)",
        trips.wallets_of_one_market,
        lambda: trips.wallets_of_one_market(sizes=(2,)),
    ),
    "markets": Figure(
        "Round trips of check over many markets (issue 3)",
        trips.one_wallet_of_many_markets,
        lambda: trips.one_wallet_of_many_markets(markets=2),
    ),
    "replay": Figure(
        "Exact replay of 2 collaterals + 1 debt, pairs a second (issues 2, 3)",
        replaying.figures,
        lambda: replaying.figures(positions=2, runs=1),
    ),
    "thresholds": Figure(
        "All thresholds of a position of 3 assets (issue 2)",
        searching.figures,
        lambda: searching.figures(positions=1, runs=1),
    ),
    "population": Figure(
        "Population engine, replays a second (issue 4)",
        population.figures,
        lambda: population.figures(positions=40, scenarios=3, runs=1),
    ),
    "audit": Figure(
        "An audit from a recording, end to end (issue 4)",
        auditing.figures,
        lambda: auditing.figures(wallets=30),
    ),
    "million": Figure(
        "A million positions from Parquet to summary (issue 4)",
        million.figures,
        lambda: million.figures(positions=80, different=40, workers=1),
    ),
    "policy": Figure(
        "A policy over a recording, a whole process (issue 5)",
        policy.figures,
        lambda: policy.figures(wallets=2, runs=1),
    ),
    "recording": Figure(
        "The size of a recording (issue 5)",
        recording.sizes,
        lambda: recording.sizes(wallets=2),
    ),
    "large-recording": Figure(
        "A recording of many wallets (issue 4)",
        recording.large,
        lambda: recording.large(wallets=50),
    ),
    "reading": Figure(
        "Reading 1,000 wallets of a market of 20 reserves (issue 4)",
        reading.figures,
        lambda: reading.figures(wallets=60, runs=1),
    ),
}


def main(arguments: list[str]) -> int:
    """Print the figures that were named, or all of them; ``--quick`` with tiny sizes, to see that it runs."""
    parser = ArgumentParser(prog="python -m benchmarks", description="Print figures, each beside its target.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(FIGURES)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    asked = parser.parse_args(arguments)
    unknown = [one for one in asked.names if one not in FIGURES]
    if unknown:
        parser.error(f"no figure is named {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    print(*heading(), sep="\n")
    for name in asked.names or FIGURES:
        figure = FIGURES[name]
        print(f"{figure.title} [{name}]", flush=True)
        for row in (figure.quick if asked.quick else figure.rows)():
            print(*row.lines(), sep="\n", flush=True)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
