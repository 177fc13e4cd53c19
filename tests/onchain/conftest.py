"""One chain a revision for the whole session; whatever a test does to it is undone by the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .reading import Reading, read
from .world import World
from .worlds import world

REVISIONS = ("3.0", "3.6")


class Worlds:
    """Builds a world when it is first asked for, and keeps it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: dict[str, World] = {}

    def __getitem__(self, rules: str) -> World:
        if rules not in self._made:
            self._made[rules] = self._stack.enter_context(world(rules))
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
def v30(worlds: Worlds) -> World:
    return worlds["3.0"]


@pytest.fixture(scope="session")
def v36(worlds: Worlds) -> World:
    return worlds["3.6"]


@pytest.fixture(scope="session")
def reading(chain: World) -> Reading:
    """Every wallet of the market as our reader sees it, before any shock."""
    return read(chain)


@pytest.fixture(autouse=True)
def undone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a market changed: the next one would be judged by the wrong numbers."""
    name = next((n for n in ("chain", "v30", "v36") if n in request.fixturenames), None)
    if name is None:
        yield
        return
    world_ = request.getfixturevalue(name)
    before = (world_.prices(), world_.accounts(world_.addresses))
    yield
    assert (world_.prices(), world_.accounts(world_.addresses)) == before
