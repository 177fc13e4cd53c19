"""What is asked of an audit, and what of it must stay the same for an interrupted one to go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from defirisk.auditing.settings import refuse_what_is_one_owner_s
from defirisk.auditing.state import folder_beside
from defirisk.auditing.tables import check_ending
from defirisk.errors import InputError
from defirisk.files import refuse_overwriting
from defirisk.judging import Terms
from defirisk.sources import Where

CHUNK: Final = 2000
"""Wallets that are read, judged and saved at a time."""
MOST_TOP: Final = 10_000
WORST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """An audit as it was asked for.

    ``source`` is the list's path, or ``-``; ``output`` and ``outcomes`` are the tables' files; ``top`` how many of the
    worst positions are replayed in full, to ``top_output``; ``resume`` goes on with an interrupted run; ``strict``
    takes a rejected line, or any fallback while reading, for an error; ``engine`` replays the scenarios; ``chunk`` is
    how many wallets are read, judged and saved at a time; ``workers`` how many processes judge; ``work`` is what the
    list is for, an audit or a snapshot.
    """

    source: str
    where: Where
    terms: Terms
    output: Path | None = None
    outcomes: Path | None = None
    top: int = 0
    top_output: Path | None = None
    resume: bool = False
    strict: bool = False
    engine: str = "auto"
    chunk: int = CHUNK
    workers: int | None = None
    work: str = "audit"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InputError: a table of no known kind, files that are the same or are read, `--resume` or `--top` without a
                file, an act.
        """
        files = [path for path in (self.output, self.outcomes, self.top_file()) if path is not None]
        for path in (self.output, self.outcomes):
            if path is not None:
                check_ending(path)
        if len({path.absolute() for path in files}) < len(files):
            raise InputError("two results would be written to one file", hint="give each a file of its own")
        refuse_overwriting((*files, self.rejected_file()), (self.source, self.where.fixture))
        if self.resume and self.state_of() is None:
            raise InputError("--resume needs the output that the interrupted run had", hint="give -o or --outcomes")
        if self.top and self.top_file() is None:
            raise InputError("--top N needs a file for the full replays", hint="give -o, or --top-output FILE")
        if not 0 <= self.top <= MOST_TOP or self.chunk < 1:
            raise InputError(f"--top is at most {MOST_TOP:,}, --chunk at least 1")
        refuse_what_is_one_owner_s(self.terms.what_if)

    def top_file(self) -> Path | None:
        """Where the full replays of the worst go; ``None`` where none are wanted, or there is no place."""
        if not self.top:
            return None
        if self.top_output is not None:
            return self.top_output
        return None if self.output is None else self.output.with_name(f"{self.output.name}.top.json")

    def state_of(self) -> Path | None:
        """The output beside which the state lies; ``None`` for a run that leaves none."""
        return self.output or self.outcomes

    def state_folder(self) -> Path | None:
        """Where the state lies while it runs; ``None`` for a run that leaves none."""
        beside = self.state_of()
        return None if beside is None else folder_beside(beside)

    def rejected_file(self) -> Path | None:
        """Where the rejected lines go."""
        beside = self.state_of()
        return None if beside is None else beside.with_name(f"{beside.name}.rejected.csv")

    def keep(self) -> int:
        """How many of the worst positions are kept, a unit of account."""
        return max(WORST, self.top)

    def fixed(self) -> dict[str, Any]:
        """What must be the same when a run goes on: all that its tables and figures depend on, but the endpoint."""
        return {
            "work": self.work,
            "scenarios": digest([asdict(scenario) for scenario in self.terms.scenarios]),
            "families": dict(sorted(self.terms.families.items())),
            "liquidator": self.terms.liquidator,
            "thresholds": self.terms.thresholds,
            "set": digest(asdict(self.terms.what_if)),
            "engine": self.engine,
            "chunk": self.chunk,
            "top": self.top,
            "strict": self.strict,
            "outcomes": self.outcomes is not None,
        }


def digest(document: Any) -> str:
    """The digest of a JSON document in its canonical form."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
