"""A recorded chain served over HTTP on this machine, and settings that make waiting short."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import patience  # noqa: F401 - a fixture
from tests.support.rpc_server import RpcServer

SLICE = Path(__file__).parents[1] / "support" / "slice.json"
KEY = "s3cr3tK3yValue99"
QUICK: dict[str, Any] = {"backoff": 0.001, "timeout": 60.0, "rate_limit": None, "retries": 3}


@pytest.fixture
def server() -> Iterator[RpcServer]:
    with RpcServer.of_fixture(SLICE) as one:
        yield one


@pytest.fixture
def other() -> Iterator[RpcServer]:
    with RpcServer.of_fixture(SLICE) as one:
        yield one


def keyed(server: RpcServer) -> str:
    """The server's URL with a key in each of its places."""
    return f"http://user:{KEY}@{server.host}/v3/{KEY}?apikey={KEY}"
