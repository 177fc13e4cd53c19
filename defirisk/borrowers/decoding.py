"""From a log to who owes: by the events that a rule family names, every length checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from defirisk.chain.addresses import keccak
from defirisk.chain.logs import Log, LogFilter
from defirisk.errors import MalformedAnswer
from defirisk.protocols.interface import DebtEvent, Emitter

_WORD = 32
_PADDING = 12


@dataclass(frozen=True, slots=True)
class Sighting:
    """A wallet (lower-case) that an event of a block names; ``certain`` that it borrowed, else it may have."""

    address: str
    block: int
    certain: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the debtor stands in one layout of an event: in a topic or in a word of the data."""

    topic: int | None
    word: int
    words: int


class Debts:
    """The events of a market that tell of debts."""

    def __init__(self, emitters: Sequence[Emitter]) -> None:
        self._known = {
            (emitter.address, topic(event)): (event, _places(event)) for emitter in emitters for event in emitter.events
        }

    @property
    def wanted(self) -> LogFilter:
        """What to ask for: all of these events of all of these contracts."""
        return LogFilter(
            addresses=tuple(dict.fromkeys(address for address, _ in self._known)),
            topics=tuple(dict.fromkeys("0x" + found.hex() for _, found in self._known)),
        )

    def sightings(self, logs: Sequence[Log]) -> list[Sighting]:
        """Who these logs name, in their order, each once and once more where it becomes certain.

        Raises:
            MalformedAnswer: a log is no such event as the contracts emit.

        """
        found: dict[str, Sighting] = {}
        told: list[Sighting] = []
        for log in logs:
            one = self._read(log)
            if one is None or (one.address in found and found[one.address].certain >= one.certain):
                continue
            found[one.address] = one
            told.append(one)
        return told

    def _read(self, log: Log) -> Sighting | None:
        known = self._known.get((log.address, log.topics[0]))
        if known is None:
            return None  # all contracts are asked for all events: one may have another's, which says nothing of debts
        event, places = known
        place = places.get(len(log.topics))
        if place is None or len(log.data) != _WORD * place.words:
            topics, size = len(log.topics), len(log.data)
            raise _malformed(log, f"has {topics} topics and {size} bytes of data, no {event.signature} that is known")
        start = _WORD * place.word
        word = log.data[start : start + _WORD] if place.topic is None else log.topics[place.topic]
        if any(word[:_PADDING]):
            raise _malformed(log, f"names 0x{word.hex()} where {event.signature} names an address")
        return Sighting("0x" + word[_PADDING:].hex(), log.block, event.certain)


def topic(event: DebtEvent) -> bytes:
    """An event's first topic."""
    return keccak(event.signature.encode())


def _places(event: DebtEvent) -> dict[int, _Place]:
    """Where the debtor stands, by the number of topics."""
    count = event.signature.count(",") + 1
    return {len(indexed) + 1: _place(event.owner, indexed, count) for indexed in event.layouts}


def _place(owner: int, indexed: Sequence[int], count: int) -> _Place:
    if owner in indexed:
        return _Place(1 + sorted(indexed).index(owner), 0, count - len(indexed))
    plain = [place for place in range(count) if place not in indexed]
    return _Place(None, plain.index(owner), len(plain))


def _malformed(log: Log, what: str) -> MalformedAnswer:
    return MalformedAnswer(f"log {log.index} of block {log.block}, of {log.address}, {what}")
