"""A rule family as its entry point gives it to the house."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

from defirisk.protocols.interface.events import DebtEvents
from defirisk.protocols.interface.reader import Reader
from defirisk.protocols.interface.rules import Rules

if TYPE_CHECKING:
    from defirisk.protocols.fast import FastRules


@dataclass(frozen=True, slots=True)
class StateTypes:
    """What a position of a family is made of, so that it can be stored and read back as nothing else.

    ``state`` is the frozen dataclass of one owner's state, of integers, flags, texts, optional values, tuples, sets
    and further such dataclasses. ``own`` are those of them that are one owner's own; all others are what owners have
    in common, and are stored once. ``rules`` are the rules that positions name, by their name.
    """

    state: type
    own: tuple[type, ...]
    rules: Mapping[str, Rules[Any]]


@dataclass(frozen=True, slots=True)
class RuleFamily:
    """A rule family as the entry point gives it: name (``aave-v3``), reader, deployments and ABI fragments.

    ``rules`` are the names of the revisions whose arithmetic it knows, for ``defirisk markets``. ``fast`` loads its
    float rules for whole populations; its :class:`Rules` name the same loader in an attribute ``fast``. ``None`` leaves
    everything to the exact rules. ``debt_events`` tells who borrowed, ``None`` where that cannot be told from events.
    ``states`` says how its positions are stored, ``None`` where they are not.
    """

    name: str
    reader: Reader
    deployments: Traversable
    abis: Traversable | None = None
    rules: tuple[str, ...] = ()
    fast: Callable[[], FastRules] | None = None
    debt_events: DebtEvents | None = None
    states: StateTypes | None = None
