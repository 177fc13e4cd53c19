"""GitHub Actions: annotations as workflow commands, and the step's summary. Pure: the caller prints and writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from defirisk.policy.findings import PolicyResult, Status
from defirisk.report.policy.lines import problem_text, sentence, together, urgent
from defirisk.report.sanitize import clean

MOST_OF_A_KIND: Final = 10
"""GitHub shows no more of a kind for one step."""
SUMMARY_BYTES: Final = 1 << 20
"""GitHub takes no larger summary of one step; it drops a larger one whole."""
_CUT: Final = "\n**The rest is left out: a summary holds at most 1 MiB.**\n"


Told = tuple[str, str, int | None]
"""A title, a text, a line."""


def commands(result: PolicyResult, file: str) -> Iterator[str]:
    """``::error file=...,line=...::...`` for problems, breaches and unread checks, ``::warning`` for the rest.

    What no check could be made for is told once, as the run's problem.

    Args:
        result: what became of the policy.
        file: the policy file, relative to the repository's root.
    """
    errors: list[Told] = [("policy", problem_text(one), one.line) for one in result.problems]
    causes = {problem.code for problem in result.problems}
    amiss = together(one for one in urgent(result) if one.code not in causes)
    errors += [(rules, sentence(one), one.line) for one, rules in amiss]
    if result.changes is not None and result.fail_on.value in ("worse", "any"):
        errors += [("worse", clean(change.sentence), None) for change in result.changes.worse]
    warnings: list[Told] = [(one.code, clean(one.text), None) for one in result.warnings]
    warnings += [(f"{one.rule} waived", sentence(one), one.line) for one in result.of(Status.WAIVED)]
    for kind, messages in (("error", errors), ("warning", warnings)):
        yield from (_command(kind, file, line, title, text) for title, text, line in messages[:MOST_OF_A_KIND])
        if len(messages) > MOST_OF_A_KIND:
            more = len(messages) - MOST_OF_A_KIND
            rest = f"{more} more {kind}s are not shown here: see the step's summary or the log"
            yield _command("notice", file, None, "defirisk", rest)


def error(message: str, file: str, line: int | None) -> str:
    """One annotation, for what ends a run."""
    return _command("error", file, line, "defirisk", clean(message))


def fitting(summary: str, taken: int) -> str:
    """As much of a Markdown summary, whole lines, as a step's summary still holds when ``taken`` bytes are in it.

    Nothing where it is full: one byte too many and GitHub drops all of it.
    """
    room = SUMMARY_BYTES - taken
    if len(summary.encode()) <= room:
        return summary
    kept: list[str] = []
    room -= len(_CUT.encode())
    if room < 0:
        return ""
    for line in summary.splitlines(keepends=True):
        room -= len(line.encode())
        if room < 0:
            return "".join(kept) + _CUT
        kept.append(line)
    return "".join(kept)


def _command(kind: str, file: str, line: int | None, title: str, text: str) -> str:
    where = "" if line is None else f",line={line}"
    return f"::{kind} file={_property(clean(file))}{where},title={_property(f'defirisk: {title}')}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
