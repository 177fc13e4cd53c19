"""Which rules a pool follows: by its number where the number keeps its word, else by which functions answer."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

from defirisk.errors import UnsupportedRules
from defirisk.model import Warning as Notice
from defirisk.protocols.aave_v3.revisions import POOL_REVISIONS, REVISIONS, UNVERIFIED_POOL_REVISIONS, Revision

_BY_NAME: Final = {revision.name: revision for revision in REVISIONS}
_LEVELS: Final = (("3.0",), ("3.1",), ("3.2",), ("3.3",), ("3.5", "3.4"), ("3.6",), ("3.7",))
"""The revisions by how many of the probed functions answer. No function tells 3.4 from 3.5."""


@dataclass(frozen=True, slots=True)
class Probes:
    """Which functions a pool has, in the order in which the revisions brought them.

    ``reserves_count`` 3.1, ``emode_bitmaps`` 3.2, ``deficit`` 3.3, ``one_strategy`` 3.4, ``ltvzero_bitmaps`` 3.6,
    ``isolated_emodes`` 3.7.
    """

    reserves_count: bool
    emode_bitmaps: bool
    deficit: bool = False
    one_strategy: bool = False
    ltvzero_bitmaps: bool = False
    isolated_emodes: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Rules for a pool: ``candidates``, likeliest first, and why they are not certain (``None``: they are).

    Uncertain rules are used only where they reproduce the contract's own health factor.
    """

    candidates: tuple[Revision, ...]
    doubt: Notice | None = None

    @property
    def certain(self) -> bool:
        """Whether the pool is one whose arithmetic was checked."""
        return self.doubt is None


def choose_rules(number: int | None, probes: Probes) -> Choice:
    """Choose the rules of a pool that says ``number`` of itself (``None``: nothing) and has these functions.

    Raises:
        UnsupportedRules: it is newer than our rules, or like none of them.

    """
    fitting = _fitting(number, probes)
    known = POOL_REVISIONS.get(number) if number is not None else None
    if known is not None and known in fitting:
        return Choice((known,), _unverified(number, known) if number in UNVERIFIED_POOL_REVISIONS else None)
    if known is None and number is not None and number > max(POOL_REVISIONS) and all(astuple(probes)):
        raise UnsupportedRules(
            f"pool revision {number} is newer than the newest that defirisk has rules for ({max(POOL_REVISIONS)})",
            hint="a newer defirisk may know it",
        )
    return Choice(fitting, _probed(number, fitting))


def _fitting(number: int | None, probes: Probes) -> tuple[Revision, ...]:
    has = astuple(probes)
    level = sum(has)
    if not all(has[:level]):
        raise UnsupportedRules(
            f"{_numbered(number)} has the functions of no known revision: it is a fork with rules of its own"
        )
    return tuple(_BY_NAME[name] for name in _LEVELS[level])


def _unverified(number: int | None, known: Revision) -> Notice:
    return Notice(
        "unverified-revision",
        f"{_numbered(number)} was not seen run; the rules of {known.name} are used, "
        "since they reproduce the contract's own health factor",
    )


def _probed(number: int | None, fitting: tuple[Revision, ...]) -> Notice:
    names = " or ".join(sorted(revision.name for revision in fitting))
    return Notice(
        "probed-rules",
        f"{_numbered(number)} is not Aave's own numbering: rules {names} were chosen by which functions answer, "
        "and reproduce the contract's own health factor",
    )


def _numbered(number: int | None) -> str:
    return "a pool without a revision number" if number is None else f"pool revision {number}"
