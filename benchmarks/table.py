"""Figures as a plain table of 80 columns: what was measured, in what range, and what was to be reached."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Final

WIDTH: Final = 80
COLUMNS: Final = "{:<36}{:>12}{:>20}{:>12}"


@dataclass(frozen=True)
class Row:
    """One figure: ``values`` of several runs, shown by ``form``; ``target`` in words, ``reached`` whether it is met.

    ``beside`` marks what a figure is compared with.
    """

    name: str
    values: Sequence[float]
    form: Callable[[float], str]
    target: str = ""
    reached: bool | None = None
    beside: bool = False

    def lines(self) -> Iterable[str]:
        """The line of the table, and the verdict."""
        shown = self.form(median(self.values))
        spread = f"{self.form(min(self.values))} - {self.form(max(self.values))}" if len(self.values) > 1 else ""
        name = f"    beside: {self.name}" if self.beside else f"  {self.name}"
        verdict = "" if self.reached is None else " ok" if self.reached else " NO"
        yield COLUMNS.format(name, shown, spread, self.target + verdict).rstrip()


@dataclass(frozen=True)
class Note:
    """A sentence below a figure."""

    text: str

    def lines(self) -> Iterable[str]:
        """The sentence, folded."""
        line = "   "
        for word in self.text.split():
            if len(line) + 1 + len(word) > WIDTH:
                yield line
                line = "   "
            line += f" {word}"
        yield line


def seconds(value: float) -> str:
    """A time to the hundredth."""
    return f"{value:.2f} s"


def milliseconds(value: float) -> str:
    """A time in seconds, shown in milliseconds."""
    return f"{value * 1000:.1f} ms"


def count(value: float) -> str:
    """A whole number."""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """A share."""
    return f"{value:.2%}"


def times(job: Callable[[], object], runs: int) -> list[float]:
    """How long a job takes, run by run, seconds."""
    taken = []
    for _ in range(runs):
        start = perf_counter()
        job()
        taken.append(perf_counter() - start)
    return taken


def core_times(job: Callable[[], object], runs: int) -> list[float]:
    """How much of one core's time a job takes, run by run, seconds: what else the machine does is left out."""
    taken = []
    for _ in range(runs):
        start = process_time()
        job()
        taken.append(process_time() - start)
    return taken


def heading() -> list[str]:
    """What machine this is: its figures are its own."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    return [
        f"{machine}, Python {platform.python_version()}, load {load}",
        "Medians of several runs; ok and NO say whether the target is met here and now.",
        "",
        COLUMNS.format("", "median", "min - max", "target").rstrip(),
        "-" * WIDTH,
    ]
