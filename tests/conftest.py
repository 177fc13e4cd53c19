"""How the tests share two cores: a file stays whole, and everything on the local chain in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
ONE_GROUP = frozenset({"onchain"})
"""Folders whose files share worlds that take long to build."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the group of each test; what a module builds is then built once (`--dist loadgroup`)."""
    for item in items:
        place = item.path.relative_to(HERE)
        name = place.parts[0] if place.parts[0] in ONE_GROUP else str(place)
        item.add_marker(pytest.mark.xdist_group(name))
