"""One chain a revision for the whole session; whatever a test does to it is undone by the test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from defirisk.model import Position
from defirisk.protocols.aave_v2.family import PROTOCOL as V2
from defirisk.protocols.aave_v3.family import PROTOCOL as V3

from .reading import Reading, read
from .whatif import read_listing
from .world import World
from .world_v20 import world_v20
from .worlds import world

REVISIONS = ("3.0", "3.6")


class Worlds:
    """Builds a world when it is first asked for, and keeps it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: dict[str, World] = {}

    def __getitem__(self, rules: str) -> World:
        if rules not in self._made:
            self._made[rules] = self._stack.enter_context(world_v20() if rules == "2.0" else world(rules))
        return self._made[rules]


@pytest.fixture(scope="session")
def worlds() -> Iterator[Worlds]:
    with ExitStack() as stack:
        yield Worlds(stack)


@pytest.fixture(scope="session", params=REVISIONS)
def chain(request: pytest.FixtureRequest, worlds: Worlds) -> World:
    """The market of each revision in turn."""
    made: World = worlds[request.param]
    return made


@pytest.fixture(scope="session")
def v20(worlds: Worlds) -> World:
    return worlds["2.0"]


@pytest.fixture(scope="session")
def v30(worlds: Worlds) -> World:
    return worlds["3.0"]


@pytest.fixture(scope="session")
def v36(worlds: Worlds) -> World:
    return worlds["3.6"]


@pytest.fixture(scope="session", params=("2.0", *REVISIONS))
def aave(request: pytest.FixtureRequest, worlds: Worlds) -> World:
    """The market of each revision of V3 in turn, and V2's."""
    made: World = worlds[request.param]
    return made


@pytest.fixture(scope="session")
def listed(aave: World) -> Mapping[str, Position]:
    """Every wallet of that market with all that the market lists."""
    family: Any = V2 if aave.market.rules == "2.0" else V3
    return read_listing(aave, family.reader, family.name)


@pytest.fixture(scope="session")
def reading(chain: World) -> Reading:
    """Every wallet of the market as our reader sees it, before any shock."""
    return read(chain)


@pytest.fixture(autouse=True)
def undone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a market changed: the next one would be judged by the wrong numbers."""
    name = next((n for n in ("aave", "chain", "v20", "v30", "v36") if n in request.fixturenames), None)
    if name is None:
        yield
        return
    world_ = request.getfixturevalue(name)
    before = (world_.prices(), world_.accounts(world_.addresses))
    yield
    assert (world_.prices(), world_.accounts(world_.addresses)) == before
